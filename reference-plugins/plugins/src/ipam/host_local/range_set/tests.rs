//! Reading sets, what they withhold, and their order.

use cni_protocol::Version;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn sets(ipam: &Value, runtime: &Value) -> Result<RangeSets, JsonError> {
    let document =
        json!({"cniVersion": "1.1.0", "name": "n", "ipam": ipam, "runtimeConfig": runtime});
    let config = NetworkConfig::parse(document.to_string().into_bytes(), &Version::ALL).unwrap();
    RangeSets::read(&config, &config.ipam().unwrap().unwrap())
}

fn one(ranges: &Value) -> RangeSet {
    sets(&json!({"ranges": [ranges]}), &Value::Null)
        .unwrap()
        .0
        .remove(0)
}

fn order(set: &RangeSet, last: Option<&str>) -> Vec<String> {
    let last = last.map(|text| text.parse().unwrap());
    set.addresses_after(last)
        .map(|address| address.to_string())
        .collect()
}

#[test]
fn runtime_ranges_come_first_then_the_old_form_then_ranges() {
    let ipam = json!({"subnet": "10.2.0.0/24", "ranges": [[{"subnet": "10.3.0.0/24"}], [{"subnet": "fd00::/64"}]]});
    let runtime = json!({"ipRanges": [[{"subnet": "10.1.0.0/24"}]]});
    let sets = sets(&ipam, &runtime).unwrap();
    let paths: Vec<&str> = sets.iter().map(RangeSet::path).collect();
    let expected = [
        "runtimeConfig.ipRanges[0]",
        "ipam.subnet",
        "ipam.ranges[0]",
        "ipam.ranges[1]",
    ];
    assert_eq!(paths, expected);
}

#[rstest]
#[case(json!({}), "ipam.ranges: missing; give a list of range sets")]
#[case(json!({"ranges": []}), "ipam.ranges: missing")]
#[case(json!({"rangeStart": "10.0.0.1"}), "ipam.ranges: missing")]
#[case(json!({"ranges": [[]]}), "ipam.ranges[0]: invalid value []: is empty")]
#[case(json!({"ranges": [{"subnet": "10.0.0.0/24"}]}), "ipam.ranges[0]: expected a list, got an object")]
#[case(json!({"ranges": [["10.0.0.0/24"]]}), "ipam.ranges[0][0]: expected an object")]
#[case(json!({"subnet": "10.0.0.7/24"}), "ipam.subnet: invalid value \"10.0.0.7/24\": has host bits")]
#[case(json!({"ranges": [[{"subnet": "10.0.0.0/24"}, {"subnet": "fd00::/64"}]]}), "mixes IPv4 and IPv6")]
#[case(json!({"ranges": [[{"subnet": "10.0.0.0/24"}, {"subnet": "10.0.0.128/25"}]]}),
    "ipam.ranges[0][1]: invalid value 10.0.0.129-10.0.0.254: overlaps with ipam.ranges[0][0] (10.0.0.1-10.0.0.254)")]
#[case(json!({"subnet": "10.0.0.0/24", "ranges": [[{"subnet": "10.0.0.0/16"}]]}),
    "ipam.ranges[0][0]: invalid value 10.0.0.1-10.0.255.254: overlaps with ipam (10.0.0.1-10.0.0.254)")]
#[case(json!({"ranges": [[{"subnet": "10.0.0.4/32", "gateway": "10.0.0.4"}]]}),
    "ipam.ranges[0]: invalid value 10.0.0.4-10.0.0.4: is too small, there is no address to give out: 10.0.0.4 is the gateway")]
#[case(json!({"ranges": [[{"subnet": "10.0.0.0/24", "rangeEnd": "10.0.0.1"}]]}),
    "ipam.ranges[0]: invalid value 10.0.0.1-10.0.0.1: is too small")]
fn wrong_sets_are_refused_with_key_and_value(#[case] ipam: Value, #[case] text: &str) {
    let error = sets(&ipam, &Value::Null).unwrap_err().to_string();
    assert!(error.contains(text), "{error}");
}

#[test]
fn gateways_and_protocol_addresses_are_withheld_even_when_the_bounds_hold_them() {
    let set =
        one(&json!([{"subnet": "10.0.0.0/29", "rangeStart": "10.0.0.0", "rangeEnd": "10.0.0.7"}]));
    let expected = ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"];
    assert_eq!(order(&set, None), expected);
    assert_eq!(set.capacity(), 5);
    assert_eq!(set.withheld("10.0.0.1".parse().unwrap()), Some("gateway"));
}

#[test]
fn the_gateway_of_a_neighbouring_range_is_withheld() {
    let set = one(&json!([
        {"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.10", "rangeEnd": "10.0.0.12"},
        {"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.20", "rangeEnd": "10.0.0.21", "gateway": "10.0.0.11"},
    ]));
    assert_eq!(
        order(&set, None),
        ["10.0.0.10", "10.0.0.12", "10.0.0.20", "10.0.0.21"]
    );
}

#[rstest]
#[case("10.0.0.4/31", &["10.0.0.4"])]
#[case("10.0.0.4/32", &["10.0.0.4"])]
#[case("fd00::4/127", &["fd00::4"])]
#[case("fd00::4/126", &["fd00::6", "fd00::7"])]
fn small_subnets_give_what_they_have(#[case] subnet: &str, #[case] expected: &[&str]) {
    assert_eq!(order(&one(&json!([{"subnet": subnet}])), None), expected);
}

#[rstest]
#[case(None, &["10.0.0.2", "10.0.0.3", "10.1.0.2", "10.1.0.3"])]
#[case(Some("10.0.0.2"), &["10.0.0.3", "10.1.0.2", "10.1.0.3", "10.0.0.2"])]
#[case(Some("10.0.0.3"), &["10.1.0.2", "10.1.0.3", "10.0.0.2", "10.0.0.3"])]
#[case(Some("10.1.0.3"), &["10.0.0.2", "10.0.0.3", "10.1.0.2", "10.1.0.3"])]
#[case(Some("192.0.2.1"), &["10.0.0.2", "10.0.0.3", "10.1.0.2", "10.1.0.3"])]
fn the_order_begins_behind_the_last_address(#[case] last: Option<&str>, #[case] expected: &[&str]) {
    let set = one(&json!([
        {"subnet": "10.0.0.0/29", "rangeEnd": "10.0.0.3"}, {"subnet": "10.1.0.0/29", "rangeEnd": "10.1.0.3"},
    ]));
    assert_eq!(order(&set, last), expected);
}

#[test]
fn the_last_address_of_all_has_no_successor() {
    let set = one(
        &json!([{"subnet": "255.255.255.252/30", "rangeEnd": "255.255.255.255", "gateway": "10.0.0.1"}]),
    );
    assert_eq!(
        order(&set, Some("255.255.255.255")),
        ["255.255.255.253", "255.255.255.254"]
    );
}

proptest! {
    #[test]
    fn every_address_comes_exactly_once_whatever_the_last(
        prefix in 26_u8..=32, start in 0_u8..64, length in 0_u8..64, last: u8,
    ) {
        let size = 1_u16 << (32 - prefix);
        let start = u16::from(start) % size;
        let end = (start + u16::from(length)).min(size - 1);
        let document = json!({"ranges": [[{
            "subnet": format!("10.0.0.0/{prefix}"),
            "rangeStart": format!("10.0.0.{start}"),
            "rangeEnd": format!("10.0.0.{end}"),
        }]]});
        let Ok(sets) = sets(&document, &Value::Null) else {
            // Only a range without any usable address is refused.
            prop_assert!((start..=end).all(|host| host <= 1 || host == size - 1), "{document}");
            return Ok(());
        };
        let given = order(&sets.0[0], Some(&format!("10.0.0.{last}")));
        let mut sorted = given.clone();
        sorted.sort();
        sorted.dedup();
        prop_assert_eq!(sorted.len(), given.len());
        prop_assert_eq!(u128::try_from(given.len()).unwrap(), sets.0[0].capacity());
        let hosts = given.iter().map(|text| text.rsplit('.').next().unwrap().parse::<u16>().unwrap());
        for host in hosts {
            prop_assert!((start..=end).contains(&host));
            prop_assert!(size == 1 || host != 1);
            prop_assert!(size <= 2 || (host != 0 && host != size - 1));
        }
    }
}
