//! `--only` and `--skip`: globs over ids of checks and of the requirements that they prove.

use cni_conform_core::{Check, checks};
use globset::{Glob, GlobMatcher};

use crate::args::Selection;
use crate::exit::Failure;

/// Returns the checks that a selection leaves, in their fixed order.
///
/// # Errors
/// A glob that is malformed or matches no check is a usage error: a typo must not turn a gate green.
pub(crate) fn select(selection: &Selection) -> Result<Vec<&'static Check>, Failure> {
    let only = matchers("--only", &selection.only)?;
    let skip = matchers("--skip", &selection.skip)?;
    let selected: Vec<&'static Check> = checks::all()
        .filter(|check| only.is_empty() || only.iter().any(|glob| matches(glob, check)))
        .filter(|check| !skip.iter().any(|glob| matches(glob, check)))
        .collect();
    if selected.is_empty() {
        return Err(Failure::usage(
            "--only and --skip together leave no check; `cni-conform list` shows the ids",
        ));
    }
    Ok(selected)
}

fn matchers(flag: &str, globs: &[String]) -> Result<Vec<GlobMatcher>, Failure> {
    globs
        .iter()
        .map(|text| {
            let glob = Glob::new(text).map_err(|error| Failure::usage(format!("{flag} {text}: {error}")))?.compile_matcher();
            if checks::all().any(|check| matches(&glob, check)) {
                return Ok(glob);
            }
            Err(Failure::usage(format!("{flag} {text} matches no check and no requirement; `cni-conform list` shows the ids")))
        })
        .collect()
}

fn matches(glob: &GlobMatcher, check: &Check) -> bool {
    glob.is_match(check.id)
        || check
            .proves
            .iter()
            .any(|requirement| glob.is_match(requirement.id) || glob.is_match(requirement.number))
}
