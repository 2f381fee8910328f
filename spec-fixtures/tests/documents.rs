//! Every valid sample passes its schema, and every broken one is refused for its fault and for nothing else.

mod strict;

use std::collections::BTreeMap;
use std::path::Path;

use cni_spec_fixtures::documents::{self, Document};
use cni_spec_fixtures::schema::{self, Kind};
use cni_spec_fixtures::{SpecVersion, find};
use jsonschema::Validator;
use serde::Deserialize;
use serde_json::Value;
use strict::Strict;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    #[serde(default)]
    parse: bool,
    path: Option<String>,
    keyword: Option<String>,
    requirement: String,
    codes: Option<Vec<u32>>,
}

/// A pair of lists, the folder that they are in, and what chooses the schema by file name.
struct Set {
    folder: &'static str,
    valid: &'static [Document],
    broken: &'static [Document],
    schema: fn(&str) -> &'static str,
}

const SETS: [Set; 4] = [
    Set {
        folder: "results",
        valid: documents::RESULTS,
        broken: documents::BROKEN_RESULTS,
        schema: |name| {
            let (version, kind) = version_and_kind(name);
            schema::result(version, kind)
        },
    },
    Set {
        folder: "errors",
        valid: documents::ERRORS,
        broken: documents::BROKEN_ERRORS,
        schema: |_| schema::error(),
    },
    Set {
        folder: "version-replies",
        valid: documents::VERSION_REPLIES,
        broken: documents::BROKEN_VERSION_REPLIES,
        schema: |_| schema::version_reply(),
    },
    Set {
        folder: "configs",
        valid: documents::CONFIGURATIONS,
        broken: documents::BROKEN_CONFIGURATIONS,
        schema: |name| match name.ends_with(".conflist") {
            true => schema::configuration_list(),
            false => schema::configuration(),
        },
    },
];

#[test]
fn every_valid_document_passes_its_schema() {
    for set in SETS {
        assert!(
            !set.valid.is_empty(),
            "{} has no valid documents",
            set.folder
        );
        for document in set.valid {
            let found = faults((set.schema)(document.name), document).expect("is JSON");
            assert_eq!(found, [], "{}/valid/{}", set.folder, document.name);
        }
    }
}

#[test]
fn every_broken_document_is_refused_for_its_fault_and_for_nothing_else() {
    for set in SETS {
        let expected = expectations(set.folder);
        for document in set.broken {
            let file = format!("{}/invalid/{}", set.folder, document.name);
            let expected = expected
                .get(document.name)
                .unwrap_or_else(|| panic!("{file} is not in expect.toml"));
            let found = faults((set.schema)(document.name), document);
            match (found, expected.parse, &expected.path, &expected.keyword) {
                (None, true, None, None) => {}
                (Some(found), false, Some(path), Some(keyword)) => {
                    assert_eq!(found, [(path.clone(), keyword.clone())], "{file}");
                }
                (found, ..) => panic!("{file}: expect.toml does not fit what was found: {found:?}"),
            }
        }
    }
}

#[test]
fn every_expectation_belongs_to_a_file_and_names_a_requirement() {
    for set in SETS {
        for (name, expected) in expectations(set.folder) {
            let file = format!("{}/invalid/{name}", set.folder);
            assert!(
                documents::find(set.broken, &name).is_some(),
                "{file} does not exist"
            );
            assert!(
                find(&expected.requirement).is_some(),
                "{file}: {} is no requirement",
                expected.requirement
            );
            let for_plugins = set.folder == "configs" && name.ends_with(".conf");
            assert_eq!(
                expected.codes.is_some(),
                for_plugins,
                "{file}: codes are for what plugins read"
            );
        }
    }
}

#[test]
fn a_broken_result_breaks_a_requirement_that_is_in_force_in_its_version() {
    for (name, expected) in expectations("results") {
        let (version, _) = version_and_kind(&name);
        let requirement = find(&expected.requirement).expect("is a requirement");
        assert!(
            requirement.in_force(version),
            "results/invalid/{name}: {requirement} is not in force in {version}"
        );
    }
}

#[test]
fn every_file_has_the_version_that_its_name_says() {
    for document in documents::CONFIGURATIONS {
        let (_, version) = document
            .name
            .split_once('.')
            .expect("has a version in its name");
        let version = version
            .trim_end_matches(".conflist")
            .trim_end_matches(".conf");
        let value: Value = serde_json::from_slice(document.bytes).expect("is JSON");
        assert_eq!(
            value["cniVersion"], version,
            "configs/valid/{}",
            document.name
        );
        assert!(
            version.parse::<SpecVersion>().is_ok(),
            "configs/valid/{}",
            document.name
        );
    }
}

#[test]
fn each_version_has_a_valid_result_and_configuration_of_its_own() {
    for version in SpecVersion::ALL {
        for end in [format!(".{version}.json"), format!(".{version}.ipam.json")] {
            assert!(
                documents::RESULTS
                    .iter()
                    .any(|document| document.name.ends_with(&end)),
                "no result {end}"
            );
        }
        let here = |document: &&Document| document.name.contains(&format!(".{version}.conf"));
        assert!(
            documents::CONFIGURATIONS
                .iter()
                .any(|document| here(&document)),
            "no configuration of {version}"
        );
    }
}

/// Instance path and keyword of what the schema objects to, without repetitions; none for what is not JSON.
fn faults(schema: &str, document: &Document) -> Option<Vec<(String, String)>> {
    let Strict(value) = serde_json::from_slice(document.bytes).ok()?;
    let mut found: Vec<_> = validator(schema)
        .iter_errors(&value)
        .map(|error| {
            (
                error.instance_path().to_string(),
                error.kind().keyword().to_owned(),
            )
        })
        .collect();
    found.sort();
    found.dedup();
    Some(found)
}

fn validator(schema: &str) -> Validator {
    let schema = serde_json::from_str(schema).expect("the schema is JSON");
    jsonschema::draft202012::new(&schema).expect("the schema is one")
}

fn expectations(folder: &str) -> BTreeMap<String, Expectation> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join("invalid/expect.toml");
    let text = std::fs::read_to_string(path).expect("expect.toml is there");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{folder}/invalid/expect.toml: {error}"))
}

/// Reads `what.1.1.0.json` and `what.1.1.0.ipam.json`.
fn version_and_kind(name: &str) -> (SpecVersion, Kind) {
    let (_, rest) = name.split_once('.').expect("has a version in its name");
    let rest = rest.strip_suffix(".json").expect("is a JSON file");
    let (version, kind) = match rest.strip_suffix(".ipam") {
        Some(version) => (version, Kind::Ipam),
        None => (rest, Kind::Interface),
    };
    (
        version
            .parse()
            .unwrap_or_else(|error| panic!("{name}: {error}")),
        kind,
    )
}
