//! All results at one glance: check topics against spec versions for one subject, subjects against
//! outcomes for several.

use std::collections::BTreeSet;

use super::style::{DIM, GRAVEST_FIRST, STRONG, glyph, of_outcome, paint};
use crate::fold::count;
use crate::model::{CheckResult, Outcome, Report, Subject};
use crate::printable::{one_line, wrap};

/// Columns between two cells.
const GAP: &str = "  ";

/// Appends the table that suits the report.
pub(super) fn push(text: &mut String, report: &Report, width: usize) {
    match report.subjects.as_slice() {
        [subject] => push_matrix(text, report, subject, width),
        subjects => push_outcomes(text, report, subjects),
    }
}

fn push_matrix(text: &mut String, report: &Report, subject: &Subject, width: usize) {
    push_subject(text, subject, width);
    let specs: BTreeSet<&str> = report.results.iter().map(|r| r.spec.as_str()).collect();
    let topics: BTreeSet<&str> = report.results.iter().map(|r| topic(&r.check)).collect();
    if topics.is_empty() {
        return;
    }
    text.push('\n');
    let longest = topics.iter().map(|topic| topic.chars().count()).max();
    let first = longest.unwrap_or(0);
    let heads: Vec<&str> = specs.iter().copied().collect();
    push_row(
        text,
        &" ".repeat(first),
        heads.iter().map(|spec| paint(DIM, &one_line(spec))),
    );
    for topic_name in &topics {
        let cells = specs.iter().map(|spec| {
            let here = |result: &&CheckResult| {
                result.spec == **spec && topic(&result.check) == *topic_name
            };
            let outcomes = count(report.results.iter().filter(here));
            let gravest = GRAVEST_FIRST
                .into_iter()
                .find(|outcome| outcomes.contains_key(outcome));
            let padding = spec.chars().count().saturating_sub(1);
            let left = " ".repeat(padding / 2);
            let right = " ".repeat(padding - padding / 2);
            let cell = gravest.map_or(" ".to_owned(), |outcome| {
                paint(of_outcome(outcome), glyph(outcome))
            });
            format!("{left}{cell}{right}")
        });
        push_row(text, &format!("{:first$}", one_line(topic_name)), cells);
    }
    push_legend(text, report, width);
}

fn push_subject(text: &mut String, subject: &Subject, width: usize) {
    let name = one_line(&subject.name);
    let claims = if subject.versions.is_empty() {
        "claims no version".to_owned()
    } else {
        format!("claims {}", subject.versions.join(" "))
    };
    text.push_str(&paint(STRONG, &name));
    text.push('\n');
    for fact in [
        subject.path.clone(),
        format!("sha256 {}…", digest(subject)),
        format!("profile {}, {claims}", subject.profile),
    ] {
        for line in wrap(&fact, width - 2) {
            text.push_str(GAP);
            text.push_str(&paint(DIM, &line));
            text.push('\n');
        }
    }
}

fn push_legend(text: &mut String, report: &Report, width: usize) {
    let present = count(&report.results);
    let parts: Vec<String> = GRAVEST_FIRST
        .into_iter()
        .filter(|outcome| present.contains_key(outcome))
        .map(|outcome| format!("{} {}", glyph(outcome), outcome.name()))
        .collect();
    text.push('\n');
    let mut line = String::new();
    for part in parts {
        let length = line.chars().count() + 2 + part.chars().count();
        if !line.is_empty() && length > width {
            text.push_str(&paint(DIM, &line));
            text.push('\n');
            line.clear();
        }
        if !line.is_empty() {
            line.push_str(GAP);
        }
        line.push_str(&part);
    }
    text.push_str(&paint(DIM, &line));
    text.push('\n');
}

fn push_outcomes(text: &mut String, report: &Report, subjects: &[Subject]) {
    let names: Vec<String> = subjects.iter().map(|s| one_line(&s.name)).collect();
    let longest = names.iter().map(|name| name.chars().count()).max();
    let first = longest.unwrap_or(0);
    let heads = Outcome::ALL.iter().map(|outcome| head(*outcome));
    let heads = heads.chain(["sha256"]).map(|head| paint(DIM, head));
    push_row(text, &" ".repeat(first), heads);
    for (subject, name) in subjects.iter().zip(&names) {
        let of_subject = |result: &&CheckResult| result.subject == subject.name;
        let counts = count(report.results.iter().filter(of_subject));
        let cells = Outcome::ALL.iter().map(|outcome| {
            let width = head(*outcome).chars().count();
            match counts.get(outcome) {
                Some(count) => paint(of_outcome(*outcome), &format!("{count:>width$}")),
                None => paint(DIM, &format!("{:>width$}", "·")),
            }
        });
        push_row(
            text,
            &format!("{name:first$}"),
            cells.chain([paint(DIM, &digest(subject))]),
        );
    }
}

fn push_row(text: &mut String, first: &str, cells: impl Iterator<Item = String>) {
    let mut row = first.to_owned();
    for cell in cells {
        row.push_str(GAP);
        row.push_str(&cell);
    }
    text.push_str(row.trim_end());
    text.push('\n');
}

const fn head(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => " pass",
        Outcome::Fail => " fail",
        Outcome::Warn => " warn",
        Outcome::NotApplicable => "  n/a",
        Outcome::Blocked => "blocked",
        Outcome::Inconclusive => "inconclusive",
    }
}

/// Returns enough of the hash to tell two builds apart; the JSON report has all of it.
fn digest(subject: &Subject) -> String {
    one_line(&subject.sha256).chars().take(12).collect()
}

/// Returns the topic of a check: what stands before the slash of its id.
fn topic(check: &str) -> &str {
    check.split('/').next().unwrap_or(check)
}
