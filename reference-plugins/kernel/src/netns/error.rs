//! What can go wrong with a namespace, told apart so that DEL can take "it is gone" as success.

use std::path::PathBuf;

use nix::errno::Errno;
use thiserror::Error;

/// An operation on a network namespace that did not succeed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// Nothing is at the path: the container is gone.
    #[error("network namespace {path:?} does not exist")]
    Missing {
        /// The path as it was given.
        path: PathBuf,
    },
    /// Something is at the path but it is not a namespace, e.g. the file that `ip netns` leaves after an unmount.
    #[error(
        "{path:?} is not a namespace; CNI_NETNS has to name one, such as /proc/PID/ns/net or a file under /run/netns"
    )]
    NotNamespace {
        /// The path as it was given.
        path: PathBuf,
    },
    /// A namespace of another type.
    #[error("{path:?} is a namespace but not a network namespace")]
    NotNetwork {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The path may not be opened by this process.
    #[error("no permission to open network namespace {path:?}")]
    Permission {
        /// The path as it was given.
        path: PathBuf,
        /// EACCES or EPERM.
        #[source]
        errno: Errno,
    },
    /// Another failure to open or to inspect the namespace.
    #[error("cannot open network namespace {path:?}")]
    Open {
        /// The path as it was given.
        path: PathBuf,
        /// What the system answered.
        #[source]
        errno: Errno,
    },
    /// setns(2) into the namespace failed.
    #[error("cannot enter network namespace {path:?}")]
    Enter {
        /// The path as it was given.
        path: PathBuf,
        /// What the system answered.
        #[source]
        errno: Errno,
    },
    /// setns(2) back failed: this thread works in the wrong namespace from now on, and this module refuses to go on.
    #[error(
        "cannot return from network namespace {path:?} to the host's; nothing more can be done in this process"
    )]
    Stranded {
        /// The path as it was given.
        path: PathBuf,
        /// What the system answered.
        #[source]
        errno: Errno,
    },
}

impl Error {
    /// Whether there is no network namespace at the path any more, which DEL and GC take as "already clean".
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::NotNamespace { .. })
    }
}
