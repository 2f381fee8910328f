//! Tables, chains and rules as a transaction takes them.

use netlink_packet_netfilter::NetfilterProtoFamily;

use super::expression::Expression;

/// The packets that a table sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4 and IPv6.
    Inet,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// What a bridge forwards.
    Bridge,
}

/// A table. One that is there stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table<'a> {
    /// Its family.
    pub family: Family,
    /// Its name.
    pub name: &'a str,
    /// A text for people, at most 127 bytes.
    pub comment: Option<&'a str>,
}

/// What names a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChainRef<'a> {
    /// The family of its table.
    pub family: Family,
    /// The name of its table.
    pub table: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// A chain. One that is there stays as it is; a different hook or type there is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain<'a> {
    /// What names it.
    pub chain: ChainRef<'a>,
    /// Where packets enter it; none: only by a jump.
    pub base: Option<Base>,
    /// A text for people, at most 127 bytes.
    pub comment: Option<&'a str>,
}

/// Where and when packets enter a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// What it may do.
    pub kind: ChainKind,
    /// At which point.
    pub hook: Hook,
    /// In which order with others there, see [`priority`].
    pub priority: i32,
    /// What happens to packets that reach its end.
    pub policy: Policy,
}

/// The type of a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are nft(8)'s")]
pub enum ChainKind {
    Filter,
    Nat,
    Route,
}

/// The point in the path of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are nft(8)'s")]
pub enum Hook {
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
}

/// What happens to packets that reach the end of a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are nft(8)'s")]
pub enum Policy {
    Drop,
    Accept,
}

/// The standard priorities of nft(8).
pub mod priority {
    /// `dstnat`.
    pub const DSTNAT: i32 = -100;
    /// `filter`.
    pub const FILTER: i32 = 0;
    /// `srcnat`.
    pub const SRCNAT: i32 = 100;
}

/// A rule at the end of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    /// Its chain.
    pub chain: ChainRef<'a>,
    /// What it matches and does.
    pub expressions: Vec<Expression>,
    /// A text, at most 127 bytes, by which it is found again.
    pub comment: Option<&'a str>,
}

impl Family {
    pub(super) fn to_kernel(self) -> NetfilterProtoFamily {
        match self {
            Self::Inet => NetfilterProtoFamily::Inet,
            Self::Ipv4 => NetfilterProtoFamily::IPv4,
            Self::Ipv6 => NetfilterProtoFamily::IPv6,
            Self::Bridge => NetfilterProtoFamily::Bridge,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Ipv4 => "ip",
            Self::Ipv6 => "ip6",
            Self::Bridge => "bridge",
        }
    }
}

impl std::fmt::Display for ChainRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.family.name(), self.table, self.name)
    }
}

impl ChainKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Nat => "nat",
            Self::Route => "route",
        }
    }
}

/// libnftnl's user data: type, length and value; type 0 is the comment of a table, chain or rule, with its NUL.
pub(super) fn comment_user_data(comment: &str) -> Option<Vec<u8>> {
    const COMMENT: u8 = 0;
    let length = u8::try_from(comment.len() + 1).ok()?;
    let mut data = vec![COMMENT, length];
    data.extend_from_slice(comment.as_bytes());
    data.push(0);
    Some(data)
}

/// The comment in libnftnl's user data.
pub(super) fn comment_in(mut data: &[u8]) -> Option<String> {
    loop {
        let (&[kind, length], rest) = data.split_first_chunk::<2>()?;
        let value = rest.get(..usize::from(length))?;
        if kind == 0 {
            let text = value.strip_suffix(&[0]).unwrap_or(value);
            return String::from_utf8(text.to_vec()).ok();
        }
        data = &rest[usize::from(length)..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_comment_that_does_not_fit_is_refused() {
        assert_eq!(comment_user_data(&"x".repeat(255)), None);
        assert!(comment_user_data(&"x".repeat(254)).is_some());
    }

    proptest! {
        #[test]
        fn a_comment_reads_back(comment in "[ -~]{0,127}") {
            prop_assert_eq!(comment_in(&comment_user_data(&comment).unwrap()), Some(comment));
        }

        #[test]
        fn foreign_user_data_does_not_panic(data: Vec<u8>) {
            drop(comment_in(&data));
        }
    }
}
