//! What can go wrong with masquerading.

use std::fmt;

use thiserror::Error;

use super::backend::Backend;
use crate::{iptables, netlink};

/// A masquerading operation that did not succeed.
#[derive(Debug, Error)]
pub enum Error {
    /// iptables.
    #[error("cannot {operation} in iptables")]
    Iptables {
        /// What was attempted for whom.
        operation: String,
        /// Why not.
        #[source]
        source: iptables::Error,
    },
    /// nftables.
    #[error("cannot {operation} in nftables")]
    Nftables {
        /// What was attempted for whom.
        operation: String,
        /// Why not.
        #[source]
        source: netlink::Error,
    },
    /// The kernel has no nftables.
    #[error("cannot {operation}: this kernel has no nftables; use the iptables backend")]
    Unsupported {
        /// What was attempted for whom.
        operation: String,
    },
    /// CHECK: what should be there is not.
    #[error("masquerading of {what} is missing from {backend}")]
    Missing {
        /// Of which address.
        what: String,
        /// Where it should be.
        backend: Backend,
    },
    /// More than one thing went wrong; all were tried.
    #[error("{} failures: {}", .0.len(), Joined(.0))]
    Several(Vec<Self>),
}

impl Error {
    /// Success, the one error, or all of them.
    pub(super) fn collect(mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self::Several(errors)),
        }
    }
}

/// The edge prints only one chain of sources, so that of each of several has to be in the text.
struct Joined<'a>(&'a [Error]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{error}")?;
            let mut source = std::error::Error::source(error);
            while let Some(inner) = source {
                write!(f, ": {inner}")?;
                source = inner.source();
            }
        }
        Ok(())
    }
}
