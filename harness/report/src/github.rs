//! The report as workflow commands of GitHub Actions: an annotation per problem.
//! The job summary that goes with them is [`markdown`](crate::markdown).

use crate::gate::{Gate, gap};
use crate::model::{Outcome, Report};
use crate::printable::{one_line, printable, short};
use crate::problem::{Problem, problems};
use crate::terminal::tally;

/// Characters of expected and of actual; an annotation is a pointer, not the report.
const TEXT: usize = 500;

/// Returns the annotations, one line each, to be printed to standard output of a step.
#[must_use]
pub fn render(report: &Report, gate: Gate) -> String {
    let mut lines: Vec<String> = problems(report)
        .iter()
        .map(|problem| annotation(problem, gate))
        .collect();
    if let Some(gap) = gap(report) {
        lines.push(command("error", &report.tool.name, gap));
    }
    let closing = format!("{}: {}", gate.judge(report), tally(report));
    lines.push(command("notice", &report.tool.name, &closing));
    lines.join("\n") + "\n"
}

fn annotation(problem: &Problem<'_>, gate: Gate) -> String {
    let result = problem.result;
    let kind = match result.outcome {
        Outcome::Warn if !gate.fails(Outcome::Warn) => "warning",
        _ => "error",
    };
    let title = format!(
        "{} {} ({}, spec {})",
        result.outcome,
        result.check,
        result.subject,
        problem.versions()
    );
    let mut lines = vec![result.title.clone()];
    if let Some(reason) = &result.reason {
        lines.push(short(reason, TEXT));
    }
    for finding in &result.findings {
        lines.push(format!(
            "{} {}: {}",
            finding.level, finding.requirement, finding.summary
        ));
        lines.push(format!("expected: {}", short(&finding.expected, TEXT)));
        lines.push(format!("actual: {}", short(&finding.actual, TEXT)));
        lines.push(finding.url.clone());
    }
    let evidence = result.evidence.as_ref();
    if let Some(path) = evidence.and_then(|evidence| evidence.reproducer_path.as_ref()) {
        lines.push(format!("reproducer: {path}"));
    }
    command(kind, &title, &lines.join("\n"))
}

/// Returns a workflow command. What is not escaped could end it and start another: `::error`, `::add-mask`.
fn command(kind: &str, title: &str, message: &str) -> String {
    let title = escape(&one_line(title))
        .replace(':', "%3A")
        .replace(',', "%2C");
    format!("::{kind} title={title}::{}", escape(&printable(message)))
}

fn escape(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn every_problem_is_one_command_on_one_line() {
        let text = render(&fixture::report(), Gate::default());
        insta::assert_snapshot!(text);
        let kinds: Vec<_> = text
            .lines()
            .map(|line| line.split(' ').next().unwrap())
            .collect();
        assert_eq!(
            kinds,
            ["::error", "::error", "::warning", "::error", "::notice"]
        );
    }

    #[test]
    fn a_title_cannot_end_early_and_a_message_cannot_start_another_command() {
        assert_eq!(
            command("error", "a:b,c%\n::d", "x\r\n::add-mask::y"),
            "::error title=a%3Ab%2Cc%25 %3A%3Ad::x\\r%0A::add-mask::y"
        );
    }

    #[test]
    fn a_run_that_was_cut_short_or_judged_nothing_is_an_error() {
        let mut cut = fixture::with(vec![fixture::result("a/b", "1.0.0", Outcome::Pass)]);
        cut.footer = None;
        for report in [cut, fixture::with(Vec::new())] {
            assert!(render(&report, Gate::default()).starts_with("::error title=cni-conform::"));
        }
    }
}
