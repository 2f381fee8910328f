//! What the bridge plugin prints, in each version.

use insta::assert_json_snapshot;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    At, bridge_config, container, ip_json, ipam_result, links, on_host, with_prev,
};

/// Replaces what differs from run to run, after comparing it with the kernel.
fn redacted(result: &Value, at: &At) -> Value {
    let mut result = result.clone();
    let listed = result.get_mut("interfaces").and_then(Value::as_array_mut);
    for interface in listed.into_iter().flatten() {
        let name = interface["name"].as_str().unwrap().to_owned();
        let link = match interface.get("sandbox") {
            Some(_) => at.ip(&format!("link show {name}")),
            None => ip_json(&format!("link show {name}")),
        };
        assert_eq!(link[0]["address"], interface["mac"], "{name}");
        if let Some(mtu) = interface.get("mtu") {
            assert_eq!(&link[0]["mtu"], mtu, "{name}");
        }
        interface["mac"] = json!("MAC");
        if name.starts_with("veth") {
            interface["name"] = json!("HOST-VETH");
        }
    }
    result
}

#[rstest]
fn each_version_gets_its_own_shape_and_del_leaves_nothing(
    #[values("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")] version: &str,
) {
    on_host(|host| {
        let at = container("c1");
        let mut ipam = ipam_result(&["10.1.0.2/24", "fd00::2/64"]);
        ipam["dns"] = json!({"nameservers": ["10.1.0.1"]});
        host.addresses("c1", &ipam);
        let config = bridge_config(version, &json!({"isDefaultGateway": true, "mtu": 1400}));
        let result = host.call("bridge", "ADD", &at, &config).ok();
        assert_json_snapshot!(format!("bridge_{version}"), redacted(&result, &at));
        if version >= "0.4.0" {
            let checked = with_prev(&config, &result);
            host.call("bridge", "CHECK", &at, &checked).silent();
        }
        for _ in 0..2 {
            host.call("bridge", "DEL", &at, &config).silent();
            assert_eq!(links("veth"), [""; 0]);
        }
    });
}

#[rstest]
fn without_ipam_there_is_a_link_and_no_delegate_is_called(
    #[values("0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")] version: &str,
) {
    on_host(|host| {
        let at = container("c1");
        let mut config = bridge_config(version, &json!({}));
        config["ipam"] = json!({});
        let result = host.call("bridge", "ADD", &at, &config).ok();
        assert_json_snapshot!(format!("bridge_layer2_{version}"), redacted(&result, &at));
        assert_eq!(at.ip("link show eth0")[0]["operstate"], "UP");
        if version >= "0.4.0" {
            let checked = with_prev(&config, &result);
            host.call("bridge", "CHECK", &at, &checked).silent();
        }
        if version == "1.1.0" {
            host.call("bridge", "STATUS", &at, &config).silent();
            host.call("bridge", "GC", &at, &config).silent();
        }
        host.call("bridge", "DEL", &at, &config).silent();
        assert_eq!(links("veth"), [""; 0]);
        assert!(host.ipam_calls().is_empty());
    });
}

#[rstest]
fn without_ipam_an_old_version_is_refused_before_anything_is_made(
    #[values("0.1.0", "0.2.0")] version: &str,
) {
    on_host(|host| {
        let mut config = bridge_config(version, &json!({}));
        config["ipam"] = Value::Null;
        let (code, text) = host
            .call("bridge", "ADD", &container("c1"), &config)
            .error();
        assert_eq!(code, 7);
        assert!(text.contains("ipam.type"), "{text}");
        assert_eq!(links("bridge"), [""; 0]);
    });
}

#[test]
fn dns_of_the_configuration_outranks_that_of_ipam() {
    on_host(|host| {
        let mut ipam = ipam_result(&["10.1.0.2/24"]);
        ipam["dns"] = json!({"nameservers": ["10.1.0.1"], "domain": "ipam.example"});
        host.addresses("c1", &ipam);
        let config = bridge_config("1.0.0", &json!({"dns": {"nameservers": ["192.0.2.1"]}}));
        let result = host.call("bridge", "ADD", &container("c1"), &config).ok();
        assert_eq!(result["dns"], json!({"nameservers": ["192.0.2.1"]}));
    });
}

#[test]
fn an_earlier_plugins_result_stays_in_front() {
    on_host(|host| {
        let at = container("c1").named("net1");
        host.addresses("c1", &ipam_result(&["10.1.0.2/24"]));
        let earlier = json!({
            "cniVersion": "1.0.0",
            "interfaces": [{"name": "eth0", "sandbox": at.netns}],
            "ips": [{"address": "10.9.0.2/24", "interface": 0}],
        });
        let config = bridge_config("1.0.0", &json!({}));
        let result = host
            .call("bridge", "ADD", &at, &with_prev(&config, &earlier))
            .ok();
        assert_eq!(result["interfaces"][0], earlier["interfaces"][0]);
        assert_eq!(result["ips"][0], earlier["ips"][0]);
        assert_eq!(result["ips"][1]["interface"], 3);
        assert_eq!(result["interfaces"][3]["name"], "net1");
        let checked = with_prev(&config, &result);
        host.call("bridge", "CHECK", &at, &checked).silent();
    });
}
