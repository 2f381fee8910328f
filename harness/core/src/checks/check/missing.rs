//! CHECK after something that ADD made has gone: an address, a route, an interface, a rule, a reservation, everything.

use cni_spec_fixtures::req;
use serde_json::json;

use super::expected::{destinations, must_notice, own_addresses};
use super::healthy::v4;
use crate::trial::{Place, Stop, Trial};

const BEFORE: &str = "before CHECK";
const AFTER: &str = "after CHECK";

pub(super) fn interface(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.delete_link(Place::Container("c1"), &attachment.ifname)?;
    let requirement = &req::CHECK_INTERFACE_MISSING;
    must_notice(trial, requirement, &attached, "the interface was deleted")?;
    trial.container_dies("c1")?;
    must_notice(
        trial,
        requirement,
        &attached,
        "the network namespace was removed",
    )
}

pub(super) fn host_interface(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.attachment("c2")?;
    for end in trial.host_ends(&attached)? {
        trial.abduct_host_end(&end, &attached, "c2")?;
        must_notice(
            trial,
            &req::CHECK_INTERFACE_MISSING,
            &attached,
            "the host's end of the interface was moved into another namespace",
        )?;
    }
    Ok(())
}

/// Another address stays on the interface all the time: with the last one the kernel would take the routes away,
/// and a plugin that looks at routes only would notice as well.
pub(super) fn address(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let (place, ifname) = (Place::Container("c1"), attachment.ifname.as_str());
    trial.add_address(place, ifname, v4([198, 51, 100, 7], 24))?;
    for (_, address) in own_addresses(&attached) {
        let (ip, prefix) = address;
        if !trial.look("c1")?.has_address(ifname, ip, prefix) {
            continue;
        }
        trial.delete_address(place, ifname, address)?;
        let what = format!("the address {ip}/{prefix} was deleted");
        must_notice(trial, &req::CHECK_ADDRESS_MISSING, &attached, &what)?;
        let other = (ip, prefix - 1);
        trial.add_address(place, ifname, other)?;
        let what = format!("the address {ip}/{prefix} was replaced by {ip}/{}", other.1);
        must_notice(trial, &req::CHECK_ADDRESS_MISSING, &attached, &what)?;
        trial.delete_address(place, ifname, other)?;
        trial.add_address(place, ifname, address)?;
    }
    Ok(())
}

pub(super) fn route(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let (place, ifname) = (Place::Container("c1"), attachment.ifname.as_str());
    for (ip, prefix) in destinations(&attached) {
        let there = trial.look("c1")?.routes.into_iter().find(|route| {
            (route.destination, route.prefix) == (ip, prefix)
                && route.link.as_deref() == Some(ifname)
        });
        let Some(there) = there else { continue };
        trial.delete_route(place, (ip, prefix), ifname)?;
        let what = format!("the route to {ip}/{prefix} was deleted");
        must_notice(trial, &req::CHECK_ROUTE_MISSING, &attached, &what)?;
        trial.add_route(place, (ip, prefix), there.gateway, ifname)?;
    }
    Ok(())
}

/// A second attachment has a default route as well; it must not pass for the first one's.
pub(super) fn route_replaced(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let (place, ifname) = (Place::Container("c1"), attachment.ifname.as_str());
    let is_default = |(ip, prefix): &(std::net::IpAddr, u8)| ip.is_ipv4() && *prefix == 0;
    let Some(default) = destinations(&attached).into_iter().find(is_default) else {
        return Ok(());
    };
    trial.add_veth(place, "other0", "other1")?;
    trial.set_link(place, "other0", true)?;
    trial.set_link(place, "other1", true)?;
    trial.add_address(place, "other0", v4([198, 51, 100, 1], 24))?;
    trial.delete_route(place, default, ifname)?;
    let gateway = v4([198, 51, 100, 2], 24).0;
    trial.add_route(place, default, Some(gateway), "other0")?;
    must_notice(
        trial,
        &req::CHECK_ROUTE_MISSING,
        &attached,
        "the default route was replaced by one through another interface",
    )
}

pub(super) fn reservation(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.lose_state()?;
    must_notice(
        trial,
        &req::CHECK_IP_RESERVATION,
        &attached,
        "the reservations on the host were lost",
    )
}

pub(super) fn rules(trial: &mut Trial) -> Result<(), Stop> {
    trial.configure("ipMasq", json!(true));
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.flush_rules()?;
    must_notice(
        trial,
        &req::CHECK_UNTRACKED_RESOURCES,
        &attached,
        "the host's packet filter rules were flushed",
    )
}

pub(super) fn everything(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.del(&attached)?;
    must_notice(trial, &req::CHECK_AFTER_DEL, &attached, "DEL")
}

/// CHECK finds an address missing, twice, and puts nothing back.
pub(super) fn repairs_nothing(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let Some((_, (ip, prefix))) = own_addresses(&attached).pop() else {
        return Ok(());
    };
    if !trial
        .look("c1")?
        .has_address(&attachment.ifname, ip, prefix)
    {
        return Ok(());
    }
    let place = Place::Container("c1");
    trial.delete_address(place, &attachment.ifname, (ip, prefix))?;
    let before = trial.snapshot(BEFORE)?;
    let first = trial.check(&attached)?;
    let second = trial.check(&attached)?;
    let after = trial.snapshot(AFTER)?;
    trial.expect_unchanged(
        &req::CHECK_READ_ONLY,
        (&before, BEFORE),
        (&after, AFTER),
        "CHECK does not put a missing address back",
    );
    if first.refused() {
        let what = "the second CHECK of an attachment without one of its addresses";
        trial.expect_refusal(&req::CHECK_READ_ONLY, &second, what);
    }
    Ok(())
}
