//! One result at length as plain text, for the formats that take a block of text and leave it alone.

use crate::model::{CheckResult, Exchange};
use crate::printable::{excerpt, one_line, printable};
use crate::problem::{command, shown_exchange};

/// Columns of one line of output; what is longer is broken.
const WIDTH: usize = 200;

/// How much an account tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Lines of a difference, and of each output of the call.
    pub(crate) lines: usize,
    /// Whether the reproducer itself is there, or only its path.
    pub(crate) script: Script,
}

/// What stands for the reproducer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    /// The script itself, for a reader who does not have the file.
    Whole,
    /// Where it was written.
    Path,
}

/// Returns everything known about a result: requirement, expected, actual, difference, call, second opinion, reproducer.
pub(crate) fn account(result: &CheckResult, extent: Extent) -> String {
    let mut account = Account::default();
    if let Some(reason) = &result.reason {
        account.field("because", reason);
    }
    if result.findings.is_empty() {
        account.field(&result.level.to_string(), &result.requirements.join(", "));
        account.optional("expected", result.expected.as_ref());
        account.optional("actual", result.actual.as_ref());
    }
    for finding in &result.findings {
        let rule = format!("{} {}", finding.requirement, finding.summary);
        account.field(&finding.level.to_string(), &one_line(&rule));
        account.field("see", &finding.url);
        account.field("expected", &finding.expected);
        account.field("actual", &finding.actual);
    }
    let Some(evidence) = &result.evidence else {
        return account.0;
    };
    let difference = evidence.difference.join("\n");
    account.output("difference", &difference, 0, extent.lines);
    if let Some((number, exchange)) = shown_exchange(result) {
        account.exchange(number, evidence.exchanges.len(), exchange, extent.lines);
    }
    account.optional("reference", evidence.second_opinion.as_ref());
    account.optional("reproducer", evidence.reproducer_path.as_ref());
    if extent.script == Script::Whole {
        account.optional("script", evidence.reproducer.as_ref());
    }
    account.0
}

#[derive(Default)]
struct Account(String);

impl Account {
    fn exchange(&mut self, number: usize, of: usize, exchange: &Exchange, lines: usize) {
        self.field(&format!("call {number} of {of}"), &command(exchange));
        let took = exchange.duration_us / 1_000;
        self.field("ended", &format!("{} after {took} ms", exchange.status));
        self.output("stdin", &exchange.stdin, 0, lines);
        self.output("stdout", &exchange.stdout, exchange.stdout_bytes, lines);
        self.output("stderr", &exchange.stderr, exchange.stderr_bytes, lines);
    }

    fn optional(&mut self, label: &str, text: Option<&String>) {
        if let Some(text) = text {
            self.field(label, text);
        }
    }

    fn output(&mut self, label: &str, text: &str, total: u64, lines: usize) {
        let lines = excerpt(text, total, lines, WIDTH);
        if !lines.is_empty() {
            self.push(label, &lines);
        }
    }

    fn field(&mut self, label: &str, text: &str) {
        let safe = printable(text);
        self.push(label, &safe.lines().map(str::to_owned).collect::<Vec<_>>());
    }

    /// One line stands beside its label, several stand below it.
    fn push(&mut self, label: &str, lines: &[String]) {
        self.0.push_str(&one_line(label));
        self.0.push(':');
        match lines {
            [] => {}
            [line] => {
                self.0.push(' ');
                self.0.push_str(line);
            }
            lines => {
                for line in lines {
                    self.0.push_str("\n  ");
                    self.0.push_str(line);
                }
            }
        }
        self.0.push('\n');
    }
}
