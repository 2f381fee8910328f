//! Finding links.

use std::os::fd::{AsFd, AsRawFd};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};

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

/// The other end of the veth `end`, which is in the namespace `of_end`; looked up through `netlink`, which must be in
/// another one, the peer's.
///
/// An index alone does not tell: the peer may be in a third namespace, where the same number is another link. So the
/// link found must be a veth whose own peer has the index of `end` *and* is in `of_end`.
///
/// [`Error::is_absent`] when there is no such link.
pub fn peer_of(netlink: &Netlink, end: &Link, of_end: &Netns) -> Result<Link, Error> {
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
    match (peer.lower_netns_id, netns_id(netlink, of_end)?) {
        (Some(of_its_peer), Some(id)) if of_its_peer == id => Ok(peer),
        _ => Err(absent()),
    }
}

/// The number under which the namespace of `netlink` knows another one; `None` when it has not met it, or is it.
/// See RTM_GETNSID in rtnetlink(7).
fn netns_id(netlink: &Netlink, netns: &Netns) -> Result<Option<i32>, Error> {
    let descriptor = u32::try_from(netns.as_fd().as_raw_fd()).unwrap_or_default();
    let mut query = NsidMessage::default();
    query.attributes.push(NsidAttribute::Fd(descriptor));
    let request = Request::route(
        format!("look up the id of namespace {}", netns.path().display()),
        Flags::NONE,
        &RouteNetlinkMessage::GetNsId(query),
    );
    let answers = netlink.run_with_answers(request)?;
    Ok(answers.into_iter().find_map(|answer| match answer {
        RouteNetlinkMessage::NewNsId(message) => {
            message
                .attributes
                .into_iter()
                .find_map(|attribute| match attribute {
                    NsidAttribute::Id(id) => (id >= 0).then_some(id),
                    _ => None,
                })
        }
        _ => None,
    }))
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
