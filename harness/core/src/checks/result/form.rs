//! The form of a result: the keys and types of its version, whatever they say.

use cni_spec_fixtures::{SpecVersion, req};
use serde_json::{Value, json};

use super::schema::violations;
use super::strict::oddities;
use crate::check::{Check, Feature, Versions};
use crate::checks::ipam_section::{with_routes, without_routes};
use crate::checks::shell::exactly;
use crate::profile::Kind;
use crate::trial::{Attached, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "result/well-formed",
        title: "The result has the keys and types of its version",
        proves: &[
            req::RES_JSON_OBJECT,
            req::RES_V02_SHAPE,
            req::RES_V02_IP,
            req::RES_INTERFACES,
            req::RES_MAC,
            req::RES_SANDBOX,
            req::RES_MTU,
            req::RES_SOCKETPATH_PCIID,
            req::RES_IPS_VERSION,
            req::RES_IPS_ADDRESS,
            req::RES_IPS_GATEWAY,
            req::RES_IPS_INTERFACE,
            req::RES_ROUTES,
            req::RES_ROUTE_ATTRIBUTES,
            req::RES_DNS,
            req::RES_TYPES_STRICT,
            req::DELEG_IPAM_ABBREVIATED,
        ],
        versions: Versions::ALL,
        needs: &[],
        caught: &[
            "duplicate-keys",
            "v02-has-interfaces",
            "v02-family-swap",
            "relative-socket",
            "ips-version-missing",
            "gateway-with-prefix",
            "route-dst-without-prefix",
            "dns-string",
            "null-lists",
            "ipam-with-index",
        ],
        run: well_formed,
    },
    Check {
        id: "result/no-newer-keys",
        title: "The result has no keys that belong to another version",
        proves: &[req::RES_NEWER_FIELDS, req::RES_IPS_NO_VERSION],
        versions: Versions::WITH_INTERFACES,
        needs: &[],
        caught: &["newer-fields-always", "ips-version-always"],
        run: no_newer_keys,
    },
    Check {
        id: "result/old-versions-need-an-address",
        title: "ADD without any address is an error where a result can't be without one",
        proves: &[req::RES_V02_NEEDS_IP],
        versions: Versions::until(SpecVersion::V0_2_0),
        needs: &[Feature::CreatesInterface, Feature::Delegates],
        caught: &["v02-empty-result"],
        run: old_versions_need_an_address,
    },
];

/// Once with everything that the configuration can ask for, once without routes, which shows empty lists.
fn well_formed(trial: &mut Trial) -> Result<(), Stop> {
    let first = trial.attachment("c1")?;
    let mut request = trial.request(Verb::Add, &first);
    if trial.kind() == Kind::Interface {
        request = request.key(
            "dns",
            json!({ "nameservers": ["192.0.2.53", "2001:db8::53"], "domain": "conform.test", "search": ["conform.test"], "options": ["ndots:2"] }),
        );
    }
    let attached = trial.attach_with(&first, &request)?;
    judge_form(trial, &attached)?;
    if trial.has(Feature::Delegates) || trial.kind() == Kind::Ipam {
        let second = trial.attachment("c2")?;
        let request = trial.request(Verb::Add, &second).config(without_routes);
        let attached = trial.attach_with(&second, &request)?;
        judge_form(trial, &attached)?;
    }
    Ok(())
}

fn judge_form(trial: &mut Trial, attached: &Attached) -> Result<(), Stop> {
    let call = &attached.call;
    let odd = oddities(call.stdout());
    for key in &odd.twice {
        trial.expect(
            &req::RES_JSON_OBJECT,
            false,
            "every key stands once in its object",
            format!("{key} stands twice"),
            Proof::prints(call, &format!("\"{0}\":.*\"{0}\":", exactly(key))),
        );
    }
    for key in &odd.misspelt {
        trial.expect(
            &req::RES_JSON_OBJECT,
            false,
            "keys are spelt as in the specification, capital letters included",
            format!("there is a key {key}"),
            Proof::prints(call, &format!("\"{}\":", exactly(key))),
        );
    }
    for found in violations(trial.version(), trial.kind(), call, &attached.result)? {
        if found.mild {
            trial.advise(
                found.requirement,
                false,
                found.expected,
                found.actual,
                found.proof,
            );
        } else {
            trial.expect(
                found.requirement,
                false,
                found.expected,
                found.actual,
                found.proof,
            );
        }
    }
    Ok(())
}

/// The routes ask for an attribute of 1.1.0, which a plugin may know and older results have no key for.
fn no_newer_keys(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let mut request = trial.request(Verb::Add, &attachment);
    if trial.has(Feature::Routes) && (trial.has(Feature::Delegates) || trial.kind() == Kind::Ipam) {
        request = request.config(|config| {
            with_routes(
                config,
                json!([{ "dst": "198.51.100.0/24", "priority": 77 }]),
            );
        });
    }
    let attached = trial.attach_with(&attachment, &request)?;
    let newer: &[(&str, &[&str])] = &[
        ("interfaces", &["mtu", "socketPath", "pciID"]),
        ("routes", &["mtu", "advmss", "priority", "table", "scope"]),
    ];
    let before = trial.version() < SpecVersion::V1_1_0;
    for (list, keys) in newer.iter().filter(|_| before) {
        for key in *keys {
            let Some(index) = position(&attached.result, list, key) else {
                continue;
            };
            trial.expect(
                &req::RES_NEWER_FIELDS,
                false,
                format!("no key {key} in {list}: it came with 1.1.0"),
                format!("{list}[{index}] has it"),
                Proof::prints(&attached.call, &format!("\"{key}\":")),
            );
        }
    }
    let index = position(&attached.result, "ips", "version");
    trial.expect(
        &req::RES_IPS_NO_VERSION,
        index.is_none(),
        "no key version in ips: it ended with 0.4.0",
        format!("ips[{}] has it", index.unwrap_or_default()),
        Proof::prints(&attached.call, "\"version\":"),
    );
    Ok(())
}

/// Finds the first entry of a list that has a key.
fn position(result: &Value, list: &str, key: &str) -> Option<usize> {
    result
        .get(list)?
        .as_array()?
        .iter()
        .position(|entry| entry.get(key).is_some())
}

fn old_versions_need_an_address(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let request = trial
        .request(Verb::Add, &attachment)
        .config(|config| drop(config.remove("ipam")));
    let add = trial.call(&request)?;
    let addressed = add
        .json()
        .is_some_and(|result| result.get("ip4").is_some() || result.get("ip6").is_some());
    trial.expect(
        &req::RES_V02_NEEDS_IP,
        !add.succeeded() || addressed,
        "ADD without ipam: an error, or a result with ip4 or ip6",
        add.brief(),
        Proof::succeeds(&add),
    );
    Ok(())
}
