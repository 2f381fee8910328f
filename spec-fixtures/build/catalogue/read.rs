//! Finds and parses the files of the catalogue; an error names file and entry, and shows the line.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::check::{Problem, check};
use super::entry::{Ambiguity, Area, Catalogue, Sections};

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
