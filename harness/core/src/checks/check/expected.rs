//! What an ADD's result says about CNI_IFNAME in the container, and a CHECK that has to notice something.

use std::net::IpAddr;

use cni_spec_fixtures::Requirement;
use serde_json::Value;

use crate::trial::{Attached, Stop, Trial};

/// Calls CHECK, which has to be refused.
pub(super) fn must_notice(
    trial: &mut Trial,
    requirement: &Requirement,
    attached: &Attached,
    what: &str,
) -> Result<(), Stop> {
    let check = trial.check(attached)?;
    trial.expect_refusal(requirement, &check, &format!("CHECK after {what}"));
    Ok(())
}

/// Returns the index of CNI_IFNAME in the container among the interfaces of the result.
pub(super) fn own_index(attached: &Attached) -> Option<usize> {
    let is_own = |interface: &Value| {
        interface["name"].as_str() == Some(attached.attachment.ifname.as_str())
            && interface["sandbox"]
                .as_str()
                .is_some_and(|path| !path.is_empty())
    };
    attached.result["interfaces"]
        .as_array()?
        .iter()
        .position(is_own)
}

/// Returns one value of that interface's entry.
pub(super) fn own_entry<'a>(attached: &'a Attached, key: &str) -> Option<&'a Value> {
    attached.result["interfaces"]
        .get(own_index(attached)?)?
        .get(key)
}

/// Returns the indices of the addresses that the result puts on CNI_IFNAME.
pub(super) fn own_addresses(attached: &Attached) -> Vec<(usize, (IpAddr, u8))> {
    let own = own_index(attached).map(Value::from);
    let listed = attached.result["ips"].as_array();
    listed
        .into_iter()
        .flatten()
        .enumerate()
        .filter(|(_, ip)| own.is_some() && ip.get("interface") == own.as_ref())
        .filter_map(|(index, ip)| Some((index, network(ip.get("address")?)?)))
        .collect()
}

/// Returns the destinations of the result's routes.
pub(super) fn destinations(attached: &Attached) -> Vec<(IpAddr, u8)> {
    let listed = attached.result["routes"].as_array();
    listed
        .into_iter()
        .flatten()
        .filter_map(|route| network(route.get("dst")?))
        .collect()
}

/// Returns the octets of a MAC address as results write it.
pub(super) fn octets(mac: &str) -> Option<[u8; 6]> {
    let octets: Vec<u8> = mac
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16).ok())
        .collect::<Option<_>>()?;
    octets.try_into().ok()
}

fn network(value: &Value) -> Option<(IpAddr, u8)> {
    let (ip, prefix) = value.as_str()?.split_once('/')?;
    Some((ip.parse().ok()?, prefix.parse().ok()?))
}
