//! CHECK when everything is still there but something is not as it should be, or not as prevResult says.

use cni_spec_fixtures::{Requirement, req};
use serde_json::{Value, json};

use super::expected::{must_notice, octets, own_addresses, own_entry, own_index};
use crate::trial::{Attached, Place, Stop, Trial, Verb};

const OTHER_MAC: [u8; 6] = [0x02, 0, 0x5e, 0x10, 0, 1];

/// MAC, MTU and bridge in one trial: each can be put back before the next.
pub(super) fn altered(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let (place, ifname) = (Place::Container("c1"), attachment.ifname.as_str());
    let requirement = &req::CHECK_INVALID_STATE;
    let mac = own_entry(&attached, "mac")
        .and_then(Value::as_str)
        .and_then(octets);
    if let Some(mac) = mac {
        trial.set_mac(place, ifname, OTHER_MAC)?;
        must_notice(trial, requirement, &attached, "its MAC address was changed")?;
        trial.set_mac(place, ifname, mac)?;
    }
    let mtu = own_entry(&attached, "mtu").and_then(Value::as_u64);
    if let Some(mtu) = mtu.and_then(|mtu| u32::try_from(mtu).ok()) {
        trial.set_mtu(place, ifname, mtu.saturating_sub(20))?;
        must_notice(trial, requirement, &attached, "its MTU was changed")?;
        trial.set_mtu(place, ifname, mtu)?;
    }
    for end in trial.host_ends(&attached)? {
        let host = trial.look_at_host()?;
        if host.link(&end).is_some_and(|link| link.master.is_some()) {
            trial.detach_host_end(&end, &attached)?;
            must_notice(
                trial,
                requirement,
                &attached,
                "the host's end was taken out of its bridge",
            )?;
        }
    }
    Ok(())
}

/// The kernel takes IPv6 addresses away with the state; they are put back, so that only the state is wrong.
pub(super) fn down(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let (place, ifname) = (Place::Container("c1"), attachment.ifname.as_str());
    trial.set_link(place, ifname, false)?;
    for (_, (ip, prefix)) in own_addresses(&attached) {
        if !trial.look("c1")?.has_address(ifname, ip, prefix) {
            trial.add_address(place, ifname, (ip, prefix))?;
        }
    }
    must_notice(
        trial,
        &req::CHECK_INVALID_STATE,
        &attached,
        "the interface was set down",
    )
}

pub(super) fn host_down(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    for end in trial.host_ends(&attached)? {
        trial.set_host_end(&end, &attached, false)?;
        must_notice(
            trial,
            &req::CHECK_INVALID_STATE,
            &attached,
            "the host's end of the interface was set down",
        )?;
        trial.set_host_end(&end, &attached, true)?;
    }
    Ok(())
}

/// What the chained plugin changed is put back to what it was before ADD.
pub(super) fn change_undone(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let (place, ifname) = (Place::Container("c1"), attachment.ifname.as_str());
    let before = trial.look("c1")?.link(ifname).cloned();
    let attached = trial.attach(&attachment)?;
    let after = trial.look("c1")?.link(ifname).cloned();
    let (Some(before), Some(after)) = (before, after) else {
        return Ok(());
    };
    let requirement = &req::CHECK_INVALID_STATE;
    if before.mtu != after.mtu {
        trial.set_mtu(place, ifname, before.mtu)?;
        must_notice(
            trial,
            requirement,
            &attached,
            "the MTU that it set was undone",
        )?;
        trial.set_mtu(place, ifname, after.mtu)?;
    }
    if let (true, Some(old)) = (before.mac != after.mac, octets(&before.mac)) {
        trial.set_mac(place, ifname, old)?;
        must_notice(
            trial,
            requirement,
            &attached,
            "the MAC address that it set was undone",
        )?;
    }
    Ok(())
}

/// The attachment is intact; prevResult speaks of another one.
pub(super) fn other_previous(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let requirement = &req::CHECK_CONSULTS_PREVRESULT;
    let mut none = attached.result.clone();
    none["interfaces"] = json!([]);
    refused(trial, requirement, &attached, none, "no interface")?;
    let Some(own) = own_index(&attached) else {
        return Ok(());
    };
    for (key, value, what) in [
        ("mac", json!("02:00:5e:10:00:01"), "another MAC address"),
        ("sandbox", json!("/run/netns/other"), "another sandbox"),
        ("name", json!("other0"), "another interface name"),
    ] {
        // lo has no MAC address that could be another one.
        if key != "mac" || attachment.ifname != "lo" {
            let mut result = attached.result.clone();
            result["interfaces"][own][key] = value;
            refused(trial, requirement, &attached, result, what)?;
        }
    }
    if let Some((first, _)) = own_addresses(&attached).into_iter().next() {
        let mut other = attached.result.clone();
        other["ips"][first]["address"] = json!("198.51.100.77/24");
        refused(trial, requirement, &attached, other, "another address")?;
        let mut more = attached.result.clone();
        let mut address = attached.result["ips"][first].clone();
        address["address"] = json!("198.51.100.77/24");
        if let Some(ips) = more["ips"].as_array_mut() {
            ips.push(address);
        }
        refused(trial, requirement, &attached, more, "one address more")?;
    }
    Ok(())
}

/// An IPAM plugin's result has addresses only.
pub(super) fn other_reservation(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let mut result = attached.result.clone();
    let Some(ips) = result["ips"].as_array_mut() else {
        return Ok(());
    };
    for ip in ips {
        let is_v4 = ip["address"]
            .as_str()
            .is_some_and(|text| text.contains('.'));
        let other = if is_v4 {
            "198.51.100.77/24"
        } else {
            "2001:db8:77::77/64"
        };
        ip["address"] = json!(other);
    }
    let what = "addresses that it never gave";
    refused(
        trial,
        &req::CHECK_CONSULTS_PREVRESULT,
        &attached,
        result,
        what,
    )
}

fn refused(
    trial: &mut Trial,
    requirement: &Requirement,
    attached: &Attached,
    result: Value,
    what: &str,
) -> Result<(), Stop> {
    let request = trial.request_after(Verb::Check, attached);
    let check = trial.call(&request.previous_value(result))?;
    let what = format!("CHECK of an intact attachment with a prevResult of {what}");
    trial.expect_refusal(requirement, &check, &what);
    Ok(())
}
