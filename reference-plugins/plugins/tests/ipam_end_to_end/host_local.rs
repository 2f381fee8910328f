//! What ADD, CHECK, DEL, STATUS and GC of `host-local` do to the files.

use std::os::unix::fs::PermissionsExt;

use rstest::rstest;
use serde_json::{Value, json};

use crate::call::{Call, Network};

fn add_requested(network: &Network, container_id: &str, ips: &[&str]) -> crate::call::Answer {
    let config = network.with("runtimeConfig", json!({"ips": ips}));
    Call::new("ADD", container_id).run("host-local", &config)
}

#[test]
fn add_writes_upstreams_files_and_del_removes_them() {
    let network = Network::new(
        &json!({"ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:0:0:1::/64", "rangeStart": "fd00:0:0:1::a0"}]]}),
    );
    let result = network.call("ADD", "c1");
    assert_eq!(result.addresses(), ["10.1.0.2/24", "fd00:0:0:1::a0/64"]);
    let reserved = [("10.1.0.2", "c1\r\neth0"), ("fd00:0:0:1::a0", "c1\r\neth0")];
    network.assert_reserved(&reserved);
    for (number, content) in [(0, "10.1.0.2"), (1, "fd00:0:0:1::a0")] {
        let path = network.path().join(format!("last_reserved_ip.{number}"));
        assert_eq!(std::fs::read_to_string(path).unwrap(), content);
    }
    let mode = |path: std::path::PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(network.path()), 0o700);
    for name in ["lock", "10.1.0.2", "last_reserved_ip.0"] {
        assert_eq!(mode(network.path().join(name)), 0o600, "{name}");
    }
    network.call("CHECK", "c1").assert_success();
    network.call("DEL", "c1").assert_success();
    network.assert_reserved(&[]);
    network.call("DEL", "c1").assert_success();
}

#[test]
fn the_result_has_gateway_routes_and_dns_and_no_interface() {
    let directory = tempfile::tempdir().unwrap();
    let resolv_conf = directory.path().join("resolv.conf");
    std::fs::write(&resolv_conf, "nameserver 192.0.2.53\nsearch a.example\n").unwrap();
    let network = Network::new(&json!({
        "subnet": "10.1.0.0/24", "gateway": "10.1.0.254", "resolvConf": resolv_conf,
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.1.0.253", "mtu": 1400, "table": 0}],
    }));
    let expected = json!({
        "cniVersion": "1.1.0",
        "ips": [{"address": "10.1.0.1/24", "gateway": "10.1.0.254"}],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.1.0.253", "mtu": 1400, "table": 0}],
        "dns": {"nameservers": ["192.0.2.53"], "search": ["a.example"]},
    });
    assert_eq!(network.call("ADD", "c1").json(), expected);
}

#[test]
fn nothing_is_made_for_verbs_that_only_look_or_remove() {
    let network = Network::of("10.1.0.0/24");
    network.call("DEL", "c1").assert_success();
    network.call("STATUS", "").assert_success();
    network.gc(&[]).assert_success();
    assert!(!network.call("CHECK", "c1").success);
    assert!(!network.path().exists());
    network.put("10.1.0.2", b"c1\r\neth0");
    network.call("STATUS", "").assert_success();
    network.call("CHECK", "c1").assert_success();
    assert!(!network.path().join("lock").exists());
}

#[test]
fn a_second_add_is_refused_and_leaves_the_first() {
    let network = Network::of("10.1.0.0/24");
    network.call("ADD", "c1").addresses();
    let text = "10.1.0.2 is already reserved for c1/eth0";
    network.call("ADD", "c1").assert_error(100, text);
    add_requested(&network, "c1", &["10.1.0.9"]).assert_error(100, text);
    network.assert_reserved(&[("10.1.0.2", "c1\r\neth0")]);
    let other_interface = Call {
        ifname: "eth1",
        ..Call::new("ADD", "c1")
    };
    let other = other_interface.run("host-local", &network.config);
    assert_eq!(other.addresses(), ["10.1.0.3/24"]);
}

#[test]
fn del_removes_only_its_own_attachment() {
    let network = Network::of("10.1.0.0/24");
    let second = Call {
        ifname: "eth1",
        ..Call::new("ADD", "c1")
    };
    network.call("ADD", "c1").addresses();
    second.run("host-local", &network.config).addresses();
    network.call("ADD", "c10").addresses();
    network.call("DEL", "c1").assert_success();
    network.assert_reserved(&[("10.1.0.3", "c1\r\neth1"), ("10.1.0.4", "c10\r\neth0")]);
}

#[rstest]
#[case(json!({}))]
#[case(json!({"ranges": "wrong"}))]
#[case(json!({"ranges": [[{"subnet": "192.168.0.0/24"}]]}))]
#[case(json!({"ranges": [[{"subnet": "10.1.0.7/24"}]], "routes": 7}))]
fn del_and_gc_work_when_ranges_changed_or_are_absent(#[case] mut ipam: Value) {
    let mut network = Network::of("10.1.0.0/24");
    network.call("ADD", "c1").addresses();
    network.call("ADD", "c2").addresses();
    ipam["dataDir"] = network.config["ipam"]["dataDir"].clone();
    network.config["ipam"] = ipam;
    network.call("DEL", "c1").assert_success();
    network.assert_reserved(&[("10.1.0.3", "c2\r\neth0")]);
    network.gc(&[]).assert_success();
    network.assert_reserved(&[]);
}

#[test]
fn del_ignores_cni_args_and_requests_that_only_add_reads() {
    let network = Network::of("10.1.0.0/24");
    network.call("ADD", "c1").addresses();
    let del = Call {
        cni_args: "FOO",
        ..Call::new("DEL", "c1")
    };
    let config = network.with("runtimeConfig", json!({"ips": ["x"]}));
    del.run("host-local", &config).assert_success();
    network.assert_reserved(&[]);
}

#[test]
fn a_failed_add_releases_what_it_reserved_and_nothing_else() {
    let network =
        Network::new(&json!({"ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/126"}]]}));
    network.call("ADD", "c1").addresses();
    network.call("ADD", "c2").addresses();
    let reserved = network.reservations();
    network.call("ADD", "c3").assert_error(
        100,
        "ipam.ranges[1] (fd00::1-fd00::3) has no free address: all 2",
    );
    assert_eq!(network.reservations(), reserved);
    network.call("DEL", "c1").assert_success();
    let addresses = network.call("ADD", "c3").addresses();
    assert_eq!(addresses, ["10.1.0.5/24", "fd00::2/126"]);
}

#[test]
fn requested_addresses_are_given_or_refused_by_name() {
    let network = Network::of("10.1.0.0/24");
    let by_args = Call {
        cni_args: "IgnoreUnknown=1;K8S_POD_NAME=b;IP=10.1.0.50",
        ..Call::new("ADD", "c1")
    };
    let result = by_args.run("host-local", &network.config);
    assert_eq!(result.addresses(), ["10.1.0.50/24"]);
    let taken = "requested address 10.1.0.50 of ipam.ranges[0] is already reserved for c1/eth0";
    add_requested(&network, "c2", &["10.1.0.50"]).assert_error(100, taken);
    add_requested(&network, "c2", &["10.1.0.1"]).assert_error(7, "10.1.0.1 is the gateway");
    add_requested(&network, "c2", &["10.1.0.255"]).assert_error(7, "10.1.0.255 is in no range");
    add_requested(&network, "c2", &["10.1.0.60", "10.1.0.61"])
        .assert_error(7, "10.1.0.61 is in ipam.ranges[0] like 10.1.0.60");
    network.assert_reserved(&[("10.1.0.50", "c1\r\neth0")]);
    let result = add_requested(&network, "c2", &["10.1.0.60/16"]);
    assert_eq!(result.addresses(), ["10.1.0.60/24"]);
    assert_eq!(network.call("ADD", "c3").addresses(), ["10.1.0.61/24"]);
}

#[test]
fn podmans_reload_gets_the_same_address_back() {
    let network = Network::of("10.1.0.0/24");
    network.call("ADD", "c1").addresses();
    network.call("DEL", "c1").assert_success();
    let result = add_requested(&network, "c1", &["10.1.0.2"]);
    assert_eq!(result.addresses(), ["10.1.0.2/24"]);
}

#[test]
fn status_tells_a_full_set_with_figures_and_recovers() {
    let network = Network::of("10.1.0.0/29");
    for id in ["c1", "c2", "c3", "c4", "c5"] {
        network.call("STATUS", "").assert_success();
        network.call("ADD", id).addresses();
    }
    let text = "ipam.ranges[0] (10.1.0.1-10.1.0.6) has no free address: all 5 are reserved in";
    network.call("STATUS", "").assert_error(50, text);
    let text = "ipam.ranges[0] (10.1.0.1-10.1.0.6) has no free address: all 5 are reserved;";
    network.call("ADD", "c6").assert_error(100, text);
    network.call("DEL", "c3").assert_success();
    network.call("STATUS", "").assert_success();
    assert_eq!(network.call("ADD", "c6").addresses(), ["10.1.0.4/29"]);
}

#[test]
fn status_tells_what_add_would_fail_over() {
    let network = Network::of("10.1.0.0/24");
    let mut config = network.config.clone();
    config["ipam"]["resolvConf"] = json!("/nonexistent/resolv.conf");
    let status = Call::new("STATUS", "");
    status
        .run("host-local", &config)
        .assert_error(50, "ipam.resolvConf: read \"/nonexistent/resolv.conf\"");
    config["ipam"] = json!({"ranges": [[{"subnet": "x"}]]});
    status
        .run("host-local", &config)
        .assert_error(7, "ipam.ranges[0][0].subnet");
    config["ipam"] = json!({"subnet": "10.1.0.0/24", "dataDir": "/proc/self/status"});
    assert!(!status.run("host-local", &config).success);
}

#[test]
fn gc_keeps_valid_attachments_and_removes_the_rest() {
    let network = Network::of("10.1.0.0/24");
    for id in ["c1", "c2", "c3"] {
        network.call("ADD", id).addresses();
    }
    network.put("10.1.0.90", b"c1");
    network.put("10.1.0.91", b"gone");
    network.put("README", b"an administrator's own file");
    network
        .gc(&[("c1", "eth0"), ("c3", "eth1")])
        .assert_success();
    let left = [
        ("10.1.0.2", "c1\r\neth0"),
        ("10.1.0.90", "c1"),
        ("README", "an administrator's own file"),
    ];
    network.assert_reserved(&left);
}

#[rstest]
#[case(json!(null))]
#[case(Value::Bool(true))]
fn gc_without_a_list_removes_nothing(#[case] list: Value) {
    let network = Network::of("10.1.0.0/24");
    network.call("ADD", "c1").addresses();
    network.call("GC", "").assert_success();
    let config = network.with("cni.dev/valid-attachments", list.clone());
    let answer = Call::new("GC", "").run("host-local", &config);
    assert_eq!(answer.success, list.is_null());
    network.assert_reserved(&[("10.1.0.2", "c1\r\neth0")]);
}

fn result(addresses: &[&str]) -> Value {
    let ips: Vec<Value> = addresses
        .iter()
        .map(|address| json!({"address": address}))
        .collect();
    json!({"cniVersion": "1.1.0", "ips": ips})
}

#[rstest]
#[case(result(&["10.1.0.2/24"]), None)]
#[case(result(&["10.1.0.2/24", "192.0.2.9/24"]), None)]
#[case(result(&["10.1.0.3/24"]), Some("prevResult.ips: 10.1.0.3 is not reserved for c1/eth0; reserved: 10.1.0.2"))]
#[case(result(&["10.1.0.2/24", "10.1.0.9/24"]), Some("prevResult.ips: 10.1.0.9 is not reserved for c1/eth0"))]
#[case(result(&["192.0.2.9/24"]), Some("prevResult.ips: none of the addresses reserved for c1/eth0 is listed: 10.1.0.2"))]
#[case(result(&[]), Some("prevResult.ips: none of the addresses"))]
fn check_compares_reservations_with_the_result(
    #[case] previous: Value,
    #[case] error: Option<&str>,
) {
    let network = Network::of("10.1.0.0/24");
    network.call("ADD", "c1").addresses();
    network.call("ADD", "c2").addresses();
    let config = network.with("prevResult", previous);
    let answer = Call::new("CHECK", "c1").run("host-local", &config);
    match error {
        None => answer.assert_success(),
        Some(text) => answer.assert_error(100, text),
    }
}

#[test]
fn check_needs_the_result() {
    let network = Network::of("10.1.0.0/24");
    network.call("ADD", "c1").addresses();
    let config = network.with("prevResult", Value::Null);
    Call::new("CHECK", "c1")
        .run("host-local", &config)
        .assert_error(7, "prevResult: missing");
}

#[test]
fn check_fails_when_the_reservation_is_gone() {
    let network = Network::of("10.1.0.0/24");
    network.call("ADD", "c1").addresses();
    std::fs::remove_file(network.path().join("10.1.0.2")).unwrap();
    network
        .call("CHECK", "c1")
        .assert_error(100, "no address is reserved for c1/eth0 in");
    network.call("DEL", "c1").assert_success();
}

#[test]
fn round_robin_goes_on_where_it_stopped_and_survives_a_damaged_note() {
    let network = Network::of("10.1.0.0/29");
    network.call("ADD", "c1").addresses();
    network.call("DEL", "c1").assert_success();
    assert_eq!(network.call("ADD", "c2").addresses(), ["10.1.0.3/29"]);
    for damaged in [&b""[..], b"x", b"\0\0\0", b"192.0.2.1", b"fd00::1"] {
        network.call("DEL", "c2").assert_success();
        network.put("last_reserved_ip.0", damaged);
        assert_eq!(network.call("ADD", "c2").addresses(), ["10.1.0.2/29"]);
    }
}

#[rstest]
#[case("../x")]
#[case("a/b")]
#[case("..")]
fn a_network_name_never_becomes_another_path(#[case] name: &str) {
    let network = Network::of("10.1.0.0/24");
    let config = network.with("name", json!(name));
    for verb in ["ADD", "DEL", "CHECK", "STATUS", "GC"] {
        Call::new(verb, "c1")
            .run("host-local", &config)
            .assert_error(7, "name: invalid value");
    }
    assert!(!network.path().exists());
}

#[test]
fn two_networks_and_two_sets_of_one_directory_do_not_meet() {
    let network = Network::of("10.1.0.0/24");
    let other = network.with("name", json!("other"));
    network.call("ADD", "c1").addresses();
    let result = Call::new("ADD", "c1").run("host-local", &other);
    assert_eq!(result.addresses(), ["10.1.0.2/24"]);
    network.call("DEL", "c1").assert_success();
    Call::new("CHECK", "c1")
        .run("host-local", &other)
        .assert_success();
}
