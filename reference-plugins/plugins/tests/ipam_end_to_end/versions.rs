//! Results in the shape of every version, by both plugins.

use rstest::rstest;
use serde_json::{Value, json};

use crate::call::{Call, Network};

const V4: (&str, &str) = ("10.1.0.2/24", "10.1.0.1");
const V6: (&str, &str) = ("fd00::2/64", "fd00::1");

fn expected(version: &str, dual: bool) -> Value {
    let routes4 = json!([{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}]);
    let routes6 = json!([{"dst": "::/0"}]);
    if matches!(version, "0.1.0" | "0.2.0") {
        let mut result = json!({
            "cniVersion": version, "ip4": {"ip": V4.0, "gateway": V4.1, "routes": routes4}, "dns": {},
        });
        if dual {
            result["ip6"] = json!({"ip": V6.0, "gateway": V6.1, "routes": routes6});
        }
        return result;
    }
    let ip = |(address, gateway): (&str, &str), family: &str| {
        let mut ip = json!({"address": address, "gateway": gateway});
        if version.starts_with('0') {
            ip["version"] = json!(family);
        }
        ip
    };
    let mut result = json!({"cniVersion": version, "ips": [ip(V4, "4")], "routes": routes4});
    if dual {
        result["ips"].as_array_mut().unwrap().push(ip(V6, "6"));
        result["routes"] = json!([{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}, {"dst": "::/0"}]);
    }
    if version.starts_with('0') {
        result["dns"] = json!({});
    }
    result
}

fn routes(dual: bool) -> Value {
    if dual {
        json!([{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}, {"dst": "::/0"}])
    } else {
        json!([{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}])
    }
}

#[rstest]
fn host_local_writes_each_version(
    #[values("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")] version: &str,
    #[values(false, true)] dual: bool,
) {
    let mut ranges = vec![json!([{"subnet": "10.1.0.0/24"}])];
    if dual {
        ranges.push(json!([{"subnet": "fd00::/64"}]));
    }
    let mut network = Network::new(&json!({"ranges": ranges, "routes": routes(dual)}));
    network.config["cniVersion"] = json!(version);
    let result = network.call("ADD", "c1");
    assert_eq!(result.json(), expected(version, dual));
    let check =
        Call::new("CHECK", "c1").run("host-local", &network.with("prevResult", result.json()));
    assert_eq!(
        check.success,
        !matches!(version, "0.1.0" | "0.2.0" | "0.3.0" | "0.3.1"),
        "{check:?}"
    );
    for verb in ["STATUS", "GC"] {
        let answer = network.call(verb, "");
        assert_eq!(answer.success, version == "1.1.0", "{verb}: {answer:?}");
    }
    network.call("DEL", "c1").assert_success();
    network.assert_reserved(&[]);
}

#[rstest]
fn static_writes_each_version(
    #[values("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")] version: &str,
    #[values(false, true)] dual: bool,
) {
    let mut addresses = vec![json!({"address": V4.0, "gateway": V4.1})];
    if dual {
        addresses.push(json!({"address": V6.0, "gateway": V6.1}));
    }
    let ipam = json!({"type": "static", "addresses": addresses, "routes": routes(dual)});
    let mut config = json!({"cniVersion": version, "name": "net", "type": "bridge", "ipam": ipam});
    let result = Call::new("ADD", "c1").run("static", &config).json();
    assert_eq!(result, expected(version, dual));
    config["prevResult"] = result;
    let check = Call::new("CHECK", "c1").run("static", &config);
    assert_eq!(
        check.success,
        !matches!(version, "0.1.0" | "0.2.0" | "0.3.0" | "0.3.1"),
        "{check:?}"
    );
    Call::new("DEL", "c1")
        .run("static", &config)
        .assert_success();
}

#[rstest]
fn more_than_one_address_of_a_family_needs_0_3_0(
    #[values("0.1.0", "0.2.0", "0.3.0", "1.1.0")] version: &str,
) {
    let ranges = json!([[{"subnet": "10.1.0.0/24"}], [{"subnet": "10.2.0.0/24"}]]);
    let mut network = Network::new(&json!({"ranges": ranges}));
    network.config["cniVersion"] = json!(version);
    let answer = network.call("ADD", "c1");
    if matches!(version, "0.1.0" | "0.2.0") {
        answer.assert_error(7, "ipam.ranges: 2 IPv4 addresses");
        assert!(!network.path().exists());
    } else {
        assert_eq!(answer.addresses(), ["10.1.0.2/24", "10.2.0.2/24"]);
    }
}
