//! DEL of the bridge plugin: it removes what there is, whatever is missing.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    At, Host, bridge_config, container, ip, ipam_result, links, on_host, run, with_prev,
};

fn added(host: &Host, keys: &Value) -> (At, Value) {
    let at = container("c1");
    host.addresses("c1", &ipam_result(&["10.1.0.2/24", "fd00::2/64"]));
    let config = bridge_config("1.0.0", keys);
    host.call("bridge", "ADD", &at, &config).ok();
    host.ipam_calls();
    (at, config)
}

/// No link of a container, and no rule that names the network in either backend.
#[track_caller]
fn assert_clean() {
    assert_eq!(links("veth"), [""; 0]);
    let rules = format!(
        "{}{}{}",
        run("nft", "list ruleset"),
        run("iptables-save", ""),
        run("ip6tables-save", "")
    );
    assert!(!rules.contains("testnet"), "{rules}");
}

#[derive(Clone, Copy)]
enum Missing {
    Nothing,
    Netns,
    NetnsPath,
    NetnsName,
    Interface,
    MasqueradeKey,
}

#[rstest]
fn everything_goes_whatever_is_missing(
    #[values("iptables", "nftables")] backend: &str,
    #[values(
        Missing::Nothing,
        Missing::Netns,
        Missing::NetnsPath,
        Missing::NetnsName,
        Missing::Interface,
        Missing::MasqueradeKey
    )]
    missing: Missing,
) {
    on_host(|host| {
        let keys = json!({"isGateway": true, "ipMasq": true, "ipMasqBackend": backend});
        let (mut at, mut config) = added(host, &keys);
        let alive = std::fs::File::open(&at.netns).unwrap();
        match missing {
            Missing::Nothing => {}
            Missing::Netns => {
                drop(alive);
                ip("netns del c1");
            }
            // The file is gone, and something keeps the namespace with the link in it.
            Missing::NetnsName => ip("netns del c1"),
            Missing::NetnsPath => at = at.without_netns(),
            Missing::Interface => ip("-n c1 link del eth0"),
            Missing::MasqueradeKey => config = bridge_config("1.0.0", &json!({})),
        }
        for _ in 0..2 {
            host.call("bridge", "DEL", &at, &config).silent();
            assert_clean();
        }
        assert_eq!(host.ipam_calls(), ["DEL c1 eth0 veths=0"; 2]);
    });
}

#[test]
fn the_address_is_released_only_after_the_link_is_gone() {
    on_host(|host| {
        let (at, config) = added(host, &json!({"ipMasq": true, "ipMasqBackend": "nftables"}));
        host.call("bridge", "DEL", &at, &config).silent();
        assert_eq!(host.ipam_calls(), ["DEL c1 eth0 veths=0"]);
    });
}

#[test]
fn a_configuration_that_add_would_refuse_is_no_obstacle() {
    on_host(|host| {
        let (at, config) = added(host, &json!({"ipMasq": true}));
        let mut config = with_prev(&config, &json!({}));
        for (key, value) in [
            ("mtu", json!("nonsense")),
            ("bridge", json!("a/b")),
            ("ipMasqBackend", json!("ebtables")),
            ("vlan", json!(100)),
            ("hairpinMode", json!(7)),
        ] {
            config[key] = value;
        }
        host.call("bridge", "DEL", &at, &config).silent();
        assert_clean();
    });
}

#[test]
fn a_failing_delegate_is_reported_and_keeps_nothing_else_from_going() {
    on_host(|host| {
        let (at, config) = added(host, &json!({"ipMasq": true}));
        host.fail_ipam("DEL");
        let (code, text) = host.call("bridge", "DEL", &at, &config).error();
        assert_eq!(code, 142);
        assert!(text.contains("scripted failure"), "{text}");
        assert_clean();
    });
}

#[test]
fn an_unusable_prev_result_is_reported_and_keeps_nothing_from_going() {
    on_host(|host| {
        let (at, config) = added(host, &json!({"ipMasq": true}));
        let config = with_prev(&config, &json!({"ips": "nonsense"}));
        host.call("bridge", "DEL", &at.without_netns(), &config);
        assert_clean();
        assert_eq!(host.ipam_calls().len(), 1);
    });
}

#[rstest]
fn the_containers_other_attachment_to_the_network_keeps_link_and_rules(
    #[values("iptables", "nftables")] backend: &str,
    #[values(true, false)] with_netns: bool,
) {
    on_host(|host| {
        let keys = json!({"isGateway": true, "ipMasq": true, "ipMasqBackend": backend});
        let (first, config) = added(host, &keys);
        let second = first.named("net1");
        host.addresses("c1", &ipam_result(&["10.1.0.3/24", "fd00::3/64"]));
        host.call("bridge", "ADD", &second, &config).ok();
        let second = if with_netns {
            second
        } else {
            second.without_netns()
        };
        for _ in 0..2 {
            host.call("bridge", "DEL", &second, &config).silent();
            assert_eq!(links("veth").len(), 1);
            let rules = match backend {
                "nftables" => run("nft", "list table inet cni_plugins_masquerade"),
                _ => run("iptables-save", "-t nat") + &run("ip6tables-save", "-t nat"),
            };
            assert!(
                rules.contains("10.1.0.2") && rules.contains("fd00::2"),
                "{rules}"
            );
            assert!(
                !rules.contains("10.1.0.3") && !rules.contains("fd00::3"),
                "{rules}"
            );
        }
        host.call("bridge", "DEL", &first, &config).silent();
        assert_clean();
    });
}

#[test]
fn another_containers_and_another_networks_links_stay() {
    on_host(|host| {
        let (at, config) = added(host, &json!({}));
        for (id, network) in [("c11", "testnet"), ("c2", "testnet"), ("c3", "testnet2")] {
            host.addresses(id, &ipam_result(&["10.1.0.9/24"]));
            let other = bridge_config("1.0.0", &json!({"name": network}));
            host.call("bridge", "ADD", &container(id), &other).ok();
        }
        host.call("bridge", "DEL", &at, &config).silent();
        assert_eq!(links("veth").len(), 3);
    });
}

#[test]
fn a_recycled_namespace_keeps_what_is_in_it_now() {
    on_host(|host| {
        host.addresses("c2", &ipam_result(&["10.1.0.3/24"]));
        let config = bridge_config("1.0.0", &json!({}));
        let other = container("c2");
        host.call("bridge", "ADD", &other, &config).ok();
        let gone = At {
            id: "c1".to_owned(),
            ..other.clone()
        };
        host.call("bridge", "DEL", &gone, &config).silent();
        assert_eq!(links("veth").len(), 1);
        let own = At {
            netns: "/proc/self/ns/net".to_owned(),
            ..gone
        };
        ip("link add eth0 type veth peer name eth9");
        host.call("bridge", "DEL", &own, &config).silent();
        assert_eq!(links("veth").len(), 3);
    });
}

#[test]
fn a_foreign_kind_of_link_with_the_interfaces_name_stays() {
    on_host(|host| {
        let at = container("c1");
        ip("-n c1 link add eth0 type bridge");
        host.call("bridge", "DEL", &at, &bridge_config("1.0.0", &json!({})))
            .silent();
        assert_eq!(at.ip("link show eth0")[0]["ifname"], "eth0");
    });
}
