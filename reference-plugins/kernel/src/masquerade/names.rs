//! The names and comments by which upstream's rules are known.

use sha2::{Digest, Sha512};

use super::key::AttachmentKey;

/// The table of the nftables backend, in family inet.
pub(super) const TABLE: &str = "cni_plugins_masquerade";
pub(super) const TABLE_COMMENT: &str =
    "Masquerading for plugins from github.com/containernetworking/plugins";
/// The chain that has one rule per address.
pub(super) const CHECKS_CHAIN: &str = "masq_checks";
pub(super) const CHECKS_COMMENT: &str =
    "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet";
pub(super) const POSTROUTING_CHAIN: &str = "postrouting";

/// The longest comment that knftables writes.
const COMMENT_MAX: usize = 128;

/// The chain of the iptables backend: 28 characters.
pub(super) fn iptables_chain(network: &str, container_id: &str) -> String {
    format!("CNI-{}", hash(24, &[network, container_id]))
}

/// The comment of the iptables backend. Go's `%q` of the names that a key allows is the name in double quotes.
pub(super) fn iptables_comment(network: &str, container_id: &str) -> String {
    format!("name: \"{network}\" id: \"{container_id}\"")
}

/// The inverse of [`iptables_comment`].
pub(super) fn parse_iptables_comment(comment: &str) -> Option<(&str, &str)> {
    let rest = comment.strip_prefix("name: \"")?;
    let (network, rest) = rest.split_once("\" id: \"")?;
    Some((network, rest.strip_suffix('"')?))
}

/// What every nftables comment of a network starts with.
pub(super) fn network_prefix(network: &str) -> String {
    format!("{}-", hash(16, &[network]))
}

/// What the nftables comments of an attachment start with.
pub(super) fn attachment_prefix(key: &AttachmentKey) -> String {
    let instance = hash(16, &[key.interface().as_str(), ":", key.container_id()]);
    format!("{}{instance}", network_prefix(key.network()))
}

/// The comment of the nftables backend, cut off where upstream cuts it.
pub(super) fn nftables_comment(key: &AttachmentKey) -> String {
    // Upstream strips '"' from the names; only an interface name can have one here.
    let interface = key.interface().as_str().replace('"', "");
    let mut comment = format!(
        "{}, net: {}, if: {interface}, id: {}",
        attachment_prefix(key),
        key.network(),
        key.container_id(),
    );
    let mut end = comment.len().min(COMMENT_MAX);
    while !comment.is_char_boundary(end) {
        end -= 1;
    }
    comment.truncate(end);
    comment
}

/// Interface name and container id out of an nftables comment, as far as they are there. A cut-off id counts as none.
pub(super) fn parse_nftables_comment(comment: &str) -> (Option<String>, Option<String>) {
    let field = |name: &str| {
        let (_, rest) = comment.split_once(name)?;
        Some(rest.split(", ").next().unwrap_or(rest).to_owned())
    };
    let is_whole = comment.len() < COMMENT_MAX;
    (
        field(", if: ").filter(|_| is_whole || comment.contains(", id: ")),
        field(", id: ").filter(|_| is_whole),
    )
}

/// The first `length` characters of the SHA-512 in hexadecimal.
fn hash(length: usize, parts: &[&str]) -> String {
    let mut sha = Sha512::new();
    for part in parts {
        sha.update(part.as_bytes());
    }
    let mut text: String = sha
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    text.truncate(length);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InterfaceName;

    fn key(network: &str, id: &str, interface: &str) -> AttachmentKey {
        AttachmentKey::new(network, id, InterfaceName::new(interface).unwrap()).unwrap()
    }

    /// Taken from what upstream 1.9.1 made.
    #[test]
    fn names_are_upstreams() {
        assert_eq!(
            iptables_chain("mynet", "cont-1"),
            "CNI-614a50ffd65a839382c07304"
        );
        assert_eq!(
            nftables_comment(&key("mynet", "cont-1", "enftables")),
            "d23676b4f2d9fe04-effb04a634f4b2e0, net: mynet, if: enftables, id: cont-1"
        );
    }

    #[test]
    fn comments_read_back() {
        let comment = iptables_comment("mynet", "cont-1");
        assert_eq!(parse_iptables_comment(&comment), Some(("mynet", "cont-1")));
        let comment = nftables_comment(&key("mynet", "cont-1", "eth0"));
        assert_eq!(
            parse_nftables_comment(&comment),
            (Some("eth0".to_owned()), Some("cont-1".to_owned()))
        );
    }

    #[test]
    fn a_cut_off_comment_has_no_container_id() {
        let comment = nftables_comment(&key(&"n".repeat(60), &"c".repeat(64), "eth0"));
        assert_eq!(comment.len(), 128);
        assert_eq!(
            parse_nftables_comment(&comment),
            (Some("eth0".to_owned()), None)
        );
    }
}
