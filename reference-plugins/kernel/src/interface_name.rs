//! Names that the kernel takes for an interface, so that none becomes a path or an option.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The name of a network interface: 1 to 15 bytes, no '/', ':' or white space, not "." or "..".
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceName(String);

/// A text that cannot be the name of an interface.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{name:?} is not an interface name: {reason}")]
pub struct InvalidInterfaceName {
    name: String,
    reason: &'static str,
}

impl InterfaceName {
    /// The loopback interface that every network namespace has.
    #[must_use]
    pub fn loopback() -> Self {
        Self("lo".to_owned())
    }

    /// Checks a name as the kernel's `dev_valid_name` does.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidInterfaceName> {
        let name = name.into();
        match fault(&name) {
            Some(reason) => Err(InvalidInterfaceName { name, reason }),
            None => Ok(Self(name)),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for InterfaceName {
    type Err = InvalidInterfaceName;

    fn from_str(name: &str) -> Result<Self, InvalidInterfaceName> {
        Self::new(name)
    }
}

impl AsRef<str> for InterfaceName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() >= libc::IFNAMSIZ {
        return Some("it has more than 15 bytes");
    }
    if name == "." || name == ".." {
        return Some("it is a path");
    }
    // Each of these is a directory of /proc/sys/net/ipv4/conf beside the interfaces; devinet_sysctl_register refuses them.
    if name == "all" || name == "default" {
        return Some("the kernel keeps it for its sysctl tree");
    }
    // The kernel's isspace() works on Latin-1, where 0xa0 is a space; UTF-8 continuation bytes can hit it.
    if name.bytes().any(|b| {
        b == b'/' || b == b':' || b == 0 || b == 0xa0 || b == 0x0b || b.is_ascii_whitespace()
    }) {
        return Some("'/', ':' and white space are not possible");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("eth0")]
    #[case("eth0.100")]
    #[case("a")]
    #[case("fifteen-bytes-x")]
    fn accepts_what_the_kernel_takes(#[case] name: &str) {
        assert_eq!(InterfaceName::new(name).unwrap().as_str(), name);
    }

    #[rstest]
    #[case("")]
    #[case("sixteen-bytes-xx")]
    #[case(".")]
    #[case("..")]
    #[case("a/b")]
    #[case("eth0:1")]
    #[case("a b")]
    #[case("a\0b")]
    #[case("all")]
    fn refuses_what_the_kernel_refuses(#[case] name: &str) {
        assert!(InterfaceName::new(name).is_err());
    }
}
