//! What ADD of the bridge plugin makes in the kernel, option by option.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    addresses_in, bridge_config, container, ip, ip_json, ipam_result, links, on_host, run,
};

fn sysctl(at: &str, key: &str) -> String {
    let text = run("ip", &format!("netns exec {at} cat /proc/sys/net/{key}"));
    text.trim().to_owned()
}

/// The host's end of the only container.
fn host_end() -> Value {
    let names = links("veth");
    assert_eq!(names.len(), 1, "{names:?}");
    ip_json(&format!("link show {}", names[0]))[0].clone()
}

#[test]
fn a_gateway_of_both_families_makes_bridge_container_and_forwarding() {
    on_host(|host| {
        let at = container("c1");
        host.addresses("c1", &ipam_result(&["10.1.0.2/24", "fd00::2/64"]));
        let config = bridge_config("1.1.0", &json!({"isDefaultGateway": true, "mtu": 1420}));
        host.call("bridge", "ADD", &at, &config).ok();
        assert_eq!(
            addresses_in(&ip_json("addr show br-test")),
            ["10.1.0.1/24", "fd00::1/64"]
        );
        let eth0 = at.ip("addr show eth0");
        assert_eq!(addresses_in(&eth0), ["10.1.0.2/24", "fd00::2/64"]);
        assert_eq!(eth0[0]["mtu"], 1420);
        assert_eq!(host_end()["mtu"], 1420);
        assert_eq!(host_end()["ifalias"], "cni:testnet/c1/eth0");
        for (family, gateway) in [("-4", "10.1.0.1"), ("-6", "fd00::1")] {
            let routes = at.ip(&format!("{family} route show default"));
            assert_eq!(routes.as_array().unwrap().len(), 1);
            assert_eq!(
                (&routes[0]["gateway"], &routes[0]["dev"]),
                (&json!(gateway), &json!("eth0"))
            );
        }
        assert_eq!(run("cat", "/proc/sys/net/ipv4/ip_forward").trim(), "1");
        assert_eq!(
            run("cat", "/proc/sys/net/ipv6/conf/all/forwarding").trim(),
            "1"
        );
        assert_eq!(
            run("cat", "/proc/sys/net/ipv6/conf/br-test/accept_ra").trim(),
            "0"
        );
        assert_eq!(sysctl("c1", "ipv6/conf/eth0/accept_dad"), "0");
        assert_eq!(sysctl("c1", "ipv4/conf/eth0/arp_notify"), "1");
    });
}

#[test]
fn an_ipv6_address_can_be_used_at_once_unless_it_is_to_be_checked_for_duplicates() {
    on_host(|host| {
        let is_tentative = |list: &Value| list.to_string().contains("\"tentative\":true");
        host.addresses("c1", &ipam_result(&["fd00::2/64"]));
        host.addresses("c2", &ipam_result(&["fd00::3/64"]));
        let (quick, careful) = (container("c1"), container("c2"));
        let config = bridge_config("1.1.0", &json!({"isGateway": true}));
        host.call("bridge", "ADD", &quick, &config).ok();
        assert!(!is_tentative(&quick.ip("-6 addr show eth0 scope global")));
        assert!(!is_tentative(&ip_json("-6 addr show br-test scope global")));
        let config = bridge_config("1.1.0", &json!({"isGateway": true, "enabledad": true}));
        host.call("bridge", "ADD", &careful, &config).ok();
        assert!(!is_tentative(&careful.ip("-6 addr show eth0 scope global")));
        assert_eq!(sysctl("c2", "ipv6/conf/eth0/accept_dad"), "1");
    });
}

#[test]
fn a_duplicate_address_is_an_error_where_it_is_looked_for() {
    on_host(|host| {
        let config = bridge_config("1.1.0", &json!({"isGateway": true, "enabledad": true}));
        for id in ["c1", "c2"] {
            host.addresses(id, &ipam_result(&["fd00::2/64"]));
        }
        host.call("bridge", "ADD", &container("c1"), &config).ok();
        let (_, text) = host
            .call("bridge", "ADD", &container("c2"), &config)
            .error();
        assert!(text.contains("fd00::2"), "{text}");
        assert_eq!(links("veth").len(), 1);
    });
}

#[test]
fn every_route_of_ipam_is_made_with_all_its_attributes() {
    on_host(|host| {
        let at = container("c1");
        let mut ipam = ipam_result(&["10.1.0.2/24", "fd00::2/64"]);
        ipam["ips"][0]["gateway"] = json!("10.1.0.9");
        ipam["routes"] = json!([
            {"dst": "10.2.0.0/16"},
            {"dst": "10.3.0.0/16", "gw": "10.1.0.7", "mtu": 1300, "advmss": 1200, "priority": 50, "table": 100},
            {"dst": "10.4.0.0/16", "gw": "10.1.0.7"},
            {"dst": "10.4.0.0/16", "gw": "10.1.0.8"},
            {"dst": "fd02::/64", "gw": "fd00::9", "priority": 77},
            {"dst": "fd00:0:0:1::/64"},
        ]);
        host.addresses("c1", &ipam);
        let config = bridge_config("1.1.0", &json!({}));
        let result = host.call("bridge", "ADD", &at, &config).ok();
        assert_eq!(result["routes"], ipam["routes"]);
        assert_eq!(at.ip("route show 10.2.0.0/16")[0]["gateway"], "10.1.0.9");
        let third = at.ip("route show table 100");
        assert_eq!(
            (&third[0]["dst"], &third[0]["metric"]),
            (&json!("10.3.0.0/16"), &json!(50))
        );
        assert_eq!(third[0]["metrics"], json!([{"mtu": 1300, "advmss": 1200}]));
        assert_eq!(at.ip("route show 10.4.0.0/16").as_array().unwrap().len(), 2);
        let ipv6 = at.ip("-6 route show fd02::/64");
        assert_eq!(
            (&ipv6[0]["gateway"], &ipv6[0]["metric"]),
            (&json!("fd00::9"), &json!(77))
        );
        assert_eq!(
            at.ip("-6 route show fd00:0:0:1::/64")[0]["gateway"],
            Value::Null
        );
        let checked = crate::support::with_prev(&config, &result);
        host.call("bridge", "CHECK", &at, &checked).silent();
    });
}

#[test]
fn a_default_route_of_another_attachment_is_no_obstacle() {
    on_host(|host| {
        let at = container("c1");
        let config = bridge_config("0.4.0", &json!({"isDefaultGateway": true}));
        for (ifname, address) in [("eth0", "10.1.0.2/24"), ("net1", "10.1.0.3/24")] {
            host.addresses("c1", &ipam_result(&[address]));
            host.call("bridge", "ADD", &at.named(ifname), &config).ok();
        }
        assert_eq!(at.ip("route show default").as_array().unwrap().len(), 2);
    });
}

#[rstest]
#[case(json!({}), [false, false])]
#[case(json!({"hairpinMode": true}), [true, false])]
#[case(json!({"portIsolation": true}), [false, true])]
#[case(json!({"hairpinMode": true, "portIsolation": true}), [true, true])]
fn the_flags_of_the_port_are_those_of_the_configuration(
    #[case] keys: Value,
    #[case] flags: [bool; 2],
) {
    on_host(|host| {
        host.addresses("c1", &ipam_result(&["10.1.0.2/24"]));
        host.call(
            "bridge",
            "ADD",
            &container("c1"),
            &bridge_config("1.0.0", &keys),
        )
        .ok();
        let port = &host_end()["linkinfo"]["info_slave_data"];
        assert_eq!(
            [&port["hairpin"], &port["isolated"]],
            [&json!(flags[0]), &json!(flags[1])]
        );
    });
}

#[test]
fn promiscuous_mode_is_the_bridges() {
    on_host(|host| {
        host.addresses("c1", &ipam_result(&["10.1.0.2/24"]));
        let config = bridge_config("1.0.0", &json!({"promiscMode": true}));
        host.call("bridge", "ADD", &container("c1"), &config).ok();
        let flags = ip_json("link show br-test")[0]["flags"].clone();
        assert!(
            flags.as_array().unwrap().contains(&json!("PROMISC")),
            "{flags}"
        );
    });
}

#[test]
fn a_container_interface_can_be_left_down() {
    on_host(|host| {
        let at = container("c1");
        let mut config = bridge_config("1.0.0", &json!({"disableContainerInterface": true}));
        config["ipam"] = json!({});
        let result = host.call("bridge", "ADD", &at, &config).ok();
        let flags = at.ip("link show eth0")[0]["flags"].clone();
        assert!(!flags.as_array().unwrap().contains(&json!("UP")), "{flags}");
        let checked = crate::support::with_prev(&config, &result);
        host.call("bridge", "CHECK", &at, &checked).silent();
    });
}

#[rstest]
#[case("", json!({"runtimeConfig": {"mac": "02:00:00:00:00:01"}}), "02:00:00:00:00:01")]
#[case("", json!({"args": {"cni": {"mac": "02:00:00:00:00:02"}}}), "02:00:00:00:00:02")]
#[case("IgnoreUnknown=1;MAC=02:00:00:00:00:03;K8S_POD_NAME=x", json!({}), "02:00:00:00:00:03")]
fn a_requested_mac_becomes_the_containers(
    #[case] args: &str,
    #[case] keys: Value,
    #[case] mac: &str,
) {
    on_host(|host| {
        host.addresses("c1", &ipam_result(&["10.1.0.2/24"]));
        let mut at = container("c1");
        at.args = args.to_owned();
        let result = host
            .call("bridge", "ADD", &at, &bridge_config("1.0.0", &keys))
            .ok();
        assert_eq!(result["interfaces"][2]["mac"], mac);
        assert_eq!(at.ip("link show eth0")[0]["address"], mac);
    });
}

#[test]
fn the_bridge_keeps_its_mac_whatever_its_ports_do() {
    on_host(|host| {
        let macs: Vec<Value> = ["c1", "c2", "c3", "c4", "c5"]
            .iter()
            .map(|id| {
                host.addresses(id, &ipam_result(&["10.1.0.2/24"]));
                let config = bridge_config("1.0.0", &json!({}));
                host.call("bridge", "ADD", &container(id), &config).ok();
                ip_json("link show br-test")[0]["address"].clone()
            })
            .collect();
        assert!(macs.iter().all(|mac| *mac == macs[0]), "{macs:?}");
    });
}

#[test]
fn an_existing_bridge_is_used_and_pinned_when_it_becomes_a_gateway() {
    on_host(|host| {
        ip("link add br-test type bridge");
        let before = ip_json("link show br-test")[0]["address"].clone();
        host.addresses("c1", &ipam_result(&["10.1.0.2/24"]));
        let config = bridge_config("1.0.0", &json!({"isGateway": true, "mtu": 1400}));
        let result = host.call("bridge", "ADD", &container("c1"), &config).ok();
        let bridge = ip_json("link show br-test");
        assert_eq!(bridge[0]["operstate"], "UP");
        assert_eq!(bridge[0]["address"], before);
        assert_eq!(result["interfaces"][0]["mac"], before);
    });
}

#[test]
fn a_foreign_address_of_the_bridge_is_in_the_way_unless_forced() {
    on_host(|host| {
        let at = container("c1");
        ip("link add br-test type bridge");
        ip("addr add 10.9.0.1/24 dev br-test");
        host.addresses("c1", &ipam_result(&["10.1.0.2/24"]));
        let config = bridge_config("1.0.0", &json!({"isGateway": true}));
        let (_, text) = host.call("bridge", "ADD", &at, &config).error();
        assert!(
            text.contains("10.9.0.1/24") && text.contains("forceAddress"),
            "{text}"
        );
        assert_eq!(links("veth"), [""; 0]);
        let config = bridge_config("1.0.0", &json!({"isGateway": true, "forceAddress": true}));
        host.call("bridge", "ADD", &at, &config).ok();
        assert_eq!(addresses_in(&ip_json("addr show br-test")), ["10.1.0.1/24"]);
    });
}

#[test]
fn two_networks_of_one_result_both_get_their_gateway() {
    on_host(|host| {
        for id in ["c1", "c2"] {
            host.addresses(id, &ipam_result(&["10.1.0.2/24", "10.2.0.2/24"]));
            let config = bridge_config("1.0.0", &json!({"isGateway": true}));
            host.call("bridge", "ADD", &container(id), &config).ok();
        }
        assert_eq!(
            addresses_in(&ip_json("addr show br-test")),
            ["10.1.0.1/24", "10.2.0.1/24"]
        );
    });
}

#[test]
fn a_host_link_that_has_the_name_already_is_left_alone() {
    on_host(|host| {
        let at = container("c1");
        host.addresses("c1", &ipam_result(&["10.1.0.2/24"]));
        let config = bridge_config("1.0.0", &json!({}));
        let result = host.call("bridge", "ADD", &at, &config).ok();
        let taken = result["interfaces"][1]["name"].as_str().unwrap().to_owned();
        host.call("bridge", "DEL", &at, &config).silent();
        ip(&format!("link add {taken} type veth peer name other"));
        ip(&format!("link set {taken} alias somebody-elses"));
        let result = host.call("bridge", "ADD", &at, &config).ok();
        assert_ne!(result["interfaces"][1]["name"], json!(taken));
        host.call("bridge", "DEL", &at, &config).silent();
        let mut left = links("veth");
        left.sort();
        assert_eq!(left, ["other".to_owned(), taken]);
    });
}
