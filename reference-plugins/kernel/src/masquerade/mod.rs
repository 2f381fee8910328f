//! Masquerading of what containers send beyond their network, as upstream's `ipMasq` does it.
//!
//! The tables, chains, rules and comments are those of containernetworking/plugins 1.9 for both backends, so that
//! either side checks, removes and collects what the other one made. Rules are found by the attachment, not by memory: removal
//! works without addresses, without the container's namespace, and after a change of backend.
//!
//! What iptables cannot tell: its rules carry the network and the container id but no interface name. Two attachments of
//! one container to one network share a chain there; they are told apart by their addresses alone. Hence
//! * [`remove`] without addresses takes out all of that container's rules in that network;
//! * [`remove_all_except`] keeps the iptables rules of a container as long as any of its attachments is valid.

mod backend;
mod error;
mod iptables;
mod key;
mod names;
mod nftables;

use crate::IpPrefix;

pub use backend::{Backend, UnknownBackend, check, install, list, remove, remove_all_except};
pub use error::Error;
pub use key::{AttachmentKey, InvalidKey};

/// The masquerading of one attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Masquerade<'a> {
    /// Whose it is.
    pub attachment: &'a AttachmentKey,
    /// The container's addresses with the prefix length of their network: traffic within the network is left alone.
    pub addresses: &'a [IpPrefix],
}

/// Masquerading that is installed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Installed {
    /// Where.
    pub backend: Backend,
    /// The container id, as far as the rule's comment has room for it (nftables: 128 bytes for everything).
    pub container_id: Option<String>,
    /// The interface name; iptables does not keep it.
    pub interface: Option<String>,
}
