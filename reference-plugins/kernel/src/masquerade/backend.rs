//! Choosing a backend for ADD, and asking both on everything else: the configuration may have changed in between.

use std::fmt;
use std::str::FromStr;

use thiserror::Error as ThisError;

use super::names::iptables_chain;
use super::{AttachmentKey, Error, Installed, Masquerade, iptables, nftables};
use crate::iptables::{Iptables, Presence, chain_presence, is_installed};
use crate::nft::Nft;
use crate::{IpFamily, IpPrefix, iptables as programs, netlink};

/// Where the rules are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// The iptables programs, of either kind.
    Iptables,
    /// nftables.
    Nftables,
}

/// A value of `ipMasqBackend` that is not known.
#[derive(Clone, Debug, ThisError, PartialEq, Eq)]
#[error("unknown ipmasq backend {0:?}: \"iptables\" and \"nftables\" are possible")]
pub struct UnknownBackend(String);

impl FromStr for Backend {
    type Err = UnknownBackend;

    fn from_str(text: &str) -> Result<Self, UnknownBackend> {
        match text {
            "iptables" => Ok(Self::Iptables),
            "nftables" => Ok(Self::Nftables),
            other => Err(UnknownBackend(other.to_owned())),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iptables => "iptables",
            Self::Nftables => "nftables",
        })
    }
}

const FAMILIES: [IpFamily; 2] = [IpFamily::V4, IpFamily::V6];

/// Installs the masquerading in the namespace of the calling thread and says where.
///
/// Without a wish: iptables, unless only nftables works, as upstream. Only a failure is looked into: it costs nothing otherwise.
pub fn install(masquerade: &Masquerade<'_>, wish: Option<Backend>) -> Result<Backend, Error> {
    let backend = wish.unwrap_or(if is_installed(IpFamily::V4) {
        Backend::Iptables
    } else {
        Backend::Nftables
    });
    match install_in(backend, masquerade) {
        Err(_) if wish.is_none() && backend == Backend::Iptables && !iptables_works() => {
            install_in(Backend::Nftables, masquerade).map(|()| Backend::Nftables)
        }
        outcome => outcome.map(|()| backend),
    }
}

/// Removes the masquerading of an attachment from both backends in the namespace of the calling thread.
///
/// Nothing to remove is success. `addresses` may be empty; see the module about what that means for iptables.
pub fn remove(attachment: &AttachmentKey, addresses: &[IpPrefix]) -> Result<(), Error> {
    let chain = iptables_chain(attachment.network(), attachment.container_id());
    let operation = format!(
        "remove the masquerading of container {}",
        attachment.container_id()
    );
    both(
        &operation,
        &chain,
        |family| iptables::remove(attachment, addresses, family),
        |nft| nftables::remove(nft, attachment),
    )
}

/// Removes the masquerading of the network's attachments that are not among `valid`, from both backends. For GC.
pub fn remove_all_except(network: &str, valid: &[AttachmentKey]) -> Result<(), Error> {
    let operation = format!("remove stale masquerading of network {network}");
    both(
        &operation,
        "POSTROUTING",
        |family| iptables::remove_all_except(network, valid, family),
        |nft| nftables::remove_all_except(nft, network, valid),
    )
}

/// Makes sure that the masquerading is there, in the backend that was wished for or in either.
pub fn check(masquerade: &Masquerade<'_>, wish: Option<Backend>) -> Result<(), Error> {
    match wish {
        Some(backend) => check_in(backend, masquerade),
        None => {
            let error = match check_in(Backend::Iptables, masquerade) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            check_in(Backend::Nftables, masquerade).map_err(|_| error)
        }
    }
}

/// What is installed for a network in both backends, without duplicates.
pub fn list(network: &str) -> Result<Vec<Installed>, Error> {
    let operation = format!("list the masquerading of network {network}");
    let nft = open(&operation)?;
    let mut found = Vec::new();
    for family in FAMILIES {
        if presence(nft.as_ref(), family, "POSTROUTING", &operation)? != Presence::Absent {
            found.extend(
                iptables::list(network, family)
                    .map_err(|source| in_iptables(&operation, source))?,
            );
        }
    }
    if let Some(nft) = &nft {
        found.extend(
            nftables::list(nft, network).map_err(|source| in_nftables(&operation, source))?,
        );
    }
    let mut installed: Vec<Installed> = Vec::new();
    for item in found {
        if !installed.contains(&item) {
            installed.push(item);
        }
    }
    Ok(installed)
}

fn install_in(backend: Backend, masquerade: &Masquerade<'_>) -> Result<(), Error> {
    let key = masquerade.attachment;
    let operation = format!("masquerade container {}", key.container_id());
    let nft = open(&operation)?;
    if backend == Backend::Nftables {
        let nft = nft.ok_or_else(|| Error::Unsupported {
            operation: operation.clone(),
        })?;
        return nftables::install(&nft, masquerade)
            .map_err(|source| in_nftables(&operation, source));
    }
    let chain = iptables_chain(key.network(), key.container_id());
    for family in FAMILIES {
        let presence = presence(nft.as_ref(), family, &chain, &operation)?;
        iptables::install(masquerade, family, presence)
            .map_err(|source| in_iptables(&operation, source))?;
    }
    Ok(())
}

fn check_in(backend: Backend, masquerade: &Masquerade<'_>) -> Result<(), Error> {
    let operation = format!(
        "check the masquerading of container {}",
        masquerade.attachment.container_id()
    );
    let missing = match backend {
        Backend::Nftables => match open(&operation)? {
            Some(nft) => nftables::missing(&nft, masquerade)
                .map_err(|source| in_nftables(&operation, source))?,
            None => return Err(Error::Unsupported { operation }),
        },
        Backend::Iptables => {
            let mut missing = None;
            for address in masquerade.addresses {
                if !iptables::is_there(masquerade, *address)
                    .map_err(|source| in_iptables(&operation, source))?
                {
                    missing = Some(address.to_string());
                    break;
                }
            }
            missing
        }
    };
    missing.map_or(Ok(()), |what| Err(Error::Missing { what, backend }))
}

/// Goes through both backends and both families, and on after a failure.
fn both(
    operation: &str,
    chain: &str,
    in_family: impl Fn(IpFamily) -> Result<(), programs::Error>,
    in_nft: impl Fn(&Nft) -> Result<(), netlink::Error>,
) -> Result<(), Error> {
    let mut errors = Vec::new();
    let nft = open(operation).unwrap_or_else(|error| {
        errors.push(error);
        None
    });
    for family in FAMILIES {
        match presence(nft.as_ref(), family, chain, operation) {
            Ok(Presence::Absent) => {}
            // Legacy tables without the program: nobody here made rules in them.
            Ok(Presence::Unknown) if !is_installed(family) => {}
            Ok(_) => errors.extend(
                in_family(family)
                    .err()
                    .map(|source| in_iptables(operation, source)),
            ),
            Err(error) => errors.push(error),
        }
    }
    if let Some(nft) = &nft {
        errors.extend(
            in_nft(nft)
                .err()
                .map(|source| in_nftables(operation, source)),
        );
    }
    Error::collect(errors)
}

fn open(operation: &str) -> Result<Option<Nft>, Error> {
    Nft::open_if_supported().map_err(|source| in_nftables(operation, source))
}

fn presence(
    nft: Option<&Nft>,
    family: IpFamily,
    chain: &str,
    operation: &str,
) -> Result<Presence, Error> {
    chain_presence(nft, family, "nat", chain).map_err(|source| in_nftables(operation, source))
}

/// Upstream's test: whether a chain of the filter table can be looked at.
fn iptables_works() -> bool {
    Iptables::locate(IpFamily::V4).is_ok_and(|iptables| iptables.rules("filter", "INPUT").is_ok())
}

fn in_iptables(operation: &str, source: programs::Error) -> Error {
    Error::Iptables {
        operation: operation.to_owned(),
        source,
    }
}

fn in_nftables(operation: &str, source: netlink::Error) -> Error {
    Error::Nftables {
        operation: operation.to_owned(),
        source,
    }
}
