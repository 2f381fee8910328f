//! What an IPAM plugin's result has to be, and that each attachment has addresses of its own.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use cni_spec_fixtures::req;
use serde_json::Value;

use crate::check::{Check, Feature, Versions};
use crate::checks::reported::{Reported, ReportedAddress, network};
use crate::checks::shell::exactly;
use crate::trial::{Attached, Attachment, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "result/ipam-addresses",
        title: "An IPAM plugin gives each container a host address of the subnet",
        proves: &[req::DELEG_IPAM_CONTENT],
        versions: Versions::ALL,
        needs: &[Feature::Ipam],
        caught: &["hands-out-gateway", "network-address"],
        run: ipam_addresses,
    },
    Check {
        id: "result/ipam-abbreviated",
        title: "An IPAM plugin's result names no interfaces",
        proves: &[req::DELEG_IPAM_ABBREVIATED],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::Ipam],
        caught: &["ipam-with-index"],
        run: ipam_abbreviated,
    },
    Check {
        id: "result/ipam-unsupported-version",
        title: "An IPAM plugin answers a version that it does not know with error code 1",
        proves: &[req::DELEG_IPAM_VERSION],
        versions: Versions::WITH_CHECK,
        needs: &[Feature::Ipam],
        caught: &["unsupported-version-accepted", "wrong-version-code"],
        run: ipam_unsupported_version,
    },
    Check {
        id: "result/ipam-key",
        title: "An IPAM plugin keeps attachments apart by network, container ID and interface name",
        proves: &[req::DELEG_IPAM_KEY, req::ADD_SAME_CONTAINER_OTHER_IFNAME],
        versions: Versions::WITH_CHECK,
        needs: &[Feature::Ipam, Feature::Allocates],
        caught: &[
            "key-by-container",
            "key-without-network",
            "key-concatenated",
            "del-takes-all",
        ],
        run: ipam_key,
    },
    Check {
        id: "result/ipam-needs-no-container",
        title: "An IPAM plugin works before the namespace and the interface exist",
        proves: &[req::DELEG_IPAM_UNAWARE],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::Ipam, Feature::Database],
        caught: &["ipam-needs-netns"],
        run: ipam_needs_no_container,
    },
];

fn ipam_addresses(trial: &mut Trial) -> Result<(), Stop> {
    let mut had: Vec<IpAddr> = Vec::new();
    for container in ["c1", "c2", "c3"] {
        let attachment = trial.attachment(container)?;
        let attached = trial.attach(&attachment)?;
        let reported = Reported::read(&attached.result);
        trial.expect(
            &req::DELEG_IPAM_CONTENT,
            !reported.addresses.is_empty(),
            "at least one address with prefix length",
            attached.call.brief(),
            Proof::lacks(&attached.call, "\"(address|ip)\":\"[0-9A-Fa-f:.]+/[0-9]+\""),
        );
        for address in &reported.addresses {
            let used = trial.has(Feature::Allocates) && had.contains(&address.ip);
            let wrong = unusable(address, &reported)
                .or_else(|| used.then(|| "an earlier container has it".to_owned()));
            let text = address.text();
            trial.expect(
                &req::DELEG_IPAM_CONTENT,
                wrong.is_none(),
                "a host address that nobody has: neither network, broadcast, gateway nor in use",
                format!("{container} gets {text}: {}", wrong.unwrap_or_default()),
                Proof::prints(
                    &attached.call,
                    &format!("\"(address|ip)\":\"{}\"", exactly(&text)),
                ),
            );
            had.push(address.ip);
        }
    }
    Ok(())
}

/// Says why an address can't be a container's.
fn unusable(address: &ReportedAddress, reported: &Reported) -> Option<String> {
    let whole = if address.ip.is_ipv4() { 32 } else { 128 };
    if reported
        .addresses
        .iter()
        .any(|other| other.gateway == Some(address.ip))
    {
        return Some("it is the gateway".to_owned());
    }
    // Networks of one or two addresses have neither name nor broadcast (RFC 3021, RFC 6164).
    if address.prefix + 1 >= whole {
        return None;
    }
    if network(address.ip, address.prefix) == address.ip {
        return Some("it is the network".to_owned());
    }
    let IpAddr::V4(v4) = address.ip else {
        return None;
    };
    let hosts = u32::MAX.checked_shr(u32::from(address.prefix)).unwrap_or(0);
    (v4 == Ipv4Addr::from(u32::from(v4) | hosts)).then(|| "it is the broadcast address".to_owned())
}

fn ipam_abbreviated(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let call = &attached.call;
    let interfaces = attached.result.get("interfaces");
    let actual = interfaces.map(Value::to_string).unwrap_or_default();
    let proof = Proof::prints(call, "\"interfaces\":");
    if interfaces == Some(&Value::Array(Vec::new())) {
        trial.advise(
            &req::DELEG_IPAM_ABBREVIATED,
            false,
            "no interfaces",
            actual,
            proof,
        );
    } else {
        trial.expect(
            &req::DELEG_IPAM_ABBREVIATED,
            interfaces.is_none(),
            "no interfaces: they are the business of the plugin that calls",
            format!("interfaces is {actual}"),
            proof,
        );
    }
    let indexed = Reported::read(&attached.result)
        .addresses
        .into_iter()
        .find(|address| address.interface.is_some());
    trial.expect(
        &req::DELEG_IPAM_ABBREVIATED,
        indexed.is_none(),
        "no interface in ips: there are no interfaces to point to",
        indexed
            .map(|address| format!("{} has one", address.text()))
            .unwrap_or_default(),
        Proof::prints(call, "\"interface\":"),
    );
    Ok(())
}

fn ipam_unsupported_version(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let request = trial
        .request(Verb::Add, &attachment)
        .key("cniVersion", Value::String("9.9.9".to_owned()));
    let add = trial.call(&request)?;
    let what = "ADD with cniVersion 9.9.9";
    if trial.expect_refusal(&req::DELEG_IPAM_VERSION, &add, what) {
        trial.expect_code(&req::DELEG_IPAM_VERSION, &add, &[1], what);
    }
    Ok(())
}

/// The last two attachments have the same container ID and interface name when both are simply joined.
fn ipam_key(trial: &mut Trial) -> Result<(), Stop> {
    let first = trial.attachment("c1")?;
    let keyed = |network: &str, id: Option<&str>, ifname: &str| {
        let mut attachment = first.clone().with_network(network).with_ifname(ifname);
        if let Some(id) = id {
            id.clone_into(&mut attachment.id);
        }
        attachment
    };
    let attachments = [
        keyed("conform", None, "eth0"),
        keyed("conform", None, "eth1"),
        keyed("conform-2", None, "eth0"),
        keyed("conform-2", None, "eth1"),
        keyed("conform", Some("a-b"), "c"),
        keyed("conform", Some("a"), "b-c"),
    ];
    let mut attached: Vec<Attached> = Vec::new();
    for attachment in attachments {
        attached.extend(independent(trial, attachment, &attached)?);
    }
    // From here on each of them is taken away, and the others have to notice nothing.
    while !attached.is_empty() {
        let gone = attached.remove(0);
        let del = trial.del(&gone)?;
        let what = format!("DEL of {}", name(&gone.attachment));
        trial.expect_success(&req::DELEG_IPAM_KEY, &del, &what);
        if trial.has(Feature::ChecksState) {
            for kept in &attached {
                let check = trial.check(kept)?;
                let what = format!(
                    "CHECK of {} after DEL of {}",
                    name(&kept.attachment),
                    name(&gone.attachment)
                );
                if !trial.expect_success(&req::DELEG_IPAM_KEY, &check, &what) {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// ADDs, and compares with those of the same network that have come before.
fn independent(
    trial: &mut Trial,
    attachment: Attachment,
    earlier: &[Attached],
) -> Result<Option<Attached>, Stop> {
    let call = trial.add(&attachment)?;
    let requirements = [&req::DELEG_IPAM_KEY, &req::ADD_SAME_CONTAINER_OTHER_IFNAME];
    let what = format!(
        "ADD of {} beside {} others",
        name(&attachment),
        earlier.len()
    );
    for requirement in requirements {
        trial.expect_success(requirement, &call, &what);
    }
    let Some(result) = call.json().filter(|_| call.succeeded()) else {
        return Ok(None);
    };
    for address in Reported::read(&result).addresses {
        let owner = earlier.iter().find(|other| {
            other.attachment.network == attachment.network
                && Reported::read(&other.result)
                    .addresses
                    .iter()
                    .any(|had| had.ip == address.ip)
        });
        let text = address.text();
        for requirement in requirements {
            trial.expect(
                requirement,
                owner.is_none(),
                format!("{} gets an address of its own", name(&attachment)),
                format!(
                    "{text}, which {} has",
                    owner
                        .map(|owner| name(&owner.attachment))
                        .unwrap_or_default()
                ),
                Proof::prints(&call, &format!("\"{}\"", exactly(&text))),
            );
        }
    }
    Ok(Some(Attached {
        attachment,
        call,
        result,
    }))
}

fn name(attachment: &Attachment) -> String {
    let id: String = attachment.id.chars().take(12).collect();
    format!(
        "(network {}, container {id}, {})",
        attachment.network, attachment.ifname
    )
}

fn ipam_needs_no_container(trial: &mut Trial) -> Result<(), Stop> {
    let mut attachment = trial.attachment("c1")?.with_ifname("net7");
    attachment.netns = PathBuf::from("/run/netns/not-yet");
    let add = trial.add(&attachment)?;
    let what = "ADD with a CNI_NETNS that does not exist yet";
    if !trial.expect_success(&req::DELEG_IPAM_UNAWARE, &add, what) {
        return Ok(());
    }
    let request = trial.request(Verb::Del, &attachment);
    let del = trial.call(&request)?;
    let what = "DEL with a CNI_NETNS that does not exist any more";
    trial.expect_success(&req::DELEG_IPAM_UNAWARE, &del, what);
    Ok(())
}
