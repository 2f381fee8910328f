//! An `rtnetlink` connection in a network namespace, for the length of one piece of work.
//!
//! `rtnetlink` is asynchronous; a reactor of one thread runs inside the namespace and ends with the work.

use std::future::Future;

use rtnetlink::{Handle, new_connection};
use thiserror::Error;

use crate::sandbox::{Netns, NetnsError};

/// Trouble between the harness and the kernel; never the plugin's fault.
#[derive(Debug, Error)]
pub(crate) enum KernelError {
    /// The namespace can't be entered.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// No netlink socket, or no reactor.
    #[error("open a netlink socket")]
    Socket(#[source] std::io::Error),
    /// A request was refused.
    #[error("{what}: {source}")]
    Request {
        /// What was attempted on what.
        what: String,
        /// What the kernel said.
        source: Box<rtnetlink::Error>,
    },
    /// An object that has to be there is not.
    #[error("find {what} in network namespace {netns}")]
    Missing {
        /// Which object.
        what: String,
        /// Where.
        netns: String,
    },
}

impl KernelError {
    /// Returns a closure that names the attempt when the kernel refuses it.
    pub(crate) fn request(what: impl Into<String>) -> impl FnOnce(rtnetlink::Error) -> Self {
        let what = what.into();
        move |source| Self::Request {
            what,
            source: Box::new(source),
        }
    }
}

/// Runs `work` with a connection inside `netns`.
///
/// # Errors
/// Fails when the namespace or the socket can't be had, or with what `work` fails with.
pub(crate) fn session<T, F>(
    netns: &Netns,
    work: impl FnOnce(Handle) -> F + Send,
) -> Result<T, KernelError>
where
    T: Send,
    F: Future<Output = Result<T, KernelError>>,
{
    netns.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(KernelError::Socket)?;
        runtime.block_on(async {
            let (connection, handle, _) = new_connection().map_err(KernelError::Socket)?;
            let pump = tokio::spawn(connection);
            let outcome = work(handle).await;
            pump.abort();
            outcome
        })
    })?
}
