//! Netlink sockets: requests go out, one or many in a message; answers, dumps and errors come back typed.
//!
//! What a request means is told by the modules that build it ([`crate::link`], [`crate::address`], [`crate::route`]).
//! The kernel's own explanation of a refusal (extended ACK) ends up in the error's text.

mod error;
mod request;
mod route;
mod socket;
mod wait;

pub use error::{Error, absent_is_done};
pub use request::Request;
pub use route::Netlink;

pub(crate) use request::Flags;
pub(crate) use socket::{Protocol, Socket};
pub(crate) use wait::Group;
