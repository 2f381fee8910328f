//! CHECK: compares bridge, cable, addresses, routes, gateway and masquerading with `prevResult` and the configuration.
//!
//! What is listed has to be there with the listed values; what is there besides is other plugins' business. It fails at the
//! first difference, and the delegate is asked even before: its state does not depend on ours.

use cni_kernel::link::{self, BridgePort, Kind, Link};
use cni_kernel::netlink::Netlink;
use cni_kernel::netns::Netns;
use cni_kernel::route::{self, Filter};
use cni_kernel::{IpFamily, IpPrefix, address};
use cni_protocol::{AddResult, CheckRequest, Error, Interface, IpConfig, Route};

use super::config::{BridgeConfig, Gateway};
use super::{bridge_link, gateway, masquerade, spoof};
use crate::conversion::{interface_name, ip_prefix, mac_of_result};
use crate::failure::OrFailed;
use crate::interface::container::{self, OwnNamespace};

/// What of `prevResult` is this attachment's.
struct Listed<'a> {
    container: &'a Interface,
    ips: Vec<&'a IpConfig>,
    result: &'a AddResult,
}

/// The container's side, as it is.
struct Container {
    netlink: Netlink,
    link: Link,
    /// How error messages name it.
    name: String,
}

/// Serves CHECK.
pub(super) fn check(request: &CheckRequest<'_>) -> Result<(), Error> {
    let config = BridgeConfig::read(request.config)?;
    let result = request.prev_result()?;
    if let Some(ipam) = &config.ipam {
        request.delegates.check(ipam)?;
    }
    let own = OwnNamespace::from_variables(request.variables);
    let netns = container::open(&request.netns, own)?;
    let listed = Listed::of(request, result, &netns)?;
    let host = Netlink::open().or_failed()?;
    let bridge = check_bridge(&host, &config, result)?;
    let container = check_container_end(request, &config, &netns, &listed)?;
    let host_end = check_host_end(&host, &config, &bridge, (&container.link, &netns, result))?;
    if let (true, Some(mac)) = (config.spoof_check, container.link.mac) {
        spoof::check(request.attachment, &host_end.id.name, mac)?;
    }
    check_addresses(&container, &listed)?;
    check_routes(&container, &listed)?;
    if config.gateway != Gateway::None {
        check_gateway(&host, &bridge, &listed)?;
    }
    if let (Some(backend), Some(_)) = (config.masquerade, &config.ipam) {
        let key = masquerade::key(request.config.name(), request.attachment)?;
        masquerade::check(&key, &listed.addresses()?, backend)?;
    }
    Ok(())
}

impl<'a> Listed<'a> {
    fn of(request: &CheckRequest<'_>, result: &'a AddResult, netns: &Netns) -> Result<Self, Error> {
        let ifname = &request.attachment.ifname;
        let is_container = |interface: &&Interface| {
            interface.name == ifname.as_str()
                && interface
                    .sandbox
                    .as_deref()
                    .is_some_and(|sandbox| container::is_path_of(sandbox, netns))
        };
        let container = result.interfaces.iter().find(is_container);
        let container = container.ok_or_else(|| {
            Error::failed(format!(
                "prevResult lists no interface {ifname} in {:?}",
                netns.path()
            ))
        })?;
        let is_ours = |ip: &&IpConfig| {
            result
                .interface_of(ip)
                .is_some_and(|interface| std::ptr::eq(interface, container))
        };
        Ok(Self {
            container,
            ips: result.ips.iter().filter(is_ours).collect(),
            result,
        })
    }

    fn addresses(&self) -> Result<Vec<IpPrefix>, Error> {
        self.ips.iter().map(|ip| ip_prefix(ip.address)).collect()
    }
}

fn check_bridge(host: &Netlink, config: &BridgeConfig, result: &AddResult) -> Result<Link, Error> {
    let name = config.bridge.as_str();
    let bridge = bridge_link::find(host, &config.bridge)?
        .ok_or_else(|| Error::failed(format!("bridge {name} does not exist")))?;
    if !bridge.is_up {
        return Err(Error::failed(format!("bridge {name} is down")));
    }
    if config.promiscuous && !bridge.is_promiscuous {
        return Err(Error::failed(format!(
            "bridge {name} is not in promiscuous mode, and promiscMode is true"
        )));
    }
    match on_host(result, name) {
        Some(listed) => compare(listed, &bridge, Compared::Mac).map(|()| bridge),
        None => Err(Error::failed(format!(
            "prevResult does not list the bridge {name}"
        ))),
    }
}

fn check_container_end(
    request: &CheckRequest<'_>,
    config: &BridgeConfig,
    netns: &Netns,
    listed: &Listed<'_>,
) -> Result<Container, Error> {
    let netlink = Netlink::open_in(netns).or_failed()?;
    let ifname = interface_name(&request.attachment.ifname)?;
    let link = link::by_name(&netlink, &ifname).or_failed()?;
    let name = format!("interface {ifname} in {:?}", netns.path());
    if link.kind != Kind::Veth {
        return Err(Error::failed(format!("{name} is not a veth")));
    }
    if !link.is_up && !config.container_end_down {
        return Err(Error::failed(format!("{name} is down")));
    }
    compare(listed.container, &link, Compared::MacAndMtu)?;
    Ok(Container {
        netlink,
        link,
        name,
    })
}

fn check_host_end(
    host: &Netlink,
    config: &BridgeConfig,
    bridge: &Link,
    (container, netns, result): (&Link, &Netns, &AddResult),
) -> Result<Link, Error> {
    let end = match link::peer_of(host, container, netns) {
        Err(error) if error.is_absent() => {
            return Err(Error::failed(format!(
                "the other end of {} is not on the host",
                container.id
            )));
        }
        other => other.or_failed()?,
    };
    let name = end.id.name.clone();
    let failed = |what: &str| Err(Error::failed(format!("host interface {name} {what}")));
    if end.master != Some(bridge.id.index) {
        return failed(&format!("is not a port of bridge {}", bridge.id));
    }
    if !end.is_up {
        return failed("is down");
    }
    let port = end.bridge_port.unwrap_or_default();
    let wanted = BridgePort {
        hairpin: config.hairpin,
        isolated: config.isolated,
    };
    if port != wanted {
        return failed(&format!("has the flags {port:?}, expected {wanted:?}"));
    }
    match on_host(result, &name) {
        Some(listed) => compare(listed, &end, Compared::MacAndMtu).map(|()| end),
        None => failed("is not in prevResult"),
    }
}

fn check_addresses(container: &Container, listed: &Listed<'_>) -> Result<(), Error> {
    let present = address::list(&container.netlink, &container.link.id).or_failed()?;
    for wanted in listed.addresses()? {
        if !present.iter().any(|entry| entry.address == wanted) {
            return Err(Error::failed(format!(
                "{} does not have the address {wanted}",
                container.name
            )));
        }
    }
    Ok(())
}

fn check_routes(container: &Container, listed: &Listed<'_>) -> Result<(), Error> {
    if listed.result.routes.is_empty() {
        return Ok(());
    }
    let present = route::list(&container.netlink, Filter::default()).or_failed()?;
    for wanted in &listed.result.routes {
        let own = is_own(wanted, listed);
        let found = present
            .iter()
            .flat_map(each_way)
            .any(|route| is_same(&route, wanted, own.then_some(container.link.id.index)));
        if !found {
            let via = wanted.gw.map(|gw| format!(" via {gw}")).unwrap_or_default();
            return Err(Error::failed(format!(
                "the route to {}{via} that prevResult lists is not there with its attributes, in the namespace of {}",
                wanted.dst, container.name
            )));
        }
    }
    Ok(())
}

/// A route whose gateway is in no network of this attachment came from another plugin of the chain.
fn is_own(route: &Route, listed: &Listed<'_>) -> bool {
    route
        .gw
        .is_none_or(|gateway| listed.ips.iter().any(|ip| ip.address.contains(gateway)))
}

/// A route with several ways as so many routes.
fn each_way(route: &route::Route) -> Vec<route::Route> {
    if route.next_hops.is_empty() {
        return vec![route.clone()];
    }
    let ways = route.next_hops.iter().map(|hop| route::Route {
        gateway: hop.gateway,
        link_index: Some(hop.link_index),
        ..route.clone()
    });
    ways.collect()
}

/// Attributes that are not listed may have any value: chained plugins like sbr move routes to other tables.
fn is_same(present: &route::Route, wanted: &Route, link_index: Option<u32>) -> bool {
    let Ok(destination) = ip_prefix(wanted.dst) else {
        return false;
    };
    let ipv6 = destination.family() == IpFamily::V6;
    let same = |wanted: Option<u32>, present: Option<u32>| wanted.is_none() || wanted == present;
    present.destination == destination.network()
        && link_index.is_none_or(|index| present.link_index == Some(index))
        && wanted
            .gw
            .is_none_or(|gateway| present.gateway == Some(gateway.to_canonical()))
        && wanted
            .table
            .is_none_or(|table| table == 0 || table == present.table)
        && same(wanted.priority, present.priority)
        && same(wanted.mtu, present.mtu)
        && same(wanted.advmss, present.advertised_mss)
        // IPv6 has no scopes.
        && (ipv6 || wanted.scope.is_none_or(|scope| present.scope == Some(route::Scope::from(scope))))
}

fn check_gateway(host: &Netlink, bridge: &Link, listed: &Listed<'_>) -> Result<(), Error> {
    let own = AddResult {
        ips: listed.ips.iter().map(|ip| (*ip).clone()).collect(),
        ..AddResult::default()
    };
    let present = address::list(host, &bridge.id).or_failed()?;
    for wanted in gateway::on_bridge(&own)? {
        if !present.iter().any(|entry| entry.address == wanted) {
            return Err(Error::failed(format!(
                "bridge {} does not have the gateway's address {wanted}",
                bridge.id
            )));
        }
    }
    Ok(())
}

/// Which of the listed values have to be the interface's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compared {
    /// The hardware address: the MTU of a bridge follows its ports.
    Mac,
    /// Both.
    MacAndMtu,
}

fn compare(listed: &Interface, link: &Link, what: Compared) -> Result<(), Error> {
    let differs = |what: &str, listed: &dyn std::fmt::Display, found: &str| {
        let name = &link.id;
        Err(Error::failed(format!(
            "interface {name} has the {what} {found}, and prevResult lists {listed}"
        )))
    };
    if let Some(mac) = &listed.mac
        && link.mac.map(mac_of_result).as_ref() != Some(mac)
    {
        let found = link.mac.map_or("none".to_owned(), |mac| mac.to_string());
        return differs("MAC address", mac, &found);
    }
    match &listed.mtu {
        Some(mtu) if what == Compared::MacAndMtu && *mtu != link.mtu => {
            differs("MTU", mtu, &link.mtu.to_string())
        }
        _ => Ok(()),
    }
}

fn on_host<'a>(result: &'a AddResult, name: &str) -> Option<&'a Interface> {
    result
        .interfaces
        .iter()
        .find(|interface| interface.name == name && interface.sandbox.is_none())
}
