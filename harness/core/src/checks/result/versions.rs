//! The same attachment in one version and in another.

use std::collections::BTreeSet;

use cni_spec_fixtures::{SpecVersion, req};
use serde_json::{Map, Value};

use crate::check::{Check, Feature, Versions};
use crate::checks::ipam_section::with_second_subnet;
use crate::checks::reported::{Reported, network};
use crate::checks::shell::exactly;
use crate::trial::{Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "result/version-of-request",
        title: "The result has the cniVersion of the request",
        proves: &[req::RES_CNIVERSION, req::DELEG_IPAM_VERSION],
        versions: Versions::ALL,
        needs: &[],
        caught: &["wrong-result-version", "ipam-fixed-version"],
        run: version_of_request,
    },
    Check {
        id: "result/same-in-older-version",
        title: "An older version of the result loses only what that version can't express",
        proves: &[req::RES_DOWN_CONVERSION],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::Addresses],
        caught: &["down-conversion-last-address"],
        run: same_in_older_version,
    },
];

fn version_of_request(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let version = trial.version().to_string();
    let found = attached.result.get("cniVersion");
    let held = found.and_then(Value::as_str) == Some(&version);
    let expected = format!("cniVersion is \"{version}\", as in the request");
    let actual = match found {
        None => "cniVersion is missing".to_owned(),
        Some(found) => format!("cniVersion is {found}"),
    };
    let expression = format!("\"cniVersion\":\"{}\"", version.replace('.', "[.]"));
    let proof = Proof::lacks(&attached.call, &expression);
    trial.expect(
        &req::RES_CNIVERSION,
        held,
        expected.clone(),
        actual.clone(),
        proof.clone(),
    );
    if trial.has(Feature::Ipam) {
        trial.expect(&req::DELEG_IPAM_VERSION, held, expected, actual, proof);
    }
    Ok(())
}

/// What two results of one configuration have to agree on. Pools give other hosts, so that the subnets are compared.
#[derive(Debug, PartialEq, Eq)]
struct Common {
    subnets: Vec<String>,
    routes: BTreeSet<String>,
    dns: Value,
}

impl Common {
    fn of(result: &Value, single: bool) -> Self {
        let reported = Reported::read(result);
        let mut subnets: Vec<(bool, String)> = reported
            .addresses
            .iter()
            .map(|address| {
                let gateway = address.gateway.map(|gateway| format!(" gateway {gateway}"));
                let subnet = network(address.ip, address.prefix);
                (
                    address.ip.is_ipv6(),
                    format!("{subnet}/{}{}", address.prefix, gateway.unwrap_or_default()),
                )
            })
            .collect();
        if single {
            // 0.1.0 and 0.2.0 have room for the first address of each family, IPv4 before IPv6.
            let first = |v6: bool| subnets.iter().find(|(is_v6, _)| *is_v6 == v6).cloned();
            subnets = [first(false), first(true)].into_iter().flatten().collect();
        }
        let families: Vec<bool> = subnets.iter().map(|(is_v6, _)| *is_v6).collect();
        let routes = reported
            .routes
            .iter()
            .filter(|route| !single || families.contains(&route.destination.is_ipv6()))
            .map(|route| {
                let gateway = route.gateway.map(|gateway| format!(" gw {gateway}"));
                route.text() + &gateway.unwrap_or_default()
            })
            .collect();
        let mut dns = result.get("dns").cloned().unwrap_or(Value::Null);
        if dns.as_object().is_some_and(serde_json::Map::is_empty) {
            dns = Value::Null;
        }
        Self {
            subnets: subnets.into_iter().map(|(_, text)| text).collect(),
            routes,
            dns,
        }
    }

    fn differences(&self, other: &Self) -> Vec<(&'static str, String, String)> {
        let list = |texts: &mut dyn Iterator<Item = &String>| {
            texts.cloned().collect::<Vec<_>>().join(", ")
        };
        [
            (
                "subnets",
                list(&mut self.subnets.iter()),
                list(&mut other.subnets.iter()),
            ),
            (
                "routes",
                list(&mut self.routes.iter()),
                list(&mut other.routes.iter()),
            ),
            ("dns", self.dns.to_string(), other.dns.to_string()),
        ]
        .into_iter()
        .filter(|(_, one, other)| one != other)
        .collect()
    }
}

/// Each version is compared with the one before it, so that all of them agree when all cells pass.
fn same_in_older_version(trial: &mut Trial) -> Result<(), Stop> {
    let version = trial.version();
    let Some(older) = SpecVersion::ALL
        .into_iter()
        .rev()
        .find(|other| *other < version)
    else {
        return Ok(());
    };
    // An interface plugin may refuse a second gateway on its shared device; an IPAM plugin has none.
    let change = if trial.has(Feature::Ipam) {
        with_second_subnet
    } else {
        |_: &mut Map<String, Value>| {}
    };
    let first = trial.attachment("c1")?;
    let request = trial.request(Verb::Add, &first).config(change);
    let newer = trial.attach_with(&first, &request)?;
    let second = trial.attachment("c2")?;
    let request = trial
        .request(Verb::Add, &second)
        .config(change)
        .key("cniVersion", Value::String(older.to_string()));
    let call = trial.call(&request)?;
    // A plugin need not know the older version; whether its ADD works there is judged there.
    let Some(result) = call.json().filter(|_| call.succeeded()) else {
        return Ok(());
    };
    let single = older < SpecVersion::V0_3_0;
    let (expected, actual) = (
        Common::of(&newer.result, single),
        Common::of(&result, single),
    );
    for (what, new, old) in expected.differences(&actual) {
        let proof = match what {
            "subnets" => Proof::Shell(format!(
                "[ \"$(compact $work/out{} | grep -oE '\"(address|ip)\":\"[^\"]*\"' | wc -l)\" -gt 0 ]{}",
                call.index(),
                first_subnet(&expected, call.index())
            )),
            _ => Proof::Shell(format!(
                "[ \"$(compact $work/out{} | grep -oE '\"(dst|gw|nameservers|domain|search|options)\":[^]}},]*' | sort)\" != \"$(compact $work/out{} | grep -oE '\"(dst|gw|nameservers|domain|search|options)\":[^]}},]*' | sort)\" ]",
                call.index(),
                newer.call.index()
            )),
        };
        trial.expect(
            &req::RES_DOWN_CONVERSION,
            false,
            format!("{what} of the {older} result are those of the {version} result: {new}"),
            old,
            proof,
        );
    }
    Ok(())
}

/// A condition that is true when a subnet of the new result is not in the old one.
fn first_subnet(expected: &Common, call: usize) -> String {
    let conditions: Vec<String> = expected
        .subnets
        .iter()
        .filter_map(|subnet| subnet.split_once('/'))
        .map(|(subnet, _)| {
            let start = subnet.trim_end_matches('0').trim_end_matches("::");
            format!(
                "! compact $work/out{call} | grep -Eq '\"(address|ip)\":\"{}'",
                exactly(start)
            )
        })
        .collect();
    if conditions.is_empty() {
        String::new()
    } else {
        format!(" && {{ {}; }}", conditions.join(" || "))
    }
}
