//! The host's end of an attachment: its name, its mark, and how DEL and GC find it again.
//!
//! No file is kept. The name is derived from (network, container ID, interface name), so DEL asks for it directly, without
//! the container's namespace and without `prevResult`. The alias holds the three in full, so that GC can tell whose a link
//! is, and after them the masqueraded addresses, since iptables rules can't tell two attachments of one container
//! apart by anything else. Both live as long as the link does, hence they can't be stale after a reboot.

use std::collections::BTreeSet;

use cni_kernel::link::{self, Kind, Link};
use cni_kernel::netlink::Netlink;
use cni_kernel::{InterfaceName, IpPrefix};
use cni_protocol::{Attachment, Error, NetworkName};
use sha2::{Digest, Sha256};

use crate::failure::OrFailed;

/// Names to try: the first is taken only by a chance of one in four billion, or by a remainder of this attachment.
const CANDIDATES: usize = 4;
/// The kernel's IFALIASZ without its final zero.
const LONGEST_ALIAS: usize = 255;
/// Room for an IPv4 and two IPv6 addresses behind the mark.
const ADDRESSES: usize = 110;

/// By what the host's end of one attachment is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HostLinkKey {
    names: Vec<InterfaceName>,
    mark: String,
    container_prefix: String,
}

impl HostLinkKey {
    pub(super) fn new(network: &NetworkName, attachment: &Attachment) -> Result<Self, Error> {
        let plain = format!("{network}/{attachment}");
        let digest = Sha256::digest(&plain);
        let names = digest.chunks(4).take(CANDIDATES);
        let names = names.map(|part| InterfaceName::new(format!("veth{}", hexadecimal(part))));
        let prefix =
            network_prefixes(network)[usize::from(needs_hash(network, attachment))].clone();
        let part = |text: &str| match needs_hash(network, attachment) {
            false => text.to_owned(),
            true => hashed(text),
        };
        let container_prefix = format!("{prefix}{}/", part(attachment.container_id.as_str()));
        let mark = format!("{container_prefix}{}", part(attachment.ifname.as_str()));
        Ok(Self {
            names: names.collect::<Result<_, _>>().or_failed()?,
            mark,
            container_prefix,
        })
    }

    /// The names that the link may have, in the order in which ADD tries them.
    pub(super) fn names(&self) -> &[InterfaceName] {
        &self.names
    }

    /// The alias to set. More addresses than there is room for are left out, all of them: part of them would mislead.
    pub(super) fn alias(&self, masqueraded: &[IpPrefix]) -> String {
        let words = masqueraded.iter().map(|address| format!(" {address}"));
        let with_addresses = self.mark.clone() + &words.collect::<String>();
        if with_addresses.len() <= LONGEST_ALIAS {
            return with_addresses;
        }
        self.mark.clone()
    }

    /// Every link of this attachment: one, or more when an earlier one is still on its way out.
    pub(super) fn find(&self, host: &Netlink) -> Result<Vec<Link>, Error> {
        let mut found = Vec::new();
        for name in &self.names {
            match link::by_name(host, name) {
                Ok(link) if self.is_of(&link) => found.push(link),
                Err(error) if !error.is_absent() => return Err(error).or_failed(),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Whether the container has another attachment to the network.
    pub(super) fn has_siblings(&self, host: &Netlink) -> Result<bool, Error> {
        let is_sibling = |link: &Link| {
            mark_of(link)
                .is_some_and(|mark| mark.starts_with(&self.container_prefix) && mark != self.mark)
        };
        Ok(link::list(host).or_failed()?.iter().any(is_sibling))
    }

    /// Without a mark it is of an ADD that died between making and marking it: the name is proof enough.
    fn is_of(&self, link: &Link) -> bool {
        link.kind == Kind::Veth && mark_of(link).is_none_or(|mark| mark == self.mark)
    }
}

/// Whether the link is marked as an attachment's, of whatever network.
pub(super) fn is_marked(link: &Link) -> bool {
    mark_of(link).is_some_and(|mark| mark.starts_with(PLAIN) || mark.starts_with(HASHED))
}

/// The masqueraded addresses of the attachment, as far as its link tells.
pub(super) fn masqueraded(link: &Link) -> Vec<IpPrefix> {
    let words = link.alias.iter().flat_map(|alias| alias.split(' ').skip(1));
    words.filter_map(|word| word.parse().ok()).collect()
}

/// The attachment of a link of the network, where the mark is not hashed.
pub(super) fn attachment_of(link: &Link, network: &NetworkName) -> Option<Attachment> {
    let [plain, _] = network_prefixes(network);
    let (container_id, ifname) = mark_of(link)?.strip_prefix(&plain)?.split_once('/')?;
    Some(Attachment {
        container_id: container_id.parse().ok()?,
        ifname: ifname.parse().ok()?,
    })
}

/// The links of the network whose attachments are not among `valid`.
pub(super) fn stale(
    host: &Netlink,
    network: &NetworkName,
    valid: &BTreeSet<Attachment>,
) -> Result<Vec<Link>, Error> {
    let keys = valid
        .iter()
        .map(|attachment| HostLinkKey::new(network, attachment));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let kept: BTreeSet<&str> = keys.iter().map(|key| key.mark.as_str()).collect();
    let prefixes = network_prefixes(network);
    let is_stale = |link: &Link| {
        mark_of(link).is_some_and(|mark| {
            prefixes.iter().any(|prefix| mark.starts_with(prefix)) && !kept.contains(mark)
        })
    };
    let mut links = link::list(host).or_failed()?;
    links.retain(|link| link.kind == Kind::Veth && is_stale(link));
    Ok(links)
}

const PLAIN: &str = "cni:";
const HASHED: &str = "cni#";

fn mark_of(link: &Link) -> Option<&str> {
    link.alias.as_ref()?.split(' ').next()
}

/// None of the three names can contain a slash or a space, so a mark is unambiguous.
fn needs_hash(network: &NetworkName, attachment: &Attachment) -> bool {
    format!("{PLAIN}{network}/{attachment}").len() > LONGEST_ALIAS - ADDRESSES
}

/// What marks of the network begin with, plain and hashed.
fn network_prefixes(network: &NetworkName) -> [String; 2] {
    [
        format!("{PLAIN}{network}/"),
        format!("{HASHED}{}/", hashed(network.as_str())),
    ]
}

fn hashed(text: &str) -> String {
    hexadecimal(&Sha256::digest(text)[..16])
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(container_id: &str, ifname: &str) -> Attachment {
        Attachment {
            container_id: container_id.parse().unwrap(),
            ifname: ifname.parse().unwrap(),
        }
    }

    fn key(network: &str, container_id: &str, ifname: &str) -> HostLinkKey {
        HostLinkKey::new(&network.parse().unwrap(), &attachment(container_id, ifname)).unwrap()
    }

    #[test]
    fn names_and_mark_are_the_same_each_time_and_differ_in_each_part_of_the_key() {
        let this = key("net", "c1", "eth0");
        assert_eq!(this, key("net", "c1", "eth0"));
        assert_eq!(this.alias(&[]), "cni:net/c1/eth0");
        for other in [
            key("net2", "c1", "eth0"),
            key("net", "c11", "eth0"),
            key("net", "c1", "eth1"),
        ] {
            assert_ne!(this.mark, other.mark);
            assert!(this.names.iter().all(|name| !other.names.contains(name)));
        }
    }

    #[test]
    fn a_name_is_veth_and_eight_digits_as_upstreams() {
        for name in key("net", "c1", "eth0").names() {
            let digits = name.as_str().strip_prefix("veth").unwrap();
            assert_eq!(digits.len(), 8);
            assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }

    #[test]
    fn addresses_follow_the_mark_while_there_is_room() {
        let address: IpPrefix = "10.1.0.2/16".parse().unwrap();
        assert_eq!(
            key("net", "c1", "eth0").alias(&[address, address]),
            "cni:net/c1/eth0 10.1.0.2/16 10.1.0.2/16"
        );
        let key = key("net", "c1", "eth0");
        assert_eq!(key.alias(&[address; 30]), key.mark);
    }

    #[test]
    fn a_mark_that_would_be_too_long_is_hashed_and_keeps_network_and_container_recognisable() {
        let (long, container_id) = ("n".repeat(200), "c".repeat(100));
        let [_, prefix] = network_prefixes(&long.parse().unwrap());
        let (eth0, eth1) = (
            key(&long, &container_id, "eth0"),
            key(&long, &container_id, "eth1"),
        );
        assert!(eth0.mark.len() <= LONGEST_ALIAS);
        assert!(eth0.mark.starts_with(&prefix));
        assert!(eth1.mark.starts_with(&eth0.container_prefix));
        assert_ne!(eth0.mark, eth1.mark);
        assert_ne!(eth0.mark, key(&long, &"d".repeat(100), "eth0").mark);
    }

    #[test]
    fn no_network_is_the_prefix_of_another() {
        let [plain, hashed] = network_prefixes(&"net".parse().unwrap());
        let other = key("net2", "c", "e").mark;
        assert!(!other.starts_with(&plain) && !other.starts_with(&hashed));
    }
}
