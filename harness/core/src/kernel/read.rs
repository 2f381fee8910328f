//! Dumps of one network namespace: links, addresses, routes, rules, queueing disciplines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{
    InfoBridgePort, InfoPortData, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteProtocol, RouteType,
};
use rtnetlink::packet_route::rule::{RuleAttribute, RuleMessage};
use rtnetlink::packet_route::tc::{TcAttribute, TcMessage};
use rtnetlink::{Handle, IpVersion, RouteMessageBuilder};

use super::session::{KernelError, session};
use super::snapshot::{Address, Link, NamespaceState, Route};
use crate::sandbox::Netns;

/// The routing table that the kernel fills for its own addresses.
const LOCAL_TABLE: u32 = 255;

/// Reads the state of a network namespace.
///
/// # Errors
/// Fails when the namespace can't be entered or a dump is refused.
pub(crate) fn read(netns: &Netns) -> Result<NamespaceState, KernelError> {
    session(netns, |handle| async move {
        let links = links(&handle).await?;
        let name = |index: u32| {
            links
                .iter()
                .find(|link| link.index == index)
                .map(|link| link.name.clone())
        };
        let mut addresses: Vec<Address> = handle
            .address()
            .get()
            .execute()
            .try_collect::<Vec<_>>()
            .await
            .map_err(KernelError::request("list addresses"))?
            .iter()
            .filter_map(|message| address(message, &name))
            .collect();
        addresses.sort_by(|a, b| (&a.link, a.ip, a.prefix).cmp(&(&b.link, b.ip, b.prefix)));
        let mut routes = Vec::new();
        let mut rules = Vec::new();
        for version in [IpVersion::V4, IpVersion::V6] {
            let message = match version {
                IpVersion::V4 => RouteMessageBuilder::<Ipv4Addr>::new().build(),
                IpVersion::V6 => RouteMessageBuilder::<Ipv6Addr>::new().build(),
            };
            let dump: Vec<RouteMessage> = handle
                .route()
                .get(message)
                .execute()
                .try_collect()
                .await
                .map_err(KernelError::request("list routes"))?;
            routes.extend(dump.iter().filter_map(|message| route(message, &name)));
            let dump: Vec<RuleMessage> = handle
                .rule()
                .get(version)
                .execute()
                .try_collect()
                .await
                .map_err(KernelError::request("list policy rules"))?;
            rules.extend(dump.iter().filter_map(rule));
        }
        let qdiscs: Vec<TcMessage> = handle
            .qdisc()
            .get()
            .execute()
            .try_collect()
            .await
            .map_err(KernelError::request("list queueing disciplines"))?;
        let qdiscs = qdiscs
            .iter()
            .filter_map(|message| qdisc(message, &name))
            .collect();
        Ok(NamespaceState {
            addresses,
            routes,
            rules,
            qdiscs,
            links,
        })
    })
}

async fn links(handle: &Handle) -> Result<Vec<Link>, KernelError> {
    let dump: Vec<LinkMessage> = handle
        .link()
        .get()
        .execute()
        .try_collect()
        .await
        .map_err(KernelError::request("list links"))?;
    let mut links: Vec<Link> = dump.iter().map(link).collect();
    links.sort_by_key(|link| link.index);
    Ok(links)
}

fn link(message: &LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        kind: String::new(),
        mac: String::new(),
        mtu: 0,
        up: message.header.flags.contains(LinkFlags::Up),
        master: None,
        flags: Vec::new(),
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Address(mac) => link.mac = mac_text(mac),
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            LinkAttribute::Controller(master) => link.master = Some(*master),
            LinkAttribute::Promiscuity(count)
                if *count > 0 && message.header.flags.contains(LinkFlags::Promisc) =>
            {
                link.flags.push("promisc".to_owned());
            }
            LinkAttribute::LinkInfo(infos) => {
                infos.iter().for_each(|info| link_info(info, &mut link));
            }
            _ => {}
        }
    }
    link
}

fn link_info(info: &LinkInfo, link: &mut Link) {
    match info {
        LinkInfo::Kind(kind) => link.kind = kind.to_string(),
        LinkInfo::PortData(InfoPortData::BridgePort(port)) => {
            for option in port {
                match option {
                    InfoBridgePort::HairpinMode(true) => link.flags.push("hairpin".to_owned()),
                    InfoBridgePort::Isolated(true) => link.flags.push("isolated".to_owned()),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// Renders a link-layer address; all zeros (loopback) and none are both empty.
fn mac_text(mac: &[u8]) -> String {
    if mac.iter().all(|byte| *byte == 0) {
        return String::new();
    }
    mac.iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(":")
}

fn address(message: &AddressMessage, name: &impl Fn(u32) -> Option<String>) -> Option<Address> {
    let mut ip = None;
    for attribute in &message.attributes {
        match attribute {
            // On a point-to-point link ADDRESS is the other side and LOCAL is ours.
            AddressAttribute::Local(local) => ip = Some(*local),
            AddressAttribute::Address(address) => ip = ip.or(Some(*address)),
            _ => {}
        }
    }
    let ip = ip?;
    let link_local = matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
    let link = name(message.header.index)?;
    (!link_local).then_some(Address {
        link,
        ip,
        prefix: message.header.prefix_len,
    })
}

fn route(message: &RouteMessage, name: &impl Fn(u32) -> Option<String>) -> Option<Route> {
    if message.header.kind != RouteType::Unicast {
        return None;
    }
    let unspecified = match message.header.address_family {
        AddressFamily::Inet => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        AddressFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => return None,
    };
    let mut route = Route {
        destination: unspecified,
        prefix: message.header.destination_prefix_length,
        gateway: None,
        link: None,
        table: u32::from(message.header.table),
        scope: message.header.scope.into(),
        priority: 0,
        mtu: None,
        advmss: None,
        from_kernel: message.header.protocol == RouteProtocol::Kernel,
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(to) => route.destination = ip(to)?,
            RouteAttribute::Gateway(via) => route.gateway = ip(via),
            RouteAttribute::Oif(index) => route.link = name(*index),
            RouteAttribute::Table(table) => route.table = *table,
            RouteAttribute::Priority(priority) => route.priority = *priority,
            RouteAttribute::Metrics(metrics) => {
                for metric in metrics {
                    match metric {
                        RouteMetric::Mtu(mtu) => route.mtu = Some(*mtu),
                        RouteMetric::Advmss(advmss) => route.advmss = Some(*advmss),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let own = matches!(route.destination, IpAddr::V6(v6) if v6.is_unicast_link_local() || v6.is_multicast());
    (route.table != LOCAL_TABLE && !own).then_some(route)
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some(IpAddr::V4(*v4)),
        RouteAddress::Inet6(v6) => Some(IpAddr::V6(*v6)),
        _ => None,
    }
}

/// Renders a policy rule; the three that every namespace is born with (local, main, default) are left out.
fn rule(message: &RuleMessage) -> Option<String> {
    let mut priority = 0;
    let mut words = Vec::new();
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(value) => priority = *value,
            RuleAttribute::Source(from) => {
                words.push(format!("from {from}/{}", message.header.src_len));
            }
            RuleAttribute::Destination(to) => {
                words.push(format!("to {to}/{}", message.header.dst_len));
            }
            RuleAttribute::Table(table) => words.push(format!("table {table}")),
            RuleAttribute::Iifname(link) => words.push(format!("iif {link}")),
            RuleAttribute::Oifname(link) => words.push(format!("oif {link}")),
            RuleAttribute::FwMark(mark) => words.push(format!("fwmark {mark:#x}")),
            _ => {}
        }
    }
    (!matches!(priority, 0 | 32766 | 32767)).then(|| format!("{priority}: {}", words.join(" ")))
}

/// Renders a queueing discipline; those that the kernel gives by default are left out.
fn qdisc(message: &TcMessage, name: &impl Fn(u32) -> Option<String>) -> Option<String> {
    let link = name(u32::try_from(message.header.index).ok()?)?;
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            TcAttribute::Kind(kind)
                if !matches!(
                    kind.as_str(),
                    "noqueue" | "pfifo_fast" | "fq_codel" | "mq" | "fq"
                ) =>
            {
                Some(format!("{kind} on {link}"))
            }
            _ => None,
        })
}
