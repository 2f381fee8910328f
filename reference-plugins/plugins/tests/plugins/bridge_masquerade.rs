//! Who reaches whom through the bridge, and as whom.

use std::net::IpAddr;

use rstest::rstest;
use serde_json::json;

use crate::support::{
    Host, bridge_config, container, ipam_result, on_host, own_netns, run, source_seen, world,
};

fn attach(host: &Host, id: &str, addresses: &[&str], keys: &serde_json::Value) -> String {
    let at = container(id);
    host.addresses(id, &ipam_result(addresses));
    host.call("bridge", "ADD", &at, &bridge_config("1.0.0", keys))
        .ok();
    at.netns
}

fn ip_of(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[rstest]
fn outside_the_host_is_seen_and_inside_the_container(
    #[values("iptables", "nftables")] backend: &str,
) {
    on_host(|host| {
        let world = world();
        let keys = json!({"isDefaultGateway": true, "ipMasq": true, "ipMasqBackend": backend});
        let first = attach(host, "c1", &["10.1.0.2/24", "fd00::2/64"], &keys);
        let second = attach(host, "c2", &["10.1.0.3/24", "fd00::3/64"], &keys);
        for (own, neighbour, gateway, outside, uplink) in [
            (
                "10.1.0.2",
                "10.1.0.3",
                "10.1.0.1",
                "198.51.100.9",
                "198.51.100.1",
            ),
            (
                "fd00::2",
                "fd00::3",
                "fd00::1",
                "2001:db8::9",
                "2001:db8::1",
            ),
        ] {
            let own = Some(ip_of(own));
            assert_eq!(source_seen(&first, &second, ip_of(neighbour)), own);
            assert_eq!(source_seen(&first, &own_netns(), ip_of(gateway)), own);
            assert_eq!(
                source_seen(&first, &world, ip_of(outside)),
                Some(ip_of(uplink))
            );
        }
        let shown = match backend {
            "nftables" => run("nft", "list ruleset"),
            _ => run("iptables-save", "") + &run("ip6tables-save", ""),
        };
        let lines = shown.lines().filter(|line| line.contains("testnet"));
        assert!(lines.count() >= 4, "{shown}");
    });
}

#[test]
fn without_masquerading_the_outside_gets_no_answer_through() {
    on_host(|host| {
        let world = world();
        let first = attach(
            host,
            "c1",
            &["10.1.0.2/24"],
            &json!({"isDefaultGateway": true}),
        );
        assert_eq!(source_seen(&first, &world, ip_of("198.51.100.9")), None);
    });
}

#[test]
fn isolated_ports_do_not_reach_each_other() {
    on_host(|host| {
        let keys = json!({"isGateway": true, "portIsolation": true});
        let first = attach(host, "c1", &["10.1.0.2/24"], &keys);
        let second = attach(host, "c2", &["10.1.0.3/24"], &keys);
        assert_eq!(source_seen(&first, &second, ip_of("10.1.0.3")), None);
        let gateway = source_seen(&first, &own_netns(), ip_of("10.1.0.1"));
        assert_eq!(gateway, Some(ip_of("10.1.0.2")));
    });
}

#[test]
fn a_reused_address_is_reached_at_once_at_its_new_station() {
    on_host(|host| {
        let keys = json!({"isDefaultGateway": true});
        let observer = attach(host, "c9", &["10.1.0.9/24", "fd00::9/64"], &keys);
        for id in ["c1", "c2", "c3"] {
            let here = attach(host, id, &["10.1.0.2/24", "fd00::2/64"], &keys);
            for (address, own, gateway) in [
                ("10.1.0.2", "10.1.0.9", "10.1.0.1"),
                ("fd00::2", "fd00::9", "fd00::1"),
            ] {
                assert_eq!(
                    source_seen(&observer, &here, ip_of(address)),
                    Some(ip_of(own))
                );
                let from_host = source_seen(&own_netns(), &here, ip_of(address));
                assert_eq!(from_host, Some(ip_of(gateway)));
            }
            let at = crate::support::At {
                id: id.to_owned(),
                ifname: "eth0".to_owned(),
                netns: here,
                args: String::new(),
            };
            host.call("bridge", "DEL", &at, &bridge_config("1.0.0", &keys))
                .silent();
        }
    });
}
