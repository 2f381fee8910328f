//! Finding and running the programs.

use std::env;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::error::{Error, program_name};
use super::rule::Rule;
use super::script::Script;
use crate::IpFamily;

/// The programs of one family.
#[derive(Clone, Debug)]
pub struct Iptables {
    family: IpFamily,
    list: PathBuf,
    restore: PathBuf,
}

/// Seconds to wait for the lock of legacy iptables; a plugin that hangs for ever helps nobody.
const LOCK_WAIT: &str = "20";

/// Whether the programs of a family are installed.
#[must_use]
pub fn is_installed(family: IpFamily) -> bool {
    Iptables::locate(family).is_ok()
}

impl Iptables {
    /// Finds the programs in PATH, then in /usr/sbin and /sbin, which a runtime's PATH often lacks.
    pub fn locate(family: IpFamily) -> Result<Self, Error> {
        let (list, restore) = program_name(family);
        Ok(Self {
            family,
            list: find(list)?,
            restore: find(restore)?,
        })
    }

    /// Runs a script with `iptables-restore --noflush`. `operation` says what it does, for the error.
    pub fn run(&self, operation: &str, script: &Script) -> Result<(), Error> {
        if script.is_empty() {
            return Ok(());
        }
        let (_, program) = program_name(self.family);
        let mut command = command(&self.restore);
        command.args(["--noflush", "--wait", LOCK_WAIT]);
        let output =
            run(&mut command, &script.text()).map_err(|source| Error::Start { program, source })?;
        if output.status.success() {
            Ok(())
        } else {
            Err(refused(operation, program, &output))
        }
    }

    /// The rules of a chain as iptables writes them. None when there is no such chain.
    pub fn rules(&self, table: &'static str, chain: &str) -> Result<Option<Vec<Rule>>, Error> {
        let (program, _) = program_name(self.family);
        let mut command = command(&self.list);
        command.args(["--wait", LOCK_WAIT, "-t", table, "-S", chain]);
        let output = run(&mut command, "").map_err(|source| Error::Start { program, source })?;
        if output.status.success() {
            let text = String::from_utf8_lossy(&output.stdout);
            return Ok(Some(
                text.lines()
                    .filter_map(|line| Rule::parse(line, chain))
                    .collect(),
            ));
        }
        // iptables-nft 1.8.9 calls a missing chain "incompatible".
        const MISSING: [&str; 3] = [
            "No chain/target/match by that name",
            "does not exist",
            "is incompatible",
        ];
        let message = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(1) && MISSING.iter().any(|text| message.contains(text)) {
            return Ok(None);
        }
        Err(refused(
            &format!("list chain {chain} of table {table}"),
            program,
            &output,
        ))
    }
}

fn command(path: &Path) -> Command {
    let mut command = Command::new(path);
    // Messages are looked at.
    command.env("LC_ALL", "C");
    command
}

fn run(command: &mut Command, input: &str) -> std::io::Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let written = match child.stdin.take() {
        // The scripts are smaller than a pipe's buffer by far, so this cannot block on an unread answer.
        Some(mut stdin) => stdin.write_all(input.as_bytes()),
        None => Ok(()),
    };
    let output = child.wait_with_output()?;
    // A program that refused early may not have read its input: what it says matters more.
    if output.status.success() {
        written?;
    }
    Ok(output)
}

fn refused(operation: &str, program: &'static str, output: &Output) -> Error {
    let message = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let message = if lines.is_empty() {
        output.status.to_string()
    } else {
        lines.join("; ")
    };
    Error::Refused {
        operation: operation.to_owned(),
        program,
        message,
    }
}

fn find(program: &'static str) -> Result<PathBuf, Error> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).filter(|directory| directory.is_absolute());
    let standard = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut candidates = directories
        .chain(standard)
        .map(|directory| directory.join(OsStr::new(program)));
    candidates
        .find(|candidate| is_executable(candidate))
        .ok_or(Error::NotInstalled { program })
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
