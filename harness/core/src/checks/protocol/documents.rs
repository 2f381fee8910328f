//! The broken configurations of spec-fixtures as faults that any plugin's own configuration can be given.
//!
//! The documents are made for one plugin in one version; what is wrong with each is one key, or the bytes as a
//! whole. Only that is taken from them, so that nothing else can be the reason of a refusal.

use std::collections::BTreeMap;

use cni_spec_fixtures::{Requirement, documents};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::trial::{Request, Stop};

/// One way in which a configuration can be broken.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    /// File name of the document: `name-number.conf`.
    pub(super) file: &'static str,
    /// Error codes that fit, the best first.
    pub(super) codes: Vec<i64>,
    fault: Fault,
}

#[derive(Clone, Debug)]
enum Fault {
    /// The input as a whole.
    Bytes(&'static [u8]),
    /// One key has this value, or none.
    Key(&'static str, Option<Value>),
}

/// An entry of the table beside the documents.
#[derive(Deserialize)]
struct Entry {
    requirement: String,
    #[serde(default)]
    codes: Vec<i64>,
}

/// Keys of which a document may be deprived.
const REQUIRED: [&str; 2] = ["cniVersion", "name"];

impl Broken {
    /// Returns the request with the fault.
    pub(super) fn put_into(&self, request: Request) -> Request {
        match &self.fault {
            Fault::Bytes(bytes) => request.stdin(*bytes),
            Fault::Key(key, Some(value)) => request.key(key, value.clone()),
            Fault::Key(key, None) => request.config(|config| drop(config.remove(*key))),
        }
    }

    /// Describes the fault: the document's name and, if it is short, what it has.
    pub(super) fn describe(&self) -> String {
        match &self.fault {
            Fault::Bytes(bytes) if bytes.len() <= 40 => {
                format!("stdin {:?} ({})", String::from_utf8_lossy(bytes), self.file)
            }
            Fault::Bytes(_) => format!("stdin as in {}", self.file),
            Fault::Key(key, Some(value)) => format!("{key} = {value} ({})", self.file),
            Fault::Key(key, None) => format!("no {key} ({})", self.file),
        }
    }
}

/// Returns the single-plugin configurations that violate one requirement.
///
/// # Errors
/// Fails when the table of spec-fixtures can't be read.
pub(super) fn violating(requirement: &Requirement) -> Result<Vec<Broken>, Stop> {
    let entries: BTreeMap<String, Entry> = toml::from_str(documents::CONFIGURATION_FAULTS)
        .map_err(|error| {
            Stop::Trouble(format!("read the table of broken configurations: {error}"))
        })?;
    let of_requirement = documents::BROKEN_CONFIGURATIONS
        .iter()
        .filter_map(|document| {
            let entry = entries.get(document.name)?;
            let single = document.name.ends_with(".conf");
            (single && entry.requirement == requirement.id).then(|| Broken {
                file: document.name,
                codes: entry.codes.clone(),
                fault: fault(document.name, document.bytes),
            })
        });
    Ok(of_requirement.collect())
}

fn fault(name: &str, bytes: &'static [u8]) -> Fault {
    let Ok(document) = serde_json::from_slice::<Map<String, Value>>(bytes) else {
        return Fault::Bytes(bytes);
    };
    let named = |key: &&&str| match **key {
        "cniVersion" => name.starts_with("version-"),
        key => name.starts_with(&format!("{key}-")),
    };
    let missing = |key: &&&str| !document.contains_key(**key);
    match REQUIRED
        .iter()
        .find(named)
        .or_else(|| REQUIRED.iter().find(missing))
    {
        Some(key) if !document.is_empty() => Fault::Key(key, document.get(*key).cloned()),
        _ => Fault::Bytes(bytes),
    }
}

#[cfg(test)]
mod tests {
    use cni_spec_fixtures::req;

    use super::*;

    fn files(requirement: &Requirement) -> Vec<String> {
        let broken = violating(requirement).expect("the table can be read");
        broken.iter().map(Broken::describe).collect()
    }

    #[test]
    fn every_requirement_of_the_checks_has_documents() {
        for requirement in [
            req::CONF_STDIN_JSON,
            req::CONF_STDIN_EMPTY,
            req::CONF_STDIN_NOT_OBJECT,
            req::CONF_VERSION_REQUIRED,
            req::CONF_VERSION_TYPE,
            req::CONF_VERSION_UNSUPPORTED,
            req::CONF_VERSION_MALFORMED,
            req::CONF_NAME_REQUIRED,
            req::CONF_NAME_TYPE,
            req::CONF_NAME_CHARSET,
        ] {
            assert!(!files(&requirement).is_empty(), "{}", requirement.id);
        }
    }

    #[test]
    fn faults_are_single_keys_where_the_rest_is_sound() {
        assert!(files(&req::CONF_NAME_TYPE).contains(&"name = 7 (name-number.conf)".to_owned()));
        assert!(files(&req::CONF_NAME_REQUIRED).contains(&"no name (no-name.conf)".to_owned()));
        assert!(
            files(&req::CONF_STDIN_NOT_OBJECT)
                .contains(&"stdin \"null\\n\" (null.conf)".to_owned())
        );
    }
}
