//! One request as bytes, and the words for what it does.

use netlink_packet_core::{self as c, NetlinkSerializable};
use netlink_packet_route::RouteNetlinkMessage;

/// A change that the kernel is asked for: built by the modules of the objects, sent by [`super::Netlink`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    operation: String,
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

/// The `NLM_F_*` flags of a request beyond REQUEST and ACK, which the socket sets.
pub(crate) struct Flags;

impl Flags {
    pub(crate) const NONE: u16 = 0;
    pub(crate) const CREATE: u16 = c::NLM_F_CREATE | c::NLM_F_EXCL;
    /// For nftables: what is there stays.
    pub(crate) const CREATE_OR_KEEP: u16 = c::NLM_F_CREATE;
    pub(crate) const APPEND: u16 = c::NLM_F_CREATE | c::NLM_F_APPEND;
    pub(crate) const REPLACE: u16 = c::NLM_F_CREATE | c::NLM_F_REPLACE;
    pub(crate) const ECHO: u16 = c::NLM_F_ECHO;
    pub(crate) const DUMP: u16 = c::NLM_F_DUMP;
}

impl Request {
    /// What the request does on what, e.g. `set link eth0 up`.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    pub(crate) fn route(
        operation: impl Into<String>,
        flags: u16,
        message: &RouteNetlinkMessage,
    ) -> Self {
        let mut body = vec![0; message.buffer_len()];
        message.serialize(&mut body);
        Self {
            operation: operation.into(),
            kind: message.message_type(),
            flags,
            body,
        }
    }

    pub(crate) fn raw(operation: impl Into<String>, kind: u16, flags: u16, body: Vec<u8>) -> Self {
        Self {
            operation: operation.into(),
            kind,
            flags,
            body,
        }
    }

    pub(crate) fn is_dump(&self) -> bool {
        self.flags & c::NLM_F_DUMP == c::NLM_F_DUMP
    }

    /// Appends the message with its header (`struct nlmsghdr`) to `buffer`, padded to four bytes.
    pub(crate) fn append_to(&self, buffer: &mut Vec<u8>, sequence: u32, more_flags: u16) {
        let length = u32::try_from(HEADER_LENGTH + self.body.len()).unwrap_or(u32::MAX);
        buffer.extend_from_slice(&length.to_ne_bytes());
        buffer.extend_from_slice(&self.kind.to_ne_bytes());
        buffer.extend_from_slice(&(self.flags | more_flags | c::NLM_F_REQUEST).to_ne_bytes());
        buffer.extend_from_slice(&sequence.to_ne_bytes());
        buffer.extend_from_slice(&0_u32.to_ne_bytes());
        buffer.extend_from_slice(&self.body);
        buffer.resize(buffer.len().next_multiple_of(4), 0);
    }
}

/// Length of `struct nlmsghdr`.
pub(crate) const HEADER_LENGTH: usize = 16;
