//! The report as a person reads it after a run, from what matters most to what is only for the record:
//! problems at length, what was left out and why, a table, the verdict.
//!
//! Styles are always embedded; the command line strips them where they don't belong. Without them the
//! text reads the same, so that it can be pasted into an issue.

mod block;
mod style;
mod table;

use crate::fold::count;
use crate::gate::{Conclusion, Gate};
use crate::model::{CheckResult, Outcome, Report};
use crate::printable::{one_line, short, wrap};
use crate::problem::{by_reason, gist, problems};
use style::{DIM, STRONG, of_outcome, paint};

/// How a report is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Columns of the terminal. Links, paths and tables may be wider.
    pub width: usize,
    /// The gate that the closing line speaks for.
    pub gate: Gate,
}

/// The narrowest layout; below it nothing would be readable.
const NARROWEST: usize = 40;

impl Default for Layout {
    fn default() -> Self {
        Self {
            width: 100,
            gate: Gate::default(),
        }
    }
}

/// Returns the whole report, with styles.
#[must_use]
pub fn render(report: &Report, layout: Layout) -> String {
    let width = layout.width.max(NARROWEST);
    let mut text = String::new();
    for problem in problems(report) {
        block::push(&mut text, &problem, width);
        text.push('\n');
    }
    push_left_out(&mut text, report, width);
    table::push(&mut text, report, width);
    text.push('\n');
    text.push_str(&paint(DIM, &machine(report)));
    text.push('\n');
    text.push_str(&closing(report, layout.gate));
    text.push('\n');
    text
}

/// Returns one line, with styles and without a line break, for a result that a reader wants to know of
/// at once; none for the others.
#[must_use]
pub fn progress(result: &CheckResult, width: usize) -> Option<String> {
    match result.outcome {
        Outcome::Fail | Outcome::Warn | Outcome::Inconclusive => {}
        Outcome::Pass | Outcome::NotApplicable | Outcome::Blocked => return None,
    }
    let word = style::word(result.outcome);
    let place = format!(
        "{} {} {}",
        one_line(&result.subject),
        one_line(&result.spec),
        one_line(&result.check)
    );
    let used = word.chars().count().max(4) + 2 + place.chars().count() + 2;
    let room = width.max(NARROWEST).saturating_sub(used);
    let mut line = format!(
        "{}  {place}",
        paint(of_outcome(result.outcome), &format!("{word:4}"))
    );
    // A few characters of a sentence help nobody.
    if room >= 12 {
        line.push_str("  ");
        line.push_str(&paint(DIM, &short(&gist(result), room)));
    }
    Some(line)
}

fn push_left_out(text: &mut String, report: &Report, width: usize) {
    for (outcome, heading) in [
        (Outcome::Blocked, "Blocked by an earlier check"),
        (Outcome::NotApplicable, "Not applicable"),
    ] {
        let reasons = by_reason(report, outcome);
        if reasons.is_empty() {
            continue;
        }
        text.push_str(&paint(STRONG, heading));
        text.push('\n');
        for (reason, count) in reasons {
            let mut number = format!("{count:6}  ");
            for line in wrap(reason, width - 8) {
                text.push_str(&number);
                text.push_str(&line);
                text.push('\n');
                number = " ".repeat(8);
            }
        }
        text.push('\n');
    }
}

fn machine(report: &Report) -> String {
    let environment = &report.environment;
    let mut parts = vec![
        format!("{} {}", report.tool.name, report.tool.version),
        format!("Linux {} {}", environment.kernel, environment.arch),
        environment.privilege.to_string(),
        format!("seed {}", environment.seed),
    ];
    if let Some(partition) = report.partition {
        parts.push(format!("shard {partition}"));
    }
    one_line(&parts.join(", "))
}

fn closing(report: &Report, gate: Gate) -> String {
    let conclusion = gate.judge(report);
    let style = match conclusion {
        Conclusion::Conforms => of_outcome(Outcome::Pass),
        Conclusion::Violates => of_outcome(Outcome::Fail),
        Conclusion::CouldNotJudge | Conclusion::NothingRan => of_outcome(Outcome::Inconclusive),
    };
    format!(
        "{}: {}",
        paint(style, &conclusion.to_string()),
        tally(report)
    )
}

/// Returns the counts, the gravest first, and the time; shared with the other formats that people read.
pub(crate) fn tally(report: &Report) -> String {
    let summary = count(&report.results);
    let mut parts: Vec<String> = style::GRAVEST_FIRST
        .iter()
        .filter_map(|outcome| {
            let count = summary.get(outcome)?;
            Some(format!("{count} {outcome}"))
        })
        .collect();
    if parts.is_empty() {
        parts.push("no results".to_owned());
    }
    let counts = parts.join(", ");
    match report.footer {
        Some(footer) => {
            let tenths = footer.duration_ms / 100;
            format!("{counts} ({}.{} s)", tenths / 10, tenths % 10)
        }
        None => format!("{counts}; the run did not reach its end"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn plain(report: &Report, width: usize) -> String {
        let layout = Layout {
            width,
            ..Layout::default()
        };
        anstream::adapter::strip_str(&render(report, layout)).to_string()
    }

    #[test]
    fn several_subjects_end_in_a_table_of_outcomes() {
        insta::assert_snapshot!(plain(&fixture::report(), 100));
    }

    #[test]
    fn one_subject_ends_in_a_matrix_of_topics_and_versions() {
        insta::assert_snapshot!(plain(&fixture::single(), 60));
    }

    #[test]
    fn only_styles_remain_of_escape_sequences() {
        let styled = render(&fixture::report(), Layout::default());
        assert!(styled.contains("\u{1b}[1m"));
        let plain = anstream::adapter::strip_str(&styled).to_string();
        assert!(!plain.contains('\u{1b}'));
        assert!(plain.contains("\\u{1b}[2J"), "the plugin's own are shown");
        for line in styled.lines() {
            let opened = line.matches("\u{1b}[").count() - line.matches("\u{1b}[0m").count();
            let closed = line.matches("\u{1b}[0m").count();
            assert!(
                (opened == 0) == (closed == 0),
                "a style runs over: {line:?}"
            );
        }
    }

    #[test]
    fn no_line_is_wider_than_asked_but_for_what_is_copied_and_the_last_two() {
        for width in [40, 60, 80, 120] {
            let text = plain(&fixture::single(), width);
            let lines = text
                .lines()
                .filter(|line| !line.contains("://") && !line.contains("reproducer"));
            let wide: Vec<_> = lines.filter(|line| line.chars().count() > width).collect();
            let last: Vec<_> = text.lines().rev().take(2).collect();
            assert!(
                wide.iter().all(|line| last.contains(line)),
                "{width}: {wide:?}"
            );
        }
    }

    #[test]
    fn no_line_ends_in_white_space() {
        for report in [fixture::report(), fixture::single()] {
            let text = plain(&report, 100);
            let trailing: Vec<_> = text.lines().filter(|line| line.ends_with(' ')).collect();
            assert!(trailing.is_empty(), "{trailing:?}");
        }
    }

    #[test]
    fn the_closing_line_says_what_the_gate_says() {
        let closing = |report: &Report| plain(report, 100).lines().last().unwrap().to_owned();
        let passing = fixture::with(vec![fixture::result("a/b", "1.0.0", Outcome::Pass)]);
        assert_eq!(closing(&passing), "conforms: 1 pass (12.3 s)");
        let mut cut = passing;
        cut.footer = None;
        assert_eq!(
            closing(&cut),
            "could not judge: 1 pass; the run did not reach its end"
        );
        assert_eq!(
            closing(&fixture::with(Vec::new())),
            "nothing ran: no results (12.3 s)"
        );
    }

    #[test]
    fn progress_tells_of_problems_in_one_line_and_of_nothing_else() {
        let report = fixture::report();
        let lines: Vec<String> = report
            .results
            .iter()
            .filter_map(|result| progress(result, 80))
            .map(|line| anstream::adapter::strip_str(&line).to_string())
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
        assert!(lines.iter().all(|line| line.chars().count() <= 80));
    }
}
