//! Conversions between all versions, and what is kept, dropped and refused on the way.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::version::Family;

fn read(value: &Value) -> AddResult {
    AddResult::from_json("prevResult", value, Version::V1_1_0).unwrap()
}

fn full() -> Value {
    json!({
        "cniVersion": "1.1.0",
        "interfaces": [
            {"name": "cni0", "mac": "02:00:00:00:00:01", "mtu": 1500, "foreign": 1},
            {"name": "eth0", "mac": "02:00:00:00:00:02", "mtu": 1400, "sandbox": "/run/netns/c1",
             "socketPath": "/run/s", "pciID": "0000:00:1f.6"},
        ],
        "ips": [
            {"address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 0},
            {"address": "10.0.0.3/24", "interface": 1},
            {"address": "fd00::2/64", "gateway": "fd00::1", "interface": 1},
        ],
        "routes": [
            {"dst": "0.0.0.0/0", "gw": "10.0.0.1", "mtu": 1400, "advmss": 1360, "priority": 7, "table": 0, "scope": 0},
            {"dst": "::/0"},
        ],
        "dns": {"nameservers": ["10.0.0.1"], "domain": "d", "search": ["s"], "options": ["o"]},
        "foreign": {"kept": true},
    })
}

#[test]
fn the_newest_shape_comes_back_as_it_was() {
    assert_eq!(read(&full()).to_json(Version::V1_1_0).unwrap(), full());
}

#[rstest]
fn every_version_is_stamped_and_reads_back_as_written(
    #[values("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")] version: &str,
) {
    let version: Version = version.parse().unwrap();
    let written = read(&full()).to_json(version).unwrap();
    assert_eq!(written["cniVersion"], version.as_str());
    let again = AddResult::from_json("prevResult", &written, Version::V1_1_0).unwrap();
    assert_eq!(again.to_json(version).unwrap(), written);
}

#[test]
fn the_first_family_has_the_first_address_of_each_and_plain_routes() {
    assert_eq!(
        read(&full()).to_json(Version::V0_2_0).unwrap(),
        json!({
            "cniVersion": "0.2.0",
            "ip4": {"ip": "10.0.0.2/24", "gateway": "10.0.0.1", "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}]},
            "ip6": {"ip": "fd00::2/64", "gateway": "fd00::1", "routes": [{"dst": "::/0"}]},
            "dns": {"nameservers": ["10.0.0.1"], "domain": "d", "search": ["s"], "options": ["o"]},
            "foreign": {"kept": true},
        })
    );
}

#[rstest]
#[case("0.1.0")]
#[case("0.2.0")]
fn a_route_without_an_address_of_its_family_is_dropped(#[case] version: &str) {
    let result = read(&json!({"ips": [{"address": "10.0.0.2/24"}], "routes": [{"dst": "::/0"}]}));
    assert_eq!(
        result.to_json(version.parse().unwrap()).unwrap(),
        json!({"cniVersion": version, "ip4": {"ip": "10.0.0.2/24"}, "dns": {}})
    );
}

#[test]
fn the_first_family_becomes_a_list_with_ipv4_first() {
    let old = json!({
        "cniVersion": "0.2.0",
        "ip6": {"ip": "fd00::2/64", "routes": [{"dst": "::/0", "gw": "fd00::1"}]},
        "ip4": {"ip": "10.0.0.2/24", "gateway": "10.0.0.1", "routes": [{"dst": "0.0.0.0/0"}]},
    });
    let ips = json!([{"version": "4", "address": "10.0.0.2/24", "gateway": "10.0.0.1"}, {"version": "6", "address": "fd00::2/64"}]);
    let routes = json!([{"dst": "0.0.0.0/0"}, {"dst": "::/0", "gw": "fd00::1"}]);
    assert_eq!(
        read(&old).to_json(Version::V0_3_1).unwrap(),
        json!({"cniVersion": "0.3.1", "ips": ips, "routes": routes, "dns": {}})
    );
}

#[rstest]
#[case("0.1.0")]
#[case("0.2.0")]
fn a_result_without_address_cannot_be_written_in_the_first_family(#[case] version: &str) {
    let version = version.parse().unwrap();
    let error = read(&json!({"interfaces": [{"name": "eth0"}]}))
        .to_json(version)
        .unwrap_err();
    assert_eq!(error, ResultError::NoAddress(version));
    assert!(error.to_string().contains(version.as_str()));
}

#[rstest]
#[case("0.3.0")]
#[case("0.3.1")]
#[case("0.4.0")]
fn the_second_family_has_versions_and_no_new_interface_fields(#[case] version: &str) {
    let written = read(&full()).to_json(version.parse().unwrap()).unwrap();
    assert_eq!(written["ips"][2]["version"], "6");
    assert_eq!(
        written["ips"][0],
        json!({"version": "4", "address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 0})
    );
    assert_eq!(
        written["interfaces"][1],
        json!({"name": "eth0", "mac": "02:00:00:00:00:02", "sandbox": "/run/netns/c1"})
    );
    assert_eq!(written["routes"], full()["routes"]);
}

#[test]
fn version_1_0_0_creates_no_mtu_but_passes_one_on_and_updates_it() {
    let mut result = read(&full());
    assert_eq!(
        result.to_json(Version::V1_0_0).unwrap()["interfaces"][1].get("mtu"),
        None
    );
    let given = json!({"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "mtu": 1500}]});
    result = read(&given);
    assert_eq!(result.to_json(Version::V1_0_0).unwrap(), given);
    result.interfaces[0].mtu = Some(1400);
    assert_eq!(
        result.to_json(Version::V1_0_0).unwrap()["interfaces"][0]["mtu"],
        1400
    );
}

#[rstest]
#[case("0.3.1", json!({"cniVersion": "0.3.1", "dns": {}}))]
#[case("1.0.0", json!({"cniVersion": "1.0.0"}))]
#[case("1.1.0", json!({"cniVersion": "1.1.0"}))]
fn an_empty_result_has_no_lists_and_no_null(#[case] version: &str, #[case] expected: Value) {
    assert_eq!(
        AddResult::default()
            .to_json(version.parse().unwrap())
            .unwrap(),
        expected
    );
    let nulls =
        json!({"interfaces": null, "ips": null, "routes": null, "dns": null, "other": null});
    assert_eq!(
        read(&nulls).to_json(version.parse().unwrap()).unwrap(),
        expected
    );
}

#[test]
fn a_mapped_address_counts_as_ipv4_as_in_go() {
    let written = read(&json!({"ips": [{"address": "::ffff:10.0.0.2/120"}]}))
        .to_json(Version::V0_4_0)
        .unwrap();
    assert_eq!(written["ips"][0]["version"], "4");
}

#[test]
fn version_0_3_0_may_call_the_list_ip() {
    let result =
        read(&json!({"cniVersion": "0.3.0", "ip": [{"version": "4", "address": "10.0.0.2/24"}]}));
    assert_eq!(result.ips.len(), 1);
}

#[rstest]
#[case(json!({"ips": [{"address": "10.0.0.2"}]}), 7, "ips[0].address: invalid value \"10.0.0.2\"")]
#[case(json!({"ips": [{}]}), 7, "ips[0].address: missing")]
#[case(json!({"ips": [null]}), 6, "ips[0]: expected an object, got null")]
#[case(json!({"ips": [{"address": "10.0.0.2/24", "interface": -1}]}), 7, "ips[0].interface: invalid value -1")]
#[case(json!({"ips": [{"address": "10.0.0.2/24", "gateway": "10.0.0.1/24"}]}), 7, "ips[0].gateway: invalid value")]
#[case(json!({"cniVersion": "0.4.0", "ips": [{"version": "6", "address": "10.0.0.2/24"}]}), 7, "ips[0].version: invalid value \"6\"")]
#[case(json!({"interfaces": [{}]}), 7, "interfaces[0].name: missing")]
#[case(json!({"interfaces": [{"name": "a", "mac": "x"}]}), 7, "interfaces[0].mac: invalid value \"x\"")]
#[case(json!({"routes": [{"dst": "0.0.0.0/0", "scope": 256}]}), 7, "routes[0].scope: invalid value 256")]
#[case(json!({"dns": []}), 6, "dns: expected an object")]
#[case(json!({"cniVersion": "0.2.0", "ip4": {"ip": "fd00::2/64"}}), 7, "ip4.ip: invalid value \"fd00::2/64\"")]
#[case(json!({"cniVersion": "0.2.0", "ips": []}), 7, "ips: no such key in a result of 0.2.0")]
#[case(json!({"ip4": {"ip": "10.0.0.2/24"}}), 7, "ip4: no such key in a result of 1.1.0")]
#[case(json!({"cniVersion": 1.1}), 7, "expected a string, got number 1.1")]
fn a_malformed_result_is_refused_with_key_and_value(
    #[case] value: Value,
    #[case] code: u64,
    #[case] text: &str,
) {
    let error =
        Error::from(AddResult::from_json("prevResult", &value, Version::V1_1_0).unwrap_err());
    assert!(
        error.msg().starts_with("prevResult") && error.msg().contains(text),
        "{error}"
    );
    assert_eq!(error.code().number(), code, "{error}");
}

#[test]
fn an_interface_is_found_by_name_and_sandbox_and_by_index() {
    let result = read(&full());
    assert_eq!(result.index_of("eth0", Some("/run/netns/c1")), Some(1));
    assert_eq!(result.index_of("eth0", None), None);
    assert_eq!(result.interface_of(&result.ips[1]).unwrap().name, "eth0");
    let mut lost = result.ips[1].clone();
    lost.interface = Some(9);
    assert_eq!(result.interface_of(&lost), None);
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<std::net::Ipv4Addr>().prop_map(IpAddr::from),
        any::<std::net::Ipv6Addr>().prop_map(IpAddr::from)
    ]
}

fn cidr() -> impl Strategy<Value = Cidr> {
    (address(), 0..=32_u8).prop_map(|(address, prefix)| Cidr::new(address, prefix).unwrap())
}

prop_compose! {
    fn ip()(address in cidr(), gateway in proptest::option::of(address()), interface in proptest::option::of(0..4_u32)) -> IpConfig {
        IpConfig { gateway, interface, ..IpConfig::new(address) }
    }
}

prop_compose! {
    fn route()(
        dst in cidr(), gw in proptest::option::of(address()), mtu in proptest::option::of(1..9000_u32),
        table in proptest::option::of(any::<u32>()), scope in proptest::option::of(any::<u8>()),
    ) -> Route {
        Route { gw, mtu, table, scope, ..Route::new(dst) }
    }
}

prop_compose! {
    fn interface()(name in "[a-z]{1,4}", mac in proptest::option::of(any::<[u8; 6]>()), sandbox in proptest::option::of("/[a-z]{1,6}")) -> Interface {
        Interface { mac: mac.map(Mac::from), sandbox, ..Interface::new(name) }
    }
}

prop_compose! {
    fn any_result()(
        interfaces in proptest::collection::vec(interface(), 0..4),
        ips in proptest::collection::vec(ip(), 0..4),
        routes in proptest::collection::vec(route(), 0..4),
        domain in proptest::option::of("[a-z]{1,4}"),
    ) -> AddResult {
        AddResult { interfaces, ips, routes, dns: Dns { domain, ..Dns::default() }, extra: Map::new() }
    }
}

proptest! {
    #[test]
    fn between_the_later_families_nothing_is_lost(result in any_result()) {
        for version in Version::since(Version::V0_3_0) {
            let written = result.to_json(*version).unwrap();
            prop_assert_eq!(&AddResult::from_json("prevResult", &written, Version::V0_1_0).unwrap(), &result);
        }
    }

    #[test]
    fn the_first_family_keeps_the_first_address_of_each_family(result in any_result()) {
        let first = |ipv4| result.ips.iter().find(|ip| ip.address.is_ipv4() == ipv4).map(|ip| ip.address.to_string());
        match result.to_json(Version::V0_2_0) {
            Ok(written) => {
                prop_assert_eq!(written.pointer("/ip4/ip").and_then(Value::as_str).map(str::to_owned), first(true));
                prop_assert_eq!(written.pointer("/ip6/ip").and_then(Value::as_str).map(str::to_owned), first(false));
                prop_assert!(written.get("ips").is_none() && written.get("interfaces").is_none());
            }
            Err(_) => prop_assert!(result.ips.is_empty()),
        }
    }

    #[test]
    fn no_document_makes_it_panic_and_what_is_read_is_stable(value in crate::json::tests::arbitrary()) {
        for version in Version::ALL {
            let Ok(result) = AddResult::from_json("prevResult", &value, version) else { continue };
            for target in Version::ALL {
                let Ok(written) = result.to_json(target) else {
                    prop_assert_eq!(target.family(), Family::F1);
                    continue;
                };
                let again = AddResult::from_json("prevResult", &written, target);
                prop_assert_eq!(again.unwrap().to_json(target).unwrap(), written);
            }
        }
    }
}
