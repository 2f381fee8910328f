//! The invariants of ARCHITECTURE.md that a compiler does not guard.
#![expect(clippy::unwrap_used, reason = "what a test does not expect ends it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The workspace's own packages, each with those of the workspace it depends on, other than for tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            let own = dependencies.iter().filter(|dependency| {
                dependency["path"].is_string() && dependency["kind"].is_null()
            });
            (
                text(&package["name"]),
                own.map(|dependency| text(&dependency["name"])).collect(),
            )
        })
        .collect()
}

fn reachable(from: &str, graph: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(package) = open.pop() {
        for next in &graph[&package] {
            if found.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    found
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_judge_shares_no_type_with_what_it_judges() {
    let graph = dependencies();
    let judged = ["cni-protocol", "cni-kernel", "cni-plugins"];
    for judge in [
        "cni-conform-core",
        "cni-conform-report",
        "cni-mutants",
        "cni-spec-fixtures",
    ] {
        let reached = reachable(judge, &graph);
        for plugin in judged {
            assert!(!reached.contains(plugin), "{judge} depends on {plugin}");
        }
    }
    // The graph is read right: the program itself does carry the plugins.
    assert!(reachable("cni-conform", &graph).contains("cni-protocol"));
}

#[test]
fn unsafe_code_is_only_where_it_may_be() {
    let root = root();
    let allowed = [
        root.join("reference-plugins/kernel"),
        root.join("harness/core/src/sandbox"),
    ];
    for part in ["harness", "reference-plugins", "spec-fixtures", "benches"] {
        for file in sources(&root.join(part)) {
            let text = fs::read_to_string(&file).unwrap();
            // Put together here so that this file does not find itself.
            let keyword = ["unsafe", " {"].concat();
            if text.contains(&keyword) {
                assert!(
                    allowed.iter().any(|place| file.starts_with(place)),
                    "{}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn the_core_never_prints() {
    let root = root();
    for file in sources(&root.join("harness/core/src")) {
        let text = fs::read_to_string(&file).unwrap();
        for printing in ["println!(", "eprint!(", " print!("] {
            assert!(
                !text.contains(printing),
                "{} has {printing}",
                file.display()
            );
        }
    }
}

#[test]
fn only_the_sandbox_changes_namespaces_and_mounts() {
    let core = root().join("harness/core/src");
    for file in sources(&core) {
        let text = fs::read_to_string(&file).unwrap();
        for call in ["setns(", "unshare(", "mount("] {
            let calls = text.lines().any(|line| {
                let line = line.trim_start();
                !line.starts_with("//")
                    && line.contains(&format!(" {call}"))
                    && !line.contains("fn ")
            });
            assert!(
                !calls || file.starts_with(core.join("sandbox")),
                "{} calls {call}",
                file.display()
            );
        }
    }
}
