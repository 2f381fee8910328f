//! The content of a reservation file: whose the address is.
//!
//! The format is upstream's: container ID, `\r\n`, interface name. Versions before 0.8 wrote the container ID alone.

use cni_protocol::{Attachment, ContainerId};

const SEPARATOR: &str = "\r\n";

/// Whose an address is, as far as its file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ipam::host_local) enum Owner {
    /// An attachment.
    Attachment(Attachment),
    /// A container, interface unknown: the file is of a version that did not note it.
    Container(ContainerId),
    /// Nobody: the file is empty or all zeros, which is what a crash or a full disk leaves of an ADD that never ended.
    Torn,
    /// Content that no version writes.
    Unreadable,
}

impl Owner {
    /// Reads the content of a file.
    pub(super) fn parse(content: &[u8]) -> Self {
        if content
            .iter()
            .all(|&byte| byte == 0 || byte.is_ascii_whitespace())
        {
            return Self::Torn;
        }
        let owner = std::str::from_utf8(content).ok().and_then(|text| {
            let text = text.trim();
            match text.split_once(SEPARATOR) {
                None => Some(Self::Container(text.parse().ok()?)),
                Some((container_id, ifname)) => Some(Self::Attachment(Attachment {
                    container_id: container_id.parse().ok()?,
                    ifname: ifname.parse().ok()?,
                })),
            }
        });
        owner.unwrap_or(Self::Unreadable)
    }

    /// Whether the file is of a version that noted only the container, and it is this one.
    pub(super) fn is_container_of(&self, attachment: &Attachment) -> bool {
        matches!(self, Self::Container(container_id) if *container_id == attachment.container_id)
    }

    /// Whether the file is this attachment's own.
    pub(super) fn is(&self, attachment: &Attachment) -> bool {
        matches!(self, Self::Attachment(owner) if owner == attachment)
    }
}

/// The content of an attachment's file.
pub(super) fn content(attachment: &Attachment) -> String {
    format!(
        "{}{SEPARATOR}{}",
        attachment.container_id, attachment.ifname
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn attachment() -> Attachment {
        Attachment {
            container_id: "c1".parse().unwrap(),
            ifname: "eth0".parse().unwrap(),
        }
    }

    #[test]
    fn the_content_is_upstreams() {
        assert_eq!(content(&attachment()), "c1\r\neth0");
    }

    #[rstest]
    #[case(b"c1\r\neth0")]
    #[case(b"c1\r\neth0\n")]
    #[case(b"\nc1\r\neth0\r\n")]
    fn both_names_make_an_attachment(#[case] content: &[u8]) {
        assert_eq!(Owner::parse(content), Owner::Attachment(attachment()));
        assert!(Owner::parse(content).is(&attachment()));
    }

    #[rstest]
    #[case(b"c1")]
    #[case(b"c1\n")]
    fn an_id_alone_is_the_old_form(#[case] content: &[u8]) {
        assert!(Owner::parse(content).is_container_of(&attachment()));
        assert!(!Owner::parse(content).is(&attachment()));
    }

    #[rstest]
    #[case(b"")]
    #[case(b"\r\n")]
    #[case(b"\0\0\0\0\0\0\0\0")]
    fn what_a_crash_leaves_is_torn(#[case] content: &[u8]) {
        assert_eq!(Owner::parse(content), Owner::Torn);
    }

    #[rstest]
    #[case(b"\xff\xfe")]
    #[case(b"reserved for the printer")]
    #[case(b"c1\neth0")]
    #[case(b"c1\r\n/eth0")]
    #[case(b"c1\r\neth0\r\nmore")]
    #[case(b"../x\r\neth0")]
    fn anything_else_is_unreadable(#[case] content: &[u8]) {
        assert_eq!(Owner::parse(content), Owner::Unreadable);
    }
}
