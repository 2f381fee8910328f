//! A hand-made report for the renderers' tests: every outcome, hostile plugin output, long output,
//! the same failure in two spec versions.

use std::collections::BTreeMap;

use crate::event::Event;
use crate::fold::fold;
use crate::model::{
    CheckResult, Environment, Evidence, Exchange, Finding, Lack, Level, Outcome, Privilege, Report,
    Status, Subject, Tool, Verdict,
};

/// Returns a report on two subjects: `bridge` with every outcome, `host-local` with passes only.
pub(crate) fn report() -> Report {
    let mut results = vec![
        result("add/result-shape", "0.4.0", Outcome::Pass),
        result("add/result-shape", "1.0.0", Outcome::Pass),
        netns_gone("0.4.0"),
        netns_gone("1.0.0"),
        hostile(),
        warned(),
        CheckResult {
            reason: Some("the plugin does not claim GC before 1.1.0".to_owned()),
            ..result("gc/stale-attachment", "0.4.0", Outcome::NotApplicable)
        },
        CheckResult {
            reason: Some("the plugin does not claim GC before 1.1.0".to_owned()),
            ..result("gc/stale-attachment", "1.0.0", Outcome::NotApplicable)
        },
        CheckResult {
            reason: Some("link-kind ipvlan: this kernel was built without it".to_owned()),
            ..result("add/over-ipvlan", "1.0.0", Outcome::NotApplicable)
        },
        CheckResult {
            reason: Some("del/netns-already-gone".to_owned()),
            ..result("del/twice", "1.0.0", Outcome::Blocked)
        },
        CheckResult {
            reason: Some(
                "the sandbox: cannot mount a tmpfs over /run: permission denied".to_owned(),
            ),
            ..result("check/link-removed", "1.0.0", Outcome::Inconclusive)
        },
    ];
    for spec in ["0.4.0", "1.0.0"] {
        results.push(CheckResult {
            subject: "host-local".to_owned(),
            ..result("add/result-shape", spec, Outcome::Pass)
        });
    }
    fold(run(
        vec![subject("bridge", "ab"), subject("host-local", "cd")],
        results,
    ))
    .unwrap()
}

/// Returns a report on `bridge` alone.
pub(crate) fn single() -> Report {
    let Report {
        subjects, results, ..
    } = report();
    let of_bridge = |result: &CheckResult| result.subject == "bridge";
    fold(run(
        subjects.into_iter().take(1).collect(),
        results.into_iter().filter(of_bridge).collect(),
    ))
    .unwrap()
}

/// Returns a report on `bridge` with these results.
pub(crate) fn with(results: Vec<CheckResult>) -> Report {
    fold(run(vec![subject("bridge", "ab")], results)).unwrap()
}

/// Returns the events from which [`fold`] makes this report.
pub(crate) fn events(report: &Report) -> Vec<Event> {
    run(report.subjects.clone(), report.results.clone())
}

/// Returns a result of `bridge` without any evidence.
pub(crate) fn result(check: &str, spec: &str, outcome: Outcome) -> CheckResult {
    CheckResult {
        check: check.to_owned(),
        title: format!("Title of {check}"),
        subject: "bridge".to_owned(),
        spec: spec.to_owned(),
        requirements: vec![format!("CNI-{}", check.to_uppercase().replace('/', "-"))],
        level: Level::Must,
        outcome,
        reason: None,
        expected: None,
        actual: None,
        findings: Vec::new(),
        evidence: None,
        duration_ms: 40,
    }
}

fn run(subjects: Vec<Subject>, results: Vec<CheckResult>) -> Vec<Event> {
    let mut events = vec![Event::Started {
        tool: Tool {
            name: "cni-conform".to_owned(),
            version: "0.1.0".to_owned(),
        },
        environment: Environment {
            kernel: "6.18.44".to_owned(),
            arch: "x86_64".to_owned(),
            privilege: Privilege::UserNamespace,
            lacks: vec![Lack {
                what: "link-kind ipvlan".to_owned(),
                why: "this kernel was built without it".to_owned(),
            }],
            seed: 42,
            jobs: 2,
        },
        partition: None,
        planned: results.len(),
        subjects,
    }];
    events.extend(
        results
            .into_iter()
            .map(|result| Event::TrialFinished(Box::new(result))),
    );
    events.push(Event::Finished {
        duration_ms: 12_345,
    });
    events
}

fn subject(name: &str, digits: &str) -> Subject {
    Subject {
        name: name.to_owned(),
        path: format!("/opt/cni/bin/{name}"),
        sha256: digits.repeat(32),
        versions: vec!["0.4.0".to_owned(), "1.0.0".to_owned()],
        profile: name.to_owned(),
    }
}

/// The same failure in every version, but for the version in the texts.
fn netns_gone(spec: &str) -> CheckResult {
    let finding = Finding {
        requirement: "CNI-DEL-004".to_owned(),
        summary: "DEL should generally complete without error even if some resources are missing; \
                  a namespace that is gone is no reason to fail."
            .to_owned(),
        url: format!("https://github.com/containernetworking/cni/blob/spec-v{spec}/SPEC.md#del"),
        level: Level::Must,
        verdict: Verdict::Fail,
        expected: format!("exit 0 from DEL with cniVersion {spec}"),
        actual: format!("exit 1 from DEL with cniVersion {spec}"),
        exchange: Some(1),
    };
    CheckResult {
        title: "DEL succeeds after the network namespace was removed".to_owned(),
        requirements: vec!["CNI-DEL-004".to_owned(), "CNI-ERR-001".to_owned()],
        expected: Some(finding.expected.clone()),
        actual: Some(finding.actual.clone()),
        findings: vec![finding],
        evidence: Some(Evidence {
            exchanges: vec![
                exchange("ADD", "{}\n", "", 0),
                exchange(
                    "DEL",
                    "{\n    \"code\": 999,\n    \"msg\": \"failed to open netns\"\n}\n",
                    "",
                    1,
                ),
                exchange("DEL", "", "", 0),
            ],
            difference: vec![
                " host links".to_owned(),
                "-  cni0".to_owned(),
                "+  cni0 vethd2f1".to_owned(),
            ],
            second_opinion: Some("the reference bridge: exit 0, nothing on stdout".to_owned()),
            reproducer: Some("#!/bin/sh\nexit 1\n".to_owned()),
            reproducer_path: Some("conform-out/bridge/del-netns-already-gone.sh".to_owned()),
        }),
        ..result("del/netns-already-gone", spec, Outcome::Fail)
    }
}

/// A failure whose evidence tries to break every format.
fn hostile() -> CheckResult {
    let finding = Finding {
        requirement: "CNI-ERR-002".to_owned(),
        summary: "A failing plugin prints an error object.".to_owned(),
        url: "https://github.com/containernetworking/cni/blob/spec-v1.0.0/SPEC.md#error".to_owned(),
        level: Level::Must,
        verdict: Verdict::Fail,
        expected: "an error object on standard output".to_owned(),
        actual:
            "\u{1b}[2J\u{0}|]]></failure>\r\n::error::owned\n```\n# 100%, a:b <b>@user</b> \u{202e}"
                .to_owned(),
        exchange: None,
    };
    let second = Finding {
        requirement: "CNI-ERR-003".to_owned(),
        summary: "Standard error is for logs only.".to_owned(),
        level: Level::Should,
        verdict: Verdict::Warn,
        expected: "short logs".to_owned(),
        actual: "1 MiB of it".to_owned(),
        ..finding.clone()
    };
    let long: String = (0..200).map(|n| format!("panic line {n}\n")).collect();
    CheckResult {
        title: "An error is printed as JSON".to_owned(),
        requirements: vec!["CNI-ERR-002".to_owned(), "CNI-ERR-003".to_owned()],
        expected: Some(finding.expected.clone()),
        actual: Some(finding.actual.clone()),
        findings: vec![finding, second],
        evidence: Some(Evidence {
            exchanges: vec![Exchange {
                stderr_bytes: 1 << 20,
                ..exchange(
                    "ADD",
                    &format!("\u{1b}]0;owned\u{7}{}", "x".repeat(500)),
                    &long,
                    2,
                )
            }],
            ..Evidence::default()
        }),
        ..result("error/is-json", "1.0.0", Outcome::Fail)
    }
}

fn warned() -> CheckResult {
    let finding = Finding {
        requirement: "CNI-CHECK-007".to_owned(),
        summary: "CHECK notices an address that was removed.".to_owned(),
        url: "https://github.com/containernetworking/cni/blob/spec-v1.0.0/SPEC.md#check".to_owned(),
        level: Level::Should,
        verdict: Verdict::Warn,
        expected: "a refusal".to_owned(),
        actual: "exit 0".to_owned(),
        exchange: None,
    };
    CheckResult {
        title: "CHECK notices a missing address".to_owned(),
        requirements: vec![finding.requirement.clone()],
        level: Level::Should,
        expected: Some(finding.expected.clone()),
        actual: Some(finding.actual.clone()),
        findings: vec![finding],
        ..result("check/address-removed", "1.0.0", Outcome::Warn)
    }
}

fn exchange(command: &str, stdout: &str, stderr: &str, status: i32) -> Exchange {
    let env = [
        ("CNI_COMMAND", command),
        ("CNI_CONTAINERID", "conform-1"),
        ("CNI_IFNAME", "eth0"),
        ("CNI_NETNS", "/run/netns/container a"),
        ("CNI_PATH", "/opt/cni/bin"),
        ("PATH", "/usr/sbin:/usr/bin"),
    ];
    Exchange {
        argv: vec!["/opt/cni/bin/bridge".to_owned()],
        env: env
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect::<BTreeMap<_, _>>(),
        stdin: "{\"cniVersion\":\"1.0.0\",\"name\":\"conform\",\"type\":\"bridge\"}".to_owned(),
        stdout: stdout.to_owned(),
        stderr: stderr.to_owned(),
        stdout_bytes: stdout.len().try_into().unwrap(),
        stderr_bytes: stderr.len().try_into().unwrap(),
        status: Status::Exit(status),
        held_open: false,
        duration_us: 12_400,
    }
}
