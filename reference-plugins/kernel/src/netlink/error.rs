//! What can go wrong between a request and its answer.

use nix::errno::Errno;
use thiserror::Error;

use crate::netns;

/// A netlink operation that did not succeed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// The kernel refused the request.
    #[error("cannot {operation}: {}", refusal(*.errno, explanation.as_deref()))]
    Refused {
        /// What was attempted on what, e.g. `create veth veth12ab in bridge cni0`.
        operation: String,
        /// The kernel's error number.
        errno: Errno,
        /// The kernel's explanation (extended ACK), where it gave one.
        explanation: Option<String>,
    },
    /// The object that the operation is about does not exist.
    #[error("cannot {operation}: there is no such object")]
    Absent {
        /// What was attempted on what.
        operation: String,
    },
    /// The socket could not be opened or set up.
    #[error("cannot open a netlink socket")]
    Open {
        /// What the system answered.
        #[source]
        errno: Errno,
    },
    /// The namespace could not be entered to open the socket there.
    #[error("cannot open a netlink socket in network namespace {path:?}")]
    Namespace {
        /// The path of the namespace.
        path: std::path::PathBuf,
        /// Why not.
        #[source]
        source: netns::Error,
    },
    /// The request did not reach the kernel, or the answer could not be read.
    #[error("cannot {operation}: the netlink socket failed")]
    Transport {
        /// What was attempted on what.
        operation: String,
        /// What the system answered.
        #[source]
        errno: Errno,
    },
    /// The kernel's answer got lost (receive buffer overrun): the operation may or may not have happened.
    #[error("cannot tell whether this succeeded: {operation}: the kernel's answer was lost")]
    AnswerLost {
        /// What was attempted on what.
        operation: String,
    },
    /// The kernel's tables changed during each of several attempts to read them.
    #[error("cannot {operation}: the kernel's tables changed during each of {attempts} attempts")]
    Unstable {
        /// What was attempted on what.
        operation: String,
        /// How many times it was tried.
        attempts: u32,
    },
    /// The kernel's answer is not understood.
    #[error("cannot {operation}: the kernel's answer is not understood: {detail}")]
    Malformed {
        /// What was attempted on what.
        operation: String,
        /// What about the answer.
        detail: String,
    },
    /// What was waited for did not happen in time.
    #[error("gave up after {} ms: {operation}", waited.as_millis())]
    Deadline {
        /// What was waited for.
        operation: String,
        /// How long.
        waited: std::time::Duration,
    },
    /// Duplicate address detection found the address on another station (RFC 4862 section 5.4.5).
    #[error(
        "address {address} on {link} is in use by another station: duplicate address detection failed"
    )]
    DuplicateAddress {
        /// The address.
        address: std::net::IpAddr,
        /// The name of the link.
        link: String,
    },
}

impl Error {
    /// The kernel's error number, where the kernel refused.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    /// Whether the object does not exist: for a deletion that is success.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        // ESRCH: routes and rules; EADDRNOTAVAIL: addresses; ENODEV: links; ENOENT: the rest.
        matches!(self, Self::Absent { .. })
            || matches!(
                self.errno(),
                Some(Errno::ENOENT | Errno::ENODEV | Errno::ESRCH | Errno::EADDRNOTAVAIL)
            )
    }

    /// Whether the object exists already.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.errno() == Some(Errno::EEXIST)
    }

    /// Whether the kernel lacks the feature (module not there or not built in).
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(
            self.errno(),
            Some(Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT | Errno::EAFNOSUPPORT)
        )
    }
}

/// Takes "it is not there" as success, for deletions.
pub fn absent_is_done(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.is_absent() => Ok(()),
        other => other,
    }
}

fn refusal(errno: Errno, explanation: Option<&str>) -> String {
    match (explanation, errno) {
        (Some(text), _) => format!(
            "{} ({errno:?}: {})",
            text.trim_end_matches('.'),
            errno.desc()
        ),
        (None, Errno::EPERM) => {
            "EPERM: Operation not permitted; CAP_NET_ADMIN is needed".to_owned()
        }
        // Unknown link kinds and options answer this without any text.
        (None, Errno::EOPNOTSUPP) => {
            "EOPNOTSUPP: the running kernel does not support it".to_owned()
        }
        (None, _) => format!("{errno:?}: {}", errno.desc()),
    }
}
