//! Processes killed in the middle: no address is lost, none is given twice.

use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::call::{Call, Network, ours};

const POOL: usize = 4;

/// Patterns of strace, since the names differ between architectures.
const CALLS: [&str; 8] = [
    "/^mkdir", "/^open", "/^flock$", "/^write$", "/^fsync$", "/^link", "/^rename", "/^unlink",
];

fn network() -> Network {
    let range =
        json!({"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.13"});
    Network::new(&json!({"ranges": [[range], [{"subnet": "fd00::/64"}]]}))
}

/// What must hold after any interruption.
fn check(network: &Network, id: &str) {
    for (name, content) in network.reservations() {
        // A temporary file may be torn; a reservation never is.
        assert!(
            name.starts_with('.') || content == format!("{id}\r\neth0"),
            "{name}: {content:?}"
        );
    }
    network.call("DEL", id).assert_success();
    network.gc(&[]).assert_success();
    network.assert_reserved(&[]);
    let ids: Vec<String> = (0..POOL).map(|number| format!("later{number}")).collect();
    let mut given: Vec<String> = ids
        .iter()
        .map(|id| network.call("ADD", id).addresses().remove(0))
        .collect();
    given.sort();
    assert_eq!(
        given,
        [
            "10.1.0.10/24",
            "10.1.0.11/24",
            "10.1.0.12/24",
            "10.1.0.13/24"
        ]
    );
    for id in ids {
        network.call("DEL", &id).assert_success();
    }
    network.assert_reserved(&[]);
}

#[test]
fn a_kill_at_any_moment_loses_no_address() {
    let network = network();
    let begin = Instant::now();
    assert!(
        Call::new("ADD", "c0")
            .execute(&mut ours(), &network.config)
            .success
    );
    let whole = begin.elapsed();
    network.call("DEL", "c0").assert_success();
    let (mut killed, rounds) = (0, 60);
    for round in 0..rounds {
        let id = format!("c{round}");
        let mut child = Call::new("ADD", &id).start(&mut ours(), &network.config);
        let moment = Instant::now() + whole * round / rounds;
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        check(&network, &id);
    }
    assert!(
        killed > 0,
        "no process was killed in time, of {rounds}; one takes {whole:?}"
    );
}

/// Kills at the first, second, … call of each system call that changes files: every point there is.
#[test]
fn a_kill_at_each_system_call_loses_no_address() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("SKIPPED: no strace to stop a process at a system call");
        return;
    }
    let network = network();
    let directory = tempfile::tempdir().unwrap();
    let plugin = directory.path().join("host-local");
    symlink(env!("CARGO_BIN_EXE_cni-plugins"), &plugin).unwrap();
    for (verb, expected) in [("ADD", 30), ("DEL", 8)] {
        let mut points = 0;
        for call in CALLS {
            for number in 1.. {
                if verb == "DEL" {
                    network.call("ADD", "c1").addresses();
                }
                let mut command = Command::new("strace");
                command
                    .args(["-qq", "-o", "/dev/null", "-e"])
                    .arg(format!("inject={call}:signal=KILL:when={number}"))
                    .arg(&plugin);
                let child = Call::new(verb, "c1").start(&mut command, &network.config);
                let output = child.wait_with_output().unwrap();
                check(&network, "c1");
                if output.status.success() {
                    break;
                }
                // strace ends as its child did; anything else would be a point that was never reached.
                assert_eq!(
                    output.status.signal(),
                    Some(9),
                    "{call} {number}: {output:?}"
                );
                points += 1;
            }
        }
        assert!(
            points >= expected,
            "only {points} points of {verb} were reached"
        );
    }
}

#[test]
fn a_lock_ends_with_its_holder() {
    let network = network();
    let mut child = Call::new("ADD", "c1").start(&mut ours(), &network.config);
    child.kill().unwrap();
    child.wait().unwrap();
    let begin = Instant::now();
    network.call("DEL", "c1").assert_success();
    assert!(begin.elapsed() < Duration::from_secs(10));
}
