//! Finding links.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};

use super::decode::{Kind, Link};
use crate::InterfaceName;
use crate::netlink::{Error, Flags, Netlink, Request};
use crate::netns::Netns;

/// The link of that name. [`Error::is_absent`] when there is none.
pub fn by_name(netlink: &Netlink, name: &InterfaceName) -> Result<Link, Error> {
    let mut message = query();
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_string()));
    one(netlink, format!("find link {name}"), message)
}

/// The link of that index. [`Error::is_absent`] when there is none.
pub fn by_index(netlink: &Netlink, index: u32) -> Result<Link, Error> {
    let mut message = query();
    message.header.index = index;
    one(
        netlink,
        format!("find the link with index {index}"),
        message,
    )
}

/// All links of the namespace, in the order of their indices.
pub fn list(netlink: &Netlink) -> Result<Vec<Link>, Error> {
    let request = Request::route(
        "list the links",
        Flags::DUMP,
        &RouteNetlinkMessage::GetLink(query()),
    );
    Ok(netlink
        .dump(&request)?
        .into_iter()
        .filter_map(Link::from_message)
        .collect())
}

/// The other end of the veth `end`, looked up through `netlink`, which must be in the peer's namespace.
///
/// [`Error::is_absent`] when the link there with the peer's index is not a veth whose own peer is `end`.
pub fn peer_of(netlink: &Netlink, end: &Link) -> Result<Link, Error> {
    let absent = || Error::Absent {
        operation: format!("find the peer of veth {}", end.id),
    };
    let index = end
        .lower
        .filter(|_| end.kind == Kind::Veth)
        .ok_or_else(absent)?;
    let peer = by_index(netlink, index)?;
    if peer.kind != Kind::Veth || peer.lower != Some(end.id.index) {
        return Err(absent());
    }
    Ok(peer)
}

/// Like [`by_name`], but in the namespace in which the link was made.
pub(super) fn by_name_in(
    netlink: &Netlink,
    name: &InterfaceName,
    netns: Option<&Netns>,
) -> Result<Link, Error> {
    match netns {
        None => by_name(netlink, name),
        Some(netns) => by_name(&Netlink::open_in(netns)?, name),
    }
}

fn one(netlink: &Netlink, operation: String, message: LinkMessage) -> Result<Link, Error> {
    let request = Request::route(
        operation.clone(),
        Flags::NONE,
        &RouteNetlinkMessage::GetLink(message),
    );
    let answers = netlink.run_with_answers(request)?;
    answers
        .into_iter()
        .find_map(Link::from_message)
        .ok_or(Error::Absent { operation })
}

/// Without statistics, which are most of the bytes of an answer.
fn query() -> LinkMessage {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    message
}
