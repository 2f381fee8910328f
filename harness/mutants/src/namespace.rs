//! Network namespaces by path: opening one, and doing something inside it.
//!
//! A netlink socket stays in the namespace in which it was made, so that only its making has to happen inside.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
};

use nix::sched::{CloneFlags, setns};

/// Why a path can't be used as a network namespace.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NamespaceError {
    #[error("open network namespace {path}")]
    Open { path: String, source: io::Error },
    #[error("{path} is not a network namespace")]
    Other { path: String, source: io::Error },
    #[error("return from network namespace {path}")]
    Return { path: String, source: io::Error },
}

/// An open network namespace.
pub(crate) struct Namespace {
    path: String,
    file: File,
}

impl Namespace {
    /// Opens the namespace and proves that it is one by entering it.
    pub(crate) fn open(path: &str) -> Result<Self, NamespaceError> {
        let file = File::open(path).map_err(|source| NamespaceError::Open {
            path: path.to_owned(),
            source,
        })?;
        let namespace = Self {
            path: path.to_owned(),
            file,
        };
        namespace.inside(|| ())?;
        Ok(namespace)
    }

    /// The namespace that this process runs in.
    pub(crate) fn own() -> Result<Self, NamespaceError> {
        // Of the thread, not of the process: setns(2) moves one thread only.
        let path = "/proc/thread-self/ns/net";
        let file = File::open(path).map_err(|source| NamespaceError::Open {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Runs `action` inside the namespace and comes back.
    pub(crate) fn inside<T>(&self, action: impl FnOnce() -> T) -> Result<T, NamespaceError> {
        let home = Self::own()?;
        setns(self.file.as_fd(), CloneFlags::CLONE_NEWNET).map_err(|errno| {
            NamespaceError::Other {
                path: self.path.clone(),
                source: errno.into(),
            }
        })?;
        let outcome = action();
        setns(home.file.as_fd(), CloneFlags::CLONE_NEWNET).map_err(|errno| {
            NamespaceError::Return {
                path: self.path.clone(),
                source: errno.into(),
            }
        })?;
        Ok(outcome)
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}
