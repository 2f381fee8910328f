//! `cni-plugins` under its own name: it installs the plugins, lists them, and says what it is.
//!
//! The arguments are read by hand: an argument parser would be larger than a plugin, and every start of
//! a plugin would load it. Installing is [`crate::install`]'s work.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::install::install;
use crate::registry::NAMES;

const HELP: &str = "\
The CNI reference plugins in one executable.

Usage:
  cni-plugins install DIR   put every plugin into DIR, in place of what is there under its name
  cni-plugins list          print the names of the plugins, one a line
  cni-plugins --version
  cni-plugins --help

Under the name of a plugin the executable is that plugin, as a CNI runtime starts it.

Example:
  cni-plugins install /opt/cni/bin
  echo '{}' | CNI_COMMAND=VERSION /opt/cni/bin/bridge
";

/// Wrong arguments; 1 is for what went wrong.
const USAGE: u8 = 2;

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Install(PathBuf),
    List,
    Version,
    Help,
}

/// Runs `cni-plugins` with the arguments after its name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    match parse(&arguments) {
        Ok(command) => execute(&command),
        Err(problem) => {
            eprint!("cni-plugins: {problem}\n\n{HELP}");
            ExitCode::from(USAGE)
        }
    }
}

fn parse(arguments: &[OsString]) -> Result<Command, String> {
    let [first, rest @ ..] = arguments else {
        let hint = match std::env::var_os("CNI_COMMAND") {
            Some(_) => {
                "; a CNI runtime has to start it under the name of a plugin, see `cni-plugins install`"
            }
            None => "",
        };
        return Err(format!("no command{hint}"));
    };
    let alone = |command| match rest {
        [] => Ok(command),
        [other, ..] => Err(format!("unexpected argument {other:?}")),
    };
    match first.to_str() {
        Some("install") => match rest {
            [directory] if !directory.is_empty() => Ok(Command::Install(directory.into())),
            [] | [_] => Err("install: the directory is missing".to_owned()),
            [_, other, ..] => Err(format!("install: unexpected argument {other:?}")),
        },
        Some("list") => alone(Command::List),
        Some("--version" | "-V") => alone(Command::Version),
        Some("--help" | "-h" | "help") => alone(Command::Help),
        _ => Err(format!("unknown command {first:?}")),
    }
}

fn execute(command: &Command) -> ExitCode {
    let text = match command {
        Command::Help => HELP.to_owned(),
        Command::Version => format!("cni-plugins {}\n", env!("CARGO_PKG_VERSION")),
        Command::List => NAMES.iter().map(|name| format!("{name}\n")).collect(),
        Command::Install(directory) => match install(directory, NAMES) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("cni-plugins: {}", with_sources(&error));
                return ExitCode::FAILURE;
            }
        },
    };
    // A reader that has seen enough, as in `cni-plugins list | head -1`, is no failure.
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("cni-plugins: write to stdout: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(&format!(": {source}"));
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Command, String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        parse(&arguments)
    }

    #[test]
    fn each_command_is_read() {
        assert_eq!(
            parsed(&["install", "/opt/cni/bin"]),
            Ok(Command::Install("/opt/cni/bin".into()))
        );
        assert_eq!(parsed(&["list"]), Ok(Command::List));
        assert_eq!(parsed(&["--version"]), Ok(Command::Version));
        assert_eq!(parsed(&["--help"]), Ok(Command::Help));
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (arguments, named) in [
            (&["install"][..], "directory"),
            (&["install", ""], "directory"),
            (&["install", "a", "b"], "\"b\""),
            (&["list", "x"], "\"x\""),
            (&["frobnicate"], "\"frobnicate\""),
            (&[], "no command"),
        ] {
            let problem = parsed(arguments).unwrap_err();
            assert!(problem.contains(named), "{arguments:?}: {problem}");
        }
    }
}
