//! Guards on the list of checks: ids, requirements, mutants, and what may never change.

use std::collections::BTreeSet;
use std::path::Path;

use cni_conform_core::{Check, checks};
use cni_spec_fixtures::{SpecVersion, Subject};

/// Every id that a release or a report may have used.
const LOCKED: &str = include_str!("../src/checks/ids.lock");

#[test]
fn ids_are_unique_and_well_formed() {
    let mut seen = BTreeSet::new();
    for check in checks::all() {
        assert!(seen.insert(check.id), "{} stands twice", check.id);
        let (topic, what) = check.id.split_once('/').unwrap();
        let plain = |part: &str, marks: &[char]| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || marks.contains(&c))
        };
        // What holds may name a version of the specification.
        assert!(
            plain(topic, &['-']) && plain(what, &['-', '.']),
            "{}",
            check.id
        );
    }
}

#[test]
fn ids_never_vanish_and_new_ones_are_locked() {
    let locked: BTreeSet<&str> = LOCKED
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let present: BTreeSet<&str> = checks::all().map(|check| check.id).collect();
    let gone: Vec<_> = locked.difference(&present).collect();
    let new: Vec<_> = present.difference(&locked).collect();
    assert!(
        gone.is_empty(),
        "ids are permanent; these are gone: {gone:?}"
    );
    assert!(
        new.is_empty(),
        "append these to harness/core/src/checks/ids.lock: {new:?}"
    );
}

#[test]
fn every_check_says_what_it_proves_and_what_it_catches() {
    for check in checks::all() {
        assert!(!check.proves.is_empty(), "{} proves nothing", check.id);
        assert!(!check.caught.is_empty(), "{} catches nothing", check.id);
        assert!(
            check.title.chars().next().is_some_and(char::is_uppercase),
            "{}: {}",
            check.id,
            check.title
        );
        assert!(!check.title.ends_with('.'), "{}: {}", check.id, check.title);
    }
}

#[test]
fn every_check_judges_something_in_some_version() {
    let judges = |check: &&'static Check| {
        SpecVersion::ALL.into_iter().any(|version| {
            check.versions.contains(version) && check.judged_in(version).next().is_some()
        })
    };
    for check in checks::all() {
        assert!(
            judges(&check),
            "{} has no requirement in force in any of its versions",
            check.id
        );
        for requirement in check.proves {
            assert!(
                matches!(requirement.subject, Subject::Plugin | Subject::IpamPlugin),
                "{}: {}",
                check.id,
                requirement.id
            );
        }
    }
}

#[test]
fn no_file_of_checks_is_forgotten() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/checks");
    let list = std::fs::read_to_string(directory.join("mod.rs")).unwrap();
    for entry in std::fs::read_dir(&directory).unwrap().flatten() {
        let path = entry.path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.is_dir()
            || (path.extension().is_some_and(|extension| extension == "rs") && stem != "mod")
        {
            assert!(
                list.contains(&format!("mod {stem};")),
                "{} is not listed in mod.rs",
                path.display()
            );
        }
    }
}
