//! CHECK while all is well, whatever happens around the attachment: success, and nothing printed or changed.

use std::net::{IpAddr, Ipv4Addr};

use cni_spec_fixtures::req;
use serde_json::json;

use super::expected::own_index;
use crate::check::Feature;
use crate::trial::{Place, Stop, Trial, Verb};

const BEFORE: &str = "before CHECK";
const AFTER: &str = "after CHECK";

pub(super) fn after_add(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let before = trial.snapshot(BEFORE)?;
    for what in ["CHECK after ADD", "the second CHECK", "the third CHECK"] {
        let check = trial.check(&attached)?;
        if trial.expect_success(&req::CHECK_AFTER_ADD, &check, what) {
            trial.expect_silence(&req::CHECK_NO_OUTPUT, &check, what);
        }
    }
    let after = trial.snapshot(AFTER)?;
    trial.expect_unchanged(
        &req::CHECK_READ_ONLY,
        (&before, BEFORE),
        (&after, AFTER),
        "CHECK changes nothing",
    );
    Ok(())
}

/// Upstream's bridge searches the main table only and fails here.
pub(super) fn route_in_own_table(trial: &mut Trial) -> Result<(), Stop> {
    let mut ipam = trial
        .configuration()
        .get("ipam")
        .cloned()
        .unwrap_or_default();
    if let Some(ipam) = ipam.as_object_mut() {
        let routes = ipam.entry("routes").or_insert_with(|| json!([]));
        if let Some(routes) = routes.as_array_mut() {
            routes.push(json!({ "dst": "192.0.2.0/24", "table": 100 }));
        }
    }
    trial.configure("ipam", ipam);
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let check = trial.check(&attached)?;
    trial.expect_success(
        &req::CHECK_AFTER_ADD,
        &check,
        "CHECK after ADD with a route in table 100",
    );
    Ok(())
}

pub(super) fn other_attachments(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let other = trial.attachment("c2")?;
    let other = trial.attach(&other)?;
    let check = trial.check(&attached)?;
    trial.expect_success(
        &req::CHECK_STABLE_AMONG_ATTACHMENTS,
        &check,
        "CHECK after another container joined the network",
    );
    trial.del(&other)?;
    let check = trial.check(&attached)?;
    trial.expect_success(
        &req::CHECK_STABLE_AMONG_ATTACHMENTS,
        &check,
        "CHECK after another container left the network",
    );
    Ok(())
}

/// What plugins that come later in the list do: more addresses, interfaces and routes, and, reported in their
/// result, another MAC address.
pub(super) fn later_changes(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let (place, ifname) = (Place::Container("c1"), attachment.ifname.as_str());
    trial.add_address(place, ifname, v4([198, 51, 100, 7], 24))?;
    trial.add_veth(place, "later0", "later1")?;
    trial.set_link(place, "later0", true)?;
    trial.set_link(place, "later1", true)?;
    trial.add_address(place, "later0", v4([192, 0, 2, 7], 24))?;
    trial.add_route(place, v4([203, 0, 113, 0], 24), None, "later0")?;
    let check = trial.check(&attached)?;
    trial.expect_success(
        &req::CHECK_TOLERATES_LATER_PLUGINS,
        &check,
        "CHECK after an address, an interface and a route were added",
    );
    let (Some(own), true) = (own_index(&attached), trial.has(Feature::CreatesInterface)) else {
        return Ok(());
    };
    let mut result = attached.result.clone();
    result["interfaces"][own]["mac"] = json!("02:00:5e:10:00:01");
    trial.note_mac("c1", ifname);
    trial.set_mac(place, ifname, [0x02, 0, 0x5e, 0x10, 0, 1])?;
    let request = trial.request_after(Verb::Check, &attached);
    let check =
        trial.call(&request.previous_edited(&attached, &result, "s/$mac/02:00:5e:10:00:01/"))?;
    trial.expect_success(
        &req::CHECK_TOLERATES_LATER_PLUGINS,
        &check,
        "CHECK with the MAC address that a later plugin set and reported",
    );
    Ok(())
}

pub(super) fn other_path(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let request = trial.request_after(Verb::Check, &attached);
    let path = request.variable("CNI_PATH").unwrap_or_default();
    let request = request.env("CNI_PATH", &format!("/nonexistent/bin:{path}"));
    let check = trial.call(&request)?;
    trial.expect_success(
        &req::CHECK_CNI_PATH_MAY_DIFFER,
        &check,
        "CHECK with one directory more in CNI_PATH than ADD had",
    );
    Ok(())
}

pub(super) const fn v4(ip: [u8; 4], prefix: u8) -> (IpAddr, u8) {
    let [a, b, c, d] = ip;
    (IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix)
}
