//! Turns with upstream's plugin on one directory. Needs `CNI_UPSTREAM`, or the plugins of a distribution.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::call::{Call, Network};

/// Upstream's `host-local`, or a line that says that the test did not run.
fn upstream() -> Option<PathBuf> {
    let given = std::env::var_os("CNI_UPSTREAM").map(PathBuf::from);
    let places = given
        .into_iter()
        .chain(["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"].map(PathBuf::from));
    let found = places
        .map(|place| place.join("host-local"))
        .find(|path| path.is_file());
    if found.is_none() {
        println!(
            "SKIPPED: no upstream host-local; set CNI_UPSTREAM to the directory of upstream's plugins"
        );
    }
    found
}

fn network() -> Network {
    let ranges = json!([[{"subnet": "10.1.0.0/28"}], [{"subnet": "fd00:0:0:1::/64", "rangeStart": "fd00:0:0:1::a0"}]]);
    let mut network = Network::new(&json!({"ranges": ranges}));
    network.config["cniVersion"] = json!("1.0.0");
    network
}

#[test]
fn each_side_goes_on_where_the_other_stopped_and_releases_what_the_other_reserved() {
    let Some(upstream) = upstream() else { return };
    let network = network();
    let theirs = |verb: &str, id: &str| {
        Call::new(verb, id).execute(&mut Command::new(&upstream), &network.config)
    };
    let given = [
        theirs("ADD", "t1").addresses(),
        network.call("ADD", "o1").addresses(),
        theirs("ADD", "t2").addresses(),
        network.call("ADD", "o2").addresses(),
    ];
    let expected = [2, 3, 4, 5].map(|host| {
        vec![
            format!("10.1.0.{host}/28"),
            format!("fd00:0:0:1::{:x}/64", 0xa0 + host - 2),
        ]
    });
    assert_eq!(given, expected);
    let files = network.reservations();
    for (host, id) in [(2, "t1"), (3, "o1"), (4, "t2"), (5, "o2")] {
        assert_eq!(files[&format!("10.1.0.{host}")], format!("{id}\r\neth0"));
        assert_eq!(
            files[&format!("fd00:0:0:1::{:x}", 0xa0 + host - 2)],
            format!("{id}\r\neth0")
        );
    }
    network.call("CHECK", "t1").assert_success();
    theirs("CHECK", "o1").assert_success();
    assert!(!network.call("ADD", "t1").success && !theirs("ADD", "o1").success);
    network.call("DEL", "t1").assert_success();
    theirs("DEL", "o1").assert_success();
    network.assert_reserved(&[
        ("10.1.0.4", "t2\r\neth0"),
        ("10.1.0.5", "o2\r\neth0"),
        ("fd00:0:0:1::a2", "t2\r\neth0"),
        ("fd00:0:0:1::a3", "o2\r\neth0"),
    ]);
    let valid = json!([{"containerID": "o2", "ifname": "eth0"}]);
    let mut config = network.with("cni.dev/valid-attachments", valid);
    config["cniVersion"] = json!("1.1.0");
    Call::new("GC", "")
        .run("host-local", &config)
        .assert_success();
    network.assert_reserved(&[("10.1.0.5", "o2\r\neth0"), ("fd00:0:0:1::a3", "o2\r\neth0")]);
}

#[test]
fn both_sides_at_once_never_give_an_address_twice() {
    let Some(upstream) = upstream() else { return };
    let mut network = network();
    network.config["ipam"]["ranges"] = json!([[{"subnet": "10.1.0.0/24"}]]);
    let ids: Vec<String> = (0..40).map(|number| format!("c{number}")).collect();
    let children: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(number, id)| {
            let mut command = if number % 2 == 0 {
                crate::call::ours()
            } else {
                Command::new(&upstream)
            };
            Call::new("ADD", id).start(&mut command, &network.config)
        })
        .collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    let mut owners: Vec<String> = network.reservations().into_values().collect();
    owners.sort();
    let mut expected: Vec<String> = ids.iter().map(|id| format!("{id}\r\neth0")).collect();
    expected.sort();
    assert_eq!(owners, expected);
}

#[test]
fn results_and_files_are_the_same_for_the_same_requests() {
    let Some(upstream) = upstream() else { return };
    let (left, right) = (network(), network());
    for version in ["0.2.0", "0.3.1", "0.4.0", "1.0.0"] {
        for (index, cni_args) in ["", "IP=10.1.0.9", "IgnoreUnknown=1;X=y"]
            .into_iter()
            .enumerate()
        {
            let id = format!("c{index}");
            let add = Call {
                cni_args,
                ..Call::new("ADD", &id)
            };
            let mut configs = [left.config.clone(), right.config.clone()];
            for config in &mut configs {
                config["cniVersion"] = json!(version);
                config["ipam"]["routes"] =
                    json!([{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.1.0.1"}]);
            }
            let ours = add.run("host-local", &configs[0]);
            let theirs = add.execute(&mut Command::new(&upstream), &configs[1]);
            let mut theirs = theirs.json();
            // Before 1.3 upstream wrote an empty dns in each version.
            if version == "1.0.0" && theirs["dns"] == json!({}) {
                theirs.as_object_mut().unwrap().remove("dns");
            }
            assert_eq!(ours.json(), theirs, "{version} {cni_args}");
        }
        assert_eq!(left.reservations(), right.reservations());
        for id in ["c0", "c1", "c2"] {
            left.call("DEL", id).assert_success();
            Call::new("DEL", id)
                .execute(&mut Command::new(&upstream), &right.config)
                .assert_success();
        }
        right.assert_reserved(&[]);
    }
}
