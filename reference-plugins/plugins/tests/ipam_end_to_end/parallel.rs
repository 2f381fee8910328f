//! Many processes at once, as a node does at boot.

use std::collections::BTreeSet;
use std::process::Child;

use serde_json::json;

use crate::call::{Call, Network, ours};

fn all(network: &Network, verb: &str, ids: &[String]) -> Vec<String> {
    let start = |id: &String| Call::new(verb, id).start(&mut ours(), &network.config);
    let children: Vec<Child> = ids.iter().map(start).collect();
    let mut answers = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{stdout}");
        answers.push(stdout);
    }
    answers
}

#[test]
fn a_hundred_adds_get_a_hundred_addresses_and_dels_return_them() {
    let range =
        json!({"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.109"});
    let network = Network::new(&json!({"ranges": [[range], [{"subnet": "fd00::/120"}]]}));
    let ids: Vec<String> = (0..100).map(|number| format!("c{number}")).collect();
    let answers = all(&network, "ADD", &ids);
    let addresses: BTreeSet<String> = answers
        .iter()
        .map(|answer| {
            let result: serde_json::Value = serde_json::from_str(answer).unwrap();
            result["ips"][0]["address"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(addresses.len(), 100, "{addresses:?}");
    assert_eq!(network.reservations().len(), 200);
    network
        .call("ADD", "one-more")
        .assert_error(100, "all 100 are reserved");
    assert!(all(&network, "DEL", &ids).iter().all(String::is_empty));
    network.assert_reserved(&[]);
}
