//! `explain`: a check or a requirement at length, for somebody whose plugin fails it.

use std::fmt::Write;

use cni_conform_core::{Check, checks};
use cni_spec_fixtures::{Requirement, SpecVersion};

use crate::args::Explain;
use crate::exit::{Failure, Status};
use crate::output::print;

/// Prints what is known of an id.
pub(crate) fn run(arguments: &Explain) -> Result<Status, Failure> {
    let id = arguments.id.as_str();
    let text = match (checks::find(id), cni_spec_fixtures::find(id)) {
        (Some(check), _) => of_check(check),
        (None, Some(requirement)) => of_requirement(&requirement),
        (None, None) => {
            return Err(Failure::usage(format!(
                "there is no check and no requirement {id}; `cni-conform list` and `cni-conform ledger` show the ids"
            )));
        }
    };
    print(&text)?;
    Ok(Status::Conforms)
}

fn of_check(check: &Check) -> String {
    let mut text = format!("{}\n  {}\n\n", check.id, check.title);
    let _infallible = writeln!(
        text,
        "spec versions  {} to {}",
        check.versions.first, check.versions.last
    );
    let _infallible = writeln!(text, "catches        {}\n", check.caught.join(", "));
    for requirement in check.proves {
        text.push_str(&of_requirement(requirement));
    }
    text
}

fn of_requirement(requirement: &Requirement) -> String {
    let mut text = format!("{} ({})\n", requirement.id, requirement.number);
    let mut paragraph = |name: &str, body: &str| {
        if !body.is_empty() {
            let _infallible = writeln!(text, "  {name}\n{}", indented(body));
        }
    };
    paragraph("what is required", requirement.summary);
    paragraph("how it is tested", requirement.test);
    paragraph("position", requirement.position);
    for question in requirement.open_questions() {
        paragraph(
            "open question",
            &format!(
                "{} {} ({})",
                question.question, question.position, question.reason
            ),
        );
    }
    paragraph("upstream's Go plugins", requirement.observed_upstream);
    let proved: Vec<&str> = checks::all()
        .filter(|check| {
            check
                .proves
                .iter()
                .any(|proven| proven.id == requirement.id)
        })
        .map(|check| check.id)
        .collect();
    paragraph(
        "checks",
        &if proved.is_empty() {
            "none yet".to_owned()
        } else {
            proved.join(", ")
        },
    );
    for version in SpecVersion::ALL
        .into_iter()
        .filter(|version| requirement.in_force(*version))
    {
        let url = requirement
            .url(version)
            .unwrap_or_else(|| "a position of the catalogue".to_owned());
        let _infallible = writeln!(
            text,
            "  {version}  {} (a violation: {})  {url}",
            requirement.level_in(version),
            requirement.verdict_in(version)
        );
    }
    text.push('\n');
    text
}

/// Wraps a paragraph to a readable width.
fn indented(body: &str) -> String {
    let mut lines = vec![String::from("   ")];
    for word in body.split_whitespace() {
        if lines
            .last()
            .is_some_and(|line| line.len() + word.len() > 96)
        {
            lines.push(String::from("   "));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}
