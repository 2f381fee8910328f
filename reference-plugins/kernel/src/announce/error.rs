//! What can go wrong with an announcement.

use std::net::IpAddr;

use nix::errno::Errno;
use thiserror::Error;

use crate::netns;

/// An announcement that was not sent.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// The namespace could not be entered.
    #[error("cannot announce address {address} on link {link}")]
    Namespace {
        /// The address.
        address: IpAddr,
        /// The name of the link.
        link: String,
        /// Why not.
        #[source]
        source: netns::Error,
    },
    /// The packet was refused.
    #[error("cannot announce address {address} on link {link}")]
    Send {
        /// The address.
        address: IpAddr,
        /// The name of the link.
        link: String,
        /// What the system answered.
        #[source]
        errno: Errno,
    },
}
