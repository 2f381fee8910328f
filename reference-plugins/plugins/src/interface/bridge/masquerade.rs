//! Masquerading of an attachment: the rules are the kernel crate's, whose they are is settled here.

use cni_kernel::iptables::Iptables;
use cni_kernel::masquerade::{self, AttachmentKey, Backend, Masquerade};
use cni_kernel::nft::Nft;
use cni_kernel::{InterfaceName, IpFamily, IpPrefix};
use cni_protocol::{Attachment, Error, NetworkName};

use super::config::MasqueradeBackend;
use crate::failure::OrFailed;

/// The rules of one attachment. Dropping it removes them, until they are kept.
#[derive(Debug)]
pub(super) struct Rules {
    key: AttachmentKey,
    addresses: Vec<IpPrefix>,
    is_kept: bool,
}

/// What is known about the addresses of an attachment that is being removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose<'a> {
    /// It had these.
    Addresses(&'a [IpPrefix]),
    /// Nothing, and no other attachment of the container is in the network: all of the container's rules are its.
    WholeContainer,
    /// It had none, or it can't be told which of the container's are its, and those of another attachment have to stay.
    Nobody,
}

/// Installs the rules for `addresses`.
pub(super) fn install(
    key: AttachmentKey,
    addresses: Vec<IpPrefix>,
    backend: MasqueradeBackend,
) -> Result<Rules, Error> {
    let rules = Rules {
        key,
        addresses,
        is_kept: false,
    };
    masquerade::install(&rules.wanted(), wish(backend)).or_failed()?;
    Ok(rules)
}

/// Fails when a rule is missing.
pub(super) fn check(
    key: &AttachmentKey,
    addresses: &[IpPrefix],
    backend: MasqueradeBackend,
) -> Result<(), Error> {
    let wanted = Masquerade {
        attachment: key,
        addresses,
    };
    masquerade::check(&wanted, wish(backend)).or_failed()
}

/// Fails when the backend can't be used on this host.
pub(super) fn usable(backend: MasqueradeBackend) -> Result<(), Error> {
    match backend {
        MasqueradeBackend::Iptables => iptables_usable(),
        MasqueradeBackend::Nftables => nftables_usable(),
        MasqueradeBackend::Automatic => iptables_usable().or_else(|_| nftables_usable()),
    }
}

/// Removes the rules of an attachment from both backends.
pub(super) fn remove(key: &AttachmentKey, whose: Whose<'_>) -> Result<(), Error> {
    // No rule is about these: a chain goes when nothing is left in it, and all else stays.
    let nobody = [
        IpPrefix::host(std::net::Ipv4Addr::UNSPECIFIED.into()),
        IpPrefix::host(std::net::Ipv6Addr::UNSPECIFIED.into()),
    ];
    let addresses = match whose {
        Whose::Addresses(addresses) => addresses,
        Whose::WholeContainer => &[],
        Whose::Nobody => &nobody,
    };
    masquerade::remove(key, addresses).or_failed()
}

/// Removes the rules of the network's attachments that are not among `valid`.
pub(super) fn remove_all_except<'a>(
    network: &NetworkName,
    valid: impl Iterator<Item = &'a Attachment>,
) -> Result<(), Error> {
    let valid = valid
        .map(|attachment| key(network, attachment))
        .collect::<Result<Vec<_>, _>>()?;
    masquerade::remove_all_except(network.as_str(), &valid).or_failed()
}

/// The key under which the kernel crate knows an attachment.
pub(super) fn key(network: &NetworkName, attachment: &Attachment) -> Result<AttachmentKey, Error> {
    let ifname = InterfaceName::new(attachment.ifname.as_str()).or_failed()?;
    AttachmentKey::new(network.as_str(), attachment.container_id.as_str(), ifname).or_failed()
}

impl Rules {
    /// From now on the rules stay.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }

    fn wanted(&self) -> Masquerade<'_> {
        Masquerade {
            attachment: &self.key,
            addresses: &self.addresses,
        }
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Err(error) = masquerade::remove(&self.key, &self.addresses) {
            eprintln!("after a failed ADD: {error}");
        }
    }
}

fn iptables_usable() -> Result<(), Error> {
    let iptables = Iptables::locate(IpFamily::V4).or_failed()?;
    iptables.rules("nat", "POSTROUTING").or_failed().map(drop)
}

fn nftables_usable() -> Result<(), Error> {
    match Nft::open_if_supported().or_failed()? {
        Some(_) => Ok(()),
        None => Err(Error::failed(
            "masquerade with nftables: this kernel has no nftables",
        )),
    }
}

fn wish(backend: MasqueradeBackend) -> Option<Backend> {
    match backend {
        MasqueradeBackend::Automatic => None,
        MasqueradeBackend::Iptables => Some(Backend::Iptables),
        MasqueradeBackend::Nftables => Some(Backend::Nftables),
    }
}
