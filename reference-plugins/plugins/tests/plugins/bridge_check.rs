//! CHECK of the bridge plugin: it sees each difference, and tolerates what others add.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    At, Host, bridge_config, container, ip, ipam_result, on_host, run, with_prev,
};

struct Added {
    at: At,
    config: Value,
    /// With `prevResult`.
    checked: Value,
    host_end: String,
}

fn added(host: &Host, keys: &Value) -> Added {
    let at = container("c1");
    let mut ipam = ipam_result(&["10.1.0.2/24", "fd00::2/64"]);
    ipam["routes"] = json!([{"dst": "10.2.0.0/16", "mtu": 1300}]);
    host.addresses("c1", &ipam);
    let config = bridge_config("1.1.0", keys);
    let result = host.call("bridge", "ADD", &at, &config).ok();
    let checked = with_prev(&config, &result);
    host.call("bridge", "CHECK", &at, &checked).silent();
    host.ipam_calls();
    Added {
        at,
        config,
        checked,
        host_end: result["interfaces"][1]["name"].as_str().unwrap().to_owned(),
    }
}

#[rstest]
#[case("link set br-test down", "br-test")]
#[case("link set HOST nomaster", "port of bridge")]
#[case("link set HOST down", "down")]
#[case("link set HOST address 02:00:00:00:00:09", "MAC")]
#[case("link set HOST type bridge_slave hairpin on", "hairpin")]
#[case("link set HOST type bridge_slave isolated on", "isolated")]
#[case("link set br-test address 02:00:00:00:00:09", "MAC")]
#[case("addr del 10.1.0.1/24 dev br-test", "10.1.0.1/24")]
#[case("addr del fd00::1/64 dev br-test", "fd00::1/64")]
#[case("-n c1 link set eth0 down", "down")]
#[case("-n c1 link set eth0 address 02:00:00:00:00:09", "MAC")]
#[case("-n c1 link set eth0 mtu 1400", "MTU")]
#[case("-n c1 addr del fd00::2/64 dev eth0", "fd00::2/64")]
#[case("-n c1 route del 10.2.0.0/16", "10.2.0.0/16")]
#[case("-n c1 route change 10.2.0.0/16 via 10.1.0.1 mtu 1200", "10.2.0.0/16")]
#[case("-n c1 route del default", "0.0.0.0/0")]
#[case("-n c1 -6 route del default", "::/0")]
#[case("link del HOST", "eth0")]
#[case("netns del c1", "CNI_NETNS")]
fn each_difference_is_seen_and_named(#[case] tampering: &str, #[case] named: &str) {
    on_host(|host| {
        let added = added(host, &json!({"isDefaultGateway": true}));
        ip(&tampering.replace("HOST", &added.host_end));
        let (_, text) = host
            .call("bridge", "CHECK", &added.at, &added.checked)
            .error();
        assert!(text.contains(named), "{text}");
    });
}

#[test]
fn a_default_route_of_another_interface_does_not_count() {
    on_host(|host| {
        let added = added(host, &json!({"isDefaultGateway": true}));
        ip("-n c1 route del default");
        ip("-n c1 link add other type bridge");
        ip("-n c1 link set other up");
        ip("-n c1 route add default via 10.1.0.1 dev other onlink");
        host.call("bridge", "CHECK", &added.at, &added.checked)
            .error();
    });
}

#[rstest]
#[case("iptables")]
#[case("nftables")]
fn missing_masquerading_is_seen(#[case] backend: &str) {
    on_host(|host| {
        let keys = json!({"ipMasq": true, "ipMasqBackend": backend});
        let added = added(host, &keys);
        match backend {
            "nftables" => run("nft", "flush chain inet cni_plugins_masquerade masq_checks"),
            _ => run("iptables", "-t nat -F POSTROUTING"),
        };
        let (_, text) = host
            .call("bridge", "CHECK", &added.at, &added.checked)
            .error();
        assert!(
            text.contains("10.1.0.2") && text.contains(backend),
            "{text}"
        );
    });
}

#[test]
fn what_others_add_is_tolerated() {
    on_host(|host| {
        let added = added(host, &json!({"isDefaultGateway": true, "ipMasq": true}));
        host.addresses("c2", &ipam_result(&["10.1.0.3/24", "fd00::3/64"]));
        host.call("bridge", "ADD", &container("c2"), &added.config)
            .ok();
        for extra in [
            "addr add 192.0.2.1/32 dev br-test",
            "-n c1 addr add 192.0.2.2/32 dev eth0",
            "-n c1 route add 192.0.2.0/24 via 10.1.0.1",
            "-n c1 link add other type bridge",
        ] {
            ip(extra);
        }
        host.call("bridge", "CHECK", &added.at, &added.checked)
            .silent();
    });
}

#[test]
fn a_mac_that_a_later_plugin_has_changed_and_reported_is_right() {
    on_host(|host| {
        let mut added = added(host, &json!({}));
        ip("-n c1 link set eth0 address 02:00:00:00:00:09");
        added.checked["prevResult"]["interfaces"][2]["mac"] = json!("02:00:00:00:00:09");
        host.call("bridge", "CHECK", &added.at, &added.checked)
            .silent();
    });
}

#[test]
fn another_path_to_the_same_namespace_is_the_same() {
    on_host(|host| {
        let added = added(host, &json!({}));
        std::os::unix::fs::symlink("/run/netns/c1", "/run/by-another-name").unwrap();
        let at = At {
            netns: "/run/by-another-name".to_owned(),
            ..added.at
        };
        host.call("bridge", "CHECK", &at, &added.checked).silent();
    });
}

#[test]
fn the_delegate_is_asked_and_its_error_passed_on() {
    on_host(|host| {
        let added = added(host, &json!({}));
        host.fail_ipam("CHECK");
        assert_eq!(
            host.call("bridge", "CHECK", &added.at, &added.checked)
                .error()
                .0,
            142
        );
        assert_eq!(host.ipam_calls().len(), 1);
    });
}

#[rstest]
#[case(json!(null))]
#[case(json!({"cniVersion": "1.1.0", "interfaces": []}))]
#[case(json!({"cniVersion": "1.1.0", "interfaces": [{"name": "eth0", "sandbox": "/run/netns/other"}]}))]
fn without_the_result_of_add_there_is_nothing_to_compare_with(#[case] previous: Value) {
    on_host(|host| {
        let added = added(host, &json!({}));
        let config = with_prev(&added.config, &previous);
        let (_, text) = host.call("bridge", "CHECK", &added.at, &config).error();
        assert!(text.contains("prevResult"), "{text}");
    });
}
