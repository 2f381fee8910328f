//! The answer: one document on stdout, written at once, and an exit status that agrees with it.

use std::{
    io::Write,
    process::{Command, ExitCode, Stdio},
};

use serde_json::{Map, Value, json};

use crate::{
    catalogue::Fault,
    fault::Faults,
    protocol::{Failure, Outcome, SpecVersion, code},
    toy::LINGERER,
};

/// Writes the outcome and returns the exit status.
pub(crate) fn send(outcome: Outcome, version: SpecVersion, faults: Faults) -> ExitCode {
    if faults.has(Fault::LeavesChildHoldingStdout) {
        leave_child(Stdio::inherit, Stdio::inherit);
    }
    if faults.has(Fault::LeavesDaemon) {
        leave_child(Stdio::null, Stdio::null);
    }
    match outcome {
        Ok(document) => send_success(document, faults),
        Err(failure) => send_failure(&failure, version, faults),
    }
}

fn send_success(document: Option<Value>, faults: Faults) -> ExitCode {
    let mut text = document
        .map(|document| document.to_string())
        .unwrap_or_default();
    if text.is_empty() {
        return status_of_success(faults);
    }
    if faults.has(Fault::SilentAdd) && !text.contains("supportedVersions") {
        text.clear();
    }
    if faults.has(Fault::PrintsGarbageBeforeResult) {
        text.insert_str(0, "}{ not json\n");
    }
    if faults.has(Fault::FloodsStdout) {
        let line = "x".repeat(1_000_000);
        for _ in 0..128 {
            write_out(&line);
        }
    }
    if faults.has(Fault::StdoutWarning) {
        text.insert_str(0, "warning: the toy is only a toy\n");
    }
    if faults.has(Fault::DuplicateKeys) && text.starts_with('{') {
        text.insert_str(1, "\"cniVersion\":\"0.1.0\",");
    }
    if faults.has(Fault::ResultOnStderr) {
        drop(writeln!(std::io::stderr(), "{text}"));
        return status_of_success(faults);
    }
    let written = write_out(&text);
    if written || faults.has(Fault::IgnoresStdoutFailure) {
        status_of_success(faults)
    } else {
        ExitCode::FAILURE
    }
}

fn status_of_success(faults: Faults) -> ExitCode {
    if faults.has(Fault::SuccessExitOne) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn send_failure(failure: &Failure, version: SpecVersion, faults: Faults) -> ExitCode {
    let mut text = Value::Object(error_object(failure, version, faults)).to_string();
    if faults.has(Fault::ErrorPlainText) {
        text = format!("error: {failure}");
    }
    if faults.has(Fault::ErrorEmptyStdout) {
        text.clear();
    }
    if faults.has(Fault::ResultThenError) {
        text = format!(
            "{}\n{text}",
            json!({"cniVersion": version.as_str(), "interfaces": [], "ips": []})
        );
    }
    if faults.has(Fault::ErrorOnStderr) {
        drop(writeln!(std::io::stderr(), "{text}"));
    } else {
        write_out(&text);
    }
    if faults.has(Fault::Exit127) {
        ExitCode::from(127)
    } else if faults.has(Fault::ExitZeroOnError) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn error_object(failure: &Failure, version: SpecVersion, faults: Faults) -> Map<String, Value> {
    let mut object = Map::new();
    if !faults.has(Fault::ErrorWithoutVersion) {
        let version = if faults.has(Fault::WrongErrorVersion) {
            "0.2.0"
        } else {
            version.as_str()
        };
        object.insert("cniVersion".to_owned(), json!(version));
    }
    let mut number = failure.code;
    if faults.has(Fault::ReservedCode42) {
        number = 42;
    }
    if faults.has(Fault::NegativeCode) {
        number = -1;
    }
    let number = if faults.has(Fault::StringCode) {
        json!(number.to_string())
    } else {
        json!(number)
    };
    object.insert("code".to_owned(), number);
    if !faults.has(Fault::NoMsg) {
        object.insert("msg".to_owned(), json!(failure.message));
    }
    if let Some(details) = &failure.details {
        object.insert("details".to_owned(), details.clone());
    }
    if faults.has(Fault::DetailsObject) {
        object.insert("details".to_owned(), json!({"code": code::BUG}));
    }
    object
}

/// Writes straight to the descriptor: a buffer that is flushed at exit would hide a full disk.
fn write_out(text: &str) -> bool {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    if let Err(error) = &written {
        drop(writeln!(
            std::io::stderr(),
            "write the answer to stdout: {error}"
        ));
    }
    written.is_ok()
}

fn leave_child(stdout: fn() -> Stdio, stderr: fn() -> Stdio) {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0(LINGERER)
        .stdin(Stdio::null())
        .stdout(stdout())
        .stderr(stderr());
    drop(command.spawn());
}
