//! How a check sabotages: takes away or adds one object, in the host's or a container's namespace.
//!
//! Every function has a counterpart in `ip` that the trial writes into the reproducer.

use std::net::IpAddr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkMessage};
use rtnetlink::packet_route::route::{RouteProtocol, RouteScope};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};

use super::session::{KernelError, session};
use crate::sandbox::Netns;

/// Deletes an interface.
pub(crate) fn delete_link(netns: &Netns, name: &str) -> Result<(), KernelError> {
    session(netns, |handle| async move {
        let index = index(&handle, netns, name).await?;
        handle
            .link()
            .del(index)
            .execute()
            .await
            .map_err(KernelError::request(format!("delete link {name}")))
    })
}

/// Adds a veth pair whose both ends stay in the namespace.
pub(crate) fn add_veth(netns: &Netns, name: &str, peer: &str) -> Result<(), KernelError> {
    session(netns, |handle| async move {
        let message = LinkVeth::new(name, peer).build();
        handle
            .link()
            .add(message)
            .execute()
            .await
            .map_err(KernelError::request(format!("add veth {name}")))
    })
}

/// Adds a veth pair: one end stays, the other is on the host, the namespace of the harness process.
///
/// It is made where it belongs: moving it there afterwards costs a grace period of some 30 ms.
pub(crate) fn add_veth_to_host(
    netns: &Netns,
    name: &str,
    on_host: &str,
) -> Result<(), KernelError> {
    session(netns, |handle| async move {
        let mut peer = LinkMessage::default();
        peer.attributes = vec![
            LinkAttribute::IfName(on_host.to_owned()),
            LinkAttribute::NetNsPid(std::process::id()),
        ];
        let message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::Veth)
            .name(name.to_owned())
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .build();
        let what = format!("add veth {name} with its other end {on_host} on the host");
        let request = handle.link().add(message).execute();
        request.await.map_err(KernelError::request(what))
    })
}

/// Brings an interface up or down.
pub(crate) fn set_link(netns: &Netns, name: &str, up: bool) -> Result<(), KernelError> {
    session(netns, |handle| async move {
        let index = index(&handle, netns, name).await?;
        let message = LinkUnspec::new_with_index(index);
        let message = if up { message.up() } else { message.down() };
        handle
            .link()
            .set(message.build())
            .execute()
            .await
            .map_err(KernelError::request(format!("set link {name}")))
    })
}

/// Changes the MAC address of an interface.
pub(crate) fn set_mac(netns: &Netns, name: &str, mac: [u8; 6]) -> Result<(), KernelError> {
    session(netns, |handle| async move {
        let index = index(&handle, netns, name).await?;
        let message = LinkUnspec::new_with_index(index)
            .address(mac.to_vec())
            .build();
        handle
            .link()
            .set(message)
            .execute()
            .await
            .map_err(KernelError::request(format!("set the MAC of {name}")))
    })
}

/// Changes the MTU of an interface.
pub(crate) fn set_mtu(netns: &Netns, name: &str, mtu: u32) -> Result<(), KernelError> {
    session(netns, |handle| async move {
        let index = index(&handle, netns, name).await?;
        let message = LinkUnspec::new_with_index(index).mtu(mtu).build();
        handle
            .link()
            .set(message)
            .execute()
            .await
            .map_err(KernelError::request(format!("set the MTU of {name}")))
    })
}

/// Takes an interface out of its bridge.
pub(crate) fn release_port(netns: &Netns, name: &str) -> Result<(), KernelError> {
    session(netns, |handle| async move {
        let index = index(&handle, netns, name).await?;
        let message = LinkUnspec::new_with_index(index).controller(0).build();
        handle
            .link()
            .set(message)
            .execute()
            .await
            .map_err(KernelError::request(format!(
                "take {name} out of its bridge"
            )))
    })
}

/// Moves an interface into another namespace.
pub(crate) fn move_link(netns: &Netns, name: &str, to: &Netns) -> Result<(), KernelError> {
    session(netns, |handle| async move {
        let index = index(&handle, netns, name).await?;
        let message = LinkUnspec::new_with_index(index)
            .setns_by_fd(to.descriptor())
            .build();
        let place = to.path().display();
        handle
            .link()
            .set(message)
            .execute()
            .await
            .map_err(KernelError::request(format!("move {name} to {place}")))
    })
}

/// Adds an address to an interface.
pub(crate) fn add_address(
    netns: &Netns,
    link: &str,
    ip: IpAddr,
    prefix: u8,
) -> Result<(), KernelError> {
    session(netns, |handle| async move {
        let index = index(&handle, netns, link).await?;
        let request = handle.address().add(index, ip, prefix).execute();
        request.await.map_err(KernelError::request(format!(
            "add address {ip}/{prefix} to {link}"
        )))
    })
}

/// Deletes an address from an interface.
pub(crate) fn delete_address(
    netns: &Netns,
    link: &str,
    ip: IpAddr,
    prefix: u8,
) -> Result<(), KernelError> {
    session(netns, |handle| async move {
        let index = index(&handle, netns, link).await?;
        let what = format!("address {ip}/{prefix} on {link}");
        let found = handle
            .address()
            .get()
            .set_link_index_filter(index)
            .set_address_filter(ip)
            .set_prefix_length_filter(prefix)
            .execute()
            .try_next()
            .await
            .map_err(KernelError::request(format!("find {what}")))?;
        let Some(message) = found else {
            return Err(missing(what, netns));
        };
        handle
            .address()
            .del(message)
            .execute()
            .await
            .map_err(KernelError::request(format!("delete {what}")))
    })
}

/// Adds a route through an interface or a gateway.
pub(crate) fn add_route(
    netns: &Netns,
    destination: (IpAddr, u8),
    gateway: Option<IpAddr>,
    link: &str,
) -> Result<(), KernelError> {
    session(netns, |handle| async move {
        let index = index(&handle, netns, link).await?;
        let what = format!(
            "add route to {}/{} through {link}",
            destination.0, destination.1
        );
        let message = route_message(destination, gateway, index)?;
        handle
            .route()
            .add(message)
            .execute()
            .await
            .map_err(KernelError::request(what))
    })
}

/// Deletes the route to a destination through an interface, whatever its next hop.
pub(crate) fn delete_route(
    netns: &Netns,
    destination: (IpAddr, u8),
    link: &str,
) -> Result<(), KernelError> {
    session(netns, |handle| async move {
        let index = index(&handle, netns, link).await?;
        let what = format!(
            "delete route to {}/{} through {link}",
            destination.0, destination.1
        );
        let mut message = route_message(destination, None, index)?;
        // As `ip route delete` does: whoever added the route, and in whatever scope.
        message.header.protocol = RouteProtocol::Unspec;
        message.header.scope = RouteScope::NoWhere;
        handle
            .route()
            .del(message)
            .execute()
            .await
            .map_err(KernelError::request(what))
    })
}

fn route_message(
    (destination, prefix): (IpAddr, u8),
    gateway: Option<IpAddr>,
    link: u32,
) -> Result<rtnetlink::packet_route::route::RouteMessage, KernelError> {
    let unusable = |what: &str| KernelError::Missing {
        what: what.to_owned(),
        netns: "the request".to_owned(),
    };
    let builder = RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix(destination, prefix)
        .map_err(|_| unusable("a destination prefix that fits its family"))?
        .output_interface(link);
    let builder = match gateway {
        None => builder,
        Some(gateway) => builder
            .gateway(gateway)
            .map_err(|_| unusable("a gateway of the destination's family"))?,
    };
    Ok(builder.build())
}

async fn index(handle: &Handle, netns: &Netns, name: &str) -> Result<u32, KernelError> {
    let dump: Vec<LinkMessage> = handle
        .link()
        .get()
        .execute()
        .try_collect()
        .await
        .map_err(KernelError::request("list links"))?;
    dump.iter()
        .find(|message| {
            message
                .attributes
                .iter()
                .any(|attribute| matches!(attribute, LinkAttribute::IfName(found) if found == name))
        })
        .map(|message| message.header.index)
        .ok_or_else(|| missing(format!("link {name}"), netns))
}

fn missing(what: String, netns: &Netns) -> KernelError {
    KernelError::Missing {
        what,
        netns: netns.path().display().to_string(),
    }
}
