//! Adding and removing addresses.

use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::link::LinkId;
use crate::netlink::{Flags, Request};
use crate::route::Scope;
use crate::{IpFamily, IpPrefix};

/// An address to be added to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewAddress {
    /// The address with its prefix length.
    pub address: IpPrefix,
    /// The other end of a point-to-point link; none: the address itself.
    pub peer: Option<IpAddr>,
    /// The IPv4 broadcast address; none: not set.
    pub broadcast: Option<Ipv4Addr>,
    /// How far the address is valid.
    pub scope: Scope,
    /// Whether IPv6 looks for another station with this address before using it. Without meaning for IPv4.
    pub dad: Dad,
    /// Whether the kernel adds the route to the address's network.
    pub prefix_route: PrefixRoute,
}

/// IPv6 duplicate address detection (RFC 4862).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dad {
    /// The address is tentative for about a second, see [`super::wait_until_settled`].
    Perform,
    /// The address works at once (`IFA_F_NODAD`).
    Skip,
}

/// Whether an address brings the route to its network along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixRoute {
    /// It does.
    Add,
    /// It does not (`IFA_F_NOPREFIXROUTE`).
    Omit,
}

impl NewAddress {
    /// An address with universe scope, with its prefix route and duplicate address detection, without broadcast.
    #[must_use]
    pub const fn new(address: IpPrefix) -> Self {
        Self {
            address,
            peer: None,
            broadcast: None,
            scope: Scope::Universe,
            dad: Dad::Perform,
            prefix_route: PrefixRoute::Add,
        }
    }

    /// The same without duplicate address detection.
    #[must_use]
    pub const fn without_dad(mut self) -> Self {
        self.dad = Dad::Skip;
        self
    }

    /// The same with the broadcast address of its network: what upstream's netlink library sets for every IPv4 address
    /// with a prefix shorter than 31 bits.
    #[must_use]
    pub fn with_network_broadcast(mut self) -> Self {
        self.broadcast = match self.address.address() {
            IpAddr::V4(v4) if self.address.length() < 31 => {
                let host_bits = u32::MAX >> self.address.length();
                Some((u32::from(v4) | host_bits).into())
            }
            _ => None,
        };
        self
    }

    fn message(&self, link: &LinkId) -> AddressMessage {
        let mut message = message_for(link, self.address);
        message.header.scope = self.scope.into();
        if let Some(peer) = self.peer {
            message.attributes.push(AddressAttribute::Address(peer));
        } else {
            message
                .attributes
                .push(AddressAttribute::Address(self.address.address()));
        }
        message
            .attributes
            .extend(self.broadcast.map(AddressAttribute::Broadcast));
        let mut flags = AddressFlags::empty();
        if self.dad == Dad::Skip && self.address.family() == IpFamily::V6 {
            flags |= AddressFlags::Nodad;
        }
        if self.prefix_route == PrefixRoute::Omit {
            flags |= AddressFlags::Noprefixroute;
        }
        if !flags.is_empty() {
            message.attributes.push(AddressAttribute::Flags(flags));
        }
        message
    }
}

/// Adds an address. [`crate::netlink::Error::is_present`] when the link has it already.
pub fn add(link: &LinkId, address: &NewAddress) -> Request {
    let message = RouteNetlinkMessage::NewAddress(address.message(link));
    Request::route(
        format!("add address {} to link {link}", address.address),
        Flags::CREATE,
        &message,
    )
}

/// Adds an address, or changes flags and lifetime of the one that is there.
pub fn replace(link: &LinkId, address: &NewAddress) -> Request {
    let message = RouteNetlinkMessage::NewAddress(address.message(link));
    Request::route(
        format!("set address {} on link {link}", address.address),
        Flags::REPLACE,
        &message,
    )
}

/// Removes an address. [`crate::netlink::Error::is_absent`] when the link does not have it.
pub fn delete(link: &LinkId, address: IpPrefix) -> Request {
    let message = RouteNetlinkMessage::DelAddress(message_for(link, address));
    Request::route(
        format!("remove address {address} from link {link}"),
        Flags::NONE,
        &message,
    )
}

pub(super) fn family(family: IpFamily) -> AddressFamily {
    match family {
        IpFamily::V4 => AddressFamily::Inet,
        IpFamily::V6 => AddressFamily::Inet6,
    }
}

fn message_for(link: &LinkId, address: IpPrefix) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = family(address.family());
    message.header.index = link.index;
    message.header.prefix_len = address.length();
    message
        .attributes
        .push(AddressAttribute::Local(address.address()));
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("10.9.0.5/24", Some(Ipv4Addr::new(10, 9, 0, 255)))]
    #[case("10.9.0.5/30", Some(Ipv4Addr::new(10, 9, 0, 7)))]
    #[case("10.9.0.5/0", Some(Ipv4Addr::BROADCAST))]
    #[case("10.9.0.5/31", None)]
    #[case("10.9.0.5/32", None)]
    #[case("fd00::5/64", None)]
    fn broadcast_is_the_last_address_of_a_network_that_has_one(
        #[case] address: IpPrefix,
        #[case] expected: Option<Ipv4Addr>,
    ) {
        assert_eq!(
            NewAddress::new(address).with_network_broadcast().broadcast,
            expected
        );
    }
}
