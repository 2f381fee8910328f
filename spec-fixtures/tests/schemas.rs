//! The schemas are valid themselves, and those of one family differ in nothing but their version.

use cni_spec_fixtures::SpecVersion;
use cni_spec_fixtures::schema::{self, Kind};
use serde_json::Value;

#[test]
fn every_schema_is_a_valid_schema_of_draft_2020_12() {
    let mut all = vec![
        schema::error(),
        schema::version_reply(),
        schema::configuration(),
        schema::configuration_list(),
    ];
    for version in SpecVersion::ALL {
        all.extend([
            schema::result(version, Kind::Interface),
            schema::result(version, Kind::Ipam),
        ]);
    }
    for text in all {
        let schema: Value = serde_json::from_str(text).expect("is JSON");
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
        if let Err(error) = jsonschema::draft202012::meta::validate(&schema) {
            panic!("{}: {error}", schema["title"]);
        }
    }
}

#[test]
fn a_schema_is_of_the_version_it_is_asked_for() {
    for version in SpecVersion::ALL {
        for kind in [Kind::Interface, Kind::Ipam] {
            let schema: Value =
                serde_json::from_str(schema::result(version, kind)).expect("is JSON");
            assert_eq!(
                schema["properties"]["cniVersion"]["const"],
                version.as_str()
            );
        }
    }
}

#[test]
fn the_schemas_of_a_family_differ_only_in_their_version() {
    let families: [&[SpecVersion]; 2] = [
        &[SpecVersion::V0_1_0, SpecVersion::V0_2_0],
        &[
            SpecVersion::V0_3_0,
            SpecVersion::V0_3_1,
            SpecVersion::V0_4_0,
        ],
    ];
    for family in families {
        for kind in [Kind::Interface, Kind::Ipam] {
            let without = |version: &SpecVersion| {
                schema::result(*version, kind).replace(version.as_str(), "X")
            };
            for version in family {
                assert_eq!(without(version), without(&family[0]), "{version} {kind:?}");
            }
        }
    }
}
