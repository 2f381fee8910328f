//! `cni-plugins`: under a plugin's name it is that plugin; under its own it installs and lists them.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let argv0 = arguments.next().unwrap_or_default();
    cni_plugins::run_as(&argv0).unwrap_or_else(|| cni_plugins::run(arguments))
}
