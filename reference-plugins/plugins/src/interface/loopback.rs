//! `loopback`: brings up `lo` in the container, and reports its addresses.
//!
//! It has no keys of its own; `CNI_IFNAME` does not matter, as upstream.
//!
//! | | here | the Go plugin |
//! |---|---|---|
//! | result below 1.0.0 | in the shape of its version | in the shape of 1.0.0 |
//! | result | every loopback address of `lo`, `mtu` from 1.1.0 on | the first of each family |
//! | other addresses on `lo` | are left alone and out of the result | ADD fails |
//! | result in a chain | what came before, and `lo` | what came before |
//! | CHECK | `lo` is up, and `prevResult`, where there is one, lists it and only addresses that it has | `lo` is up |
//! | DEL in the plugin's own namespace | leaves the host's `lo` alone, succeeds | error 8 after the fact |
//! | DEL where nothing or no namespace is at `CNI_NETNS` | succeeds | fails for what is no namespace |
//! | STATUS, GC | served: there is nothing to run out of and nothing to leak | not served |

use cni_kernel::netlink::Netlink;
use cni_kernel::netns::Netns;
use cni_kernel::{InterfaceName, address, link};
use cni_protocol::{
    AddRequest, AddResult, CheckRequest, Cidr, DelRequest, Error, GcRequest, Interface, IpConfig,
    Plugin, PrevResultOnCheck, StatusRequest,
};

use super::container::{self, OwnNamespace};
use crate::conversion::mac_of_result;
use crate::failure::OrFailed;

/// The plugin.
#[derive(Debug)]
pub struct Loopback;

impl Plugin for Loopback {
    fn name(&self) -> &'static str {
        "loopback"
    }

    fn prev_result_on_check(&self) -> PrevResultOnCheck {
        PrevResultOnCheck::Optional
    }

    fn add(&self, request: &AddRequest<'_>) -> Result<AddResult, Error> {
        let netns = container::open(&request.netns, OwnNamespace::Refused)?;
        let netlink = Netlink::open_in(&netns).or_failed()?;
        let lo = find(&netlink)?;
        netlink.run(link::set_up(&lo.id)).or_failed()?;
        let previous = request.prev_result.clone().unwrap_or_default();
        if lists_lo(&previous, &netns) {
            return Ok(previous);
        }
        append(
            previous,
            &netlink,
            &lo,
            &request.netns.display().to_string(),
        )
    }

    fn check(&self, request: &CheckRequest<'_>) -> Result<(), Error> {
        let netns = container::open(&request.netns, OwnNamespace::Refused)?;
        let netlink = Netlink::open_in(&netns).or_failed()?;
        let lo = find(&netlink)?;
        if !lo.is_up {
            return Err(Error::failed(format!(
                "lo in network namespace {:?} is down",
                netns.path()
            )));
        }
        let Some(previous) = &request.optional_prev_result else {
            return Ok(());
        };
        if !lists_lo(previous, &netns) {
            return Err(Error::failed(format!(
                "prevResult lists no interface lo in network namespace {:?}",
                netns.path()
            )));
        }
        let present = addresses(&netlink, &lo)?;
        let missing = listed_for_lo(previous, &netns).find(|wanted| !present.contains(wanted));
        match missing {
            None => Ok(()),
            Some(wanted) => Err(Error::failed(format!(
                "lo in network namespace {:?} does not have the address {wanted} that prevResult lists",
                netns.path()
            ))),
        }
    }

    fn del(&self, request: &DelRequest<'_>) -> Result<(), Error> {
        let netns = container::open_for_removal(request.netns.as_deref(), OwnNamespace::Refused)?;
        let Some(netns) = netns else { return Ok(()) };
        let netlink = Netlink::open_in(&netns).or_failed()?;
        netlink.run(link::set_down(&find(&netlink)?.id)).or_failed()
    }

    /// Each namespace has its `lo`: ADD can always be served.
    fn status(&self, _: &StatusRequest<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// All that ADD does goes with the container's namespace.
    fn gc(&self, _: &GcRequest<'_>) -> Result<(), Error> {
        Ok(())
    }
}

fn find(netlink: &Netlink) -> Result<link::Link, Error> {
    link::by_name(netlink, &InterfaceName::loopback()).or_failed()
}

/// What earlier plugins of the chain have made stays, and keeps its indices.
fn append(
    mut result: AddResult,
    netlink: &Netlink,
    lo: &link::Link,
    sandbox: &str,
) -> Result<AddResult, Error> {
    let index = result.push_interface(Interface {
        mac: lo.mac.map(mac_of_result),
        mtu: Some(lo.mtu),
        sandbox: Some(sandbox.to_owned()),
        ..Interface::new(lo.id.name.clone())
    });
    let addresses = addresses(netlink, lo)?.into_iter();
    let own = addresses
        .filter(|address| address.address().is_loopback())
        .map(|address| IpConfig {
            interface: Some(index),
            ..IpConfig::new(address)
        });
    result.ips.extend(own);
    Ok(result)
}

/// IPv4 first, as the kernel and upstream list them.
fn addresses(netlink: &Netlink, lo: &link::Link) -> Result<Vec<Cidr>, Error> {
    let listed = address::list(netlink, &lo.id).or_failed()?;
    listed
        .iter()
        .map(|entry| Cidr::new(entry.address.address(), entry.address.length()).or_failed())
        .collect()
}

fn lists_lo(result: &AddResult, netns: &Netns) -> bool {
    result
        .interfaces
        .iter()
        .any(|interface| is_lo(interface, netns))
}

fn is_lo(interface: &Interface, netns: &Netns) -> bool {
    let sandbox = interface.sandbox.as_deref();
    interface.name == "lo" && sandbox.is_some_and(|sandbox| container::is_path_of(sandbox, netns))
}

/// In a chain `prevResult` lists the addresses of other interfaces as well.
fn listed_for_lo<'a>(
    previous: &'a AddResult,
    netns: &'a Netns,
) -> impl Iterator<Item = Cidr> + use<'a> {
    let of_lo = move |ip: &&IpConfig| {
        previous
            .interface_of(ip)
            .is_some_and(|interface| is_lo(interface, netns))
    };
    previous.ips.iter().filter(of_lo).map(|ip| ip.address)
}
