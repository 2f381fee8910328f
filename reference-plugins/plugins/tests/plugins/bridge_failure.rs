//! ADD of the bridge plugin that fails, and leaves nothing behind but the bridge.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{At, bridge_config, container, ip, ipam_result, links, on_host, run};

#[test]
fn an_existing_interface_stays_as_it_is_and_its_address_stays_reserved() {
    on_host(|host| {
        let at = container("c1");
        host.addresses("c1", &ipam_result(&["10.1.0.2/24"]));
        let config = bridge_config("1.0.0", &json!({}));
        host.call("bridge", "ADD", &at, &config).ok();
        host.ipam_calls();
        let before = at.ip("addr show eth0");
        let (_, text) = host.call("bridge", "ADD", &at, &config).error();
        assert!(
            text.contains("CNI_IFNAME") && text.contains("eth0"),
            "{text}"
        );
        assert_eq!(at.ip("addr show eth0"), before);
        assert_eq!(links("veth").len(), 1);
        assert_eq!(host.ipam_calls(), [""; 0]);
    });
}

#[test]
fn a_foreign_interface_of_that_name_stays_as_it_is() {
    on_host(|host| {
        let at = container("c1");
        ip("-n c1 link add eth0 type bridge");
        host.call("bridge", "ADD", &at, &bridge_config("1.0.0", &json!({})))
            .error();
        assert_eq!(
            at.ip("link show eth0")[0]["linkinfo"]["info_kind"],
            "bridge"
        );
        assert_eq!(links("veth"), [""; 0]);
    });
}

#[test]
fn a_failing_delegate_leaves_no_link_and_its_error_is_passed_on() {
    on_host(|host| {
        host.fail_ipam("ADD");
        let config = bridge_config("1.0.0", &json!({"isGateway": true}));
        let (code, text) = host
            .call("bridge", "ADD", &container("c1"), &config)
            .error();
        assert_eq!((code, text.contains("scripted failure")), (142, true));
        assert_eq!(links("veth"), [""; 0]);
    });
}

#[rstest]
#[case(json!({"cniVersion": "1.1.0", "ips": []}))]
#[case(json!({"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.2/24"}], "routes": [{"dst": "0.0.0.0/0", "gw": "192.0.2.1"}]}))]
#[case(json!({"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.2/24"}, {"address": "10.1.0.2/24"}]}))]
fn an_answer_of_ipam_that_cannot_be_used_is_undone(#[case] ipam: Value) {
    on_host(|host| {
        host.addresses("c1", &ipam);
        let config = bridge_config("1.0.0", &json!({"ipMasq": true}));
        host.call("bridge", "ADD", &container("c1"), &config)
            .error();
        assert_eq!(links("veth"), [""; 0]);
        let calls = host.ipam_calls();
        assert_eq!(calls.len(), 2, "{calls:?}");
        assert!(calls[1].starts_with("DEL c1 eth0"), "{calls:?}");
    });
}

#[test]
fn an_address_is_released_after_the_link_that_had_it_is_gone() {
    on_host(|host| {
        let mut ipam = ipam_result(&["10.1.0.2/24"]);
        ipam["routes"] = json!([{"dst": "0.0.0.0/0", "gw": "192.0.2.1"}]);
        host.addresses("c1", &ipam);
        host.call(
            "bridge",
            "ADD",
            &container("c1"),
            &bridge_config("1.0.0", &json!({})),
        )
        .error();
        assert_eq!(
            host.ipam_calls(),
            ["ADD c1 eth0 veths=1", "DEL c1 eth0 veths=0"]
        );
    });
}

#[test]
fn a_name_that_is_no_bridges_is_refused_and_left_alone() {
    on_host(|host| {
        ip("link add br-test type veth peer name other");
        let (_, text) = host
            .call(
                "bridge",
                "ADD",
                &container("c1"),
                &bridge_config("1.0.0", &json!({})),
            )
            .error();
        assert!(text.contains("br-test"), "{text}");
        assert_eq!(links("veth").len(), 2);
        assert!(host.ipam_calls().is_empty());
    });
}

#[test]
fn a_namespace_that_is_none_is_refused_before_anything_is_made() {
    on_host(|host| {
        let at = container("c1");
        for netns in ["/run/netns/never", "/proc/self/ns/net", "/proc/self/ns/mnt"] {
            let at = At {
                netns: netns.to_owned(),
                ..at.clone()
            };
            let config = bridge_config("1.0.0", &json!({}));
            let (code, text) = host.call("bridge", "ADD", &at, &config).error();
            assert_eq!(code, 4, "{text}");
            assert!(text.contains("CNI_NETNS") && text.contains(netns), "{text}");
        }
        assert_eq!(links("bridge"), [""; 0]);
        assert_eq!(run("ip", "-o link show type veth"), "");
    });
}
