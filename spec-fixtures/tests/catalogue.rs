//! What holds for the whole catalogue: ids are permanent, references lead somewhere, nothing is forgotten.

use std::collections::BTreeSet;
use std::path::Path;

use cni_spec_fixtures::{
    ALL, AMBIGUITIES, AREAS, Level, Source, SpecVersion, Subject, Verdict, find, req,
};

#[test]
fn no_id_or_number_ever_vanishes() {
    let lock = read("ids.lock");
    let locked: BTreeSet<&str> = lock.lines().filter(|line| !line.starts_with('#')).collect();
    let present: BTreeSet<String> = ALL
        .iter()
        .map(|entry| format!("{} {}", entry.id, entry.number))
        .collect();
    for line in &locked {
        assert!(
            present.contains(*line),
            "{line} is in ids.lock but no longer in requirements/"
        );
    }
    for line in &present {
        assert!(
            locked.contains(line.as_str()),
            "{line} is new: add the line to ids.lock, in order"
        );
    }
}

#[test]
fn ids_and_numbers_are_unique_and_find_their_entry() {
    let mut names = BTreeSet::new();
    for entry in ALL {
        assert!(
            names.insert(entry.id) && names.insert(entry.number),
            "{entry} is there twice"
        );
        assert_eq!(find(entry.id), Some(*entry));
        assert_eq!(find(entry.number), Some(*entry));
        assert!(entry.id.starts_with(&format!("{}.", entry.area)), "{entry}");
    }
    assert_eq!(find("del.no-such-rule"), None);
}

#[test]
fn the_constants_are_the_entries_of_the_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("requirements");
    let mut entries = 0;
    let mut files = 0;
    for file in std::fs::read_dir(folder).expect("requirements/ is there") {
        let text = std::fs::read_to_string(file.expect("is readable").path()).expect("is UTF-8");
        entries += text
            .lines()
            .filter(|line| *line == "[[requirement]]")
            .count();
        files += 1;
    }
    assert_eq!(ALL.len(), entries);
    assert_eq!(AREAS.len(), files);
    assert!(ALL.contains(&req::DEL_NETNS_GONE));
}

#[test]
fn every_open_question_is_decided_by_a_requirement_or_says_why_not() {
    let numbers: Vec<u8> = AMBIGUITIES.iter().map(|question| question.number).collect();
    assert_eq!(numbers, (1..=66).collect::<Vec<u8>>());
    for question in AMBIGUITIES {
        let bound = ALL
            .iter()
            .any(|entry| entry.ambiguities.contains(&question.number));
        assert_ne!(
            bound,
            !question.unbound.is_empty(),
            "ambiguity {}: {}",
            question.number,
            question.question
        );
        assert!(
            !question.position.is_empty() && !question.reason.is_empty(),
            "ambiguity {}",
            question.number
        );
    }
}

#[test]
fn every_requirement_with_a_text_links_to_it_in_every_version() {
    for entry in ALL {
        for version in SpecVersion::ALL
            .into_iter()
            .filter(|version| entry.in_force(*version))
        {
            let Some(url) = entry.url(version) else {
                assert_eq!(
                    entry.source,
                    Source::Position,
                    "{entry} has no link for {version}"
                );
                continue;
            };
            assert!(
                url.starts_with("https://github.com/containernetworking/cni/blob/"),
                "{entry}: {url}"
            );
        }
    }
}

#[test]
fn what_is_said_for_one_version_holds_in_that_version_alone() {
    for entry in ALL {
        for version in SpecVersion::ALL
            .into_iter()
            .filter(|version| entry.in_force(*version))
        {
            let said = entry
                .by_version
                .iter()
                .find(|(changed, ..)| *changed == version);
            let (level, verdict) = said
                .map_or((entry.level, entry.verdict), |(_, level, verdict)| {
                    (*level, *verdict)
                });
            assert_eq!(
                (entry.level_in(version), entry.verdict_in(version)),
                (level, verdict),
                "{entry} in {version}"
            );
        }
        for (version, level, verdict) in entry.by_version {
            assert_ne!(
                (entry.level, entry.verdict),
                (*level, *verdict),
                "{entry} says nothing new for {version}"
            );
        }
    }
}

#[test]
fn a_may_that_fails_says_why() {
    for entry in ALL {
        for version in SpecVersion::ALL
            .into_iter()
            .filter(|version| entry.in_force(*version))
        {
            let harsh =
                entry.level_in(version) == Level::May && entry.verdict_in(version) == Verdict::Fail;
            let reasoned = !entry.position.is_empty() || !entry.ambiguities.is_empty();
            assert!(
                !harsh || reasoned,
                "{entry} fails for a MAY in {version} without a position"
            );
        }
    }
}

#[test]
fn every_requirement_for_an_ipam_plugin_names_its_verbs() {
    for entry in ALL
        .iter()
        .filter(|entry| entry.subject == Subject::IpamPlugin)
    {
        assert!(!entry.verbs.is_empty(), "{entry}");
    }
}

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file))
        .expect("the file is there")
}
