//! Changing and deleting a link.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use super::decode::LinkId;
use crate::netlink::{Error, Flags, Netlink, Request};
use crate::netns::Netns;
use crate::{InterfaceName, Mac};

/// Whether a link takes in frames for other stations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promiscuous {
    /// It does not.
    Off,
    /// It does.
    On,
}

/// Raises the link.
pub fn set_up(link: &LinkId) -> Request {
    flags(
        format!("set link {link} up"),
        link,
        LinkFlags::Up,
        LinkFlags::Up,
    )
}

/// Takes the link down. IPv6 addresses and all routes through it go with it.
pub fn set_down(link: &LinkId) -> Request {
    flags(
        format!("set link {link} down"),
        link,
        LinkFlags::Up,
        LinkFlags::empty(),
    )
}

/// Switches promiscuous mode.
pub fn set_promiscuous(link: &LinkId, promiscuous: Promiscuous) -> Request {
    let (word, value) = match promiscuous {
        Promiscuous::On => ("on", LinkFlags::Promisc),
        Promiscuous::Off => ("off", LinkFlags::empty()),
    };
    flags(
        format!("switch promiscuous mode of link {link} {word}"),
        link,
        LinkFlags::Promisc,
        value,
    )
}

/// Renames the link. Kernels before 6.2 (and without `IFF_LIVE_RENAME_OK`) refuse it with EBUSY while the link is up.
pub fn set_name(link: &LinkId, name: &InterfaceName) -> Request {
    change(
        format!("rename link {link} to {name}"),
        link,
        LinkAttribute::IfName(name.to_string()),
    )
}

/// Sets the hardware address.
pub fn set_mac(link: &LinkId, mac: Mac) -> Request {
    change(
        format!("set the MAC address of link {link} to {mac}"),
        link,
        LinkAttribute::Address(mac.octets().to_vec()),
    )
}

/// Sets the MTU in bytes.
pub fn set_mtu(link: &LinkId, mtu: u32) -> Request {
    change(
        format!("set the MTU of link {link} to {mtu}"),
        link,
        LinkAttribute::Mtu(mtu),
    )
}

/// Puts the link into a bridge or VRF, or with none takes it out.
pub fn set_master(link: &LinkId, master: Option<&LinkId>) -> Request {
    let operation = match master {
        Some(master) => format!("put link {link} into {master}"),
        None => format!("take link {link} out of its master"),
    };
    change(
        operation,
        link,
        LinkAttribute::Controller(master.map_or(0, |master| master.index)),
    )
}

/// Sets the alias, at most 255 bytes; an empty text removes it.
pub fn set_alias(link: &LinkId, alias: &str) -> Request {
    change(
        format!("set the alias of link {link} to {alias:?}"),
        link,
        LinkAttribute::IfAlias(alias.to_owned()),
    )
}

/// Sets the length of the transmit queue in packets.
pub fn set_tx_queue_length(link: &LinkId, length: u32) -> Request {
    change(
        format!("set the transmit queue length of link {link} to {length}"),
        link,
        LinkAttribute::TxQueueLen(length),
    )
}

/// Moves the link to another namespace, under a new name there when one is given.
///
/// The link arrives down and without addresses. [`Error::is_present`] when the name is taken there.
pub fn move_to_netns(
    netlink: &Netlink,
    link: &LinkId,
    netns: &Netns,
    name: Option<&InterfaceName>,
) -> Result<(), Error> {
    let mut message = message_for(link);
    message
        .attributes
        .push(LinkAttribute::NetNsFd(netns.as_raw_fd()));
    message
        .attributes
        .extend(name.map(|name| LinkAttribute::IfName(name.to_string())));
    let operation = format!(
        "move link {link} to network namespace {}",
        netns.path().display()
    );
    netlink.run(Request::route(
        operation,
        Flags::NONE,
        &RouteNetlinkMessage::SetLink(message),
    ))
}

/// Deletes the link; a veth's peer goes with it. The kernel answers only after an RCU grace period (10 to 20 ms).
///
/// [`Error::is_absent`] when it does not exist.
pub fn delete(link: &LinkId) -> Request {
    Request::route(
        format!("delete link {link}"),
        Flags::NONE,
        &RouteNetlinkMessage::DelLink(message_for(link)),
    )
}

pub(super) fn message_for(link: &LinkId) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = link.index;
    message
}

fn flags(operation: String, link: &LinkId, mask: LinkFlags, value: LinkFlags) -> Request {
    let mut message = message_for(link);
    message.header.change_mask = mask;
    message.header.flags = value;
    Request::route(
        operation,
        Flags::NONE,
        &RouteNetlinkMessage::SetLink(message),
    )
}

fn change(operation: String, link: &LinkId, attribute: LinkAttribute) -> Request {
    let mut message = message_for(link);
    message.attributes.push(attribute);
    Request::route(
        operation,
        Flags::NONE,
        &RouteNetlinkMessage::SetLink(message),
    )
}
