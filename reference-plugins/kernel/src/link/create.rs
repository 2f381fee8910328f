//! Making a link: everything about it in one message, so that nobody sees it half made.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoIpVlan, InfoKind, InfoMacVlan, InfoVeth, InfoVlan,
    InfoVrf, IpVlanFlags, IpVlanMode, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, MacVlanMode,
};

use super::decode::{Link, LinkId};
use super::query::by_name_in;
use crate::netlink::{Error, Flags, Netlink, Request};
use crate::netns::Netns;
use crate::{InterfaceName, Mac};

/// A link to be made.
#[derive(Debug)]
pub struct NewLink<'a> {
    /// What both ends of a veth pair have, and every other link as well.
    pub endpoint: Endpoint<'a>,
    /// The bridge or VRF that it belongs to from the start.
    pub master: Option<&'a LinkId>,
    /// Whether it is up from the start.
    pub state: LinkState,
    /// What kind of link.
    pub kind: NewKind<'a>,
}

/// What can be said about an end when it is made.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint<'a> {
    /// Its name.
    pub name: &'a InterfaceName,
    /// Its hardware address; none: the kernel makes one up.
    pub mac: Option<Mac>,
    /// Its MTU in bytes; none: the kernel's default.
    pub mtu: Option<u32>,
    /// The namespace in which it appears; none: that of the socket.
    pub netns: Option<&'a Netns>,
    /// The length of its transmit queue in packets; none: the kernel's default.
    pub tx_queue_length: Option<u32>,
}

/// Administrative state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// As the kernel makes it.
    Down,
    /// Up in the same message.
    Up,
}

/// What kind of link to make, with what only this kind has.
#[derive(Debug)]
#[non_exhaustive]
pub enum NewKind<'a> {
    /// A virtual cable. The peer is always made down: the kernel refuses to raise it before the pair is linked.
    Veth {
        /// The other end.
        peer: Endpoint<'a>,
    },
    /// A bridge.
    Bridge(BridgeOptions),
    /// A macvlan on a parent.
    Macvlan {
        /// The link that it shares.
        parent: &'a LinkId,
        /// How its ports see each other.
        mode: MacvlanMode,
        /// Length of the parent's queue for broadcasts; none: the kernel's 1000.
        broadcast_queue_length: Option<u32>,
    },
    /// An ipvlan on a parent.
    Ipvlan {
        /// The link that it shares.
        parent: &'a LinkId,
        /// On which layer it forwards.
        mode: IpvlanMode,
        /// Whom its ports can talk to.
        flag: IpvlanFlag,
    },
    /// An 802.1Q VLAN on a parent.
    Vlan {
        /// The link that carries the tagged frames.
        parent: &'a LinkId,
        /// The VLAN id, 0 to 4094.
        id: u16,
    },
    /// A VRF.
    Vrf {
        /// Its routing table.
        table: u32,
    },
    /// A dummy.
    Dummy,
    /// An intermediate functional block.
    Ifb,
}

/// What of a bridge is set when it is made; none: the kernel's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BridgeOptions {
    /// Whether it looks at VLAN tags.
    pub vlan_filtering: Option<VlanFiltering>,
    /// The VLAN of untagged frames on new ports; 0 for none.
    pub vlan_default_pvid: Option<u16>,
    /// Spanning tree.
    pub stp: Option<Stp>,
    /// Forwarding delay in hundredths of a second.
    pub forward_delay: Option<u32>,
}

/// Whether a bridge looks at VLAN tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VlanFiltering {
    /// Frames are forwarded whatever their tag.
    Off,
    /// Each port has the VLANs that it carries.
    On,
}

/// Whether a bridge runs the spanning tree protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stp {
    /// It does not.
    Off,
    /// The kernel's own.
    On,
}

/// How the ports of a macvlan see each other (ip-link(8)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are the kernel's; ip-link(8) explains them"
)]
pub enum MacvlanMode {
    Private,
    Vepa,
    Bridge,
    Passthru,
    Source,
}

/// On which layer an ipvlan forwards (ip-link(8)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are the kernel's; ip-link(8) explains them"
)]
pub enum IpvlanMode {
    L2,
    L3,
    L3s,
}

/// Whom the ports of an ipvlan can talk to (ip-link(8)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are the kernel's; ip-link(8) explains them"
)]
pub enum IpvlanFlag {
    #[default]
    Bridge,
    Private,
    Vepa,
}

impl<'a> Endpoint<'a> {
    /// An end of which only the name is given.
    #[must_use]
    pub const fn named(name: &'a InterfaceName) -> Self {
        Self {
            name,
            mac: None,
            mtu: None,
            netns: None,
            tx_queue_length: None,
        }
    }

    fn attributes(&self) -> Vec<LinkAttribute> {
        let mut attributes = vec![LinkAttribute::IfName(self.name.to_string())];
        attributes.extend(
            self.mac
                .map(|mac| LinkAttribute::Address(mac.octets().to_vec())),
        );
        attributes.extend(self.mtu.map(LinkAttribute::Mtu));
        attributes.extend(self.tx_queue_length.map(LinkAttribute::TxQueueLen));
        attributes.extend(
            self.netns
                .map(|netns| LinkAttribute::NetNsFd(netns.as_raw_fd())),
        );
        attributes
    }
}

/// Makes the link and returns it as the kernel describes it. For a veth that is the first end; [`Link::lower`] is the
/// index of the peer.
///
/// Fails with [`Error::is_present`] when the name is taken in either namespace.
pub fn create(netlink: &Netlink, new: &NewLink<'_>) -> Result<Link, Error> {
    let message = RouteNetlinkMessage::NewLink(message_for(new));
    let request = Request::route(operation_for(new), Flags::CREATE | Flags::ECHO, &message);
    let answers = netlink.run_with_answers(request)?;
    if let Some(mut link) = answers.into_iter().find_map(Link::from_message) {
        // The echo leaves the kernel before it sets the master; the acknowledgement says that this worked, too.
        link.master = new.master.map(|master| master.index);
        return Ok(link);
    }
    // Before Linux 6.2 NLM_F_ECHO has no effect on RTM_NEWLINK.
    by_name_in(netlink, new.endpoint.name, new.endpoint.netns)
}

fn message_for(new: &NewLink<'_>) -> LinkMessage {
    let mut message = LinkMessage::default();
    if new.state == LinkState::Up {
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
    }
    message.attributes = new.endpoint.attributes();
    message.attributes.extend(
        new.master
            .map(|master| LinkAttribute::Controller(master.index)),
    );
    message.attributes.extend(
        new.kind
            .parent()
            .map(|parent| LinkAttribute::Link(parent.index)),
    );
    let (kind, data) = new.kind.infos();
    let mut infos = vec![LinkInfo::Kind(kind)];
    infos.extend(data.map(LinkInfo::Data));
    message.attributes.push(LinkAttribute::LinkInfo(infos));
    message
}

fn operation_for(new: &NewLink<'_>) -> String {
    let (kind, _) = new.kind.infos();
    let mut text = format!("create {kind} {}", new.endpoint.name);
    if let NewKind::Veth { peer } = &new.kind {
        text.push_str(&format!(" with peer {}", peer.name));
        if let Some(netns) = peer.netns {
            text.push_str(&format!(" in network namespace {}", netns.path().display()));
        }
    }
    if let Some(parent) = new.kind.parent() {
        text.push_str(&format!(" on {parent}"));
    }
    if let Some(master) = new.master {
        text.push_str(&format!(" with master {master}"));
    }
    if let Some(netns) = new.endpoint.netns {
        text.push_str(&format!(" in network namespace {}", netns.path().display()));
    }
    text
}

impl<'a> NewKind<'a> {
    fn parent(&self) -> Option<&'a LinkId> {
        match self {
            Self::Macvlan { parent, .. }
            | Self::Ipvlan { parent, .. }
            | Self::Vlan { parent, .. } => Some(*parent),
            _ => None,
        }
    }

    fn infos(&self) -> (InfoKind, Option<InfoData>) {
        match self {
            Self::Veth { peer } => {
                let mut message = LinkMessage::default();
                message.attributes = peer.attributes();
                (
                    InfoKind::Veth,
                    Some(InfoData::Veth(InfoVeth::Peer(message))),
                )
            }
            Self::Bridge(options) => (InfoKind::Bridge, Some(InfoData::Bridge(options.infos()))),
            Self::Macvlan {
                mode,
                broadcast_queue_length,
                ..
            } => {
                let mut data = vec![InfoMacVlan::Mode(mode.to_kernel())];
                data.extend(broadcast_queue_length.map(InfoMacVlan::BcQueueLen));
                (InfoKind::MacVlan, Some(InfoData::MacVlan(data)))
            }
            Self::Ipvlan { mode, flag, .. } => {
                let mut data = vec![InfoIpVlan::Mode(mode.to_kernel())];
                data.extend(flag.to_kernel().map(InfoIpVlan::Flags));
                (InfoKind::IpVlan, Some(InfoData::IpVlan(data)))
            }
            Self::Vlan { id, .. } => (
                InfoKind::Vlan,
                Some(InfoData::Vlan(vec![InfoVlan::Id(*id)])),
            ),
            Self::Vrf { table } => (
                InfoKind::Vrf,
                Some(InfoData::Vrf(vec![InfoVrf::TableId(*table)])),
            ),
            Self::Dummy => (InfoKind::Dummy, None),
            Self::Ifb => (InfoKind::Ifb, None),
        }
    }
}

impl BridgeOptions {
    fn infos(self) -> Vec<InfoBridge> {
        let stp = |stp| match stp {
            Stp::Off => BridgeStpState::Disabled,
            Stp::On => BridgeStpState::KernelStp,
        };
        let mut infos = Vec::new();
        infos.extend(
            self.vlan_filtering
                .map(|filtering| InfoBridge::VlanFiltering(filtering == VlanFiltering::On)),
        );
        infos.extend(self.vlan_default_pvid.map(InfoBridge::VlanDefaultPvid));
        infos.extend(self.stp.map(|value| InfoBridge::StpState(stp(value))));
        infos.extend(self.forward_delay.map(InfoBridge::ForwardDelay));
        infos
    }
}

impl MacvlanMode {
    fn to_kernel(self) -> MacVlanMode {
        match self {
            Self::Private => MacVlanMode::Private,
            Self::Vepa => MacVlanMode::Vepa,
            Self::Bridge => MacVlanMode::Bridge,
            Self::Passthru => MacVlanMode::Passthrough,
            Self::Source => MacVlanMode::Source,
        }
    }

    pub(super) fn from_kernel(mode: MacVlanMode) -> Option<Self> {
        match mode {
            MacVlanMode::Private => Some(Self::Private),
            MacVlanMode::Vepa => Some(Self::Vepa),
            MacVlanMode::Bridge => Some(Self::Bridge),
            MacVlanMode::Passthrough => Some(Self::Passthru),
            MacVlanMode::Source => Some(Self::Source),
            _ => None,
        }
    }
}

impl IpvlanMode {
    fn to_kernel(self) -> IpVlanMode {
        match self {
            Self::L2 => IpVlanMode::L2,
            Self::L3 => IpVlanMode::L3,
            Self::L3s => IpVlanMode::L3S,
        }
    }

    pub(super) fn from_kernel(mode: IpVlanMode) -> Option<Self> {
        match mode {
            IpVlanMode::L2 => Some(Self::L2),
            IpVlanMode::L3 => Some(Self::L3),
            IpVlanMode::L3S => Some(Self::L3s),
            _ => None,
        }
    }
}

impl IpvlanFlag {
    /// Bridge is the kernel's default, and kernels before 4.15 do not know the attribute.
    fn to_kernel(self) -> Option<IpVlanFlags> {
        match self {
            Self::Bridge => None,
            Self::Private => Some(IpVlanFlags::Private),
            Self::Vepa => Some(IpVlanFlags::Vepa),
        }
    }
}
