//! The way of prevResult through ADD: what it lists is listed in the result.

use cni_spec_fixtures::{SpecVersion, req};
use serde_json::{Value, json};

use super::judge;
use super::previous::{FOREIGN, entries, find, full, literal, owner};
use crate::check::{Check, Feature, Versions};
use crate::trial::{Attachment, Call, Proof, Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "chain/prevresult-is-passed-on",
        title: "ADD prints what prevResult lists",
        proves: &[req::CHAIN_HANDLE_PREVRESULT, req::CHAIN_NO_SUPPRESS],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::EntersContainer],
        caught: &["drops-prevresult"],
        run: is_passed_on,
    },
    Check {
        id: "chain/order-is-kept",
        title: "ADD keeps the order of prevResult's addresses and routes, and its dns",
        proves: &[req::CHAIN_ECHO_UNCHANGED],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::Chained],
        caught: &["reorders-ips", "drops-prevresult"],
        run: order_is_kept,
    },
    Check {
        id: "chain/fields-are-kept",
        title: "ADD passes on every field that the version defines",
        proves: &[req::CHAIN_PRESERVE_FIELDS],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::Chained],
        caught: &["drops-newer-fields", "drops-prevresult"],
        run: fields_are_kept,
    },
    Check {
        id: "chain/indices-still-point",
        title: "An address of prevResult points at the same interface in the result",
        proves: &[req::CHAIN_INDEX_INTEGRITY],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::Chained],
        caught: &["prepends-interface"],
        run: indices_still_point,
    },
];

/// ADDs with a full prevResult; returns that and the ADD, if it gave a result.
fn pass(trial: &mut Trial) -> Result<(Value, Attachment, Call), Stop> {
    let attachment = trial.attachment("c1")?;
    let previous = full(trial, &attachment)?;
    let request = trial
        .request(Verb::Add, &attachment)
        .previous_value(previous.clone());
    let call = trial.call(&request)?;
    Ok((previous, attachment, call))
}

/// Returns the result of such an ADD.
fn result(call: &Call) -> Result<Value, Stop> {
    match call.json() {
        Some(result @ Value::Object(_)) if call.succeeded() => Ok(result),
        _ => Err(Stop::Blocked {
            check: "chain/prevresult-is-passed-on",
            why: format!(
                "ADD with another plugin's result ended with {}",
                call.brief()
            ),
        }),
    }
}

fn is_passed_on(trial: &mut Trial) -> Result<(), Stop> {
    let (previous, _, call) = pass(trial)?;
    if !call.succeeded() {
        let expected = "ADD with a prevResult that lists another plugin's interface: exit 0";
        let says = (expected.to_owned(), call.brief());
        judge(
            trial,
            &req::CHAIN_HANDLE_PREVRESULT,
            false,
            says,
            Proof::fails(&call),
        );
        return Ok(());
    }
    let result = call.json().unwrap_or_default();
    let has = |list: &str, key: &str, value: &str| {
        find(entries(&result, list), &json!({ key: value }), &[key]).is_some()
    };
    let servers = |result: &Value| result.pointer("/dns/nameservers").cloned();
    let there = [
        (
            "interface",
            "name",
            FOREIGN,
            has("interfaces", "name", FOREIGN),
        ),
        (
            "address",
            "address",
            "198.51.100.7/24",
            has("ips", "address", "198.51.100.7/24"),
        ),
        (
            "route",
            "dst",
            "198.51.100.128/25",
            has("routes", "dst", "198.51.100.128/25"),
        ),
        (
            "name server",
            "nameservers",
            "192.0.2.53",
            servers(&result) == servers(&previous),
        ),
    ];
    let missing: Vec<_> = there.iter().filter(|(.., is_there)| !is_there).collect();
    let Some((what, key, value, _)) = missing.first() else {
        return Ok(());
    };
    let expression = match *key {
        "nameservers" => "\"nameservers\":[[]\"192[.]0[.]2[.]53\",\"2001:db8::53\"[]]".to_owned(),
        _ => literal(&format!("\"{key}\":\"{value}\"")),
    };
    let kinds: Vec<&str> = missing.iter().map(|(what, ..)| *what).collect();
    let says = (
        format!("the {what} {value} of prevResult is in the result"),
        format!("the result lacks prevResult's {}", kinds.join(", ")),
    );
    let proof = Proof::lacks(&call, &expression);
    if missing.len() < there.len() {
        // Before 1.0.0 a plugin may leave parts out on purpose.
        judge(trial, &req::CHAIN_NO_SUPPRESS, false, says, proof);
    } else if trial.version() < SpecVersion::V1_0_0 {
        trial.advise(&req::CHAIN_HANDLE_PREVRESULT, false, says.0, says.1, proof);
    } else {
        judge(trial, &req::CHAIN_HANDLE_PREVRESULT, false, says, proof);
    }
    Ok(())
}

/// Plugins may add entries; those of prevResult stay in their order.
fn order_is_kept(trial: &mut Trial) -> Result<(), Stop> {
    let (previous, _, call) = pass(trial)?;
    let result = result(&call)?;
    for (list, key) in [("ips", "address"), ("routes", "dst")] {
        let names = |of: &Value| -> Vec<String> {
            entries(of, list)
                .iter()
                .filter_map(|entry| entry.get(key)?.as_str().map(str::to_owned))
                .collect()
        };
        let given = names(&previous);
        let mut printed = names(&result);
        printed.retain(|name| given.contains(name));
        let expression: Vec<String> = given
            .iter()
            .map(|name| literal(&format!("\"{key}\":\"{name}\"")))
            .collect();
        trial.expect(
            &req::CHAIN_ECHO_UNCHANGED,
            printed == given,
            format!("{list} of prevResult in their order: {}", given.join(", ")),
            format!("{list} of the result: {}", printed.join(", ")),
            Proof::lacks(&call, &expression.join(".*")),
        );
    }
    let dns = |of: &Value| of.get("dns").cloned().unwrap_or_default();
    let differing = ["nameservers", "domain", "search", "options"]
        .into_iter()
        .find(|key| dns(&result).get(key) != dns(&previous).get(key));
    if let Some(key) = differing {
        let given = format!("\"{key}\":{}", dns(&previous)[key]);
        trial.expect(
            &req::CHAIN_ECHO_UNCHANGED,
            false,
            format!("dns of prevResult, with {given}"),
            format!("dns {}", dns(&result)),
            Proof::lacks(&call, &literal(&given)),
        );
    }
    Ok(())
}

fn fields_are_kept(trial: &mut Trial) -> Result<(), Stop> {
    let (previous, attachment, call) = pass(trial)?;
    let result = result(&call)?;
    for (list, keys) in [
        ("interfaces", &["name", "sandbox"][..]),
        ("ips", &["address"]),
        ("routes", &["dst"]),
    ] {
        for given in entries(&previous, list) {
            let printed = find(entries(&result, list), given, keys);
            // The plugin may change its own interface, and every index; other checks look at these.
            let is_own = given.get("name") == Some(&json!(attachment.ifname));
            let lost = given
                .as_object()
                .into_iter()
                .flatten()
                .find(|(key, value)| {
                    let may_change =
                        *key == "interface" || is_own && matches!(key.as_str(), "mac" | "mtu");
                    !may_change && printed.and_then(|entry| entry.get(key.as_str())) != Some(*value)
                });
            let Some((key, value)) = lost else { continue };
            trial.expect(
                &req::CHAIN_PRESERVE_FIELDS,
                false,
                format!("{list} of the result have the entry of prevResult {given}"),
                match printed {
                    Some(entry) => format!("it lost {key}: {entry}"),
                    None => "it is not there".to_owned(),
                },
                Proof::lacks(&call, &literal(&format!("\"{key}\":{value}"))),
            );
        }
    }
    Ok(())
}

fn indices_still_point(trial: &mut Trial) -> Result<(), Stop> {
    let (previous, _, call) = pass(trial)?;
    let result = result(&call)?;
    for given in entries(&previous, "ips") {
        // Whether it is there at all, other checks judge.
        let Some(printed) = find(entries(&result, "ips"), given, &["address"]) else {
            continue;
        };
        let (before, after) = (owner(&previous, given), owner(&result, printed));
        let address = &given["address"];
        let out = format!("compact $work/out{}", call.index());
        let proof = Proof::Shell(format!(
            "i=$({out} | grep -o '{{[^{{}}]*\"address\":{}[^{{}}]*}}' | grep -o '\"interface\":[0-9]*' | cut -d: -f2); [ \"$({out} | grep -o '\"name\":\"[^\"]*\"' | sed -n \"$((i+1))p\")\" != '\"name\":\"{}\"' ]",
            literal(&address.to_string()),
            before.unwrap_or_default()
        ));
        trial.expect(
            &req::CHAIN_INDEX_INTEGRITY,
            before == after,
            format!(
                "{address} points at {}, as in prevResult",
                before.unwrap_or("no interface")
            ),
            format!("it points at {}", after.unwrap_or("no interface")),
            proof,
        );
    }
    Ok(())
}
