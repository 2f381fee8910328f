//! What a route is made of.

use std::fmt;
use std::net::IpAddr;

use netlink_packet_route::address::AddressScope;
use netlink_packet_route::route::{RouteProtocol, RouteScope, RouteType};

use crate::{IpFamily, IpPrefix};

/// The table that is looked up when no rule says otherwise.
pub const TABLE_MAIN: u32 = 254;
/// The table that the kernel keeps with the host's own addresses.
pub const TABLE_LOCAL: u32 = 255;

/// A route, as it is asked for and as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to; a length of 0 is a default route. Host bits are cleared before it is sent.
    pub destination: IpPrefix,
    /// What happens to the packets.
    pub kind: RouteKind,
    /// Through which station; none: the destination is on the link.
    pub gateway: Option<IpAddr>,
    /// Index of the link.
    pub link_index: Option<u32>,
    /// Whether the gateway counts as on the link though no route says so.
    pub on_link: OnLink,
    /// Several ways instead of `gateway` and `link_index`.
    pub next_hops: Vec<NextHop>,
    /// The source address that local packets get.
    pub source: Option<IpAddr>,
    /// How far the destination is. None: link without a gateway, host for local routes, universe else, as ip-route(8) does.
    pub scope: Option<Scope>,
    /// The routing table.
    pub table: u32,
    /// The metric; none: the kernel's (0 for IPv4, 1024 for IPv6).
    pub priority: Option<u32>,
    /// The path MTU in bytes.
    pub mtu: Option<u32>,
    /// The MSS to advertise in bytes.
    pub advertised_mss: Option<u32>,
    /// Who made it.
    pub origin: Origin,
}

/// One of several ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// Through which station.
    pub gateway: Option<IpAddr>,
    /// Index of the link.
    pub link_index: u32,
    /// The share that it gets, 1 to 256.
    pub weight: u16,
    /// Whether the gateway counts as on the link though no route says so.
    pub on_link: OnLink,
}

/// Whether a gateway counts as on the link though no route says so (`RTNH_F_ONLINK`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLink {
    /// The kernel checks that the gateway can be reached.
    #[default]
    Check,
    /// It takes it for granted.
    Assume,
}

/// What happens to the packets of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouteKind {
    /// They are sent on.
    #[default]
    Unicast,
    /// They are the host's own.
    Local,
    /// They are dropped.
    Blackhole,
    /// They are answered with "host unreachable".
    Unreachable,
    /// They are answered with "administratively prohibited".
    Prohibit,
    /// The next rule decides.
    Throw,
    /// Any other (`RTN_*`), only in lists.
    Other(u8),
}

/// How far an address or a destination is (rtnetlink(7), `RT_SCOPE_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Anywhere.
    #[default]
    Universe,
    /// In this site.
    Site,
    /// On the link.
    Link,
    /// In the host.
    Host,
    /// Nowhere: it is not there.
    Nowhere,
    /// Any other number.
    Other(u8),
}

/// Who made a route (`RTPROT_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Somebody at start-up; the default of ip-route(8) and of upstream's plugins.
    #[default]
    Boot,
    /// The kernel, for an address.
    Kernel,
    /// An administrator.
    Static,
    /// A router advertisement.
    RouterAdvertisement,
    /// Any other number.
    Other(u8),
}

/// Which routes are wanted; none: all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this family.
    pub family: Option<IpFamily>,
    /// Only this table.
    pub table: Option<u32>,
    /// Only routes through the link with this index.
    pub link_index: Option<u32>,
}

impl Route {
    /// A unicast route in the main table with nothing but a destination: no way is given yet.
    #[must_use]
    pub const fn to(destination: IpPrefix) -> Self {
        Self {
            destination,
            kind: RouteKind::Unicast,
            gateway: None,
            link_index: None,
            on_link: OnLink::Check,
            next_hops: Vec::new(),
            source: None,
            scope: None,
            table: TABLE_MAIN,
            priority: None,
            mtu: None,
            advertised_mss: None,
            origin: Origin::Boot,
        }
    }

    /// Whether it is a default route.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.destination.length() == 0
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.destination)?;
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        if let Some(index) = self.link_index {
            write!(f, " on the link with index {index}")?;
        }
        if self.table != TABLE_MAIN {
            write!(f, " in table {}", self.table)?;
        }
        Ok(())
    }
}

impl From<Scope> for RouteScope {
    fn from(scope: Scope) -> Self {
        u8::from(scope).into()
    }
}

impl From<RouteScope> for Scope {
    fn from(scope: RouteScope) -> Self {
        u8::from(scope).into()
    }
}

impl From<Scope> for AddressScope {
    fn from(scope: Scope) -> Self {
        u8::from(scope).into()
    }
}

impl From<AddressScope> for Scope {
    fn from(scope: AddressScope) -> Self {
        u8::from(scope).into()
    }
}

impl From<Scope> for u8 {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Universe => libc::RT_SCOPE_UNIVERSE,
            Scope::Site => libc::RT_SCOPE_SITE,
            Scope::Link => libc::RT_SCOPE_LINK,
            Scope::Host => libc::RT_SCOPE_HOST,
            Scope::Nowhere => libc::RT_SCOPE_NOWHERE,
            Scope::Other(number) => number,
        }
    }
}

impl From<u8> for Scope {
    fn from(number: u8) -> Self {
        match number {
            libc::RT_SCOPE_UNIVERSE => Self::Universe,
            libc::RT_SCOPE_SITE => Self::Site,
            libc::RT_SCOPE_LINK => Self::Link,
            libc::RT_SCOPE_HOST => Self::Host,
            libc::RT_SCOPE_NOWHERE => Self::Nowhere,
            number => Self::Other(number),
        }
    }
}

impl From<RouteKind> for RouteType {
    fn from(kind: RouteKind) -> Self {
        match kind {
            RouteKind::Unicast => Self::Unicast,
            RouteKind::Local => Self::Local,
            RouteKind::Blackhole => Self::BlackHole,
            RouteKind::Unreachable => Self::Unreachable,
            RouteKind::Prohibit => Self::Prohibit,
            RouteKind::Throw => Self::Throw,
            RouteKind::Other(number) => number.into(),
        }
    }
}

impl From<RouteType> for RouteKind {
    fn from(kind: RouteType) -> Self {
        match kind {
            RouteType::Unicast => Self::Unicast,
            RouteType::Local => Self::Local,
            RouteType::BlackHole => Self::Blackhole,
            RouteType::Unreachable => Self::Unreachable,
            RouteType::Prohibit => Self::Prohibit,
            RouteType::Throw => Self::Throw,
            other => Self::Other(other.into()),
        }
    }
}

impl From<Origin> for RouteProtocol {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Boot => Self::Boot,
            Origin::Kernel => Self::Kernel,
            Origin::Static => Self::Static,
            Origin::RouterAdvertisement => Self::Ra,
            Origin::Other(number) => number.into(),
        }
    }
}

impl From<RouteProtocol> for Origin {
    fn from(protocol: RouteProtocol) -> Self {
        match protocol {
            RouteProtocol::Boot => Self::Boot,
            RouteProtocol::Kernel => Self::Kernel,
            RouteProtocol::Static => Self::Static,
            RouteProtocol::Ra => Self::RouterAdvertisement,
            other => Self::Other(other.into()),
        }
    }
}
