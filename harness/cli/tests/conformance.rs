//! The built-in plugins conform: every plugin in every version, as root or not, whatever the machine.

mod support;

use rstest::rstest;
use serde_json::Value;
use support::{cni_conform, readable_directory};

#[rstest]
fn a_built_in_plugin_conforms(
    #[values("bridge", "loopback", "host-local", "static")] plugin: &str,
    #[values("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")] version: &str,
) {
    let directory = readable_directory();
    let path = directory.path().join("report.json");
    let report = format!("json={}", path.display());
    let ran = cni_conform(&["run", plugin, "--spec", version, "--report", &report]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let report: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let count = |outcome: &str| report["summary"][outcome].as_u64().unwrap_or_default();
    assert!(count("pass") > 0, "{report:#}");
    for outcome in ["fail", "inconclusive", "blocked"] {
        assert_eq!(count(outcome), 0, "{ran:?}");
    }
}

/// A report says the same of the same plugin every time; what differs by machine and moment is left out. One topic, so
/// that the snapshot is short enough to be read.
#[test]
fn the_report_of_loopback_is_as_it_was_reviewed() {
    let directory = readable_directory();
    let path = directory.path().join("report.json");
    let report = format!("json={}", path.display());
    let ran = cni_conform(&[
        "run",
        "loopback",
        "--only",
        "version/*",
        "--spec",
        "1.1.0",
        "--report",
        &report,
    ]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let report: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    insta::assert_json_snapshot!(report, {
        ".environment" => "[machine]",
        ".tool.version" => "[version]",
        ".subjects[].sha256" => "[hash]",
        ".results[].duration_ms" => "[time]",
        ".footer.duration_ms" => "[time]",
    });
}

#[test]
fn shards_of_a_run_merge_into_the_whole() {
    let directory = readable_directory();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let mut shards = Vec::new();
    for shard in ["1/3", "2/3", "3/3"] {
        let file = path(&format!("{}.json", shard.replace('/', "-")));
        let report = format!("json={file}");
        let ran = cni_conform(&[
            "run",
            "loopback",
            "--spec",
            "1.0.0",
            "--partition",
            shard,
            "--report",
            &report,
        ]);
        assert_eq!(ran.status, 0, "{ran:?}");
        shards.push(file);
    }
    let (whole, merged) = (path("whole.json"), path("merged.json"));
    let report = format!("json={whole}");
    assert_eq!(
        cni_conform(&["run", "loopback", "--spec", "1.0.0", "--report", &report]).status,
        0
    );
    let mut arguments = vec!["merge", "--output", &merged];
    arguments.extend(shards.iter().map(String::as_str));
    let ran = cni_conform(&arguments);
    assert_eq!(ran.status, 0, "{ran:?}");
    let outcomes = |path: &str| -> Vec<(Value, Value, Value)> {
        let report: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let results = report["results"].as_array().unwrap();
        results
            .iter()
            .map(|result| {
                (
                    result["check"].clone(),
                    result["spec"].clone(),
                    result["outcome"].clone(),
                )
            })
            .collect()
    };
    assert_eq!(outcomes(&merged), outcomes(&whole));
    assert!(!outcomes(&whole).is_empty());
}
