//! `cni-plugins` under its own name.

use std::process::Command;

use crate::support::run;

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_cni-plugins");

#[test]
fn an_installed_plugin_answers_version_under_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let into = directory.path().join("bin");
    run(EXECUTABLE, &format!("install {}", into.display()));
    let listed = run(EXECUTABLE, "list");
    assert_eq!(listed.lines().collect::<Vec<_>>(), cni_plugins::NAMES);
    for name in listed.lines() {
        let output = Command::new(into.join(name))
            .env("CNI_COMMAND", "VERSION")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let reply: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(output.status.success());
        assert_eq!(reply["supportedVersions"].as_array().unwrap().len(), 7);
    }
}

#[test]
fn help_and_version_go_to_stdout_and_a_usage_error_to_stderr_with_status_2() {
    assert!(run(EXECUTABLE, "--help").contains("cni-plugins install /opt/cni/bin"));
    assert!(run(EXECUTABLE, "--version").starts_with("cni-plugins "));
    let output = Command::new(EXECUTABLE).arg("frobnicate").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("\"frobnicate\""));
}

#[test]
fn an_installation_that_fails_names_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let output = Command::new(EXECUTABLE)
        .args(["install".as_ref(), file.as_os_str()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("file"));
}
