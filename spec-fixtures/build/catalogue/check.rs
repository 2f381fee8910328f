//! What the types of the entries cannot say: grammar of ids, uniqueness, ranges and references.
//! Every problem is collected and named with file, entry and key.

use std::collections::BTreeSet;

use thiserror::Error;

use super::entry::{Ambiguity, Area, Catalogue, Entry, Sections};
use super::read::CatalogueError;

/// One wrong value.
#[derive(Debug, Error)]
#[error("{file}: entry {entry}: key {key}: {reason}")]
pub(crate) struct Problem {
    file: String,
    entry: String,
    key: &'static str,
    reason: String,
}

/// Checks what the types cannot: grammar, uniqueness, ranges and references.
pub(crate) fn check(
    areas: Vec<(String, Area)>,
    ambiguities: Vec<Ambiguity>,
    sections: Sections,
) -> Result<Catalogue, CatalogueError> {
    let questions: BTreeSet<u8> = ambiguities.iter().map(|question| question.number).collect();
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for (file, area) in &areas {
        for entry in &area.requirement {
            let mut report = |key, reason| {
                problems.push(Problem {
                    file: file.clone(),
                    entry: entry.id.clone(),
                    key,
                    reason,
                });
            };
            check_identity(area, entry, &mut seen, &mut report);
            check_versions(entry, &mut report);
            check_references(entry, &questions, &sections, &mut report);
        }
    }
    if !problems.is_empty() {
        return Err(CatalogueError::Invalid(problems));
    }
    Ok(Catalogue {
        areas: areas.into_iter().map(|(_, area)| area).collect(),
        ambiguities,
        sections,
    })
}

fn check_identity(
    area: &Area,
    entry: &Entry,
    seen: &mut BTreeSet<String>,
    report: &mut impl FnMut(&'static str, String),
) {
    let id = &entry.id;
    match id.split_once('.') {
        Some((prefix, rest)) if prefix == area.area && is_slug(rest) => {}
        _ => report(
            "id",
            format!("{id:?} is not {}.lower-case-words", area.area),
        ),
    }
    if !is_number(&entry.number) {
        report("number", format!("{:?} is not CNI-AREA-000", entry.number));
    }
    for (key, name) in [("id", id), ("number", &entry.number)] {
        if !seen.insert(name.clone()) {
            report(key, format!("{name:?} is used twice"));
        }
    }
    for (key, text) in [("summary", &entry.summary), ("test", &entry.test)] {
        if text.trim().is_empty() {
            report(key, "is empty".to_owned());
        }
    }
}

fn check_versions(entry: &Entry, report: &mut impl FnMut(&'static str, String)) {
    let range = entry.since..=entry.until;
    if range.is_empty() {
        report("until", format!("{:?} is before since", entry.until));
    }
    for (version, change) in &entry.by_version {
        if !range.contains(version) {
            report(
                "by_version",
                format!("{version:?} is outside of since and until"),
            );
        }
        if change.level.is_none() && change.verdict.is_none() {
            report("by_version", format!("{version:?} changes nothing"));
        }
    }
}

fn check_references(
    entry: &Entry,
    questions: &BTreeSet<u8>,
    sections: &Sections,
    report: &mut impl FnMut(&'static str, String),
) {
    for number in entry
        .ambiguity
        .iter()
        .filter(|number| !questions.contains(number))
    {
        report("ambiguity", format!("{number} is not in ambiguities.toml"));
    }
    match (entry.source, entry.head_only) {
        (Some(_), true) => report("head_only", "excludes source".to_owned()),
        (Some(_), false) if entry.position.is_empty() => {
            report(
                "position",
                "is missing, but source says that it is ours".to_owned(),
            );
        }
        (None, _) if entry.sections.is_empty() => {
            report(
                "sections",
                "is missing, and source does not say that it is ours".to_owned(),
            );
        }
        _ => {}
    }
    for (document, anchors) in &entry.sections {
        let known = sections.documents.get(document);
        for anchor in anchors {
            if !known.is_some_and(|known| known.contains_key(anchor)) {
                report(
                    "sections",
                    format!("{anchor:?} is no anchor of {document:?} in sections.toml"),
                );
            }
        }
    }
}

fn is_slug(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    text.split('-').all(word)
}

fn is_number(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [prefix, area, digits] = parts[..] else {
        return false;
    };
    prefix == "CNI"
        && !area.is_empty()
        && area.bytes().all(|b| b.is_ascii_uppercase())
        && digits.len() == 3
        && digits.bytes().all(|b| b.is_ascii_digit())
}
