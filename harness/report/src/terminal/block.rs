//! One problem at length, in the order in which a reader asks: what, by which rule, expected and actual,
//! what changed, which call shows it, what the reference did, how to see it again.

use anstyle::Style;

use super::style::{ADDED, DIM, REMOVED, STRONG, of_outcome, paint, word};
use crate::model::{CheckResult, Evidence, Exchange, Finding};
use crate::printable::{break_hard, excerpt, one_line, printable, wrap};
use crate::problem::{Problem, command, shown_exchange};

/// Columns before a label.
const INDENT: usize = 2;
/// Columns of a label and the gap after it; `reproducer` is the longest.
const LABEL: usize = 12;
/// Lines of a difference, of standard output and of standard error. More is in the JSON report.
const DIFFERENCE_LINES: usize = 16;
const OUTPUT_LINES: usize = 6;

/// Appends the block of a problem.
pub(super) fn push(text: &mut String, problem: &Problem<'_>, width: usize) {
    let result = problem.result;
    let mut block = Block { text, width };
    block.head(problem);
    if let Some(reason) = &result.reason {
        block.prose("because", reason);
    }
    if result.findings.is_empty() {
        block.without_findings(result);
    }
    for (number, finding) in result.findings.iter().enumerate() {
        if number > 0 {
            block.text.push('\n');
        }
        block.finding(finding);
    }
    if let Some(evidence) = &result.evidence {
        block.text.push('\n');
        block.difference(evidence);
        if let Some((number, exchange)) = shown_exchange(result) {
            block.exchange(number, evidence.exchanges.len(), exchange);
        }
        if let Some(opinion) = &evidence.second_opinion {
            block.prose("reference", opinion);
        }
        if let Some(path) = &evidence.reproducer_path {
            // Never broken: it is there to be copied.
            block.rows("reproducer", STRONG, vec![one_line(path)]);
        }
    }
}

struct Block<'a> {
    text: &'a mut String,
    width: usize,
}

impl Block<'_> {
    fn head(&mut self, problem: &Problem<'_>) {
        let result = problem.result;
        let opening = paint(of_outcome(result.outcome), word(result.outcome));
        let check = paint(STRONG, &one_line(&result.check));
        self.line(&format!("{opening}  {check}"));
        for line in wrap(&result.title, self.width - INDENT) {
            self.line(&format!("  {line}"));
        }
        let place = format!("{}, spec {}", result.subject, problem.versions());
        for line in wrap(&place, self.width - INDENT) {
            self.line(&format!("  {}", paint(DIM, &line)));
        }
        self.text.push('\n');
    }

    fn finding(&mut self, finding: &Finding) {
        let rule = format!("{}  {}", finding.requirement, finding.summary);
        self.prose(&finding.level.to_string(), &rule);
        self.rows("", DIM, wrap(&finding.url, self.room()));
        self.prose("expected", &finding.expected);
        self.prose("actual", &finding.actual);
    }

    /// A result whose check gave no finding still has the ids of what it judges.
    fn without_findings(&mut self, result: &CheckResult) {
        self.prose(&result.level.to_string(), &result.requirements.join(", "));
        if let Some(expected) = &result.expected {
            self.prose("expected", expected);
        }
        if let Some(actual) = &result.actual {
            self.prose("actual", actual);
        }
    }

    fn difference(&mut self, evidence: &Evidence) {
        let mut label = "difference";
        for line in evidence.difference.iter().take(DIFFERENCE_LINES) {
            let style = match line.chars().next() {
                Some('-') => REMOVED,
                Some('+') => ADDED,
                _ => DIM,
            };
            self.verbatim(label, style, &[printable(line)]);
            label = "";
        }
        let more = evidence.difference.len().saturating_sub(DIFFERENCE_LINES);
        if more > 0 {
            self.verbatim("", DIM, &[format!("… {more} more lines")]);
        }
    }

    fn exchange(&mut self, number: usize, of: usize, exchange: &Exchange) {
        let label = if of == 1 {
            "call".to_owned()
        } else {
            format!("call {number}/{of}")
        };
        self.prose(&label, &command(exchange));
        let held = if exchange.held_open {
            "; a descendant held its output open"
        } else {
            ""
        };
        let took = exchange.duration_us / 1_000;
        self.prose("", &format!("{} after {took} ms{held}", exchange.status));
        for (label, output, total) in [
            ("stdout", &exchange.stdout, exchange.stdout_bytes),
            ("stderr", &exchange.stderr, exchange.stderr_bytes),
        ] {
            let lines = excerpt(output, total, OUTPUT_LINES, self.room());
            self.verbatim(label, Style::new(), &lines);
        }
    }

    fn prose(&mut self, label: &str, text: &str) {
        self.rows(label, Style::new(), wrap(text, self.room()));
    }

    fn verbatim(&mut self, label: &str, style: Style, lines: &[String]) {
        let room = self.room();
        let rows = lines.iter().flat_map(|line| break_hard(line, room));
        self.rows(label, style, rows.collect());
    }

    fn rows(&mut self, label: &str, style: Style, rows: Vec<String>) {
        let mut label = label;
        for row in rows {
            let padded = format!("{label:LABEL$}");
            self.line(&format!("  {}{}", paint(DIM, &padded), paint(style, &row)));
            label = "";
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn room(&self) -> usize {
        self.width - INDENT - LABEL
    }
}
