//! Writes the checked catalogue as Rust. The types that the constants are made of are in `src/`.

use std::fmt::Debug;

use crate::catalogue::entry::{Ambiguity, Area, Catalogue, Entry, Sections};

/// Renders `req`, `ALL`, `AREAS`, `AMBIGUITIES` and `COMMIT`.
pub(crate) fn render(catalogue: &Catalogue) -> String {
    let mut consts = String::new();
    let mut all = String::new();
    let mut areas = String::new();
    for area in &catalogue.areas {
        areas.push_str(&format!("    ({:?}, {:?}),\n", area.area, area.title));
        for entry in &area.requirement {
            consts.push_str(&requirement(area, entry, &catalogue.sections));
            all.push_str(&format!("    req::{},\n", constant_name(&entry.id)));
        }
    }
    let ambiguities: String = catalogue.ambiguities.iter().map(ambiguity).collect();
    format!(
        "/// One constant per requirement, named after its id.\n\
         pub mod req {{\n    use super::*;\n{consts}}}\n\n\
         /// Every requirement, by area and in the order of the files.\n\
         pub const ALL: &[Requirement] = &[\n{all}];\n\n\
         /// The areas: the first word of an id, and what it is about.\n\
         pub const AREAS: &[(&str, &str)] = &[\n{areas}];\n\n\
         /// Every question that the specification leaves open, by number.\n\
         pub const AMBIGUITIES: &[Ambiguity] = &[\n{ambiguities}];\n\n\
         pub(crate) const COMMIT: &str = {:?};\n",
        catalogue.sections.commit,
    )
}

fn constant_name(id: &str) -> String {
    id.replace(['.', '-'], "_").to_ascii_uppercase()
}

fn requirement(area: &Area, entry: &Entry, sections: &Sections) -> String {
    let source = match (entry.source, entry.head_only) {
        (Some(source), _) => format!("{source:?}"),
        (None, true) => "Main".to_owned(),
        (None, false) => "Tag".to_owned(),
    };
    let fields = [
        ("id", format!("{:?}", entry.id)),
        ("number", format!("{:?}", entry.number)),
        ("area", format!("{:?}", area.area)),
        ("summary", format!("{:?}", entry.summary)),
        ("level", format!("Level::{:?}", entry.level)),
        ("verdict", format!("Verdict::{:?}", entry.verdict)),
        ("since", format!("SpecVersion::{:?}", entry.since)),
        ("until", format!("SpecVersion::{:?}", entry.until)),
        ("source", format!("Source::{source}")),
        ("subject", format!("Subject::{:?}", entry.subject)),
        ("method", format!("Method::{:?}", entry.method)),
        ("verbs", paths("Verb", &entry.verbs)),
        ("test", format!("{:?}", entry.test)),
        ("position", format!("{:?}", entry.position)),
        (
            "observed_upstream",
            format!("{:?}", entry.observed_upstream),
        ),
        ("ambiguities", format!("&{:?}", entry.ambiguity)),
        ("sections", section_list(entry, sections)),
        ("by_version", override_list(entry)),
    ];
    let fields: String = fields
        .iter()
        .map(|(name, value)| format!("        {name}: {value},\n"))
        .collect();
    format!(
        "    #[doc = {:?}]\n    pub const {}: Requirement = Requirement {{\n{fields}    }};\n",
        rustdoc(&format!("`{}`: {}", entry.id, entry.summary)),
        constant_name(&entry.id),
    )
}

fn paths(kind: &str, values: &[impl Debug]) -> String {
    let values: Vec<String> = values
        .iter()
        .map(|value| format!("{kind}::{value:?}"))
        .collect();
    format!("&[{}]", values.join(", "))
}

fn section_list(entry: &Entry, sections: &Sections) -> String {
    let mut list = Vec::new();
    for (document, anchors) in &entry.sections {
        for anchor in anchors {
            let heading = &sections.documents[document][anchor];
            let document = match format!("{document:?}") {
                version if version.starts_with('V') => {
                    format!("SpecText::Tag(SpecVersion::{version})")
                }
                other => format!("SpecText::{other}"),
            };
            list.push(format!(
                "Section {{ text: {document}, anchor: {anchor:?}, heading: {heading:?} }}"
            ));
        }
    }
    format!("&[{}]", list.join(", "))
}

fn override_list(entry: &Entry) -> String {
    let list: Vec<String> = entry
        .by_version
        .iter()
        .map(|(version, change)| {
            let level = change.level.unwrap_or(entry.level);
            let verdict = change.verdict.unwrap_or(entry.verdict);
            format!("(SpecVersion::{version:?}, Level::{level:?}, Verdict::{verdict:?})")
        })
        .collect();
    format!("&[{}]", list.join(", "))
}

fn ambiguity(question: &Ambiguity) -> String {
    let Ambiguity {
        number,
        question,
        position,
        reason,
        unbound,
    } = question;
    format!(
        "    Ambiguity {{ number: {number}, question: {question:?}, position: {position:?}, reason: {reason:?}, \
         unbound: {unbound:?} }},\n"
    )
}

/// Keeps rustdoc from reading brackets as links and angles as tags.
fn rustdoc(text: &str) -> String {
    text.replace('[', "\\[")
        .replace(']', "\\]")
        .replace('<', "\\<")
        .replace('>', "\\>")
}
