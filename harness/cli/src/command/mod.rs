//! The subcommands, a file each: what was typed becomes calls of the core, what comes back becomes output.

mod explain;
mod generate;
mod ledger;
mod list;
mod merge;
mod report;
mod run;
mod selftest;

use std::process::ExitCode;

use crate::args::Command;

/// Carries out a subcommand and returns the status to end with.
pub(crate) fn run(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Ledger(arguments) => ledger::run(&arguments),
        Command::Selftest(arguments) => selftest::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
    };
    outcome.map_or_else(crate::exit::Failure::report, ExitCode::from)
}
