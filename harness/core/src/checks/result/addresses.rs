//! The addresses of a result: on which interface they are, of which family, with which gateway.

use cni_spec_fixtures::{SpecVersion, req};
use serde_json::Value;

use crate::check::{Check, Feature, Versions};
use crate::checks::ipam_section::without_routes;
use crate::checks::reported::{Reported, ReportedAddress, network};
use crate::checks::shell;
use crate::kernel::NamespaceState;
use crate::profile::Kind;
use crate::trial::{Call, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "result/lists-addresses",
        title: "The result lists the addresses that the interface has got",
        proves: &[
            req::RES_V02_IP,
            req::RES_V030_IP_KEY,
            req::RES_IPS_ADDRESS,
            req::RES_DESCRIBES_REALITY,
        ],
        versions: Versions::ALL,
        needs: &[Feature::Addresses],
        caught: &["v030-drops-ips", "network-address", "forgets-address"],
        run: lists_addresses,
    },
    Check {
        id: "result/points-to-interfaces",
        title: "Each address of the result points to the interface that carries it",
        proves: &[req::RES_IPS_INTERFACE, req::RES_IPS_INTERFACE_GIVEN],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::EntersContainer, Feature::Addresses],
        caught: &["index-off-by-one", "index-missing"],
        run: points_to_interfaces,
    },
    Check {
        id: "result/gateways",
        title: "Each gateway of the result is an address of its subnet and family",
        proves: &[req::RES_IPS_GATEWAY, req::RES_V02_IP],
        versions: Versions::ALL,
        needs: &[Feature::Addresses],
        caught: &["gateway-with-prefix"],
        run: gateways,
    },
];

/// Without routes, which could not be installed if the addresses were wrong.
fn lists_addresses(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let request = trial.request(Verb::Add, &attachment).config(without_routes);
    let attached = trial.attach_with(&attachment, &request)?;
    let reported = Reported::read(&attached.result);
    let call = &attached.call;
    if trial.version() == SpecVersion::V0_3_0 {
        spelling(trial, call, &attached.result);
    }
    let ipam = trial.kind() == Kind::Ipam;
    let old = trial.version() < SpecVersion::V0_3_0;
    for address in &reported.addresses {
        let requirement = if old {
            &req::RES_V02_IP
        } else {
            &req::RES_IPS_ADDRESS
        };
        let whole = if address.ip.is_ipv4() { 32 } else { 128 };
        // An all-zero host part is the network's own name; only the two-address networks have none (RFC 3021, RFC 6164).
        let is_network =
            address.prefix + 1 < whole && address.ip == network(address.ip, address.prefix);
        let text = address.text();
        trial.expect(
            requirement,
            !is_network,
            "an address with its host part",
            format!("{text} is the network"),
            Proof::prints(
                call,
                &format!("\"(address|ip)\":\"{}\"", shell::exactly(&text)),
            ),
        );
    }
    if !ipam {
        let state = trial.look("c1")?;
        compare(trial, call, &reported, &state, &attachment.ifname);
    }
    Ok(())
}

/// 0.3.0 calls the list `ip` in places and `ips` in others.
fn spelling(trial: &mut Trial, call: &Call, result: &Value) {
    let (ips, ip) = (result.get("ips"), result.get("ip"));
    trial.expect(
        &req::RES_V030_IP_KEY,
        ips.is_some() && (ip.is_none() || ip == ips),
        "the addresses are listed under ips",
        match (ips, ip) {
            (None, None) => "neither ips nor ip is there".to_owned(),
            (None, Some(_)) => "they are listed under ip only".to_owned(),
            (Some(_), _) => "ips and ip list different addresses".to_owned(),
        },
        Proof::Any(vec![
            Proof::lacks(call, "\"ips\":[[]"),
            Proof::prints(call, "\"ip\":[[]"),
        ]),
    );
}

fn compare(
    trial: &mut Trial,
    call: &Call,
    reported: &Reported,
    state: &NamespaceState,
    ifname: &str,
) {
    let old = trial.version() < SpecVersion::V0_3_0;
    for address in &reported.addresses {
        let held = state
            .addresses
            .iter()
            .any(|found| (found.ip, found.prefix) == (address.ip, address.prefix));
        let expected = format!(
            "the container has {}, which the result lists",
            address.text()
        );
        let actual = format!("{ifname} has {}", state.addresses_of(ifname).join(", "));
        let proof = Proof::Shell(shell::address_missing("c1", ifname, &address.text()));
        let requirements: &[_] = if old {
            &[&req::RES_V02_IP]
        } else {
            &[&req::RES_IPS_ADDRESS, &req::RES_DESCRIBES_REALITY]
        };
        for requirement in requirements {
            trial.expect(
                requirement,
                held,
                expected.clone(),
                actual.clone(),
                proof.clone(),
            );
        }
    }
    if old {
        // There, a result has room for one address of each family.
        return;
    }
    for found in state.addresses.iter().filter(|found| found.link == ifname) {
        let text = format!("{}/{}", found.ip, found.prefix);
        trial.expect(
            &req::RES_DESCRIBES_REALITY,
            reported
                .addresses
                .iter()
                .any(|address| (found.ip, found.prefix) == (address.ip, address.prefix)),
            format!("the result lists {text}, which {ifname} has"),
            format!("it lists {}", list(&reported.addresses)),
            Proof::lacks(call, &format!("\"address\":\"{}\"", shell::exactly(&text))),
        );
    }
}

fn points_to_interfaces(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let reported = Reported::read(&attached.result);
    let (host, container) = (trial.look_at_host()?, trial.look("c1")?);
    for address in &reported.addresses {
        let carries = |index: usize| {
            reported.interfaces.get(index).is_some_and(|interface| {
                let state = if interface.sandbox.is_empty() {
                    &host
                } else {
                    &container
                };
                state
                    .addresses
                    .iter()
                    .any(|found| found.link == interface.name && found.ip == address.ip)
            })
        };
        let right = (0..reported.interfaces.len()).find(|index| carries(*index));
        judge_index(trial, &attached.call, address, (right, &reported), carries);
    }
    Ok(())
}

fn judge_index(
    trial: &mut Trial,
    call: &Call,
    address: &ReportedAddress,
    (right, reported): (Option<usize>, &Reported),
    carries: impl Fn(usize) -> bool,
) {
    let text = address.text();
    let expected = match right {
        Some(index) => format!(
            "interface of {text} is {index}: {} carries it",
            reported.interfaces[index].name
        ),
        None => format!("interface of {text} is an index into interfaces, or absent"),
    };
    let wanted = right.map_or_else(|| "[0-9]+".to_owned(), |index| index.to_string());
    // The two keys may stand in either order, with others between them.
    let entry = |interface: &str| {
        let address = format!("\"address\":\"{}\"", shell::exactly(&text));
        format!("({address}[^}}]*{interface}|{interface}[^}}]*{address})")
    };
    let Some(value) = &address.interface else {
        trial.expect(
            &req::RES_IPS_INTERFACE_GIVEN,
            right.is_none(),
            expected,
            "interface is absent",
            Proof::lacks(call, &entry("\"interface\":[0-9]+")),
        );
        return;
    };
    let index = value.as_u64().and_then(|index| usize::try_from(index).ok());
    trial.expect(
        &req::RES_IPS_INTERFACE,
        index.is_some_and(|index| match right {
            Some(_) => carries(index),
            None => index < reported.interfaces.len(),
        }),
        expected,
        format!(
            "interface is {value}, and there are {} interfaces",
            reported.interfaces.len()
        ),
        Proof::lacks(call, &entry(&format!("\"interface\":{wanted}"))),
    );
}

fn gateways(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let call = &attached.call;
    let old = trial.version() < SpecVersion::V0_3_0;
    let requirement = if old {
        &req::RES_V02_IP
    } else {
        &req::RES_IPS_GATEWAY
    };
    for (entry, key) in entries(&attached.result) {
        let Some(text) = entry.get("gateway").and_then(Value::as_str) else {
            continue;
        };
        let proof = Proof::prints(call, &format!("\"gateway\":\"{}\"", shell::exactly(text)));
        let gateway: Option<std::net::IpAddr> = text.parse().ok();
        let address = entry
            .get(key)
            .and_then(Value::as_str)
            .and_then(crate::checks::reported::cidr);
        let what = entry.get(key).map(Value::to_string).unwrap_or_default();
        let Some((ip, prefix)) = address else {
            continue;
        };
        let held = trial.expect(
            requirement,
            gateway.is_some_and(|gateway| gateway.is_ipv4() == ip.is_ipv4()),
            format!("gateway of {what} is an address of its family, without prefix length"),
            format!("gateway is {text}"),
            proof.clone(),
        );
        let whole = if ip.is_ipv4() { 32 } else { 128 };
        let Some(gateway) = gateway.filter(|_| held && prefix < whole) else {
            continue;
        };
        // A link-local next hop belongs to every IPv6 subnet.
        let local = matches!(gateway, std::net::IpAddr::V6(v6) if v6.is_unicast_link_local());
        trial.advise(
            requirement,
            local || network(gateway, prefix) == network(ip, prefix),
            format!("gateway of {what} lies in its subnet"),
            format!("gateway is {text}"),
            proof,
        );
    }
    Ok(())
}

/// Returns the address entries of any version, with the key of the address.
fn entries(result: &Value) -> Vec<(&Value, &'static str)> {
    let lists = ["ips", "ip"]
        .into_iter()
        .filter_map(|key| result.get(key)?.as_array())
        .flatten()
        .map(|entry| (entry, "address"));
    let families = ["ip4", "ip6"]
        .into_iter()
        .filter_map(|key| result.get(key))
        .map(|entry| (entry, "ip"));
    lists.chain(families).collect()
}

fn list(addresses: &[ReportedAddress]) -> String {
    let texts: Vec<String> = addresses.iter().map(ReportedAddress::text).collect();
    if texts.is_empty() {
        "none".to_owned()
    } else {
        texts.join(", ")
    }
}
