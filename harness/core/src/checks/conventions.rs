//! CONVENTIONS.md: the ways in which a runtime asks for an address, and what everybody may add to `args`.

use std::net::IpAddr;

use cni_spec_fixtures::{Requirement, req};
use serde_json::{Value, json};

use crate::check::{Check, Feature, Versions};
use crate::trial::{Attachment, Call, Proof, Request, Stop, Trial, Verb, listed_addresses};

/// From 0.2.0, which brought `args`.
const WITH_ARGS: Versions = Versions::WITH_VERSION;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "conventions/args-ips",
        title: "An IPAM plugin hands out just the addresses that args.cni.ips asks for",
        proves: &[req::CONV_ARGS_IPS],
        versions: WITH_ARGS,
        needs: &[Feature::Ipam, Feature::RequestedAddresses],
        caught: &["args-ips-ignored", "requested-ip-ignored"],
        run: args_ips,
    },
    Check {
        id: "conventions/runtime-config-ips",
        title: "An IPAM plugin hands out just the addresses that runtimeConfig.ips asks for",
        proves: &[req::CAP_IP_SELECTION],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::Ipam, Feature::RequestedAddresses],
        caught: &["requested-ip-ignored"],
        run: runtime_config_ips,
    },
    Check {
        id: "conventions/taken-address",
        title: "A request for an address that somebody has is refused",
        proves: &[req::CONV_ARGS_IPS, req::CAP_IP_SELECTION],
        versions: WITH_ARGS,
        needs: &[
            Feature::Ipam,
            Feature::RequestedAddresses,
            Feature::Allocates,
        ],
        caught: &["args-ips-ignored", "requested-ip-ignored"],
        run: taken_address,
    },
    Check {
        id: "conventions/args-over-cni-args",
        title: "Addresses in args.cni.ips outrank IP in CNI_ARGS",
        proves: &[req::CONV_ARGS_OVER_CNI_ARGS],
        versions: WITH_ARGS,
        needs: &[Feature::Ipam, Feature::RequestedAddresses],
        caught: &["cni-args-win"],
        run: args_over_cni_args,
    },
    Check {
        id: "conventions/malformed-address",
        title: "A request for something that is no address is refused with an error object",
        proves: &[req::CONV_ERROR_ON_MALFORMED],
        versions: Versions::ALL,
        needs: &[Feature::Ipam, Feature::RequestedAddresses],
        caught: &[
            "cni-args-ip-crash",
            "args-ips-ignored",
            "requested-ip-ignored",
        ],
        run: malformed_address,
    },
    Check {
        id: "conventions/labels",
        title: "ADD works with labels in args.cni",
        proves: &[req::CONV_LABELS],
        versions: WITH_ARGS,
        needs: &[],
        caught: &["args-rejected"],
        run: labels,
    },
];

/// Returns addresses of the subnets that an ADD takes its addresses from, `beyond` what it got, one for each.
/// The ADD is undone.
fn choose(trial: &mut Trial, beyond: u8) -> Result<Vec<String>, Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.del(&attached)?;
    let chosen: Vec<String> = listed_addresses(&attached.result)
        .iter()
        .filter_map(|address| further(address, beyond))
        .collect();
    if chosen.is_empty() {
        return Err(Stop::Trouble(format!(
            "no address of the subnets is known: ADD printed {}",
            attached.call.brief()
        )));
    }
    Ok(chosen)
}

/// Returns the address that is so many further in its subnet; the last byte has to have room for it.
fn further(address: &str, beyond: u8) -> Option<String> {
    let (ip, length) = address.split_once('/')?;
    let ip: IpAddr = match ip.parse().ok()? {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            IpAddr::from([a, b, c, d.checked_add(beyond)?])
        }
        IpAddr::V6(ip) => {
            let mut octets = ip.octets();
            octets[15] = octets[15].checked_add(beyond)?;
            IpAddr::from(octets)
        }
    };
    Some(format!("{ip}/{length}"))
}

fn asking(trial: &Trial, attachment: &Attachment, key: &str, ips: &[String]) -> Request {
    let value = match key {
        "args" => json!({ "cni": { "ips": ips } }),
        _ => json!({ "ips": ips }),
    };
    trial.request(Verb::Add, attachment).key(key, value)
}

/// Expects that ADD succeeded and lists just these addresses.
fn expect_addresses(
    trial: &mut Trial,
    requirement: &Requirement,
    call: &Call,
    (asked, what): (&[String], &str),
) {
    let expected = format!("ADD with {what} {} gets just these", asked.join(", "));
    if !call.succeeded() {
        trial.expect(
            requirement,
            false,
            expected,
            call.brief(),
            Proof::fails(call),
        );
        return;
    }
    let got = listed_addresses(&call.json().unwrap_or_default());
    let missing = asked.iter().find(|address| !got.contains(address));
    let surplus = got.iter().find(|address| !asked.contains(address));
    let pattern = |address: &String| format!("\"{}\"", address.replace('.', "[.]"));
    let proof = match (missing, surplus) {
        (Some(address), _) => Proof::lacks(call, &pattern(address)),
        (None, Some(address)) => Proof::prints(call, &pattern(address)),
        (None, None) => return,
    };
    let actual = format!("it gets {}", got.join(", "));
    trial.expect(requirement, false, expected, actual, proof);
}

fn args_ips(trial: &mut Trial) -> Result<(), Stop> {
    let asked = choose(trial, 40)?;
    let attachment = trial.attachment("c2")?;
    let request = asking(trial, &attachment, "args", &asked);
    let call = trial.call(&request)?;
    expect_addresses(trial, &req::CONV_ARGS_IPS, &call, (&asked, "args.cni.ips"));
    Ok(())
}

fn runtime_config_ips(trial: &mut Trial) -> Result<(), Stop> {
    let asked = choose(trial, 40)?;
    let attachment = trial.attachment("c2")?;
    let request = asking(trial, &attachment, "runtimeConfig", &asked);
    let call = trial.call(&request)?;
    let what = (&asked[..], "runtimeConfig.ips");
    expect_addresses(trial, &req::CAP_IP_SELECTION, &call, what);
    Ok(())
}

fn taken_address(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let taken = listed_addresses(&trial.attach(&attachment)?.result);
    let other = trial.attachment("c2")?;
    for (key, requirement) in [
        ("args", &req::CONV_ARGS_IPS),
        ("runtimeConfig", &req::CAP_IP_SELECTION),
    ] {
        // runtimeConfig came with 0.3.0.
        if !requirement.in_force(trial.version()) {
            continue;
        }
        let request = asking(trial, &other, key, &taken);
        let call = trial.call(&request)?;
        let what = format!(
            "ADD that asks in {key} for {}, which another container has",
            taken.join(", ")
        );
        trial.expect_refusal(requirement, &call, &what);
        let del = trial.request(Verb::Del, &other);
        trial.call(&del)?;
    }
    Ok(())
}

fn args_over_cni_args(trial: &mut Trial) -> Result<(), Stop> {
    let asked = choose(trial, 40)?;
    let outranked: Vec<String> = asked
        .iter()
        .filter_map(|address| further(address, 10))
        .collect();
    let attachment = trial.attachment("c2")?;
    // CNI_ARGS has room for one address; the family of the first.
    let ip = outranked.first().cloned().unwrap_or_default();
    let request = asking(trial, &attachment, "args", &asked).env("CNI_ARGS", &format!("IP={ip}"));
    let call = trial.call(&request)?;
    let what = format!("CNI_ARGS IP={ip} and args.cni.ips");
    let what = (&asked[..], what.as_str());
    expect_addresses(trial, &req::CONV_ARGS_OVER_CNI_ARGS, &call, what);
    Ok(())
}

fn malformed_address(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let usual = trial.attach(&attachment)?;
    trial.del(&usual)?;
    let plain = trial.request(Verb::Add, &attachment);
    let mut requests = vec![(plain.env("CNI_ARGS", "IP=bogus"), "CNI_ARGS IP=bogus")];
    if WITH_ARGS.contains(trial.version()) {
        let bogus = ["bogus".to_owned()];
        let request = asking(trial, &attachment, "args", &bogus);
        requests.push((request, "args.cni.ips [\"bogus\"]"));
    }
    for (request, how) in requests {
        let call = trial.call(&request)?;
        let what = format!("ADD with {how}");
        if trial.expect_refusal(&req::CONV_ERROR_ON_MALFORMED, &call, &what) {
            trial.expect(
                &req::CONV_ERROR_ON_MALFORMED,
                call.error().is_some(),
                format!("{what}: an error object"),
                call.brief(),
                Proof::lacks(&call, "\"code\":"),
            );
        } else {
            let del = trial.request(Verb::Del, &attachment);
            trial.call(&del)?;
        }
    }
    Ok(())
}

fn labels(trial: &mut Trial) -> Result<(), Stop> {
    let without = trial.attachment("c1")?;
    trial.attach(&without)?;
    let attachment = trial.attachment("c2")?;
    let labels: Value = json!([
        { "key": "app", "value": "conform" },
        { "key": "tier", "value": "" },
    ]);
    let request = trial
        .request(Verb::Add, &attachment)
        .key("args", json!({ "cni": { "labels": labels } }));
    let call = trial.call(&request)?;
    trial.expect_success(&req::CONV_LABELS, &call, "ADD with labels in args.cni");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::further;

    #[test]
    fn addresses_move_within_their_last_byte() {
        assert_eq!(further("10.0.0.2/24", 40).as_deref(), Some("10.0.0.42/24"));
        assert_eq!(further("fd00::2/64", 40).as_deref(), Some("fd00::2a/64"));
        assert_eq!(further("10.0.0.250/24", 40), None);
        assert_eq!(further("10.0.0.2", 40), None);
    }
}
