//! `toy-interface` without a fault, on every version of the specification, compared with what `ip` says.

use crate::sandbox::{Request, VERSIONS, extended, on_a_fresh_host};
use serde_json::{Value, json};

const DUAL: &[&str] = &["10.1.0.0/24", "fd00:1::/64"];

fn interface(version: &str, subnets: &[&str]) -> Value {
    let routes: Vec<Value> = subnets
        .iter()
        .map(|subnet| json!({"dst": if subnet.contains(':') { "::/0" } else { "0.0.0.0/0" }}))
        .collect();
    json!({
        "cniVersion": version, "name": "net", "type": "toy-interface", "mtu": 1400,
        "ipam": {"type": "toy-ipam", "subnets": subnets, "routes": routes, "dns": {"nameservers": ["10.1.0.53"]}}
    })
}

#[test]
fn interface_is_as_the_result_says_on_every_version_and_family() {
    on_a_fresh_host(
        "interface::interface_is_as_the_result_says_on_every_version_and_family",
        |host| {
            let families: [&[&str]; 3] = [&DUAL[..1], &DUAL[1..], DUAL];
            for version in VERSIONS {
                for subnets in families {
                    host.container("c1");
                    let before = host.state();
                    let config = interface(version, subnets);
                    let result = Request::new("toy-interface", "ADD", &config)
                        .run()
                        .succeeded();
                    assert_eq!(result["cniVersion"], version);
                    let addresses: Vec<String> = subnets
                        .iter()
                        .map(|subnet| subnet.replace(".0/", ".2/").replace("::/", "::2/"))
                        .collect();
                    assert_eq!(host.addresses("-n c1", "eth0"), addresses, "{version}");
                    assert_eq!(host.routes("-n c1").len(), subnets.len(), "{version}");
                    let link = host.link("-n c1", "eth0");
                    assert_eq!(
                        (&link["mtu"], &link["linkinfo"]["info_kind"]),
                        (&json!(1400), &json!("veth"))
                    );
                    if version < "0.3.0" {
                        assert_eq!(
                            result.get("ip4").is_some(),
                            subnets.contains(&DUAL[0]),
                            "{result}"
                        );
                        assert_eq!(
                            result.get("ip6").is_some(),
                            subnets.contains(&DUAL[1]),
                            "{result}"
                        );
                        assert!(
                            result.get("interfaces").is_none() && result.get("ips").is_none(),
                            "{result}"
                        );
                    } else {
                        let container = &result["interfaces"][1];
                        assert_eq!(container["name"], "eth0");
                        assert_eq!(container["sandbox"], "/run/netns/c1");
                        assert_eq!(container["mac"], link["address"]);
                        assert_eq!(container.get("mtu").is_some(), version == "1.1.0");
                        let on_host = host.link(
                            "",
                            result["interfaces"][0]["name"].as_str().expect("a name"),
                        );
                        assert_eq!(result["interfaces"][0]["mac"], on_host["address"]);
                        assert!(result["interfaces"][0].get("sandbox").is_none());
                        assert!(
                            result["ips"]
                                .as_array()
                                .is_some_and(|ips| ips.iter().all(|ip| ip["interface"] == 1))
                        );
                    }
                    let check = Request::new(
                        "toy-interface",
                        "CHECK",
                        &extended(&config, &json!({"prevResult": result})),
                    )
                    .run();
                    if version < "0.4.0" {
                        check.failed_with(1);
                    } else {
                        assert_eq!(check.succeeded(), Value::Null);
                    }
                    for _ in 0..2 {
                        assert_eq!(
                            Request::new("toy-interface", "DEL", &config)
                                .run()
                                .succeeded(),
                            Value::Null
                        );
                    }
                    assert_eq!(host.state(), before, "{version}");
                    host.reset();
                }
            }
        },
    );
}

#[test]
fn check_fails_for_everything_that_is_missing() {
    on_a_fresh_host(
        "interface::check_fails_for_everything_that_is_missing",
        |host| {
            let config = extended(&interface("1.1.0", DUAL), &json!({"ipMasq": true}));
            let changes = [
                "-n c1 link del eth0",
                "-n c1 link set eth0 down",
                "-n c1 addr del 10.1.0.2/24 dev eth0",
                "-n c1 addr del fd00:1::2/64 dev eth0",
                "-n c1 route del default",
                "-n c1 -6 route del default",
                "-n c1 link set eth0 address 02:00:00:00:00:99",
                "-n c1 link set eth0 mtu 1399",
            ];
            for change in changes {
                host.container("c1");
                let result = Request::new("toy-interface", "ADD", &config)
                    .run()
                    .succeeded();
                let check = Request::new(
                    "toy-interface",
                    "CHECK",
                    &extended(&config, &json!({"prevResult": result})),
                );
                check.run().succeeded();
                host.ip("-n c1 addr add 192.0.2.7/32 dev eth0");
                check.run().succeeded();
                host.ip(change);
                check.run().failed_with(101);
                host.reset();
            }
        },
    );
}

#[test]
fn route_attributes_of_1_1_0_are_applied() {
    on_a_fresh_host("interface::route_attributes_of_1_1_0_are_applied", |host| {
        host.container("c1");
        let routes = json!([
            {"dst": "10.2.0.0/16", "mtu": 1300, "advmss": 1200, "priority": 7, "table": 100},
            {"dst": "10.3.0.0/16", "scope": 253}
        ]);
        let ipam = json!({"type": "toy-ipam", "subnet": "10.1.0.0/24", "routes": routes});
        let config = extended(&interface("1.1.0", DUAL), &json!({"ipam": ipam}));
        let result = Request::new("toy-interface", "ADD", &config)
            .run()
            .succeeded();
        assert_eq!(result["routes"], routes);
        let in_table = host.ip("-n c1 -j route show table 100");
        assert_eq!(in_table[0]["metric"], 7);
        assert_eq!(
            in_table[0]["metrics"][0],
            json!({"mtu": 1300, "advmss": 1200})
        );
        assert_eq!(in_table[0]["gateway"], "10.1.0.1");
        let on_link = host.ip("-n c1 -j route show 10.3.0.0/16");
        assert_eq!(
            (&on_link[0]["scope"], on_link[0].get("gateway")),
            (&json!("link"), None)
        );
        Request::new(
            "toy-interface",
            "CHECK",
            &extended(&config, &json!({"prevResult": result})),
        )
        .run()
        .succeeded();
    });
}

#[test]
fn del_cleans_up_whatever_is_gone_already() {
    on_a_fresh_host(
        "interface::del_cleans_up_whatever_is_gone_already",
        |host| {
            let config = extended(&interface("1.1.0", DUAL), &json!({"ipMasq": true}));
            let empty = host.state();
            for netns in [
                "/run/netns/c1",
                "",
                "/run/netns/gone",
                "/run/not-a-namespace",
            ] {
                std::fs::write("/run/not-a-namespace", "").expect("a file can be written");
                host.container("c1");
                Request::new("toy-interface", "ADD", &config)
                    .run()
                    .succeeded();
                Request::new("toy-interface", "DEL", &config)
                    .with("CNI_NETNS", netns)
                    .run()
                    .succeeded();
                host.ip("netns del c1");
                assert_eq!(host.state(), empty, "{netns:?}");
            }
            host.container("c1");
            Request::new("toy-interface", "ADD", &config)
                .run()
                .succeeded();
            host.ip("-n c1 link del eth0");
            Request::new(
                "toy-interface",
                "DEL",
                &extended(&config, &json!({"mtu": "x", "prevResult": "x"})),
            )
            .run()
            .succeeded();
            host.ip("netns del c1");
            assert_eq!(host.state(), empty);
        },
    );
}

#[test]
fn failed_add_leaves_nothing() {
    on_a_fresh_host("interface::failed_add_leaves_nothing", |host| {
        host.container("c1");
        host.ip("-n c1 link add taken type veth peer name other");
        let before = host.state();
        let conflict = json!({"type": "toy-ipam", "subnet": "10.1.0.0/24", "routes": [{"dst": "10.5.0.0/16", "gw": "10.99.0.1"}]});
        let config = interface("1.1.0", DUAL);
        Request::new(
            "toy-interface",
            "ADD",
            &extended(&config, &json!({"ipam": conflict})),
        )
        .run()
        .failed_with(100);
        Request::new("toy-interface", "ADD", &config)
            .with("CNI_IFNAME", "taken")
            .run()
            .failed_with(102);
        Request::new("toy-interface", "ADD", &config)
            .with("CNI_NETNS", "/run/netns/gone")
            .run()
            .failed_with(4);
        let missing = json!({"type": "no-such-plugin"});
        Request::new(
            "toy-interface",
            "ADD",
            &extended(&config, &json!({"ipam": missing})),
        )
        .run()
        .failed_with(104);
        assert_eq!(host.state(), before);
    });
}

#[test]
fn two_networks_may_use_the_same_subnet_and_gc_keeps_to_its_own() {
    on_a_fresh_host(
        "interface::two_networks_may_use_the_same_subnet_and_gc_keeps_to_its_own",
        |host| {
            let config = interface("1.1.0", DUAL);
            let other = extended(&config, &json!({"name": "other"}));
            for container in ["c1", "c2"] {
                host.container(container);
                Request::new("toy-interface", "ADD", &config)
                    .of(container)
                    .run()
                    .succeeded();
            }
            let result = Request::new("toy-interface", "ADD", &other)
                .with("CNI_IFNAME", "eth1")
                .run();
            // The default routes of the first network stay; the second one's are left out of the result.
            assert!(result.succeeded().get("routes").is_none());
            let valid =
                json!({"cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "eth0"}]});
            let gc = Request::new("toy-interface", "GC", &extended(&config, &valid))
                .with("CNI_CONTAINERID", "")
                .with("CNI_IFNAME", "");
            gc.run().succeeded();
            assert!(!host.link("-n c1", "eth0").is_null() && !host.link("-n c1", "eth1").is_null());
            assert!(host.link("-n c2", "eth0").is_null());
            Request::new("toy-interface", "GC", &config)
                .run()
                .failed_with(7);
            Request::new("toy-interface", "STATUS", &config)
                .run()
                .succeeded();
        },
    );
}
