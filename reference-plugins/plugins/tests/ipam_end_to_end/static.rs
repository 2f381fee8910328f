//! `static` as a runtime meets it.

use rstest::rstest;
use serde_json::{Value, json};

use crate::call::Call;

fn config() -> Value {
    json!({"cniVersion": "1.1.0", "name": "net", "type": "bridge", "ipam": {
        "type": "static",
        "addresses": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}, {"address": "fd00::5/64"}],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.1.0.2", "priority": 9, "x": 1}],
        "dns": {"nameservers": ["192.0.2.53"], "domain": "a.example", "search": ["b.example"], "options": ["ndots:2"], "x": 1},
    }})
}

#[test]
fn the_configuration_becomes_the_result() {
    let expected = json!({
        "cniVersion": "1.1.0",
        "ips": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}, {"address": "fd00::5/64"}],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.1.0.2", "priority": 9}],
        "dns": {"nameservers": ["192.0.2.53"], "domain": "a.example", "search": ["b.example"], "options": ["ndots:2"]},
    });
    assert_eq!(
        Call::new("ADD", "c1").run("static", &config()).json(),
        expected
    );
    assert_eq!(
        Call::new("ADD", "c1").run("static", &config()).json(),
        expected
    );
}

#[test]
fn no_address_is_a_result_from_0_3_0_on() {
    let mut config = json!({"cniVersion": "1.1.0", "name": "net", "ipam": {"type": "static"}});
    let result = Call::new("ADD", "c1").run("static", &config);
    assert_eq!(result.json(), json!({"cniVersion": "1.1.0"}));
    config["cniVersion"] = json!("0.2.0");
    let error = Call::new("ADD", "c1").run("static", &config);
    error.assert_error(7, "it has no IP address");
}

#[rstest]
#[case(json!([{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}, {"address": "fd00::5/64", "gateway": "fd00::1"}, {"address": "192.0.2.1/24"}]), None)]
#[case(json!([{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}]), Some("prevResult.ips: fd00::5/64 is missing"))]
#[case(json!([{"address": "10.1.0.5/16", "gateway": "10.1.0.1"}, {"address": "fd00::5/64"}]), Some("prevResult.ips: 10.1.0.5/24 is missing"))]
#[case(json!([{"address": "10.1.0.5/24"}, {"address": "fd00::5/64"}]), Some("prevResult.ips: 10.1.0.5/24 has gateway none; 10.1.0.1 is configured"))]
#[case(json!([{"address": "10.1.0.5/24", "gateway": "10.1.0.2"}, {"address": "fd00::5/64"}]), Some("has gateway 10.1.0.2; 10.1.0.1 is configured"))]
fn check_wants_each_address_and_its_gateway(#[case] ips: Value, #[case] error: Option<&str>) {
    let mut config = config();
    config["prevResult"] = json!({"cniVersion": "1.1.0", "ips": ips});
    let answer = Call::new("CHECK", "c1").run("static", &config);
    match error {
        None => answer.assert_success(),
        Some(text) => answer.assert_error(100, text),
    }
}

#[test]
fn check_needs_the_result() {
    Call::new("CHECK", "c1")
        .run("static", &config())
        .assert_error(7, "prevResult: missing");
}

#[test]
fn status_reads_the_whole_configuration_and_del_and_gc_need_none() {
    Call::new("STATUS", "")
        .run("static", &config())
        .assert_success();
    let mut wrong = config();
    wrong["ipam"]["addresses"][0]["address"] = json!("10.1.0.5");
    Call::new("STATUS", "")
        .run("static", &wrong)
        .assert_error(7, "ipam.addresses[0].address: invalid value \"10.1.0.5\"");
    Call::new("DEL", "c1")
        .run("static", &wrong)
        .assert_success();
    Call::new("GC", "").run("static", &wrong).assert_success();
    wrong = config();
    wrong["ipam"]["routes"][0]["dst"] = json!("x");
    Call::new("STATUS", "")
        .run("static", &wrong)
        .assert_error(7, "ipam.routes[0].dst: invalid value \"x\"");
}
