//! `ledger`: every requirement that binds a plugin, and its state.

use std::fmt::Write;

use cni_conform_core::checks;
use cni_conform_report::{Entry, Ledger};
use cni_spec_fixtures::{ALL, Method, Subject};

use crate::args::Ledger as Arguments;
use crate::exit::{Failure, Status};
use crate::output::{print, read_report, width};

/// Prints the ledger of a report, or of the checks themselves.
pub(crate) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    let text = match &arguments.report {
        Some(path) => of_report(&read_report(path)?),
        None => of_checks(),
    };
    print(&text)?;
    Ok(Status::Conforms)
}

fn of_report(report: &cni_conform_report::Report) -> String {
    let entries: Vec<Entry> = ALL
        .iter()
        .map(|requirement| Entry {
            id: requirement.id.to_owned(),
            summary: requirement.summary.to_owned(),
            method: method(requirement.method).to_owned(),
            binds: binds(requirement.subject).to_owned(),
        })
        .collect();
    Ledger::new(report, &entries).render(width())
}

fn of_checks() -> String {
    let mut text = String::new();
    let (mut checked, mut open) = (0, 0);
    for requirement in ALL
        .iter()
        .filter(|requirement| matches!(requirement.subject, Subject::Plugin | Subject::IpamPlugin))
    {
        let by: Vec<&str> = checks::all()
            .filter(|check| {
                check
                    .proves
                    .iter()
                    .any(|proven| proven.id == requirement.id)
            })
            .map(|check| check.id)
            .collect();
        if by.is_empty() {
            open += 1;
        } else {
            checked += 1;
        }
        let by = if by.is_empty() {
            "no check yet".to_owned()
        } else {
            by.join(", ")
        };
        let _infallible = writeln!(
            text,
            "{:36} {:10} {by}",
            requirement.id,
            requirement.level.to_string()
        );
    }
    let _infallible = writeln!(
        text,
        "\n{checked} requirements on plugins have checks, {open} have none yet"
    );
    text
}

const fn method(method: Method) -> &'static str {
    match method {
        Method::Exec => "run the plugin",
        Method::Netns => "compare with the kernel",
        Method::Tamper => "sabotage",
        Method::FakeIpam => "recording delegate",
        Method::Chain => "chain",
        Method::Runtime => "drive a runtime",
        Method::Static => "read a configuration",
    }
}

const fn binds(subject: Subject) -> &'static str {
    match subject {
        Subject::Plugin => "plugin",
        Subject::IpamPlugin => "IPAM plugin",
        Subject::Runtime => "runtime",
        Subject::Config => "configuration",
    }
}
