//! `cni-conform`: arguments in, exit status out.
//!
//! One executable plays five parts, told apart by how it is started: the program that a person types; a trial
//! host; the delegate that records what a plugin asks of it; an embedded reference plugin, under that plugin's
//! name; a toy or mutant of the selftest, under its name.

mod args;
mod command;
mod exit;
mod output;
mod selection;
mod subjects;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    if let Some(status) = cni_conform_core::scripted_delegate() {
        return status;
    }
    let argv0 = std::env::args_os().next().unwrap_or_default();
    if let Some(status) = cni_plugins::run_as(&argv0).or_else(|| cni_mutants::run(&argv0)) {
        return status;
    }
    cni_conform_core::trial_host();
    match args::Arguments::try_parse() {
        Ok(arguments) => command::run(arguments.command),
        Err(help_or_usage) => exit::from_clap(&help_or_usage),
    }
}
