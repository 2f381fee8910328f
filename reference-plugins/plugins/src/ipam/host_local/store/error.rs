//! What can go wrong with the files of reservations.

use std::io;
use std::path::{Path, PathBuf};

use cni_kernel::file;
use cni_protocol::{Error, ErrorCode};
use thiserror::Error;

/// The directory could not be read or changed.
#[derive(Debug, Error)]
pub(in crate::ipam::host_local) enum StoreError {
    /// A system call failed.
    #[error("{step} {path:?}")]
    Step {
        step: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A durable write or removal failed.
    #[error("{what}")]
    Write {
        what: String,
        #[source]
        source: file::Error,
    },
}

impl StoreError {
    pub(super) fn step(step: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Step {
            step,
            path: path.to_owned(),
            source,
        }
    }

    /// Whether the write failed because somebody else's file came in between, in spite of the lock.
    pub(in crate::ipam::host_local) const fn is_of_another(&self) -> bool {
        matches!(
            self,
            Self::Write {
                source: file::Error::Exists { .. },
                ..
            }
        )
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::from_chain(ErrorCode::IoFailure, &error)
    }
}
