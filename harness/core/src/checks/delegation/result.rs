//! What of the delegate's answer has to be in the plugin's result.

use cni_spec_fixtures::{SpecVersion, req};
use serde_json::{Value, json};

use super::answers::{Lease, V4, V6, addresses, list, literal, prefix, routes, shown};
use crate::check::{Check, Feature, Versions};
use crate::trial::delegate::add_through_delegate_failed;
use crate::trial::{Attachment, Call, DelegateAnswer, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "delegation/result-is-merged",
        title: "Addresses, routes and dns of the delegate are in the plugin's result",
        proves: &[
            req::DELEG_RESULT_MERGE,
            req::CONF_IPAM_USED,
            req::RES_IPAM_SAME,
        ],
        versions: Versions::ALL,
        needs: &[Feature::Delegates],
        caught: &[
            "ipam-ignored",
            "drops-ipam-dns",
            "dns-reordered",
            "ipam-gateway-dropped",
            "index-off-by-one",
            "network-address",
            "route-dst-without-prefix",
        ],
        run: result_is_merged,
    },
    Check {
        id: "delegation/interfaces-of-the-delegate-are-void",
        title: "Interfaces that the delegate's result names are not in the plugin's result",
        proves: &[req::DELEG_RESULT_MERGE],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::Delegates],
        caught: &["keeps-delegate-interfaces"],
        run: interfaces_of_the_delegate_are_void,
    },
    Check {
        id: "delegation/dns-of-the-configuration-keeps-its-order",
        title: "Where the result carries dns of the configuration, it carries it as it was written",
        proves: &[req::CONF_DNS_FIELD],
        versions: Versions::ALL,
        needs: &[Feature::Delegates],
        caught: &["dns-reordered", "dns-string"],
        run: dns_of_the_configuration_keeps_its_order,
    },
];

/// Every member of a dns object, in an order that no sorting gives.
fn dns() -> Value {
    json!({
        "nameservers": ["192.0.2.53", "2001:db8::53", "192.0.2.7"],
        "domain": "example.net",
        "search": ["z.example.net", "a.example.net"],
        "options": ["ndots:2", "edns0"],
    })
}

fn result_is_merged(trial: &mut Trial) -> Result<(), Stop> {
    let lease = Lease::of(&[V4, V6])
        .with_routes(&[
            json!({ "dst": "0.0.0.0/0" }),
            json!({ "dst": "198.51.100.0/24", "gw": "10.97.0.1" }),
            json!({ "dst": "2001:db8:51::/48", "gw": "fd00:97::1" }),
        ])
        .with_dns(dns());
    let version = trial.version();
    let answer = lease.in_version(version);
    let attachment = trial.attachment("c1")?;
    trial
        .delegate()?
        .answer(Verb::Add, &DelegateAnswer::result(&answer))?;
    let request = trial
        .through_delegate(trial.request(Verb::Add, &attachment))
        .config(|config| drop(config.remove("dns")));
    let add = trial.call(&request)?;
    let verbs = trial.delegate()?.verbs()?;
    let asked = verbs.iter().filter(|verb| *verb == "ADD").count();
    trial.expect(
        &req::CONF_IPAM_USED,
        // An ADD that fails before it needs addresses need not ask for any.
        asked == 1 || asked == 0 && add.refused(),
        "one ADD runs the plugin that ipam.type names with ADD, once",
        format!("it is run {asked} times with ADD"),
        Proof::Shell("[ \"$(calls | tr ' ' '\\n' | grep -c '^ADD$')\" -ne 1 ]".to_owned()),
    );
    let what = "ADD when the delegate answers with two addresses, three routes and dns";
    if !trial.expect_success(&req::DELEG_RESULT_MERGE, &add, what) {
        return Ok(());
    }
    let result = add.json().unwrap_or_default();
    merged_addresses(trial, &add, &result, &lease);
    for route in &lease.routes {
        let dst = route["dst"].as_str().unwrap_or_default();
        let gw = route["gw"].as_str();
        let held = routes(&result).iter().any(|(to, via)| {
            Some(*to) == prefix(dst) && (gw.is_none() || *via == gw.and_then(|gw| gw.parse().ok()))
        });
        let via = gw.map(|gw| format!(" via {gw}")).unwrap_or_default();
        trial.expect(
            &req::DELEG_RESULT_MERGE,
            held,
            format!("the delegate's route to {dst}{via} is in the result"),
            add.brief(),
            Proof::lacks(&add, &format!("\"dst\":\"{}\"", literal(dst))),
        );
    }
    merged_dns(trial, &add, &result, &answer["dns"]);
    if version >= SpecVersion::V0_3_0 {
        indices(trial, &add, &result, &attachment);
    }
    Ok(())
}

fn merged_addresses(trial: &mut Trial, add: &Call, result: &Value, lease: &Lease) {
    let key = if trial.version() < SpecVersion::V0_3_0 {
        "ip"
    } else {
        "address"
    };
    let found = addresses(result);
    let given = lease.addresses(trial.version());
    for (ip, gateway) in &given {
        let shown = shown(*ip);
        trial.expect(
            &req::DELEG_RESULT_MERGE,
            found.iter().any(|(known, _)| known == ip),
            format!("the delegate's address {shown} is in the result"),
            add.brief(),
            Proof::lacks(add, &format!("\"{key}\":\"{}\"", literal(&shown))),
        );
        let Some(gateway) = gateway else { continue };
        trial.expect(
            &req::RES_IPAM_SAME,
            found.contains(&(*ip, Some(*gateway))),
            format!("{shown} has the delegate's gateway {gateway} in the result"),
            add.brief(),
            Proof::lacks(
                add,
                &format!("\"gateway\":\"{}\"", literal(&gateway.to_string())),
            ),
        );
    }
    trial.expect(
        &req::RES_IPAM_SAME,
        found.len() == given.len(),
        format!(
            "the result has the delegate's {} addresses and no other",
            given.len()
        ),
        add.brief(),
        Proof::Shell(format!(
            "[ \"$(compact $work/out{} | tr ',' '\\n' | grep -c '\"{key}\":')\" -ne {} ]",
            add.index(),
            given.len()
        )),
    );
}

/// That a member is missing is one violation, that it reads otherwise another.
fn merged_dns(trial: &mut Trial, add: &Call, result: &Value, given: &Value) {
    let found = &result["dns"];
    let proofs = |judged: fn(&Value, &Value) -> bool| {
        let wrong = given
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, value)| judged(&found[*key], value));
        wrong
            .map(|(key, value)| {
                let value = literal(&value.to_string().replace(' ', ""));
                Proof::lacks(add, &format!("\"{key}\":{value}"))
            })
            .collect::<Vec<Proof>>()
    };
    let missing = proofs(|found, _| found.is_null());
    let other = proofs(|found, given| !found.is_null() && found != given);
    for (requirement, proofs) in [
        (&req::DELEG_RESULT_MERGE, missing),
        (&req::RES_IPAM_SAME, other),
    ] {
        trial.expect(
            requirement,
            proofs.is_empty(),
            format!("dns in the result is the delegate's, {given}"),
            format!("it is {found}"),
            Proof::Any(proofs),
        );
    }
}

/// Every address has to point at the entry of CNI_IFNAME in the container.
fn indices(trial: &mut Trial, add: &Call, result: &Value, attachment: &Attachment) {
    let netns = attachment.netns.display().to_string();
    let own = list(result, "interfaces").position(|interface| {
        interface["name"] == attachment.ifname.as_str() && interface["sandbox"] == netns.as_str()
    });
    let Some(own) = own else {
        // That the result lists the interface at all is for the topic of results.
        return;
    };
    for ip in list(result, "ips") {
        trial.expect(
            &req::DELEG_RESULT_MERGE,
            ip["interface"].as_u64() == Some(own as u64),
            format!(
                "ips[].interface of {} is {own}, the index of {}",
                ip["address"], attachment.ifname
            ),
            format!("it is {}", ip["interface"]),
            Proof::lacks(add, &format!("\"interface\":{own}[^0-9]")),
        );
    }
}

fn interfaces_of_the_delegate_are_void(trial: &mut Trial) -> Result<(), Stop> {
    let mut answer = Lease::of(&[V4]).in_version(trial.version());
    answer["interfaces"] =
        json!([{ "name": "stranger0", "mac": "02:00:5e:00:53:01", "sandbox": "/stranger" }]);
    answer["ips"][0]["interface"] = json!(0);
    let attachment = trial.attachment("c1")?;
    trial
        .delegate()?
        .answer(Verb::Add, &DelegateAnswer::result(&answer))?;
    let add = trial.call(&trial.through_delegate(trial.request(Verb::Add, &attachment)))?;
    // An answer that no IPAM plugin may give can be refused.
    let result = add.json().filter(|_| add.succeeded()).unwrap_or_default();
    let survives = list(&result, "interfaces").any(|interface| interface["name"] == "stranger0");
    trial.expect(
        &req::DELEG_RESULT_MERGE,
        !survives,
        "the interface stranger0, which only the delegate's answer names, is not in the result",
        add.brief(),
        Proof::prints(&add, "\"name\":\"stranger0\""),
    );
    Ok(())
}

fn dns_of_the_configuration_keeps_its_order(trial: &mut Trial) -> Result<(), Stop> {
    let answer = Lease::of(&[V4]).in_version(trial.version());
    let attachment = trial.attachment("c1")?;
    trial
        .delegate()?
        .answer(Verb::Add, &DelegateAnswer::result(&answer))?;
    let request = trial
        .through_delegate(trial.request(Verb::Add, &attachment))
        .key("dns", dns());
    let add = trial.call(&request)?;
    let Some(result) = add.json().filter(|_| add.succeeded()) else {
        return Err(add_through_delegate_failed(&add));
    };
    for (key, value) in dns().as_object().into_iter().flatten() {
        // A plugin need not use the configuration's dns at all.
        let Some(found) = result.pointer(&format!("/dns/{key}")) else {
            continue;
        };
        let same = literal(&value.to_string().replace(' ', ""));
        trial.expect(
            &req::CONF_DNS_FIELD,
            found == value,
            format!("dns.{key} in the result is the configuration's, {value}"),
            format!("it is {found}"),
            Proof::Shell(format!(
                "compact $work/out{0} | grep -Eq '\"{key}\":' && ! compact $work/out{0} | grep -Eq '\"{key}\":{same}'",
                add.index()
            )),
        );
    }
    Ok(())
}
