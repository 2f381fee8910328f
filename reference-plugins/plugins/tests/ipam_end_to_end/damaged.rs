//! Files that a crash, a full disk, an old version or somebody's hands left in the directory.

use rstest::rstest;
use serde_json::json;

use crate::call::{Call, Network};

#[rstest]
#[case(b"")]
#[case(b"\0\0\0\0\0\0\0\0")]
#[case(b"\r\n")]
fn a_torn_file_is_given_out_when_nothing_else_is_left(#[case] content: &[u8]) {
    let network = Network::of("10.1.0.0/29");
    network.put("10.1.0.3", content);
    network.put("10.1.0.5", content);
    let given: Vec<String> = ["c1", "c2", "c3", "c4", "c5"]
        .iter()
        .flat_map(|id| {
            network.call("STATUS", "").assert_success();
            network.call("ADD", id).addresses()
        })
        .collect();
    let expected = [
        "10.1.0.2/29",
        "10.1.0.4/29",
        "10.1.0.6/29",
        "10.1.0.3/29",
        "10.1.0.5/29",
    ];
    assert_eq!(given, expected);
    assert!(
        network
            .reservations()
            .values()
            .all(|content| content.ends_with("\r\neth0"))
    );
    network
        .call("STATUS", "")
        .assert_error(50, "no free address");
    network
        .call("ADD", "c6")
        .assert_error(100, "no free address");
}

#[test]
fn a_torn_file_can_be_requested() {
    let network = Network::of("10.1.0.0/29");
    network.put("10.1.0.3", b"");
    let config = network.with("runtimeConfig", json!({"ips": ["10.1.0.3"]}));
    let result = Call::new("ADD", "c1").run("host-local", &config);
    assert_eq!(result.addresses(), ["10.1.0.3/29"]);
    network.assert_reserved(&[("10.1.0.3", "c1\r\neth0")]);
}

#[test]
fn garbage_stays_reserved_is_named_and_goes_with_gc() {
    let network = Network::of("10.1.0.0/29");
    for host in 2..=6 {
        network.put(&format!("10.1.0.{host}"), b"for the printer");
    }
    let text = "all 5 are reserved (by files that are no reservations: 10.1.0.2, 10.1.0.3, 10.1.0.4, 2 more)";
    network.call("ADD", "c1").assert_error(100, text);
    let config = network.with("runtimeConfig", json!({"ips": ["10.1.0.3"]}));
    let requested = Call::new("ADD", "c1").run("host-local", &config);
    requested.assert_error(
        100,
        "10.1.0.3 of ipam.ranges[0] is already reserved, for whom can't be read",
    );
    network.put(".10.1.0.9.77.0.tmp", b"");
    network.gc(&[]).assert_success();
    network.assert_reserved(&[]);
    assert_eq!(network.call("ADD", "c1").addresses(), ["10.1.0.2/29"]);
}

/// Byte for byte what upstream 1.9.1 leaves of two ADDs.
#[test]
fn upstreams_directory_is_continued() {
    let ranges = json!([[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:0:0:1::/64", "rangeStart": "fd00:0:0:1::a0"}]]);
    let network = Network::new(&json!({"ranges": ranges}));
    network.put("lock", b"");
    for (id, ipv4, ipv6) in [
        ("c1", "10.1.0.2", "fd00:0:0:1::a0"),
        ("c2", "10.1.0.3", "fd00:0:0:1::a1"),
    ] {
        network.put(ipv4, format!("{id}\r\neth0").as_bytes());
        network.put(ipv6, format!("{id}\r\neth0").as_bytes());
        network.put("last_reserved_ip.0", ipv4.as_bytes());
        network.put("last_reserved_ip.1", ipv6.as_bytes());
    }
    network.call("CHECK", "c1").assert_success();
    network.call("DEL", "c1").assert_success();
    let added = network.call("ADD", "c3").addresses();
    assert_eq!(added, ["10.1.0.4/24", "fd00:0:0:1::a2/64"]);
    network.gc(&[("c3", "eth0")]).assert_success();
    network.assert_reserved(&[("10.1.0.4", "c3\r\neth0"), ("fd00:0:0:1::a2", "c3\r\neth0")]);
}

#[test]
fn a_file_that_only_names_the_container_is_honoured() {
    let network = Network::of("10.1.0.0/24");
    network.put("10.1.0.9", b"c1");
    network.put("10.1.0.10", b"c2\n");
    network.call("CHECK", "c1").assert_success();
    network
        .call("ADD", "c1")
        .assert_error(100, "10.1.0.9 is already reserved for c1/eth0");
    network.gc(&[("c1", "eth7")]).assert_success();
    network.assert_reserved(&[("10.1.0.9", "c1")]);
    network.call("DEL", "c1").assert_success();
    network.assert_reserved(&[]);
}

#[test]
fn the_file_with_the_interface_goes_first_and_the_old_one_with_the_next_del() {
    let network = Network::of("10.1.0.0/24");
    network.put("10.1.0.9", b"c1");
    network.put("10.1.0.10", b"c1\r\neth0");
    network.call("DEL", "c1").assert_success();
    network.assert_reserved(&[("10.1.0.9", "c1")]);
    network.call("DEL", "c1").assert_success();
    network.assert_reserved(&[]);
}

#[test]
fn an_interrupted_write_is_no_reservation_and_goes_with_its_attachment() {
    let network = Network::of("10.1.0.0/29");
    network.put(".10.1.0.2.77.0.tmp", b"c1\r\neth0");
    assert!(!network.call("CHECK", "c1").success);
    assert_eq!(network.call("ADD", "c1").addresses(), ["10.1.0.2/29"]);
    network.call("DEL", "c1").assert_success();
    network.assert_reserved(&[]);
}

#[test]
fn links_and_directories_in_the_place_of_files_are_left_alone() {
    let network = Network::of("10.1.0.0/29");
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("target");
    std::fs::write(&target, "c1\r\neth0").unwrap();
    std::fs::create_dir_all(network.path().join("10.1.0.3")).unwrap();
    std::os::unix::fs::symlink(&target, network.path().join("10.1.0.2")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("new"), network.path().join("10.1.0.4"))
        .unwrap();
    assert_eq!(network.call("ADD", "c1").addresses(), ["10.1.0.5/29"]);
    assert_eq!(network.call("ADD", "c2").addresses(), ["10.1.0.6/29"]);
    let text = "(by files that are no reservations: 10.1.0.2, 10.1.0.3, 10.1.0.4)";
    network.call("ADD", "c3").assert_error(100, text);
    network.call("DEL", "c1").assert_success();
    network.gc(&[]).assert_success();
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "c1\r\neth0");
    assert!(!outside.path().join("new").exists());
    assert!(network.path().join("10.1.0.2").is_symlink());
}

#[test]
fn a_lock_that_is_a_link_is_refused_and_not_followed() {
    let network = Network::of("10.1.0.0/29");
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("target");
    std::fs::create_dir_all(network.path()).unwrap();
    std::os::unix::fs::symlink(&target, network.path().join("lock")).unwrap();
    network.call("ADD", "c1").assert_error(5, "lock ");
    assert!(!target.exists());
}

/// A socket can't be opened, whoever asks; a bad sector behaves alike.
#[test]
fn a_file_that_fails_to_be_read_stops_nobody_else() {
    let network = Network::of("10.1.0.0/29");
    network.put("lock", b"");
    let socket = network.path().join("10.1.0.3");
    let bound = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert_eq!(network.call("ADD", "c1").addresses(), ["10.1.0.2/29"]);
    assert_eq!(network.call("ADD", "c2").addresses(), ["10.1.0.4/29"]);
    network.call("CHECK", "c2").assert_success();
    let text = format!("read {socket:?}");
    network.call("CHECK", "c3").assert_error(5, &text);
    network.call("DEL", "c1").assert_success();
    network.call("DEL", "c1").assert_error(5, &text);
    network.gc(&[]).assert_error(5, &text);
    drop(bound);
    std::fs::remove_file(socket).unwrap();
    network.assert_reserved(&[]);
}
