//! Nothing outside the sandbox changes: the machine is compared before and after a run.
#![expect(clippy::unwrap_used, reason = "what a test does not expect ends it")]

mod support;

use std::fs;
use std::process::Command;

use support::{cni_conform, cni_conform_unprivileged};

/// Everything of the machine that a leak would show in.
fn machine() -> Vec<String> {
    let mut lines = Vec::new();
    for (tool, arguments) in [
        ("ip", &["-o", "link"][..]),
        ("ip", &["-o", "address"]),
        ("ip", &["route", "show", "table", "all"]),
        ("ip", &["rule"]),
        ("nft", &["--stateless", "list", "ruleset"]),
    ] {
        if let Ok(output) = Command::new(tool).args(arguments).output() {
            lines.extend(
                String::from_utf8_lossy(&output.stdout)
                    .lines()
                    .map(|line| format!("{tool} {line}")),
            );
        }
    }
    for file in [
        "/proc/self/mountinfo",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/kernel/hostname",
    ] {
        let content = fs::read_to_string(file).unwrap();
        lines.extend(content.lines().map(|line| format!("{file} {line}")));
    }
    for directory in ["/run/netns", "/var/lib/cni", "/etc/cni", "/run/cni-conform"] {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.path().display().to_string())
            .collect();
        names.sort();
        lines.extend(names);
    }
    // IPv6 routes carry a life time that counts down.
    lines.retain(|line| !line.contains("expires"));
    lines
}

#[test]
fn a_run_leaves_the_machine_as_it_was() {
    let before = machine();
    let ran = cni_conform(&["run", "--spec", "0.4.0,1.1.0"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(machine(), before);
}

#[test]
fn an_unprivileged_run_gives_the_same_verdict_and_leaves_the_machine_as_it_was() {
    let before = machine();
    let ran = cni_conform_unprivileged(&["run", "--spec", "0.4.0,1.1.0"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stdout.contains("user namespace"), "{ran:?}");
    assert_eq!(machine(), before);
}
