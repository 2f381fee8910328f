//! `macspoofchk` of the bridge plugin.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::support::{
    At, Host, bridge_config, container, ip, ipam_result, on_host, own_netns, run, source_seen,
    with_prev,
};

fn config() -> Value {
    bridge_config("1.1.0", &json!({"isGateway": true, "macspoofchk": true}))
}

fn added(host: &Host) -> (At, Value) {
    let at = container("c1");
    host.addresses("c1", &ipam_result(&["10.1.0.2/24"]));
    let result = host.call("bridge", "ADD", &at, &config()).ok();
    (at, with_prev(&config(), &result))
}

fn rules() -> String {
    run("nft", "list ruleset")
}

#[test]
fn only_frames_with_the_containers_own_address_pass() {
    on_host(|host| {
        let (at, checked) = added(host);
        let gateway: IpAddr = "10.1.0.1".parse().unwrap();
        let connect = || source_seen(&at.netns, &own_netns(), gateway);
        assert!(connect().is_some());
        host.call("bridge", "CHECK", &at, &checked).silent();
        ip("-n c1 link set eth0 address 02:00:00:00:00:09");
        assert_eq!(connect(), None);
    });
}

#[test]
fn del_removes_the_rules_without_namespace_and_without_the_key() {
    on_host(|host| {
        let (at, _) = added(host);
        assert!(rules().contains("macspoofchk-c1-eth0"));
        ip("netns del c1");
        let plain = bridge_config("1.1.0", &json!({}));
        host.call("bridge", "DEL", &at, &plain).silent();
        assert!(!rules().contains("c1-eth0"), "{}", rules());
    });
}

#[test]
fn check_sees_a_missing_rule() {
    on_host(|host| {
        let (at, checked) = added(host);
        run("nft", "flush chain bridge nat cni-br-iface-c1-eth0-mac");
        let (_, text) = host.call("bridge", "CHECK", &at, &checked).error();
        assert!(text.contains("macspoofchk"), "{text}");
    });
}

#[test]
fn gc_removes_rules_whose_link_is_gone_of_this_network_only() {
    on_host(|host| {
        added(host);
        host.addresses("c2", &ipam_result(&["10.1.0.3/24"]));
        let mut other = config();
        other["name"] = json!("othernet");
        host.call("bridge", "ADD", &container("c2"), &other).ok();
        ip("-n c1 link del eth0");
        let mut collect = config();
        collect["cni.dev/valid-attachments"] = json!([]);
        host.call("bridge", "GC", &container("c9"), &collect)
            .silent();
        assert!(
            !rules().contains("c1-eth0") && rules().contains("c2-eth0"),
            "{}",
            rules()
        );
    });
}

#[test]
fn a_failed_add_leaves_no_rule() {
    on_host(|host| {
        host.fail_ipam("ADD");
        host.call("bridge", "ADD", &container("c1"), &config())
            .error();
        assert!(!rules().contains("c1-eth0"), "{}", rules());
    });
}
