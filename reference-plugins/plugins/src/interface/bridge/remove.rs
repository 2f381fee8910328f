//! DEL and GC: whatever there is of an attachment goes, whatever is missing, and every error is told at the end.
//!
//! Neither needs the configuration's own keys. The order is rules and link, then the delegate: an address that is
//! released while a link still has it would be handed to somebody else.

use cni_kernel::IpPrefix;
use cni_kernel::address;
use cni_kernel::link::{self, Kind, LinkId};
use cni_kernel::masquerade::AttachmentKey;
use cni_kernel::netlink::{Netlink, absent_is_done};
use cni_kernel::netns::Netns;
use cni_protocol::{AddResult, Attachment, DelRequest, Error, Errors, GcRequest};

use super::host_link::{self, HostLinkKey};
use super::masquerade::{self, Whose};
use super::spoof;
use crate::conversion::{interface_name, ip_prefix};
use crate::failure::OrFailed;
use crate::interface::container::{self, OwnNamespace};

/// What of an attachment is found.
#[derive(Default)]
struct Found {
    /// The links to delete; all are on the host.
    links: Vec<LinkId>,
    addresses: Vec<IpPrefix>,
    /// Whether the link's own record says what is masqueraded, be it nothing.
    is_recorded: bool,
}

/// Serves DEL.
pub(super) fn del(request: &DelRequest<'_>) -> Result<(), Error> {
    let mut errors = Errors::new();
    let own = OwnNamespace::from_variables(request.variables);
    let netns = container::open_for_removal(request.netns.as_deref(), own);
    let netns = errors.attempt(netns).flatten();
    if let Some(host) = errors.attempt(Netlink::open().or_failed()) {
        let found = find(request, &host, netns.as_ref(), &mut errors);
        take_out(request, &host, found, &mut errors);
    }
    if let Some(Some(ipam)) = errors.attempt(request.config.ipam_type()) {
        errors.attempt(request.delegates.del(ipam));
    }
    errors.finish()
}

/// Serves GC. Without a list nothing is removed here, and the delegate decides for itself.
pub(super) fn gc(request: &GcRequest<'_>) -> Result<(), Error> {
    let mut errors = Errors::new();
    if let Some(valid) = request.valid_attachments.listed() {
        let network = request.config.name();
        if let Some(host) = errors.attempt(Netlink::open().or_failed()) {
            let stale = host_link::stale(&host, network, valid);
            for link in errors.attempt(stale).unwrap_or_default() {
                // A valid attachment of the same container shares its iptables chain with this one.
                if let Some(attachment) = host_link::attachment_of(&link, network) {
                    let addresses = host_link::masqueraded(&link);
                    errors.attempt(remove_rules(request, &attachment, &addresses));
                }
                errors.attempt(absent_is_done(host.run(link::delete(&link.id))).or_failed());
            }
        }
        errors.attempt(masquerade::remove_all_except(network, valid.iter()));
        errors.attempt(spoof::remove_stale(network, &request.valid_attachments));
    }
    if let Some(Some(ipam)) = errors.attempt(request.config.ipam_type()) {
        errors.attempt(request.delegates.gc(ipam));
    }
    errors.finish()
}

fn remove_rules(
    request: &GcRequest<'_>,
    attachment: &Attachment,
    addresses: &[IpPrefix],
) -> Result<(), Error> {
    if addresses.is_empty() {
        return Ok(());
    }
    let key = masquerade::key(request.config.name(), attachment)?;
    masquerade::remove(&key, Whose::Addresses(addresses))
}

fn find(
    request: &DelRequest<'_>,
    host: &Netlink,
    netns: Option<&Netns>,
    errors: &mut Errors,
) -> Found {
    let mut found = Found::default();
    let key = HostLinkKey::new(request.config.name(), request.attachment);
    let links = errors.attempt(key.and_then(|key| key.find(host)));
    for link in links.unwrap_or_default() {
        found.addresses.extend(host_link::masqueraded(&link));
        found.is_recorded |= host_link::is_marked(&link);
        found.links.push(link.id);
    }
    if found.links.is_empty()
        && let Some(netns) = netns
    {
        errors.attempt(find_in_container(request, host, netns, &mut found));
    }
    if found.addresses.is_empty() && !found.is_recorded {
        let previous = request.prev_result();
        found.addresses.extend(
            previous
                .into_iter()
                .flat_map(|result| listed(result, request.attachment)),
        );
    }
    found
}

/// Finds what upstream's plugin has made: by the interface's name in the container, which is all that it leaves.
fn find_in_container(
    request: &DelRequest<'_>,
    host: &Netlink,
    netns: &Netns,
    found: &mut Found,
) -> Result<(), Error> {
    let netlink = Netlink::open_in(netns).or_failed()?;
    let end = match link::by_name(&netlink, &interface_name(&request.attachment.ifname)?) {
        Err(error) if error.is_absent() => return Ok(()),
        other => other.or_failed()?,
    };
    // The bridge plugin makes nothing else: it is another plugin's, or the namespace is another container's by now.
    if end.kind != Kind::Veth {
        return Ok(());
    }
    // Without an end on the host, or with another attachment's, the link is not what this plugin makes.
    let peer = match link::peer_of(host, &end, netns) {
        Err(error) if error.is_absent() => return Ok(()),
        other => other.or_failed()?,
    };
    if host_link::is_marked(&peer) {
        return Ok(());
    }
    let addresses = address::list(&netlink, &end.id).or_failed()?;
    found
        .addresses
        .extend(addresses.iter().map(|entry| entry.address));
    found.links.push(peer.id);
    Ok(())
}

/// The addresses that a result lists for the attachment's interface.
fn listed(result: &AddResult, attachment: &Attachment) -> Vec<IpPrefix> {
    let is_ours = |ip: &&cni_protocol::IpConfig| {
        result
            .interface_of(ip)
            .is_none_or(|interface| interface.name == attachment.ifname.as_str())
    };
    let addresses = result.ips.iter().filter(is_ours);
    addresses
        .filter_map(|ip| ip_prefix(ip.address).ok())
        .collect()
}

/// Deletes links and rules at the same time: for each the kernel waits for a grace period of some 15 ms.
fn take_out(request: &DelRequest<'_>, host: &Netlink, found: Found, errors: &mut Errors) {
    let rules = errors.attempt(rules_of(request, host, &found));
    std::thread::scope(|scope| {
        let deletion = scope.spawn(|| delete_all(&found.links));
        if let Some((key, whose)) = &rules {
            errors.attempt(masquerade::remove(key, *whose));
        }
        errors.attempt(spoof::remove(request.attachment));
        let failed = deletion
            .join()
            .unwrap_or_else(|_| vec![Error::failed("delete the links: the thread panicked")]);
        failed.into_iter().for_each(|error| errors.push(error));
    });
}

fn rules_of<'a>(
    request: &DelRequest<'_>,
    host: &Netlink,
    found: &'a Found,
) -> Result<(AttachmentKey, Whose<'a>), Error> {
    let key = masquerade::key(request.config.name(), request.attachment)?;
    if !found.addresses.is_empty() {
        return Ok((key, Whose::Addresses(&found.addresses)));
    }
    if found.is_recorded {
        return Ok((key, Whose::Nobody));
    }
    let link_key = HostLinkKey::new(request.config.name(), request.attachment)?;
    // Rather a rule too many than a neighbour without network.
    let whose = match link_key.has_siblings(host)? {
        true => Whose::Nobody,
        false => Whose::WholeContainer,
    };
    Ok((key, whose))
}

/// On a socket of its own, since it runs beside the caller.
fn delete_all(links: &[LinkId]) -> Vec<Error> {
    let mut errors = Vec::new();
    if links.is_empty() {
        return errors;
    }
    let host = match Netlink::open().or_failed() {
        Ok(host) => host,
        Err(error) => return vec![error],
    };
    for id in links {
        errors.extend(absent_is_done(host.run(link::delete(id))).or_failed().err());
    }
    errors
}
