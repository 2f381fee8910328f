//! Permanent neighbour entries: which hardware address an IP address has on a link.

use std::net::IpAddr;

use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::RouteType;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::Mac;
use crate::link::LinkId;
use crate::netlink::{Error, Flags, Netlink, Request};

/// An entry of the neighbour table (ARP and IPv6 neighbour discovery).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Index of the link.
    pub link_index: u32,
    /// The IP address.
    pub address: IpAddr,
    /// Its hardware address, where known.
    pub mac: Option<Mac>,
    /// Whether somebody configured it for good.
    pub is_permanent: bool,
}

/// Sets a permanent entry, in place of what the kernel has learned.
pub fn set_permanent(link: &LinkId, address: IpAddr, mac: Mac) -> Request {
    let mut message = message_for(link, address);
    message.header.state = NeighbourState::Permanent;
    message
        .attributes
        .push(NeighbourAttribute::LinkLayerAddress(mac.octets().to_vec()));
    let operation = format!("set neighbour {address} of link {link} to {mac}");
    Request::route(
        operation,
        Flags::REPLACE,
        &RouteNetlinkMessage::NewNeighbour(message),
    )
}

/// Deletes an entry. [`Error::is_absent`] when there is none.
pub fn delete(link: &LinkId, address: IpAddr) -> Request {
    let message = RouteNetlinkMessage::DelNeighbour(message_for(link, address));
    Request::route(
        format!("delete neighbour {address} of link {link}"),
        Flags::NONE,
        &message,
    )
}

/// The entries of a link, both families.
pub fn list(netlink: &Netlink, link: &LinkId) -> Result<Vec<Neighbour>, Error> {
    let mut message = NeighbourMessage::default();
    // Under strict checks the link goes into an attribute; the header has to be zero.
    message
        .attributes
        .push(NeighbourAttribute::IfIndex(link.index));
    let message = RouteNetlinkMessage::GetNeighbour(message);
    let request = Request::route(
        format!("list the neighbours of link {link}"),
        Flags::DUMP,
        &message,
    );
    let neighbours = netlink
        .dump(&request)?
        .into_iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewNeighbour(message) => from_message(&message),
            _ => None,
        });
    Ok(neighbours
        .filter(|neighbour| neighbour.link_index == link.index)
        .collect())
}

fn message_for(link: &LinkId, address: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.ifindex = link.index;
    message.header.kind = RouteType::Unicast;
    let (family, destination) = match address {
        IpAddr::V4(v4) => (AddressFamily::Inet, NeighbourAddress::Inet(v4)),
        IpAddr::V6(v6) => (AddressFamily::Inet6, NeighbourAddress::Inet6(v6)),
    };
    message.header.family = family;
    message
        .attributes
        .push(NeighbourAttribute::Destination(destination));
    message
}

fn from_message(message: &NeighbourMessage) -> Option<Neighbour> {
    let mut address = None;
    let mut mac = None;
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => {
                address = Some(IpAddr::V4(*v4));
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(v6)) => {
                address = Some(IpAddr::V6(*v6));
            }
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = Mac::from_slice(bytes),
            _ => {}
        }
    }
    let is_permanent = message.header.state == NeighbourState::Permanent;
    Some(Neighbour {
        link_index: message.header.ifindex,
        address: address?,
        mac,
        is_permanent,
    })
}
