//! The cable between the bridge and a container: made in one message, marked, and undone unless ADD gets to its end.

use cni_kernel::link::{self, BridgePort, Endpoint, Link, LinkId, LinkState, NewKind, NewLink};
use cni_kernel::netlink::{Netlink, absent_is_done};
use cni_kernel::netns::Netns;
use cni_kernel::{InterfaceName, IpPrefix, Mac};
use cni_protocol::Error;

use super::bridge_link::{random_mac, refuse_router_advertisements};
use super::config::BridgeConfig;
use super::container_link::ContainerEnd;
use super::host_link::HostLinkKey;
use crate::failure::OrFailed;

/// What the cable is to be.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) config: &'a BridgeConfig,
    pub(super) bridge: &'a Link,
    pub(super) key: &'a HostLinkKey,
    /// The name of the container's end.
    pub(super) ifname: &'a InterfaceName,
    /// Its hardware address, if one was asked for.
    pub(super) mac: Option<Mac>,
}

/// Both ends.
#[derive(Debug)]
pub(super) struct Cable<'a> {
    pub(super) host: HostEnd<'a>,
    pub(super) container: ContainerEnd,
}

/// The host's end. Dropping it deletes the cable, until it is kept.
#[derive(Debug)]
pub(super) struct HostEnd<'a> {
    netlink: &'a Netlink,
    pub(super) link: Link,
    is_kept: bool,
}

/// Makes the cable. Fails when the container has an interface of that name, which stays as it is.
pub(super) fn plug<'a>(
    host: &'a Netlink,
    netns: Netns,
    plan: &Plan<'_>,
) -> Result<Cable<'a>, Error> {
    let container = Netlink::open_in(&netns).or_failed()?;
    let mac = plan.mac.unwrap_or_else(random_mac);
    let end = create(host, &container, &netns, plan, mac)?;
    let index = match end.link.lower {
        Some(index) => index,
        // Before Linux 4.1 a veth does not tell its peer.
        None => link::by_name(&container, plan.ifname).or_failed()?.id.index,
    };
    end.set_port(plan)?;
    refuse_router_advertisements(&InterfaceName::new(end.link.id.name.as_str()).or_failed()?);
    Ok(Cable {
        host: end,
        container: ContainerEnd {
            netns,
            netlink: container,
            id: LinkId {
                index,
                name: plan.ifname.to_string(),
            },
            name: plan.ifname.clone(),
            mac,
        },
    })
}

impl HostEnd<'_> {
    /// From now on the cable stays.
    pub(super) fn keep(mut self) -> Link {
        self.is_kept = true;
        self.link.clone()
    }

    /// Writes the masqueraded addresses to the mark, before there are rules for them.
    pub(super) fn mark(&self, key: &HostLinkKey, masqueraded: &[IpPrefix]) -> Result<(), Error> {
        let request = link::set_alias(&self.link.id, &key.alias(masqueraded));
        self.netlink.run(request).or_failed()
    }

    fn set_port(&self, plan: &Plan<'_>) -> Result<(), Error> {
        let port = BridgePort {
            hairpin: plan.config.hairpin,
            isolated: plan.config.isolated,
        };
        let mut requests = vec![link::set_alias(&self.link.id, &plan.key.alias(&[]))];
        // A new port has neither flag.
        if port != BridgePort::default() {
            requests.push(link::set_bridge_port(&self.link.id, port));
        }
        self.netlink.run_all(requests).or_failed()
    }
}

impl Drop for HostEnd<'_> {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        // The first error is what the runtime gets to see.
        if let Err(error) = absent_is_done(self.netlink.run(link::delete(&self.link.id))) {
            eprintln!("after a failed ADD: {error}");
        }
    }
}

/// Tries the names of the host's end: a taken one belongs to somebody else, or to a cable that is still being removed.
fn create<'a>(
    host: &'a Netlink,
    container: &Netlink,
    netns: &Netns,
    plan: &Plan<'_>,
    mac: Mac,
) -> Result<HostEnd<'a>, Error> {
    let mut outcome = Err(Error::failed("a host link has no name to try"));
    for name in plan.key.names() {
        let new = NewLink {
            endpoint: Endpoint {
                mac: Some(random_mac()),
                mtu: plan.config.mtu,
                ..Endpoint::named(name)
            },
            master: Some(&plan.bridge.id),
            state: LinkState::Up,
            kind: NewKind::Veth {
                peer: Endpoint {
                    mac: Some(mac),
                    mtu: plan.config.mtu,
                    netns: Some(netns),
                    ..Endpoint::named(plan.ifname)
                },
            },
        };
        let error = match link::create(host, &new) {
            Ok(link) => {
                return Ok(HostEnd {
                    netlink: host,
                    link,
                    is_kept: false,
                });
            }
            Err(error) => error,
        };
        if !error.is_present() {
            return Err(error).or_failed();
        }
        refuse_existing(container, netns, plan.ifname)?;
        outcome = Err(error).or_failed();
    }
    outcome
}

fn refuse_existing(
    container: &Netlink,
    netns: &Netns,
    ifname: &InterfaceName,
) -> Result<(), Error> {
    match link::by_name(container, ifname) {
        Err(error) if error.is_absent() => Ok(()),
        Err(error) => Err(error).or_failed(),
        Ok(_) => Err(Error::failed(format!(
            "CNI_IFNAME: network namespace {:?} already has an interface {:?}; remove it, or ask for another name",
            netns.path(),
            ifname.as_str()
        ))),
    }
}
