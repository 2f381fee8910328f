//! Routes as the kernel lists them.

use std::net::IpAddr;

use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteNextHop,
    RouteNextHopFlags, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::types::{Filter, NextHop, OnLink, Route};
use crate::netlink::{Error, Flags, Netlink, Request};
use crate::{IpFamily, IpPrefix};

/// The routes that match the filter, without the kernel's cached ones.
pub fn list(netlink: &Netlink, filter: Filter) -> Result<Vec<Route>, Error> {
    let families = match filter.family {
        Some(family) => vec![family],
        None => vec![IpFamily::V4, IpFamily::V6],
    };
    let mut routes = Vec::new();
    for family in families {
        routes.extend(list_family(netlink, family, filter)?);
    }
    Ok(routes)
}

fn list_family(netlink: &Netlink, family: IpFamily, filter: Filter) -> Result<Vec<Route>, Error> {
    let mut message = RouteMessage::default();
    message.header.address_family = match family {
        IpFamily::V4 => AddressFamily::Inet,
        IpFamily::V6 => AddressFamily::Inet6,
    };
    message
        .attributes
        .extend(filter.table.map(RouteAttribute::Table));
    message
        .attributes
        .extend(filter.link_index.map(RouteAttribute::Oif));
    let request = Request::route(
        format!("list the {family} routes"),
        Flags::DUMP,
        &RouteNetlinkMessage::GetRoute(message),
    );
    let answers = match netlink.dump(&request) {
        // With strict checks the kernel answers ENOENT for a table that was never used.
        Err(error) if filter.table.is_some() && error.is_absent() => return Ok(Vec::new()),
        other => other?,
    };
    let routes = answers.into_iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewRoute(message)
            if !message.header.flags.contains(RouteFlags::Cloned) =>
        {
            from_message(&message)
        }
        _ => None,
    });
    // Linux before 4.20 does not filter.
    Ok(routes.filter(|route| matches(route, filter)).collect())
}

fn matches(route: &Route, filter: Filter) -> bool {
    let through = |index| {
        route.link_index == Some(index) || route.next_hops.iter().any(|hop| hop.link_index == index)
    };
    filter.table.is_none_or(|table| route.table == table) && filter.link_index.is_none_or(through)
}

fn from_message(message: &RouteMessage) -> Option<Route> {
    let any = match message.header.address_family {
        AddressFamily::Inet => IpPrefix::DEFAULT_V4,
        AddressFamily::Inet6 => IpPrefix::DEFAULT_V6,
        _ => return None,
    };
    let mut route = Route::to(any);
    route.kind = message.header.kind.into();
    route.scope = Some(message.header.scope.into());
    route.origin = message.header.protocol.into();
    route.table = u32::from(message.header.table);
    if message.header.flags.contains(RouteFlags::Onlink) {
        route.on_link = OnLink::Assume;
    }
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => {
                route.destination =
                    IpPrefix::new(ip(address)?, message.header.destination_prefix_length).ok()?;
            }
            RouteAttribute::Gateway(address) => route.gateway = ip(address),
            RouteAttribute::Via(via) => route.gateway = via_address(via),
            RouteAttribute::Oif(index) => route.link_index = Some(*index),
            RouteAttribute::PrefSource(address) => route.source = ip(address),
            RouteAttribute::Priority(priority) => route.priority = Some(*priority),
            RouteAttribute::Table(table) => route.table = *table,
            RouteAttribute::Metrics(metrics) => read_metrics(&mut route, metrics),
            RouteAttribute::MultiPath(hops) => {
                route.next_hops = hops.iter().map(next_hop).collect();
            }
            _ => {}
        }
    }
    Some(route)
}

fn read_metrics(route: &mut Route, metrics: &[RouteMetric]) {
    for metric in metrics {
        match metric {
            RouteMetric::Mtu(mtu) => route.mtu = Some(*mtu),
            RouteMetric::Advmss(mss) => route.advertised_mss = Some(*mss),
            _ => {}
        }
    }
}

fn next_hop(hop: &RouteNextHop) -> NextHop {
    let gateway = hop.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(address) => ip(address),
        RouteAttribute::Via(via) => via_address(via),
        _ => None,
    });
    let on_link = if hop.flags.contains(RouteNextHopFlags::Onlink) {
        OnLink::Assume
    } else {
        OnLink::Check
    };
    NextHop {
        gateway,
        link_index: hop.interface_index,
        weight: u16::from(hop.hops) + 1,
        on_link,
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some((*v4).into()),
        RouteAddress::Inet6(v6) => Some((*v6).into()),
        _ => None,
    }
}

/// An IPv4 route may have an IPv6 gateway (RFC 5549).
fn via_address(via: &RouteVia) -> Option<IpAddr> {
    match via {
        RouteVia::Inet(v4) => Some((*v4).into()),
        RouteVia::Inet6(v6) => Some((*v6).into()),
        _ => None,
    }
}
