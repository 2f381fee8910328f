//! Plugins that hang, fork, flood and die: the run ends with a verdict, soon, and nothing is left behind.
#![expect(clippy::unwrap_used, reason = "what a test does not expect ends it")]

mod support;

use std::time::{Duration, Instant};

use rstest::rstest;
use support::{Ran, cni_conform, plugin, readable_directory};

/// A plugin that does `body` on every verb but VERSION.
fn hostile(body: &str) -> (Ran, Duration) {
    let directory = readable_directory();
    let reply = r#"{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}"#;
    let script = format!(
        "#!/bin/sh\n[ \"$CNI_COMMAND\" = VERSION ] && {{ echo '{reply}'; exit 0; }}\n{body}\n"
    );
    let path = plugin(directory.path(), "loopback", &script);
    let began = Instant::now();
    let arguments = [
        "run",
        path.to_str().unwrap(),
        "--only",
        "add/gives-a-result",
        "--deadline",
        "1",
    ];
    (cni_conform(&arguments), began.elapsed())
}

#[rstest]
#[case::hangs("sleep 600", "killed at its deadline")]
#[case::forks_and_holds_stdout("sleep 600 & exit 1", "exit 1")]
#[case::floods_stdout("head -c 100000000 /dev/zero; exit 1", "exit 1")]
#[case::dies_by_a_signal("kill -SEGV $$", "signal 11")]
#[case::kills_its_parent("kill -9 $PPID; exit 1", "")]
#[case::fills_the_disk("head -c 1000000000 /dev/zero >/tmp/full; exit 1", "exit 1")]
#[case::forks_without_end("while :; do sleep 600 & done", "killed at its deadline")]
fn the_run_ends_with_a_verdict(#[case] body: &str, #[case] says: &str) {
    let (ran, took) = hostile(body);
    assert!([1, 3].contains(&ran.status), "{ran:?}");
    assert!(ran.stdout.contains(says), "{ran:?}");
    assert!(took < Duration::from_secs(30), "{took:?}");
}
