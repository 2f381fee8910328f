//! What the kernel says: the harness's own pair of eyes, on `rtnetlink`.
//!
//! [`read`] dumps one network namespace, [`Snapshot`] is a whole throwaway host with its containers, files
//! and processes, [`difference`] compares two. [`alter`] is how a check sabotages what a plugin set up.

pub(crate) mod alter;
mod difference;
mod probe;
mod read;
mod session;
mod snapshot;

pub(crate) use difference::{difference, growth};
pub(crate) use probe::probe_link;
pub(crate) use read::read;
pub(crate) use session::KernelError;
pub use snapshot::{Address, Link, NamespaceState, Route, Snapshot};
