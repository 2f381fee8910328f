//! Adding, replacing and deleting routes.

use std::net::IpAddr;

use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteNextHop,
    RouteNextHopFlags,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::types::{NextHop, OnLink, Route, RouteKind, Scope};
use crate::IpFamily;
use crate::netlink::{Flags, Request};

/// Adds a route. [`crate::netlink::Error::is_present`] when there is one with this destination, table and metric.
pub fn add(route: &Route) -> Request {
    let message = RouteNetlinkMessage::NewRoute(message_for(route));
    Request::route(format!("add route {route}"), Flags::CREATE, &message)
}

/// Adds a route beside those with the same destination, table and metric, where they lead another way: for IPv4 in front
/// of them, for IPv6 as one more way of the same route. [`crate::netlink::Error::is_present`] only when the very same is there.
pub fn add_beside(route: &Route) -> Request {
    let message = RouteNetlinkMessage::NewRoute(message_for(route));
    Request::route(
        format!("add route {route}"),
        Flags::CREATE_OR_KEEP,
        &message,
    )
}

/// Adds a route in place of the one with this destination, table and metric, if there is one.
pub fn replace(route: &Route) -> Request {
    let message = RouteNetlinkMessage::NewRoute(message_for(route));
    Request::route(format!("set route {route}"), Flags::REPLACE, &message)
}

/// Deletes the route that matches all that is given. [`crate::netlink::Error::is_absent`] when none does.
pub fn delete(route: &Route) -> Request {
    let mut message = message_for(route);
    if route.scope.is_none() {
        // Any scope: the lister may not know it.
        message.header.scope = Scope::Nowhere.into();
    }
    Request::route(
        format!("delete route {route}"),
        Flags::NONE,
        &RouteNetlinkMessage::DelRoute(message),
    )
}

fn message_for(route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    let destination = route.destination.network();
    message.header.address_family = match destination.family() {
        IpFamily::V4 => AddressFamily::Inet,
        IpFamily::V6 => AddressFamily::Inet6,
    };
    message.header.destination_prefix_length = destination.length();
    message.header.kind = route.kind.into();
    message.header.scope = route.scope.unwrap_or_else(|| default_scope(route)).into();
    message.header.protocol = route.origin.into();
    if route.on_link == OnLink::Assume {
        message.header.flags = RouteFlags::Onlink;
    }
    // header.table has eight bits; RTA_TABLE has 32 and overrides it.
    message.attributes.push(RouteAttribute::Table(route.table));
    if destination.length() > 0 {
        message
            .attributes
            .push(RouteAttribute::Destination(route_address(
                destination.address(),
            )));
    }
    message.attributes.extend(
        route
            .gateway
            .map(|gateway| RouteAttribute::Gateway(route_address(gateway))),
    );
    message
        .attributes
        .extend(route.link_index.map(RouteAttribute::Oif));
    message.attributes.extend(
        route
            .source
            .map(|source| RouteAttribute::PrefSource(route_address(source))),
    );
    message
        .attributes
        .extend(route.priority.map(RouteAttribute::Priority));
    let mtu = route.mtu.map(RouteMetric::Mtu);
    let metrics: Vec<RouteMetric> = mtu
        .into_iter()
        .chain(route.advertised_mss.map(RouteMetric::Advmss))
        .collect();
    if !metrics.is_empty() {
        message.attributes.push(RouteAttribute::Metrics(metrics));
    }
    if !route.next_hops.is_empty() {
        message.attributes.push(RouteAttribute::MultiPath(
            route.next_hops.iter().map(next_hop).collect(),
        ));
    }
    message
}

/// As ip-route(8): what has no gateway is on the link. IPv6 has no scopes and ignores it.
fn default_scope(route: &Route) -> Scope {
    match route.kind {
        RouteKind::Local => Scope::Host,
        RouteKind::Unicast if route.gateway.is_none() && route.next_hops.is_empty() => Scope::Link,
        _ => Scope::Universe,
    }
}

fn next_hop(hop: &NextHop) -> RouteNextHop {
    let mut message = RouteNextHop::default();
    message.interface_index = hop.link_index;
    // The kernel counts the weight from 0.
    message.hops = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    if hop.on_link == OnLink::Assume {
        message.flags = RouteNextHopFlags::Onlink;
    }
    message.attributes.extend(
        hop.gateway
            .map(|gateway| RouteAttribute::Gateway(route_address(gateway))),
    );
    message
}

fn route_address(address: IpAddr) -> RouteAddress {
    match address {
        IpAddr::V4(v4) => RouteAddress::Inet(v4),
        IpAddr::V6(v6) => RouteAddress::Inet6(v6),
    }
}
