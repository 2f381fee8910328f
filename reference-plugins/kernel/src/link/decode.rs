//! A link as the kernel describes it.

use std::fmt;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoBridge, InfoBridgePort, InfoData, InfoIpVlan, InfoKind, InfoMacVlan, InfoPortData,
    InfoVlan, InfoVrf, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, State,
};

use super::bridge_port::BridgePort;
use super::create::{IpvlanMode, MacvlanMode};
use crate::Mac;

/// What names a link in one namespace. The index is what the kernel goes by; the name is for people and for error texts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LinkId {
    /// The interface index.
    pub index: u32,
    /// The name at the time at which it was read.
    pub name: String,
}

/// A link as the kernel described it at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// Index and name.
    pub id: LinkId,
    /// What kind of link, with what only this kind has.
    pub kind: Kind,
    /// The hardware address; none for links without one (e.g. tun).
    pub mac: Option<Mac>,
    /// The MTU in bytes.
    pub mtu: u32,
    /// Whether it is administratively up (`IFF_UP`).
    pub is_up: bool,
    /// Whether it is in promiscuous mode by request (`IFF_PROMISC`).
    pub is_promiscuous: bool,
    /// Whether it is a loopback interface.
    pub is_loopback: bool,
    /// Whether it can carry packets.
    pub oper_state: OperState,
    /// Index of the bridge or VRF that it belongs to.
    pub master: Option<u32>,
    /// `IFLA_LINK`: index of the parent (macvlan, ipvlan, vlan) or of the peer (veth), which may be in another namespace.
    pub lower: Option<u32>,
    /// `IFLA_LINK_NETNSID`: the id of the namespace of `lower`, when that is another one.
    pub lower_netns_id: Option<i32>,
    /// The alias, an arbitrary text.
    pub alias: Option<String>,
    /// Length of the transmit queue in packets.
    pub tx_queue_length: u32,
    /// The flags of a bridge port, when its master is a bridge.
    pub bridge_port: Option<BridgePort>,
}

/// The kind of a link (`IFLA_INFO_KIND`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A link without a kind: physical, virtio, loopback.
    Device,
    /// One end of a virtual cable.
    Veth,
    /// A bridge.
    Bridge {
        /// Whether it looks at VLAN tags.
        vlan_filtering: bool,
    },
    /// A macvlan.
    Macvlan {
        /// How its ports see each other.
        mode: Option<MacvlanMode>,
    },
    /// An ipvlan.
    Ipvlan {
        /// On which layer it forwards.
        mode: Option<IpvlanMode>,
    },
    /// An 802.1Q VLAN.
    Vlan {
        /// The VLAN id.
        id: Option<u16>,
    },
    /// A VRF device.
    Vrf {
        /// Its routing table.
        table: Option<u32>,
    },
    /// A dummy.
    Dummy,
    /// An intermediate functional block, for traffic control.
    Ifb,
    /// A tun or tap device.
    Tun,
    /// Any other kind, by the kernel's name.
    Other(String),
}

/// RFC 2863's operational state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperState {
    /// The driver does not tell (e.g. loopback): usable when the link is up.
    Unknown,
    /// It carries packets.
    Up,
    /// It does not.
    Down,
    /// It does not because the link under it does not; for veth: the peer is down.
    LowerLayerDown,
    /// It waits, e.g. for authentication.
    Dormant,
    /// Not present or testing.
    Other,
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Link {
    pub(super) fn from_message(message: RouteNetlinkMessage) -> Option<Self> {
        match message {
            RouteNetlinkMessage::NewLink(link) => Some(Self::from_link(link)),
            _ => None,
        }
    }

    fn from_link(message: LinkMessage) -> Self {
        let flags = message.header.flags;
        let mut link = Self {
            id: LinkId {
                index: message.header.index,
                name: String::new(),
            },
            kind: Kind::Device,
            mac: None,
            mtu: 0,
            is_up: flags.contains(LinkFlags::Up),
            is_promiscuous: flags.contains(LinkFlags::Promisc),
            is_loopback: flags.contains(LinkFlags::Loopback),
            oper_state: OperState::Unknown,
            master: None,
            lower: None,
            lower_netns_id: None,
            alias: None,
            tx_queue_length: 0,
            bridge_port: None,
        };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.id.name = name,
                LinkAttribute::Address(bytes) => link.mac = Mac::from_slice(&bytes),
                LinkAttribute::Mtu(mtu) => link.mtu = mtu,
                LinkAttribute::OperState(state) => link.oper_state = oper_state(state),
                LinkAttribute::Controller(index) => {
                    link.master = Some(index).filter(|index| *index != 0);
                }
                LinkAttribute::Link(index) => link.lower = Some(index).filter(|index| *index != 0),
                LinkAttribute::LinkNetNsId(id) => link.lower_netns_id = Some(id),
                LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
                LinkAttribute::TxQueueLen(length) => link.tx_queue_length = length,
                LinkAttribute::LinkInfo(infos) => link.read_infos(infos),
                _ => {}
            }
        }
        link
    }

    fn read_infos(&mut self, infos: Vec<LinkInfo>) {
        for info in infos {
            match info {
                LinkInfo::Kind(kind) => self.kind = kind_of(&kind),
                LinkInfo::Data(data) => self.read_data(data),
                LinkInfo::PortData(InfoPortData::BridgePort(attributes)) => {
                    self.bridge_port = Some(port_of(&attributes));
                }
                _ => {}
            }
        }
    }

    /// The kernel sends the kind before its data.
    fn read_data(&mut self, data: InfoData) {
        match (&mut self.kind, data) {
            (Kind::Bridge { vlan_filtering }, InfoData::Bridge(data)) => {
                *vlan_filtering = data.contains(&InfoBridge::VlanFiltering(true));
            }
            (Kind::Macvlan { mode }, InfoData::MacVlan(data)) => {
                *mode = data.iter().find_map(|item| match item {
                    InfoMacVlan::Mode(mode) => MacvlanMode::from_kernel(*mode),
                    _ => None,
                });
            }
            (Kind::Ipvlan { mode }, InfoData::IpVlan(data)) => {
                *mode = data.iter().find_map(|item| match item {
                    InfoIpVlan::Mode(mode) => IpvlanMode::from_kernel(*mode),
                    _ => None,
                });
            }
            (Kind::Vlan { id }, InfoData::Vlan(data)) => {
                *id = data.iter().find_map(|item| match item {
                    InfoVlan::Id(id) => Some(*id),
                    _ => None,
                });
            }
            (Kind::Vrf { table }, InfoData::Vrf(data)) => {
                *table = data.iter().find_map(|item| match item {
                    InfoVrf::TableId(table) => Some(*table),
                    _ => None,
                });
            }
            _ => {}
        }
    }
}

fn kind_of(kind: &InfoKind) -> Kind {
    match kind {
        InfoKind::Veth => Kind::Veth,
        InfoKind::Bridge => Kind::Bridge {
            vlan_filtering: false,
        },
        InfoKind::MacVlan => Kind::Macvlan { mode: None },
        InfoKind::IpVlan => Kind::Ipvlan { mode: None },
        InfoKind::Vlan => Kind::Vlan { id: None },
        InfoKind::Vrf => Kind::Vrf { table: None },
        InfoKind::Dummy => Kind::Dummy,
        InfoKind::Ifb => Kind::Ifb,
        InfoKind::Tun => Kind::Tun,
        other => Kind::Other(other.to_string()),
    }
}

fn port_of(attributes: &[InfoBridgePort]) -> BridgePort {
    BridgePort {
        hairpin: attributes.contains(&InfoBridgePort::HairpinMode(true)),
        isolated: attributes.contains(&InfoBridgePort::Isolated(true)),
    }
}

fn oper_state(state: State) -> OperState {
    match state {
        State::Unknown => OperState::Unknown,
        State::Up => OperState::Up,
        State::Down => OperState::Down,
        State::LowerLayerDown => OperState::LowerLayerDown,
        State::Dormant => OperState::Dormant,
        _ => OperState::Other,
    }
}
