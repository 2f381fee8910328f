//! The subjects that count: upstream's Go plugins, which nobody here wrote.
//!
//! They are looked for in CNI_UPSTREAM (a list like PATH) or the usual folders. Where there are none, the tests are
//! counted as ignored, and their names say what to install.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use support::{cni_conform, readable_directory, upstream};

/// Plugins that the built-in profiles cover.
const PLUGINS: [&str; 4] = ["bridge", "loopback", "host-local", "static"];

/// Defects of upstream that were verified by hand, which the suite has to go on finding: plugin, requirement.
const KNOWN: [(&str, &str); 7] = [
    // Masquerading rules stay when the namespace or the interface is gone (containernetworking/plugins#810).
    ("bridge", "del.host-cleanup"),
    // The rules of two attachments of one container share a chain; DEL of one takes the other's.
    ("bridge", "del.all-resources-of-container"),
    // CHECK is content with the default route of another interface.
    ("bridge", "check.route-missing"),
    // An address that prevResult lists may be gone.
    ("loopback", "check.address-missing"),
    // 0.1.0 and 0.2.0 are answered in the shape of 1.0.0.
    ("loopback", "res.v02-shape"),
    // CHECK never looks at prevResult.
    ("host-local", "check.consults-prevresult"),
    // Error objects lack cniVersion.
    ("static", "err.cniversion"),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let folders = upstream();
    let mut tests = Vec::new();
    for folder in &folders {
        for plugin in PLUGINS {
            let subject = folder.join(plugin);
            tests.push(Trial::test(
                format!("every_finding_on_{}_reproduces", subject.display()),
                move || judge(&subject),
            ));
        }
    }
    if folders.is_empty() {
        let name = "upstream_is_judged (install containernetworking-plugins or set CNI_UPSTREAM)";
        tests.push(Trial::test(name, || Ok(())).with_ignored_flag(true));
    }
    libtest_mimic::run(&arguments, tests).exit_code()
}

/// Runs the suite on a plugin: a verdict on everything, every finding reproducible, the known defects among them.
fn judge(subject: &Path) -> Result<(), Failed> {
    let directory = readable_directory();
    let path = directory.path().join("report.json");
    let keep = directory.path().join("reproducers").display().to_string();
    let report = format!("json={}", path.display());
    let ran = cni_conform(&[
        "run",
        &subject.display().to_string(),
        "--report",
        &report,
        "--keep",
        &keep,
    ]);
    if ![0, 1].contains(&ran.status) {
        return Err(format!("{ran:?}").into());
    }
    let report: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    let results = report["results"].as_array().ok_or("no results")?;
    let mut found = Vec::new();
    for result in results {
        match result["outcome"].as_str() {
            Some("inconclusive") => return Err(format!("{result:#}").into()),
            Some("fail" | "warn") => {
                reproduce(result)?;
                let findings = result["findings"]
                    .as_array()
                    .ok_or("a failure without a finding")?;
                found.extend(
                    findings
                        .iter()
                        .map(|finding| finding["requirement"].clone()),
                );
            }
            _ => {}
        }
    }
    let name = subject.file_name().unwrap_or_default();
    for (_, requirement) in KNOWN.iter().filter(|(plugin, _)| *plugin == name) {
        if !found.iter().any(|id| id == requirement) {
            return Err(format!("{requirement} is known to be violated and was not found").into());
        }
    }
    Ok(())
}

/// The finding shows itself again without the harness.
fn reproduce(result: &Value) -> Result<(), Failed> {
    let script = PathBuf::from(
        result["evidence"]["reproducer_path"]
            .as_str()
            .ok_or("no reproducer")?,
    );
    let output = Command::new("sh").arg(&script).output()?;
    if output.status.code() == Some(1) {
        return Ok(());
    }
    Err(format!(
        "{} does not reproduce: {output:?}\n{result:#}",
        script.display()
    )
    .into())
}
