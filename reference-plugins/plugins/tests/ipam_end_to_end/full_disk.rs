//! A disk that is full: ADD fails, and no address is lost.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::json;

/// Fills a file system of the given size by ADDs, then makes room and fills the whole pool.
const SCRIPT: &str = r#"
set -u
mount -t tmpfs -o "$1" none "$2" || exit 77
try() { # container
    if CNI_CONTAINERID=$1 CNI_COMMAND=ADD "$3" <"$4" >"$5"; then echo "ok $1"; else echo "failed $1"; grep -o '"code": [0-9]*' "$5"; fi
}
for id in a b c d e f; do try $id - "$3" "$4" "$5"; done
echo "--- full"
(cd "$2/net" 2>/dev/null && for file in *.*.*.*; do [ -e "$file" ] && echo "$file $(wc -c <"$file")"; done)
echo "--- room"
mount -o remount,size=1m,nr_inodes=1000 "$2" || exit 77
for id in a b c d e f; do try $id - "$3" "$4" "$5"; done
CNI_CONTAINERID=z CNI_COMMAND=ADD "$3" <"$4" >"$5" && echo "one too many"
for id in a b c d e f; do CNI_CONTAINERID=$id CNI_COMMAND=DEL "$3" <"$4" || echo "DEL failed"; done
ls -A "$2/net"
"#;

#[test]
fn a_full_disk_fails_adds_and_loses_no_address() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("data")).unwrap();
    symlink(env!("CARGO_BIN_EXE_cni-plugins"), path("host-local")).unwrap();
    // Six addresses for six containers.
    let range =
        json!({"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.15"});
    let config = json!({
        "cniVersion": "1.1.0", "name": "net", "ipam": {"dataDir": path("data"), "ranges": [[range]]},
    });
    std::fs::write(path("config"), config.to_string()).unwrap();
    let sizes = (1..=7).map(|pages| format!("size={}k", 4 * pages));
    let inodes = (2..=9).map(|inodes| format!("nr_inodes={inodes},size=1m"));
    let mut failures = 0;
    for options in sizes.chain(inodes) {
        let output = Command::new("unshare")
            .args(["-rm", "sh", "-c", SCRIPT, "sh", &options])
            .args([
                path("data"),
                path("host-local"),
                path("config"),
                path("answer"),
            ])
            .env("CNI_NETNS", "/nonexistent/netns")
            .env("CNI_IFNAME", "eth0")
            .env("CNI_PATH", "/nonexistent")
            .output();
        let output = match output {
            Ok(output) if output.status.code() != Some(77) && !output.stdout.is_empty() => output,
            other => {
                println!("SKIPPED: no file system of one's own here: {other:?}");
                return;
            }
        };
        let text = String::from_utf8(output.stdout).unwrap();
        failures += judge(&options, &text);
    }
    assert!(failures > 10, "only {failures} ADDs met a full disk");
}

fn judge(options: &str, text: &str) -> usize {
    let (first, rest) = text
        .split_once("--- full\n")
        .unwrap_or_else(|| panic!("{options}: {text}"));
    let (files, second) = rest.split_once("--- room\n").unwrap();
    let outcomes = |text: &str| -> BTreeMap<String, bool> {
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        let outcomes = lines.filter(|(word, _)| matches!(*word, "ok" | "failed"));
        outcomes
            .map(|(word, id)| (id.to_owned(), word == "ok"))
            .collect()
    };
    let (before, after) = (outcomes(first), outcomes(second));
    let given = before.values().filter(|&&given| given).count();
    // A reservation is as long as `a\r\neth0`.
    assert!(
        files.lines().all(|line| line.ends_with(" 7")),
        "{options}: {text}"
    );
    assert_eq!(files.lines().count(), given, "{options}: {text}");
    assert!(!first.contains("\"code\": 101"), "{options}: {text}");
    for (id, given) in &before {
        assert_eq!(
            after[id], !given,
            "{options}: {id}: who has an address is refused, all others get one: {text}"
        );
    }
    assert!(
        !second.contains("one too many") && !second.contains("DEL failed"),
        "{options}: {text}"
    );
    let left: Vec<&str> = second
        .lines()
        .skip_while(|line| *line != "last_reserved_ip.0" && *line != "lock")
        .collect();
    assert_eq!(left, ["last_reserved_ip.0", "lock"], "{options}: {text}");
    before.len() - given
}
