//! A mistake in the data stops the build with file, entry and key.

#[path = "../build/catalogue/mod.rs"]
#[expect(dead_code, reason = "the build script uses the rest")]
mod catalogue;

use std::path::Path;

use catalogue::check::check;
use catalogue::entry::{Area, Sections};
use catalogue::read::{CatalogueError, parse, read};

const FILE: &str = "requirements/del.toml";

const ENTRY: &str = r#"area = "del"
title = "DEL"

[[requirement]]
id = "del.first"
number = "CNI-DEL-001"
level = "MUST"
verdict = "fail"
since = "0.3.0"
until = "1.1.0"
subject = "plugin"
method = "exec"
verbs = ["DEL"]
summary = "First."
test = "Try."
[requirement.sections]
"1.1.0" = ["del"]

[[requirement]]
id = "del.second"
number = "CNI-DEL-002"
level = "MUST"
verdict = "fail"
since = "0.3.0"
until = "1.1.0"
subject = "plugin"
method = "exec"
verbs = ["DEL"]
summary = "Second."
test = "Try."
[requirement.sections]
"1.1.0" = ["del"]
"#;

#[test]
fn the_sample_and_the_real_catalogue_are_accepted() {
    assert!(load(ENTRY).is_ok());
    assert!(read(Path::new(env!("CARGO_MANIFEST_DIR"))).is_ok());
}

#[test]
fn an_unknown_key_is_named_with_its_entry() {
    let error = load(&second("method = \"exec\"", "metod = \"exec\"")).unwrap_err();
    assert!(
        error.starts_with("requirements/del.toml: entry del.second: "),
        "{error}"
    );
    assert!(error.contains("unknown field `metod`"), "{error}");
}

#[test]
fn a_missing_key_is_named_with_its_entry() {
    let error = load(&second("level = \"MUST\"\n", "")).unwrap_err();
    assert!(
        error.starts_with("requirements/del.toml: entry del.second: "),
        "{error}"
    );
    assert!(error.contains("missing field `level`"), "{error}");
}

#[test]
fn a_value_of_the_wrong_type_or_word_shows_its_line() {
    for (good, bad) in [
        ("verdict = \"fail\"", "verdict = 1"),
        ("verdict = \"fail\"", "verdict = \"failure\""),
        ("since = \"0.3.0\"", "since = \"0.3.2\""),
        ("verbs = [\"DEL\"]", "verbs = [\"UPDATE\"]"),
    ] {
        let error = load(&second(good, bad)).unwrap_err();
        assert!(
            error.starts_with("requirements/del.toml: entry del.second: "),
            "{bad}: {error}"
        );
        assert!(error.contains(bad), "{bad}: {error}");
    }
}

#[test]
fn what_types_cannot_say_is_refused_with_its_key() {
    for (good, bad, key) in [
        (
            "id = \"del.second\"",
            "id = \"del.Second\"",
            "entry del.Second: key id",
        ),
        (
            "id = \"del.second\"",
            "id = \"gc.second\"",
            "entry gc.second: key id",
        ),
        (
            "id = \"del.second\"",
            "id = \"del.first\"",
            "entry del.first: key id",
        ),
        ("CNI-DEL-002", "CNI-DEL-2", "entry del.second: key number"),
        ("CNI-DEL-002", "CNI-DEL-001", "entry del.second: key number"),
        (
            "until = \"1.1.0\"",
            "until = \"0.2.0\"",
            "entry del.second: key until",
        ),
        ("\"Second.\"", "\"\"", "entry del.second: key summary"),
        ("[\"del\"]", "[\"dell\"]", "entry del.second: key sections"),
        (
            "verbs = [\"DEL\"]",
            "verbs = [\"DEL\"]\nambiguity = [2]",
            "entry del.second: key ambiguity",
        ),
        (
            "verbs = [\"DEL\"]",
            "verbs = [\"DEL\"]\nsource = \"position\"",
            "entry del.second: key position",
        ),
        (
            "[requirement.sections]\n\"1.1.0\" = [\"del\"]\n",
            "",
            "entry del.second: key sections",
        ),
        (
            "[requirement.sections]",
            "by_version.\"0.1.0\" = { level = \"MAY\" }\n[requirement.sections]",
            "entry del.second: key by_version",
        ),
        (
            "[requirement.sections]",
            "by_version.\"0.4.0\" = {}\n[requirement.sections]",
            "entry del.second: key by_version",
        ),
    ] {
        let error = load(&second(good, bad)).unwrap_err();
        assert!(
            error.starts_with(&format!("{FILE}: {key}: ")),
            "{bad}: {error}"
        );
    }
}

/// The sample with one change in its second entry.
fn second(good: &str, bad: &str) -> String {
    let (first, second) = ENTRY.split_at(ENTRY.rfind("[[").expect("has entries"));
    assert!(second.contains(good), "{good} is not in the sample");
    format!("{first}{}", second.replace(good, bad))
}

fn load(text: &str) -> Result<(), String> {
    let load = || -> Result<(), CatalogueError> {
        let area: Area = parse(FILE, text)?;
        let sections: Sections = parse(
            "sections.toml",
            "commit = \"0\"\n[\"1.1.0\"]\ndel = \"DEL\"\n",
        )?;
        check(vec![(FILE.to_owned(), area)], Vec::new(), sections).map(drop)
    };
    load().map_err(|error| error.to_string())
}
