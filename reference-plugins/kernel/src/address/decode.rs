//! Addresses as the kernel describes them.

use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};

use crate::IpPrefix;
use crate::link::LinkId;
use crate::netlink::{Error, Flags, Netlink, Request};
use crate::route::Scope;

/// An address of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Address {
    /// Index of the link.
    pub link_index: u32,
    /// The address with its prefix length.
    pub address: IpPrefix,
    /// The other end of a point-to-point link.
    pub peer: Option<IpAddr>,
    /// The IPv4 broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// How far the address is valid.
    pub scope: Scope,
    /// How far duplicate address detection has come.
    pub dad: DadState,
    /// Whether somebody configured it for good; otherwise it came with a router advertisement or has a lifetime.
    pub is_permanent: bool,
}

/// How far duplicate address detection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DadState {
    /// The address can be used.
    Settled,
    /// It is being looked for on other stations.
    Tentative,
    /// Another station has it.
    Failed,
}

/// The addresses of one link, both families.
pub fn list(netlink: &Netlink, link: &LinkId) -> Result<Vec<Address>, Error> {
    let mut message = AddressMessage::default();
    message.header.index = link.index;
    let request = Request::route(
        format!("list the addresses of link {link}"),
        Flags::DUMP,
        &RouteNetlinkMessage::GetAddress(message),
    );
    let mut addresses = decode(netlink.dump(&request)?);
    // Linux before 4.20 does not filter.
    addresses.retain(|address| address.link_index == link.index);
    Ok(addresses)
}

/// The addresses of all links, both families.
pub fn list_all(netlink: &Netlink) -> Result<Vec<Address>, Error> {
    let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    let request = Request::route("list the addresses of all links", Flags::DUMP, &message);
    Ok(decode(netlink.dump(&request)?))
}

fn decode(messages: Vec<RouteNetlinkMessage>) -> Vec<Address> {
    let addresses = messages.into_iter().filter_map(|message| match message {
        RouteNetlinkMessage::NewAddress(address) => from_message(&address),
        _ => None,
    });
    addresses.collect()
}

fn from_message(message: &AddressMessage) -> Option<Address> {
    let mut local = None;
    let mut remote = None;
    let mut broadcast = None;
    let mut flags = AddressFlags::from_bits_retain(u32::from(message.header.flags.bits()));
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(*address),
            AddressAttribute::Address(address) => remote = Some(*address),
            AddressAttribute::Broadcast(address) => broadcast = Some(*address),
            AddressAttribute::Flags(all) => flags = *all,
            _ => {}
        }
    }
    // IPv6 sends IFA_LOCAL only where there is a peer.
    let address = local.or(remote)?;
    let dad = if flags.contains(AddressFlags::Dadfailed) {
        DadState::Failed
    } else if flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic) {
        DadState::Tentative
    } else {
        DadState::Settled
    };
    Some(Address {
        link_index: message.header.index,
        address: IpPrefix::new(address, message.header.prefix_len).ok()?,
        peer: remote.filter(|remote| *remote != address),
        broadcast,
        scope: message.header.scope.into(),
        dad,
        is_permanent: flags.contains(AddressFlags::Permanent),
    })
}
