//! The requirement ledger: every sentence of the specification and what the report says of it, per subject.
//!
//! A requirement is proven only when every check of it that the plan held for the subject was judged; where
//! there is doubt it is not judged, and the ledger says why.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::{CheckResult, Outcome, Report, Verdict};
use crate::printable::{one_line, short, wrap};

/// A requirement as the catalogue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// What it asks, in our words.
    pub summary: String,
    /// How it can be judged: `exec`, `netns`, `runtime`.
    pub method: String,
    /// Whom it binds: `plugin`, `ipam-plugin`, `runtime`, `config`.
    pub binds: String,
}

/// What a report says of a requirement on a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Every check of it that applies passed.
    Proven,
    /// It was found violated, and that is a failure.
    Violated,
    /// It was found violated, and that is a warning.
    Warned,
    /// The report does not say.
    NotJudged {
        /// Why not.
        why: String,
    },
}

/// Every requirement and its state on every subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Names of the subjects, in the report's order.
    pub subjects: Vec<String>,
    /// The requirements, in the catalogue's order; then those that only the report knows.
    pub rows: Vec<Row>,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The requirement.
    pub entry: Entry,
    /// Its state on each of the ledger's subjects.
    pub states: Vec<State>,
}

impl State {
    /// Returns the name of the state.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Violated => "violated",
            Self::Warned => "warned",
            Self::NotJudged { .. } => "not judged",
        }
    }

    const fn glyph(&self) -> &'static str {
        match self {
            Self::Proven => "✓",
            Self::Violated => "✗",
            Self::Warned => "!",
            Self::NotJudged { .. } => "·",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Ledger {
    /// Draws up the ledger of a report over a catalogue.
    #[must_use]
    pub fn new(report: &Report, catalogue: &[Entry]) -> Self {
        let unknown = unknown(report, catalogue);
        let rows = catalogue.iter().chain(&unknown).map(|entry| Row {
            entry: entry.clone(),
            states: report
                .subjects
                .iter()
                .map(|subject| state(report, &subject.name, entry))
                .collect(),
        });
        Self {
            subjects: report.subjects.iter().map(|s| s.name.clone()).collect(),
            rows: rows.collect(),
        }
    }

    /// Returns the ledger as a table, then the reasons why requirements were not judged, then the counts.
    #[must_use]
    pub fn render(&self, width: usize) -> String {
        let mut text = String::new();
        self.push_table(&mut text, width);
        for (index, subject) in self.subjects.iter().enumerate() {
            self.push_reasons(&mut text, index, subject, width);
        }
        text.push_str("\n✓ proven  ✗ violated  ! warned  · not judged\n");
        for (index, subject) in self.subjects.iter().enumerate() {
            text.push_str(&format!("{}: {}\n", one_line(subject), self.tally(index)));
        }
        text
    }

    fn push_table(&self, text: &mut String, width: usize) {
        let ids = self.rows.iter().map(|row| row.entry.id.chars().count());
        let first = ids.max().unwrap_or(0);
        let digits = self.subjects.len().to_string().len();
        // Names of twenty plugins side by side fit nowhere; numbers do.
        let mut heads = " ".repeat(first);
        for (index, subject) in self.subjects.iter().enumerate() {
            text.push_str(&format!("{:>digits$} {}\n", index + 1, one_line(subject)));
            heads.push_str(&format!("  {:>digits$}", index + 1));
        }
        text.push_str(&format!("\n{heads}\n"));
        let used = first + self.subjects.len() * (2 + digits) + 2;
        for row in &self.rows {
            let mut line = format!("{:first$}", one_line(&row.entry.id));
            for state in &row.states {
                line.push_str(&format!("  {:>digits$}", state.glyph()));
            }
            let summary = short(&row.entry.summary, width.saturating_sub(used).max(20));
            text.push_str(format!("{line}  {summary}").trim_end());
            text.push('\n');
        }
    }

    fn push_reasons(&self, text: &mut String, index: usize, subject: &str, width: usize) {
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for row in &self.rows {
            if let Some(State::NotJudged { why }) = row.states.get(index) {
                reasons.entry(why).or_default().push(&row.entry.id);
            }
        }
        if reasons.is_empty() {
            return;
        }
        text.push_str(&format!("\nNot judged on {}\n", one_line(subject)));
        for (why, ids) in reasons {
            let width = width.max(40);
            for (indent, words) in [(2, format!("{}:", one_line(why))), (6, ids.join(", "))] {
                for line in wrap(&words, width - indent) {
                    text.push_str(&format!("{:indent$}{line}\n", ""));
                }
            }
        }
    }

    fn tally(&self, index: usize) -> String {
        let names = ["proven", "violated", "warned", "not judged"];
        let states = self.rows.iter().filter_map(|row| row.states.get(index));
        let states: Vec<_> = states.map(State::name).collect();
        let counts = names.map(|name| {
            let count = states.iter().filter(|state| **state == name).count();
            format!("{count} {name}")
        });
        counts.join(", ")
    }
}

/// Requirements that the report names and the catalogue does not: a report of another version, which must not hide.
fn unknown(report: &Report, catalogue: &[Entry]) -> Vec<Entry> {
    let mut ids: Vec<&String> = report.results.iter().flat_map(ids).collect();
    ids.sort();
    ids.dedup();
    ids.retain(|id| catalogue.iter().all(|entry| entry.id != **id));
    let entry = |id: &String| Entry {
        id: id.clone(),
        summary: "this catalogue does not have it".to_owned(),
        method: "unknown".to_owned(),
        binds: "unknown".to_owned(),
    };
    ids.into_iter().map(entry).collect()
}

fn ids(result: &CheckResult) -> impl Iterator<Item = &String> {
    let found = result.findings.iter().map(|finding| &finding.requirement);
    result.requirements.iter().chain(found)
}

fn state(report: &Report, subject: &str, entry: &Entry) -> State {
    let results: Vec<&CheckResult> = report
        .results
        .iter()
        .filter(|result| result.subject == subject && ids(result).any(|id| *id == entry.id))
        .collect();
    let worst = results
        .iter()
        .filter_map(|result| verdict(result, entry))
        .max();
    match worst {
        Some(Verdict::Fail) => return State::Violated,
        Some(Verdict::Warn) => return State::Warned,
        None => {}
    }
    let doubt = results.iter().find_map(|result| doubt(result));
    let why = if let Some(doubt) = doubt {
        doubt
    } else if results.iter().any(|result| result.outcome == Outcome::Pass) {
        match partial(report) {
            None => return State::Proven,
            Some(why) => why,
        }
    } else if let Some(result) = results.first() {
        let reason = result.reason.as_deref().unwrap_or("no reason given");
        format!("not applicable: {reason}")
    } else {
        format!(
            "no check of this run judges it (binds {}, method {})",
            entry.binds, entry.method
        )
    };
    State::NotJudged { why }
}

/// Returns what a result found against a requirement. A result without findings stands for all that it judges.
fn verdict(result: &CheckResult, entry: &Entry) -> Option<Verdict> {
    if result.findings.is_empty() {
        return match result.outcome {
            Outcome::Fail => Some(Verdict::Fail),
            Outcome::Warn => Some(Verdict::Warn),
            _ => None,
        };
    }
    let findings = result.findings.iter();
    findings
        .filter(|finding| finding.requirement == entry.id)
        .map(|finding| finding.verdict)
        .max()
}

/// Returns why a result leaves its requirements open. One that found something else may have stopped there.
fn doubt(result: &CheckResult) -> Option<String> {
    let reason = result.reason.as_deref().unwrap_or("no reason given");
    match result.outcome {
        Outcome::Pass | Outcome::NotApplicable => None,
        Outcome::Fail | Outcome::Warn => Some(format!(
            "{} found another requirement violated",
            result.check
        )),
        Outcome::Blocked => Some(format!("{} is blocked: {reason}", result.check)),
        Outcome::Inconclusive => Some(format!("{} is inconclusive: {reason}", result.check)),
    }
}

/// Returns why results may be missing from the report that would say otherwise.
fn partial(report: &Report) -> Option<String> {
    if report.footer.is_none() {
        return Some("the run did not reach its end".to_owned());
    }
    let partition = report.partition?;
    Some(format!("this is only shard {partition} of the run"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::model::Partition;

    fn catalogue() -> Vec<Entry> {
        let entry = |id: &str, summary: &str, method: &str, binds: &str| Entry {
            id: id.to_owned(),
            summary: summary.to_owned(),
            method: method.to_owned(),
            binds: binds.to_owned(),
        };
        vec![
            entry(
                "CNI-ADD-RESULT-SHAPE",
                "ADD prints a result of the shape that its version asks for.",
                "exec",
                "plugin",
            ),
            entry(
                "CNI-DEL-004",
                "DEL succeeds although its namespace is gone.",
                "netns",
                "plugin",
            ),
            entry("CNI-ERR-001", "An error has a code.", "exec", "plugin"),
            entry(
                "CNI-CHECK-007",
                "CHECK notices an address that was removed.",
                "netns",
                "plugin",
            ),
            entry("CNI-DEL-TWICE", "DEL may be repeated.", "netns", "plugin"),
            entry(
                "CNI-GC-STALE-ATTACHMENT",
                "GC removes what is stale.",
                "netns",
                "plugin",
            ),
            entry(
                "CNI-EXEC-001",
                "The runtime calls plugins in the order of the list.",
                "runtime",
                "runtime",
            ),
        ]
    }

    fn state_of(ledger: &Ledger, id: &str) -> State {
        let mut rows = ledger.rows.iter();
        rows.find(|row| row.entry.id == id).unwrap().states[0].clone()
    }

    #[test]
    fn every_requirement_has_a_state_and_every_gap_a_reason() {
        let ledger = Ledger::new(&fixture::report(), &catalogue());
        insta::assert_snapshot!(ledger.render(80));
    }

    #[test]
    fn a_pass_proves_nothing_when_results_may_be_missing() {
        let whole = fixture::report();
        let id = "CNI-ADD-RESULT-SHAPE";
        assert_eq!(
            state_of(&Ledger::new(&whole, &catalogue()), id),
            State::Proven
        );
        let mut cut = whole.clone();
        cut.footer = None;
        let mut shard = whole;
        shard.partition = Some(Partition { index: 1, count: 2 });
        for report in [cut, shard] {
            let state = state_of(&Ledger::new(&report, &catalogue()), id);
            assert!(matches!(state, State::NotJudged { .. }), "{state:?}");
        }
    }

    #[test]
    fn a_pass_in_one_version_does_not_hide_a_doubt_in_another() {
        let result = |spec, outcome| fixture::result("a/b", spec, outcome);
        for (outcome, proven) in [
            (Outcome::Pass, true),
            (Outcome::NotApplicable, true),
            (Outcome::Blocked, false),
            (Outcome::Inconclusive, false),
            (Outcome::Fail, false),
            (Outcome::Warn, false),
        ] {
            let results = vec![result("0.4.0", Outcome::Pass), result("1.0.0", outcome)];
            let ledger = Ledger::new(&fixture::with(results), &[]);
            assert_eq!(
                state_of(&ledger, "CNI-A-B") == State::Proven,
                proven,
                "{outcome}"
            );
        }
    }
}
