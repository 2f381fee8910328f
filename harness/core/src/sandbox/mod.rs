//! The throwaway host on which a trial runs, and the network namespaces on it.
//!
//! [`enter`] turns a single-threaded process into PID 1 of fresh namespaces; nothing that happens there
//! reaches the machine. Only this module calls `unshare`, `setns` and `mount`. What runs inside, and
//! what it means, is the trial's subject.

mod enter;
mod mounts;
mod netns;

pub(crate) use enter::{SandboxError, enter};
pub(crate) use mounts::{Expose, pin, unpin};
pub(crate) use netns::{Netns, NetnsError};
