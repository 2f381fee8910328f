//! The report as TAP 14, with YAML diagnostics.
//!
//! TAP knows ok and not ok only: what could not be judged is not ok, a warning is ok with diagnostics unless the gate fails on it,
//! and a run that was cut short or judged nothing bails out.

use crate::gate::{Gate, gap};
use crate::model::{CheckResult, Outcome, Report};
use crate::printable::{excerpt, one_line, printable};
use crate::problem::{command, shown_exchange};

/// Lines of each output of a call.
const OUTPUT_LINES: usize = 20;

/// Returns the report as TAP 14.
#[must_use]
pub fn render(report: &Report, gate: Gate) -> String {
    let mut text = format!("TAP version 14\n1..{}\n", report.results.len());
    for (index, result) in report.results.iter().enumerate() {
        push_point(&mut text, index + 1, result, gate);
    }
    if let Some(gap) = gap(report) {
        text.push_str(&format!("Bail out! {gap}\n"));
    }
    text
}

fn push_point(text: &mut String, number: usize, result: &CheckResult, gate: Gate) {
    let is_ok = !gate.fails(result.outcome) && result.outcome != Outcome::Inconclusive;
    let ok = if is_ok { "ok" } else { "not ok" };
    let description = escape(&format!(
        "{} {} {}: {}",
        result.subject, result.spec, result.check, result.title
    ));
    text.push_str(&format!("{ok} {number} - {description}"));
    if let Outcome::NotApplicable | Outcome::Blocked = result.outcome {
        let reason = result.reason.as_deref().unwrap_or("no reason given");
        let told = escape(&format!("{}: {reason}", result.outcome));
        text.push_str(&format!(" # SKIP {told}"));
    }
    text.push('\n');
    if let Outcome::Fail | Outcome::Warn | Outcome::Inconclusive = result.outcome {
        text.push_str("  ---\n");
        push_diagnostics(text, result);
        text.push_str("  ...\n");
    }
}

fn push_diagnostics(text: &mut String, result: &CheckResult) {
    push(text, "outcome", result.outcome.name());
    if let Some(reason) = &result.reason {
        push(text, "reason", reason);
    }
    if !result.findings.is_empty() {
        text.push_str("  findings:\n");
    }
    for finding in &result.findings {
        push(text, "  - requirement", &finding.requirement);
        push(text, "    level", &finding.level.to_string());
        push(text, "    url", &finding.url);
        push(text, "    expected", &finding.expected);
        push(text, "    actual", &finding.actual);
    }
    let Some(evidence) = &result.evidence else {
        return;
    };
    if !evidence.difference.is_empty() {
        push(text, "difference", &evidence.difference.join("\n"));
    }
    if let Some((_, exchange)) = shown_exchange(result) {
        push(text, "call", &command(exchange));
        push(text, "status", &exchange.status.to_string());
        for (key, output, total) in [
            ("stdout", &exchange.stdout, exchange.stdout_bytes),
            ("stderr", &exchange.stderr, exchange.stderr_bytes),
        ] {
            let lines = excerpt(output, total, OUTPUT_LINES, 200);
            push(text, key, &lines.join("\n"));
        }
    }
    if let Some(opinion) = &evidence.second_opinion {
        push(text, "reference", opinion);
    }
    if let Some(path) = &evidence.reproducer_path {
        push(text, "reproducer", path);
    }
}

/// A JSON string is a double-quoted YAML scalar: line breaks and quotes are escaped the same way.
fn push(text: &mut String, key: &str, value: &str) {
    let value = serde_json::Value::String(printable(value));
    text.push_str(&format!("  {key}: {value}\n"));
}

/// Escapes what would start a directive.
fn escape(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('#', "\\#")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn every_outcome_is_a_test_point() {
        let report = fixture::report();
        let text = render(&report, Gate::default());
        let points: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with("  "))
            .collect();
        insta::assert_snapshot!(points.join("\n"));
    }

    #[test]
    fn diagnostics_are_yaml_that_the_output_cannot_leave() {
        let report = fixture::report();
        let mut text = String::new();
        let failures = report.results.iter();
        for result in failures.filter(|result| result.spec == "1.0.0") {
            if result.outcome == Outcome::Fail {
                push_point(&mut text, 1, result, Gate::default());
            }
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_description_cannot_carry_a_directive() {
        let mut text = String::new();
        let title = "x # TODO\nok 2 \\".to_owned();
        let result = CheckResult {
            title,
            ..fixture::result("a/b", "1.0.0", Outcome::Pass)
        };
        push_point(&mut text, 1, &result, Gate::default());
        assert_eq!(text, "ok 1 - bridge 1.0.0 a/b: x \\# TODO ok 2 \\\\\n");
    }

    #[test]
    fn a_run_that_was_cut_short_or_judged_nothing_bails_out() {
        let mut cut = fixture::with(vec![fixture::result("a/b", "1.0.0", Outcome::Pass)]);
        cut.footer = None;
        for report in [cut, fixture::with(Vec::new())] {
            assert!(render(&report, Gate::default()).contains("\nBail out! "));
        }
    }
}
