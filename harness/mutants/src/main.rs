//! Runs the toy that its own name selects; under any other name it lists the toys and the mutants.
//!
//! For development only: the harness carries the toys in its own executable.

use std::{io::Write, process::ExitCode};

use cni_mutants::{MUTANTS, TOYS};

fn main() -> ExitCode {
    let argv0 = std::env::args_os().next().unwrap_or_default();
    if let Some(status) = cni_mutants::run(&argv0) {
        return status;
    }
    let mut out = std::io::stdout().lock();
    for line in listing() {
        if writeln!(out, "{line}").is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn listing() -> impl Iterator<Item = String> {
    let toys = TOYS.iter().map(|toy| toy.name.to_owned());
    let mutants = MUTANTS
        .iter()
        .map(|mutant| format!("{:<40} {}", mutant.name, mutant.defect));
    toys.chain(mutants)
}
