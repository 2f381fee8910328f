//! `cni-plugins`: under a plugin's name it is that plugin; under its own it installs and lists them.

use std::process::ExitCode;

fn main() -> ExitCode {
    let argv0 = std::env::args_os().next().unwrap_or_default();
    cni_plugins::run_as(&argv0).unwrap_or(ExitCode::from(2))
}
