//! The flags of a link as a port of its bridge.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoBridgePort, InfoPortData, InfoPortKind, LinkAttribute, LinkInfo,
};

use super::change::message_for;
use super::decode::LinkId;
use crate::netlink::{Flags, Request};

/// The flags of a bridge port that plugins set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BridgePort {
    /// Frames may leave by the port by which they came.
    pub hairpin: bool,
    /// The port reaches only ports that are not isolated.
    pub isolated: bool,
}

/// Sets the flags of a port. The link has to be in a bridge already.
pub fn set_bridge_port(link: &LinkId, port: BridgePort) -> Request {
    let mut message = message_for(link);
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::PortKind(InfoPortKind::Bridge),
        LinkInfo::PortData(InfoPortData::BridgePort(vec![
            InfoBridgePort::HairpinMode(port.hairpin),
            InfoBridgePort::Isolated(port.isolated),
        ])),
    ]));
    let operation = format!(
        "set bridge port {link} to hairpin={} isolated={}",
        port.hairpin, port.isolated
    );
    // RTM_SETLINK ignores the port data; only rtnl_newlink() hands it to the bridge.
    Request::route(
        operation,
        Flags::NONE,
        &RouteNetlinkMessage::NewLink(message),
    )
}
