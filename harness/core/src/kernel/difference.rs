//! The difference between two moments, as the few lines that changed.

use similar::{ChangeTag, TextDiff};

use super::snapshot::Snapshot;

/// Returns the lines that only one of the two snapshots has, led by `- ` (gone) or `+ ` (new).
#[must_use]
pub(crate) fn difference(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let (before, after) = (before.lines(), after.lines());
    let (before, after): (Vec<&str>, Vec<&str>) = (
        before.iter().map(String::as_str).collect(),
        after.iter().map(String::as_str).collect(),
    );
    TextDiff::from_slices(&before, &after)
        .iter_all_changes()
        .filter_map(|change| match change.tag() {
            ChangeTag::Equal => None,
            ChangeTag::Delete => Some(format!("- {}", change.value())),
            ChangeTag::Insert => Some(format!("+ {}", change.value())),
        })
        .collect()
}

/// Returns the lines that the second snapshot has more often than the first, led by `+ `.
#[must_use]
pub(crate) fn growth(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let mut known = before.lines();
    after
        .lines()
        .into_iter()
        .filter(|line| match known.iter().position(|old| old == line) {
            Some(at) => {
                known.swap_remove(at);
                false
            }
            None => true,
        })
        .map(|line| format!("+ {line}"))
        .collect()
}
