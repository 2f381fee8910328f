//! The loopback plugin.

use insta::assert_json_snapshot;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{At, container, ip, ip_json, on_host, own_netns, with_prev};

fn config(version: &str) -> Value {
    json!({"cniVersion": version, "name": "lo", "type": "loopback"})
}

fn is_up(at: &At) -> bool {
    has_up(&at.ip("link show lo"))
}

fn has_up(links: &Value) -> bool {
    links[0]["flags"].as_array().unwrap().contains(&json!("UP"))
}

#[rstest]
fn each_version_gets_the_addresses_of_lo_in_its_own_shape(
    #[values("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")] version: &str,
) {
    on_host(|host| {
        let at = container("c1");
        let result = host.call("loopback", "ADD", &at, &config(version)).ok();
        assert!(is_up(&at));
        assert_json_snapshot!(format!("loopback_{version}"), result);
        if version >= "0.4.0" {
            let checked = with_prev(&config(version), &result);
            host.call("loopback", "CHECK", &at, &checked).silent();
            host.call("loopback", "CHECK", &at, &config(version))
                .silent();
        }
        for _ in 0..2 {
            host.call("loopback", "DEL", &at, &config(version)).silent();
            assert!(!is_up(&at));
        }
    });
}

#[test]
fn an_earlier_result_is_passed_on_with_lo_behind_it() {
    on_host(|host| {
        let at = container("c1");
        let earlier = json!({
            "cniVersion": "1.0.0",
            "interfaces": [{"name": "eth0", "sandbox": at.netns}],
            "ips": [{"address": "10.1.2.3/24", "interface": 0}],
            "vendor.example/x": 7,
        });
        let result = host
            .call(
                "loopback",
                "ADD",
                &at,
                &with_prev(&config("1.0.0"), &earlier),
            )
            .ok();
        assert_eq!(result["vendor.example/x"], earlier["vendor.example/x"]);
        assert_eq!(result["interfaces"][0], earlier["interfaces"][0]);
        assert_eq!(result["ips"][0], earlier["ips"][0]);
        assert_eq!(result["interfaces"][1]["name"], "lo");
        assert_eq!(
            result["ips"][1],
            json!({"address": "127.0.0.1/8", "interface": 1})
        );
        assert!(is_up(&at));
        // A second time adds nothing.
        let again = with_prev(&config("1.0.0"), &result);
        assert_eq!(host.call("loopback", "ADD", &at, &again).ok(), result);
    });
}

#[test]
fn check_fails_once_lo_is_down_or_lacks_a_listed_address() {
    on_host(|host| {
        let at = container("c1");
        let result = host.call("loopback", "ADD", &at, &config("1.1.0")).ok();
        let checked = with_prev(&config("1.1.0"), &result);
        ip("-n c1 addr add 127.0.0.9/8 dev lo");
        host.call("loopback", "CHECK", &at, &checked).silent();
        ip("-n c1 addr del 127.0.0.1/8 dev lo");
        let (_, text) = host.call("loopback", "CHECK", &at, &checked).error();
        assert!(text.contains("127.0.0.1/8"), "{text}");
        ip("-n c1 link set lo down");
        let (_, text) = host
            .call("loopback", "CHECK", &at, &config("1.1.0"))
            .error();
        assert!(text.contains("down"), "{text}");
    });
}

#[test]
fn the_hosts_lo_is_never_touched() {
    on_host(|host| {
        let at = At {
            netns: "/proc/self/ns/net".to_owned(),
            ..container("c1")
        };
        let (code, text) = host.call("loopback", "ADD", &at, &config("1.1.0")).error();
        assert_eq!(code, 4);
        assert!(text.contains("CNI_NETNS"), "{text}");
        host.call("loopback", "CHECK", &at, &config("1.1.0"))
            .error();
        for netns in ["/proc/self/ns/net".to_owned(), own_netns()] {
            let at = At {
                netns,
                ..at.clone()
            };
            host.call("loopback", "DEL", &at, &config("1.1.0")).silent();
        }
        assert!(has_up(&ip_json("link show lo")));
    });
}

#[test]
fn del_succeeds_whatever_is_left_of_the_namespace() {
    on_host(|host| {
        let at = container("c1");
        std::fs::write("/run/plain", b"").unwrap();
        for netns in ["", "/run/netns/never", "/run/plain", "/proc/self/ns/mnt"] {
            let at = At {
                netns: netns.to_owned(),
                ..at.clone()
            };
            host.call("loopback", "DEL", &at, &config("0.3.1")).silent();
        }
    });
}

#[test]
fn status_and_gc_are_served() {
    on_host(|host| {
        let at = container("c1");
        host.call("loopback", "STATUS", &at, &config("1.1.0"))
            .silent();
        let mut collect = config("1.1.0");
        collect["cni.dev/valid-attachments"] = json!([]);
        host.call("loopback", "GC", &at, &collect).silent();
        assert_eq!(
            host.call("loopback", "GC", &at, &config("1.0.0")).error().0,
            1
        );
    });
}
