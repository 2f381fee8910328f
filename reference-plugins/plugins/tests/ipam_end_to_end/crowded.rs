//! Many reservations: the index is there, and what it can't know is found nevertheless.

use std::path::PathBuf;

use serde_json::json;

use crate::call::{Call, Network};

const CROWD: u16 = 1000;

fn crowded() -> Network {
    let network = Network::of("10.1.0.0/16");
    for number in 0..CROWD {
        let [high, low] = (number + 2).to_be_bytes();
        network.put(
            &format!("10.1.{high}.{low}"),
            format!("crowd{number}\r\neth0").as_bytes(),
        );
    }
    network
}

fn index(network: &Network) -> PathBuf {
    network.path().with_file_name(".net.index")
}

#[test]
fn an_index_appears_in_a_crowd_and_goes_with_it() {
    let network = crowded();
    network.call("CHECK", "crowd7").assert_success();
    assert!(!index(&network).exists());
    assert_eq!(network.call("ADD", "c1").addresses(), ["10.1.3.234/16"]);
    assert!(index(&network).is_file());
    network.call("CHECK", "c1").assert_success();
    network.call("CHECK", "crowd7").assert_success();
    network.call("DEL", "c1").assert_success();
    network.call("DEL", "crowd7").assert_success();
    assert!(!network.call("CHECK", "c1").success && !network.call("CHECK", "crowd7").success);
    assert_eq!(network.reservations().len(), usize::from(CROWD) - 1);
    network.gc(&[("crowd9", "eth0")]).assert_success();
    network.assert_reserved(&[("10.1.0.11", "crowd9\r\neth0")]);
    network.call("CHECK", "crowd9").assert_success();
    std::fs::write(network.path().join("10.1.9.9"), "c2\r\neth0").unwrap();
    network.call("DEL", "c2").assert_success();
    assert!(!index(&network).exists());
}

#[test]
fn a_second_add_is_refused_with_an_index_too() {
    let network = crowded();
    network.call("ADD", "c1").addresses();
    network
        .call("ADD", "c1")
        .assert_error(100, "is already reserved for c1/eth0");
    network
        .call("ADD", "crowd5")
        .assert_error(100, "10.1.0.7 is already reserved for crowd5/eth0");
}

#[test]
fn reservations_of_others_are_found_in_spite_of_the_index() {
    let network = crowded();
    network.call("ADD", "c1").addresses();
    network.put("10.1.9.1", b"c2\r\neth0");
    network.put("10.1.9.2", b"c3");
    network
        .call("ADD", "c2")
        .assert_error(100, "10.1.9.1 is already reserved");
    network.call("CHECK", "c3").assert_success();
    network.call("DEL", "c3").assert_success();
    network.call("DEL", "c2").assert_success();
    let left = network.reservations();
    assert!(!left.contains_key("10.1.9.1") && !left.contains_key("10.1.9.2"));
    assert_eq!(left.len(), usize::from(CROWD) + 1);
}

#[test]
fn all_addresses_of_an_attachment_go_with_an_index_too() {
    let mut network = crowded();
    network.config["ipam"]["ranges"] =
        json!([[{"subnet": "10.1.0.0/16"}], [{"subnet": "fd00::/64"}]]);
    network.call("ADD", "c0").addresses();
    assert_eq!(
        network.call("ADD", "c1").addresses(),
        ["10.1.3.235/16", "fd00::3/64"]
    );
    network.call("DEL", "c1").assert_success();
    network.call("DEL", "c0").assert_success();
    assert_eq!(network.reservations().len(), usize::from(CROWD));
}

#[test]
fn an_index_that_is_no_file_is_replaced_or_ignored() {
    let network = crowded();
    std::os::unix::fs::symlink("/nonexistent/x", index(&network)).unwrap();
    network.call("ADD", "c1").addresses();
    assert!(index(&network).is_file());
    std::fs::remove_file(index(&network)).unwrap();
    std::fs::create_dir(index(&network)).unwrap();
    network.call("ADD", "c2").addresses();
    network.call("DEL", "c1").assert_success();
    network.call("DEL", "c2").assert_success();
    assert_eq!(network.reservations().len(), usize::from(CROWD));
}

#[test]
fn two_interfaces_of_a_container_are_told_apart_by_the_index() {
    let network = crowded();
    let second = Call {
        ifname: "eth1",
        ..Call::new("ADD", "c1")
    };
    network.call("ADD", "c1").addresses();
    second.run("host-local", &network.config).addresses();
    network.call("DEL", "c1").assert_success();
    let check = Call {
        verb: "CHECK",
        ..second
    };
    check.run("host-local", &network.config).assert_success();
    assert!(!network.call("CHECK", "c1").success);
}
