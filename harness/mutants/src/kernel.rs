//! Links, addresses and routes of one network namespace, through rtnetlink.
//!
//! Only mechanism: what an attachment consists of is the toys' business.

use std::{io, net::IpAddr};

use futures_util::{StreamExt, TryStreamExt};
use rtnetlink::{
    Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder,
    packet_core::{
        NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage,
        NetlinkPayload,
    },
    packet_route::{
        RouteNetlinkMessage,
        address::{AddressAttribute, AddressHeaderFlags},
        link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
        route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteMetric, RouteScope},
    },
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    address::Cidr,
    namespace::{Namespace, NamespaceError},
};

/// What the kernel, or the way to it, refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KernelError {
    #[error("open a netlink socket")]
    Socket(#[source] io::Error),
    #[error("enter the namespace for a netlink socket")]
    Namespace(#[source] NamespaceError),
    #[error("{attempt}")]
    Refused {
        attempt: String,
        source: rtnetlink::Error,
    },
}

impl KernelError {
    /// Says whether the kernel refused because the object exists already.
    pub(crate) fn is_exists(&self) -> bool {
        self.errno() == Some(libc::EEXIST)
    }

    fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused {
                source: rtnetlink::Error::NetlinkError(message),
                ..
            } => Some(message.raw_code().abs()),
            _ => None,
        }
    }
}

/// A link as the kernel describes it.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) mac: String,
    pub(crate) mtu: u32,
    pub(crate) up: bool,
    pub(crate) is_veth: bool,
    /// The peer's index, in the peer's namespace.
    pub(crate) peer: Option<u32>,
}

/// The two ends of a veth pair to be made.
pub(crate) struct VethPair<'a> {
    pub(crate) host_name: &'a str,
    pub(crate) host_mac: [u8; 6],
    pub(crate) container_name: &'a str,
    pub(crate) container_mac: [u8; 6],
    pub(crate) container: &'a Namespace,
    pub(crate) mtu: Option<u32>,
}

/// A route, to be installed or as found. `None` is the kernel's default.
#[derive(Clone, Debug, Default)]
pub(crate) struct KernelRoute {
    pub(crate) destination: Option<Cidr>,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) device: u32,
    pub(crate) mtu: Option<u32>,
    pub(crate) advmss: Option<u32>,
    pub(crate) priority: Option<u32>,
    pub(crate) table: Option<u32>,
    pub(crate) scope: Option<u8>,
}

/// What to do when a route to the destination exists already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Refuse,
    Append,
}

/// A connection to the kernel in one namespace.
pub(crate) struct Kernel {
    runtime: Runtime,
    handle: Handle,
}

impl Kernel {
    /// Connects in the namespace that this process runs in.
    pub(crate) fn here() -> Result<Self, KernelError> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(KernelError::Socket)?;
        let (connection, handle, _) = {
            let _entered = runtime.enter();
            rtnetlink::new_connection().map_err(KernelError::Socket)?
        };
        // It ends with the runtime; nobody waits for it.
        drop(runtime.spawn(connection));
        Ok(Self { runtime, handle })
    }

    /// Connects in that namespace.
    pub(crate) fn in_namespace(namespace: &Namespace) -> Result<Self, KernelError> {
        namespace
            .inside(Self::here)
            .map_err(KernelError::Namespace)?
    }

    /// Reads all links.
    pub(crate) fn links(&self) -> Result<Vec<Link>, KernelError> {
        let stream = self.handle.link().get().execute();
        let messages: Vec<LinkMessage> = self
            .runtime
            .block_on(stream.try_collect())
            .map_err(refused("list links"))?;
        Ok(messages.iter().map(link_of).collect())
    }

    /// Reads the link of that name, if there is one.
    pub(crate) fn link(&self, name: &str) -> Result<Option<Link>, KernelError> {
        Ok(self.links()?.into_iter().find(|link| link.name == name))
    }

    /// Makes a veth pair, the host end up. An existing name at either end is refused with nothing made.
    pub(crate) fn create_veth(&self, pair: &VethPair<'_>) -> Result<(), KernelError> {
        let mut container = LinkMessageBuilder::<LinkUnspec>::new()
            .name(pair.container_name)
            .address(pair.container_mac.to_vec())
            .setns_by_fd(pair.container.fd());
        let mut host = LinkMessageBuilder::<LinkVeth>::new(pair.host_name, pair.container_name)
            .address(pair.host_mac.to_vec())
            .up();
        if let Some(mtu) = pair.mtu {
            container = container.mtu(mtu);
            host = host.mtu(mtu);
        }
        let host = host
            .set_info_data(InfoData::Veth(InfoVeth::Peer(container.build())))
            .build();
        let attempt = format!(
            "create veth {} with peer {}",
            pair.host_name, pair.container_name
        );
        self.runtime
            .block_on(self.handle.link().add(host).execute())
            .map_err(refused(&attempt))
    }

    /// Deletes the link. One that vanishes meanwhile is deleted too: the kernel takes the host end down some time
    /// after the container's namespace is gone.
    pub(crate) fn delete_link(&self, link: &Link) -> Result<(), KernelError> {
        let attempt = format!("delete link {}", link.name);
        let deleted = self
            .runtime
            .block_on(self.handle.link().del(link.index).execute())
            .map_err(refused(&attempt));
        match deleted {
            Err(error) if error.errno() == Some(libc::ENODEV) => Ok(()),
            deleted => deleted,
        }
    }

    /// Sets the link up or down.
    pub(crate) fn set_up(&self, index: u32, up: bool) -> Result<(), KernelError> {
        let builder = LinkUnspec::new_with_index(index);
        let message = if up { builder.up() } else { builder.down() }.build();
        self.change(
            message,
            &format!("set link {index} {}", if up { "up" } else { "down" }),
        )
    }

    /// Sets the link's MTU in bytes.
    pub(crate) fn set_mtu(&self, index: u32, mtu: u32) -> Result<(), KernelError> {
        self.change(
            LinkUnspec::new_with_index(index).mtu(mtu).build(),
            &format!("set mtu of link {index} to {mtu}"),
        )
    }

    /// Sets the link's hardware address.
    pub(crate) fn set_mac(&self, index: u32, mac: [u8; 6]) -> Result<(), KernelError> {
        let attempt = format!("set address of link {index} to {}", mac_text(&mac));
        self.change(
            LinkUnspec::new_with_index(index)
                .address(mac.to_vec())
                .build(),
            &attempt,
        )
    }

    fn change(&self, message: LinkMessage, attempt: &str) -> Result<(), KernelError> {
        self.runtime
            .block_on(self.handle.link().set(message).execute())
            .map_err(refused(attempt))
    }

    /// Reads the addresses of the link.
    pub(crate) fn addresses(&self, index: u32) -> Result<Vec<Cidr>, KernelError> {
        let stream = self
            .handle
            .address()
            .get()
            .set_link_index_filter(index)
            .execute();
        let messages: Vec<_> = self
            .runtime
            .block_on(stream.try_collect())
            .map_err(refused(&format!("list addresses of link {index}")))?;
        let read = messages
            .iter()
            .filter(|message| message.header.index == index)
            .filter_map(|message| {
                let local = message
                    .attributes
                    .iter()
                    .find_map(|attribute| match attribute {
                        AddressAttribute::Local(address) => Some(*address),
                        _ => None,
                    });
                let address = message
                    .attributes
                    .iter()
                    .find_map(|attribute| match attribute {
                        AddressAttribute::Address(address) => Some(*address),
                        _ => None,
                    });
                // On a point-to-point link IFA_ADDRESS is the other side.
                let address = local.or(address)?;
                Some(Cidr {
                    address,
                    prefix: message.header.prefix_len,
                })
            });
        Ok(read.collect())
    }

    /// Adds an address, usable at once: duplicate detection would hold IPv6 back for a second.
    pub(crate) fn add_address(&self, index: u32, cidr: Cidr) -> Result<(), KernelError> {
        let mut request = self.handle.address().add(index, cidr.address, cidr.prefix);
        if !cidr.is_ipv4() {
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        }
        self.runtime
            .block_on(request.execute())
            .map_err(refused(&format!("add address {cidr} to link {index}")))
    }

    /// Reads the unicast routes of all tables and both families.
    pub(crate) fn routes(&self) -> Result<Vec<KernelRoute>, KernelError> {
        let mut found = Vec::new();
        for any in [IpAddr::from([0u8; 4]), IpAddr::from([0u8; 16])] {
            let mut query = RouteMessage::default();
            query.header.address_family = if any.is_ipv4() {
                rtnetlink::packet_route::AddressFamily::Inet
            } else {
                rtnetlink::packet_route::AddressFamily::Inet6
            };
            let stream = self.handle.route().get(query).execute();
            let messages: Vec<RouteMessage> = self
                .runtime
                .block_on(stream.try_collect())
                .map_err(refused("list routes"))?;
            found.extend(messages.iter().map(|message| route_of(message, any)));
        }
        Ok(found)
    }

    /// Installs the route.
    pub(crate) fn add_route(
        &self,
        route: &KernelRoute,
        existing: Existing,
    ) -> Result<(), KernelError> {
        let attempt = format!(
            "add route to {}",
            route
                .destination
                .map_or("default".to_owned(), |to| to.to_string())
        );
        let message = message_of(route);
        let mut request = NetlinkMessage::from(RouteNetlinkMessage::NewRoute(message));
        let existing = if existing == Existing::Append {
            NLM_F_APPEND
        } else {
            NLM_F_EXCL
        };
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | existing;
        let mut handle = self.handle.clone();
        let outcome = self.runtime.block_on(async {
            let mut replies = handle.request(request)?;
            while let Some(reply) = replies.next().await {
                if let NetlinkPayload::Error(error) = reply.payload
                    && error.raw_code() != 0
                {
                    return Err(rtnetlink::Error::NetlinkError(error));
                }
            }
            Ok(())
        });
        outcome.map_err(refused(&attempt))
    }
}

/// Writes a hardware address as `ip link` does.
pub(crate) fn mac_text(mac: &[u8]) -> String {
    let octets: Vec<String> = mac.iter().map(|octet| format!("{octet:02x}")).collect();
    octets.join(":")
}

fn refused(attempt: &str) -> impl FnOnce(rtnetlink::Error) -> KernelError {
    let attempt = attempt.to_owned();
    move |source| KernelError::Refused { attempt, source }
}

fn link_of(message: &LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        mac: String::new(),
        mtu: 0,
        up: message.header.flags.contains(LinkFlags::Up),
        is_veth: false,
        peer: None,
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Address(mac) => link.mac = mac_text(mac),
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            LinkAttribute::Link(peer) => link.peer = Some(*peer),
            LinkAttribute::LinkInfo(infos) => {
                link.is_veth = infos
                    .iter()
                    .any(|info| matches!(info, LinkInfo::Kind(InfoKind::Veth)));
            }
            _ => {}
        }
    }
    link
}

fn route_of(message: &RouteMessage, any: IpAddr) -> KernelRoute {
    let mut destination = any;
    let mut route = KernelRoute {
        table: Some(u32::from(message.header.table)),
        scope: Some(u8::from(message.header.scope)),
        ..KernelRoute::default()
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => {
                destination = (*address).into();
            }
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => {
                destination = (*address).into();
            }
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => {
                route.gateway = Some((*address).into());
            }
            RouteAttribute::Gateway(RouteAddress::Inet6(address)) => {
                route.gateway = Some((*address).into());
            }
            RouteAttribute::Oif(index) => route.device = *index,
            RouteAttribute::Priority(priority) => route.priority = Some(*priority),
            RouteAttribute::Table(table) => route.table = Some(*table),
            RouteAttribute::Metrics(metrics) => {
                for metric in metrics {
                    match metric {
                        RouteMetric::Mtu(mtu) => route.mtu = Some(*mtu),
                        RouteMetric::Advmss(advmss) => route.advmss = Some(*advmss),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    route.destination = Some(Cidr {
        address: destination,
        prefix: message.header.destination_prefix_length,
    });
    route
}

fn message_of(route: &KernelRoute) -> RouteMessage {
    let mut message = match route.destination {
        Some(Cidr {
            address: IpAddr::V6(address),
            prefix,
        }) => RouteMessageBuilder::<std::net::Ipv6Addr>::new()
            .destination_prefix(address, prefix)
            .build(),
        Some(Cidr {
            address: IpAddr::V4(address),
            prefix,
        }) => RouteMessageBuilder::<std::net::Ipv4Addr>::new()
            .destination_prefix(address, prefix)
            .build(),
        None => RouteMessageBuilder::<std::net::Ipv4Addr>::new().build(),
    };
    message.attributes.push(RouteAttribute::Oif(route.device));
    if let Some(gateway) = route.gateway {
        message
            .attributes
            .push(RouteAttribute::Gateway(gateway.into()));
    } else if route.destination.is_none_or(Cidr::is_ipv4) {
        // IPv4 wants an on-link destination to say so.
        message.header.scope = RouteScope::Link;
    }
    if let Some(scope) = route.scope {
        message.header.scope = RouteScope::from(scope);
    }
    if let Some(table) = route.table {
        message.header.table = u8::try_from(table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
        message.attributes.push(RouteAttribute::Table(table));
    }
    if let Some(priority) = route.priority {
        message.attributes.push(RouteAttribute::Priority(priority));
    }
    let metrics: Vec<RouteMetric> = route
        .mtu
        .map(RouteMetric::Mtu)
        .into_iter()
        .chain(route.advmss.map(RouteMetric::Advmss))
        .collect();
    if !metrics.is_empty() {
        message.attributes.push(RouteAttribute::Metrics(metrics));
    }
    message
}
