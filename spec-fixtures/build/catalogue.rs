//! Reads `requirements/*.toml`, `ambiguities.toml` and `sections.toml`, and refuses what is wrong in them with
//! file, entry and key. Also included by `tests/catalogue_errors.rs`. What the entries mean is `src/requirement.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Everything that the constants are made from.
pub(crate) struct Catalogue {
    pub(crate) areas: Vec<Area>,
    pub(crate) ambiguities: Vec<Ambiguity>,
    pub(crate) sections: Sections,
}

/// Why the catalogue cannot be used.
#[derive(Debug, Error)]
pub(crate) enum CatalogueError {
    #[error("cannot read {file}")]
    Read {
        file: String,
        source: std::io::Error,
    },
    #[error("{file}: entry {entry}: {reason}")]
    Parse {
        file: String,
        entry: String,
        reason: String,
    },
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Problem>),
}

/// One wrong value.
#[derive(Debug, Error)]
#[error("{file}: entry {entry}: key {key}: {reason}")]
pub(crate) struct Problem {
    file: String,
    entry: String,
    key: &'static str,
    reason: String,
}

/// One file of `requirements/`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Area {
    pub(crate) area: String,
    pub(crate) title: String,
    pub(crate) requirement: Vec<Entry>,
}

/// One requirement as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) level: Level,
    pub(crate) verdict: Verdict,
    pub(crate) since: Version,
    pub(crate) until: Version,
    #[serde(default)]
    pub(crate) head_only: bool,
    pub(crate) source: Option<Source>,
    pub(crate) subject: Subject,
    pub(crate) method: Method,
    pub(crate) verbs: Vec<Verb>,
    #[serde(default)]
    pub(crate) ambiguity: Vec<u8>,
    pub(crate) summary: String,
    pub(crate) test: String,
    #[serde(default)]
    pub(crate) position: String,
    #[serde(default)]
    pub(crate) observed_upstream: String,
    #[serde(default)]
    pub(crate) sections: BTreeMap<Document, Vec<String>>,
    #[serde(default)]
    pub(crate) by_version: BTreeMap<Version, Override>,
}

/// What differs in one version.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Override {
    pub(crate) level: Option<Level>,
    pub(crate) verdict: Option<Verdict>,
}

/// One question that the specification leaves open.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ambiguity {
    pub(crate) number: u8,
    pub(crate) question: String,
    pub(crate) position: String,
    pub(crate) reason: String,
    /// Why no requirement refers to it.
    #[serde(default)]
    pub(crate) unbound: String,
}

/// The headings of the specification, by document and anchor.
#[derive(Deserialize)]
pub(crate) struct Sections {
    pub(crate) commit: String,
    #[serde(flatten)]
    pub(crate) documents: BTreeMap<Document, BTreeMap<String, String>>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    #[serde(rename = "0.1.0")]
    V0_1_0,
    #[serde(rename = "0.2.0")]
    V0_2_0,
    #[serde(rename = "0.3.0")]
    V0_3_0,
    #[serde(rename = "0.3.1")]
    V0_3_1,
    #[serde(rename = "0.4.0")]
    V0_4_0,
    #[serde(rename = "1.0.0")]
    V1_0_0,
    #[serde(rename = "1.1.0")]
    V1_1_0,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Document {
    #[serde(rename = "0.1.0")]
    V0_1_0,
    #[serde(rename = "0.2.0")]
    V0_2_0,
    #[serde(rename = "0.3.0")]
    V0_3_0,
    #[serde(rename = "0.3.1")]
    V0_3_1,
    #[serde(rename = "0.4.0")]
    V0_4_0,
    #[serde(rename = "1.0.0")]
    V1_0_0,
    #[serde(rename = "1.1.0")]
    V1_1_0,
    #[serde(rename = "main")]
    Main,
    #[serde(rename = "conventions")]
    Conventions,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum Level {
    #[serde(rename = "MUST")]
    Must,
    #[serde(rename = "MUST NOT")]
    MustNot,
    #[serde(rename = "SHOULD")]
    Should,
    #[serde(rename = "SHOULD NOT")]
    ShouldNot,
    #[serde(rename = "MAY")]
    May,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Fail,
    Warn,
    Info,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    Position,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    Plugin,
    IpamPlugin,
    Runtime,
    Config,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    Exec,
    Netns,
    Tamper,
    FakeIpam,
    Chain,
    Runtime,
    Static,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Verb {
    Add,
    Del,
    Check,
    Version,
    Status,
    Gc,
}

/// Reads and checks the catalogue below `folder`, the folder of this crate.
pub(crate) fn read(folder: &Path) -> Result<Catalogue, CatalogueError> {
    let mut paths = Vec::new();
    let unreadable = |source| CatalogueError::Read {
        file: "requirements".to_owned(),
        source,
    };
    for entry in std::fs::read_dir(folder.join("requirements")).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.file_name());
    }
    paths.sort();

    let mut areas = Vec::new();
    for name in paths {
        let file = format!("requirements/{}", name.display());
        let area: Area = parse(&file, &text(folder, &file)?)?;
        areas.push((file, area));
    }
    let questions: Questions = parse("ambiguities.toml", &text(folder, "ambiguities.toml")?)?;
    let sections: Sections = parse("sections.toml", &text(folder, "sections.toml")?)?;
    check(areas, questions.ambiguity, sections)
}

/// Parses one file; an error names the entry around the place where it is.
pub(crate) fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, CatalogueError> {
    toml::from_str(text).map_err(|error| CatalogueError::Parse {
        file: file.to_owned(),
        entry: entry_at(text, error.span().map_or(0, |span| span.start)),
        reason: error.to_string().trim_end().to_owned(),
    })
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Questions {
    ambiguity: Vec<Ambiguity>,
}

fn text(folder: &Path, file: &str) -> Result<String, CatalogueError> {
    std::fs::read_to_string(folder.join(file)).map_err(|source| CatalogueError::Read {
        file: file.to_owned(),
        source,
    })
}

/// The id or number of the entry that holds byte `place`. An error about a whole table starts at its header.
fn entry_at(text: &str, place: usize) -> String {
    let line_end = text[place..]
        .find('\n')
        .map_or(text.len(), |end| place + end);
    let Some(start) = text[..line_end].rfind("[[") else {
        return "(before the first)".to_owned();
    };
    let entry = &text[start..];
    let entry = entry[2..].find("[[").map_or(entry, |end| &entry[..end + 2]);
    let name = |key: &str| {
        let line = entry.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once('=')?.1.trim().trim_matches('"').to_owned())
    };
    name("id ")
        .or_else(|| name("number "))
        .unwrap_or_else(|| "(without id)".to_owned())
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
