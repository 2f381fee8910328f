//! Paths in errors, Go's rules for keys and numbers, and the written form.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use super::*;

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn an_error_has_the_whole_path_the_expectation_and_the_value() {
    let document = map(json!({"ipam": {"ranges": [[{"subnet": "10.0.0.0/8"}, {"subnet": 7}]]}}));
    let ipam = Object::root(&document).object("ipam").unwrap();
    let set = &ipam.array("ranges").unwrap()[0].array().unwrap()[1];
    let error = set.object().unwrap().string("subnet").unwrap_err();
    assert_eq!(
        error.to_string(),
        "ipam.ranges[0][1].subnet: expected a string, got number 7"
    );
    assert_eq!(error.code().number(), 6);
    let error = ipam.u32("size").unwrap_err();
    assert_eq!(error.to_string(), "ipam.size: missing; give an integer");
    assert_eq!(error.code().number(), 7);
}

#[test]
fn the_exact_spelling_wins_over_another_case_and_null_is_absent() {
    let document = map(json!({"HostPort": 1, "hostPort": 2, "HOSTIP": "", "protocol": null}));
    let root = Object::root(&document);
    assert_eq!(root.u32("hostPort"), Ok(2));
    assert!(matches!(root.u32("hostport"), Ok(1 | 2)));
    assert_eq!(
        (
            root.optional_string("hostIP"),
            root.non_empty_string("hostIP")
        ),
        (Ok(Some("")), Ok(None))
    );
    assert_eq!(root.optional_string("protocol"), Ok(None));
    assert!(root.contains("Protocol") && !root.contains("other"));
}

#[test]
fn the_last_of_two_equal_keys_wins() {
    let document = parse_object("document", br#"{"a": 1, "a": 2}"#).unwrap();
    assert_eq!(Object::root(&document).u32("a"), Ok(2));
}

#[rstest]
#[case(json!(34359738359_u64), true)]
#[case(json!(u64::MAX), true)]
#[case(json!(-1), false)]
#[case(json!(1.0), false)]
#[case(json!(1e30), false)]
#[case(json!("1"), false)]
#[case(json!(true), false)]
fn an_integer_is_whole_and_in_range(#[case] value: Value, #[case] accepted: bool) {
    let document = map(json!({"rate": value}));
    assert_eq!(
        Object::root(&document)
            .optional_integer::<u64>("rate")
            .is_ok(),
        accepted
    );
}

#[test]
fn an_integer_out_of_range_is_invalid_and_says_the_range() {
    let document = map(json!({"hostPort": 70000}));
    let error = Object::root(&document)
        .integer::<u16>("hostPort")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "hostPort: invalid value 70000: expected 0 to 65535"
    );
    assert_eq!(error.code().number(), 7);
}

#[test]
fn typed_access_covers_absence() {
    let document = map(json!({"flag": true, "names": ["a"], "subnet": "", "list": [{}]}));
    let root = Object::root(&document);
    assert_eq!(
        (
            root.bool("flag"),
            root.bool("other"),
            root.optional_bool("other")
        ),
        (Ok(true), Ok(false), Ok(None))
    );
    assert_eq!(
        (root.strings("names"), root.strings("other")),
        (Ok(vec!["a"]), Ok(vec![]))
    );
    assert_eq!(root.optional_parse::<crate::Cidr>("subnet"), Ok(None));
    assert_eq!(
        root.parse::<crate::Cidr>("subnet").unwrap_err().to_string(),
        "subnet: invalid value \"\": expected an address with a prefix length, as in 10.1.2.3/24"
    );
    assert_eq!(
        (
            root.objects("list").unwrap()[0].path(),
            root.objects("other").unwrap().len()
        ),
        ("list[0]", 0)
    );
    assert_eq!(
        root.bool("names").unwrap_err().to_string(),
        "names: expected a boolean, got a list"
    );
}

#[test]
fn a_long_value_is_shortened_in_errors() {
    let document = map(json!({"name": "ä".repeat(500)}));
    let error = Object::root(&document)
        .invalid("name", "too long")
        .to_string();
    assert!(
        error.contains('…') && error.chars().count() < 130,
        "{error}"
    );
}

#[test]
fn the_written_form_is_indented_by_four_without_a_last_newline() {
    let value = json!({"a": [1, {"b": "x\"y"}], "c": {}, "d": []});
    let expected = "{\n    \"a\": [\n        1,\n        {\n            \"b\": \"x\\\"y\"\n        }\n    ],\n    \"c\": {},\n    \"d\": []\n}";
    assert_eq!(to_indented(&value), expected);
}

proptest! {
    #[test]
    fn what_is_written_reads_back(value in arbitrary()) {
        prop_assert_eq!(serde_json::from_str::<Value>(&to_indented(&value)).unwrap(), value);
    }
}

pub(crate) fn arbitrary() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z0-9./:]{0,12}".prop_map(Value::from),
        Just(Value::from("10.0.0.2/24")),
        Just(Value::from("1.1.0")),
    ];
    let key = proptest::sample::select(vec![
        "cniVersion",
        "interfaces",
        "ips",
        "routes",
        "dns",
        "ip4",
        "ip6",
        "address",
        "ip",
        "gateway",
        "dst",
        "name",
        "mac",
        "x",
    ]);
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key.clone(), inner, 0..6).prop_map(|map| map
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}
