//! Addresses as results and configurations write them: address with prefix, and hardware addresses.
//!
//! Both are strict: what can't be handed to the kernel unchanged is refused here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IP address and the length of its network prefix. Host bits are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

/// A hardware address of 6, 8 or 20 bytes (Ethernet, EUI-64, InfiniBand). Written with lower-case digits and colons.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac {
    bytes: [u8; 20],
    length: u8,
}

/// Why a text is no address. The caller names the key and the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no `/`.
    #[error("expected an address with a prefix length, as in 10.1.2.3/24")]
    NoPrefix,
    /// What stands before the `/` is no address.
    #[error("{0:?} is no IP address")]
    Address(String),
    /// What stands after the `/` is no prefix length of this family.
    #[error("prefix length {given:?} is not a number from 0 to {longest}")]
    Prefix {
        /// The text after the `/`.
        given: String,
        /// 32 or 128.
        longest: u8,
    },
    /// No hardware address of a known length.
    #[error("expected a hardware address of 6, 8 or 20 bytes, as in 02:00:5e:10:00:01")]
    Mac,
}

impl Cidr {
    /// Puts an address and a prefix length together.
    ///
    /// # Errors
    /// When the prefix is longer than the address.
    pub fn new(address: IpAddr, prefix: u8) -> Result<Self, AddressError> {
        let longest = longest_prefix(address);
        if prefix > longest {
            return Err(AddressError::Prefix {
                given: prefix.to_string(),
                longest,
            });
        }
        Ok(Self { address, prefix })
    }

    /// The address with the longest prefix: /32 or /128.
    #[must_use]
    pub const fn host(address: IpAddr) -> Self {
        Self {
            address,
            prefix: longest_prefix(address),
        }
    }

    /// The address, host bits included.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// The prefix length in bits.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether results call this address IPv4. IPv4-mapped IPv6 counts, as in Go.
    #[must_use]
    pub const fn is_ipv4(self) -> bool {
        self.address.to_canonical().is_ipv4()
    }

    /// The network: the same prefix with the host bits cleared.
    #[must_use]
    pub fn network(self) -> Self {
        let host_bits = u32::from(longest_prefix(self.address) - self.prefix);
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
        };
        Self {
            address,
            prefix: self.prefix,
        }
    }

    /// Whether the network holds `address`; never across families.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && Self {
                address,
                prefix: self.prefix,
            }
            .network()
                == self.network()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}/{}", self.address, self.prefix))
    }
}

impl FromStr for Cidr {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (address, given) = text.split_once('/').ok_or(AddressError::NoPrefix)?;
        let address: IpAddr = address
            .parse()
            .map_err(|_| AddressError::Address(address.to_owned()))?;
        let longest = longest_prefix(address);
        let wrong = || AddressError::Prefix {
            given: given.to_owned(),
            longest,
        };
        let plain = given.bytes().all(|byte| byte.is_ascii_digit())
            && (given == "0" || !given.starts_with('0'));
        let prefix: u8 = if plain {
            given.parse().map_err(|_| wrong())?
        } else {
            return Err(wrong());
        };
        Self::new(address, prefix).map_err(|_| wrong())
    }
}

impl Mac {
    /// A hardware address of 6, 8 or 20 bytes; `None` for any other length.
    #[must_use]
    pub fn from_bytes(given: &[u8]) -> Option<Self> {
        if !matches!(given.len(), 6 | 8 | 20) {
            return None;
        }
        let mut bytes = [0; 20];
        bytes[..given.len()].copy_from_slice(given);
        Some(Self {
            bytes,
            length: u8::try_from(given.len()).ok()?,
        })
    }

    /// The bytes in transmission order.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// The six bytes of an Ethernet address; `None` for the longer kinds.
    #[must_use]
    pub fn ethernet(&self) -> Option<[u8; 6]> {
        self.as_bytes().try_into().ok()
    }
}

impl From<[u8; 6]> for Mac {
    fn from(given: [u8; 6]) -> Self {
        let mut bytes = [0; 20];
        bytes[..6].copy_from_slice(&given);
        Self { bytes, length: 6 }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: Vec<String> = self
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        formatter.pad(&groups.join(":"))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Mac({self})")
    }
}

impl FromStr for Mac {
    type Err = AddressError;

    /// Reads what Go's `net.ParseMAC` reads: `aa:bb:…`, `aa-bb-…` and `aabb.ccdd.…`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let separator = text
            .chars()
            .find(|character| matches!(character, ':' | '-' | '.'))
            .ok_or(AddressError::Mac)?;
        let digits = if separator == '.' { 4 } else { 2 };
        let mut bytes = Vec::with_capacity(20);
        for group in text.split(separator) {
            if group.len() != digits || !group.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(AddressError::Mac);
            }
            let number = u16::from_str_radix(group, 16).map_err(|_| AddressError::Mac)?;
            bytes.extend_from_slice(&number.to_be_bytes()[2 - digits / 2..]);
        }
        Self::from_bytes(&bytes).ok_or(AddressError::Mac)
    }
}

const fn longest_prefix(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("10.1.2.3/24", "10.1.2.0/24")]
    #[case("10.1.2.3/0", "0.0.0.0/0")]
    #[case("10.1.2.3/32", "10.1.2.3/32")]
    #[case("fd00::1/64", "fd00::/64")]
    #[case("::/0", "::/0")]
    fn a_cidr_keeps_its_host_bits_and_knows_its_network(#[case] text: &str, #[case] network: &str) {
        let cidr: Cidr = text.parse().unwrap();
        assert_eq!(cidr.to_string(), text);
        assert_eq!(cidr.network().to_string(), network);
        assert!(cidr.contains(cidr.address()));
    }

    #[rstest]
    #[case("10.1.2.3")]
    #[case("10.1.2.3/")]
    #[case("10.1.2.3/33")]
    #[case("10.1.2.3/024")]
    #[case("10.1.2.3/+8")]
    #[case("10.1.2.03/24")]
    #[case("10.1.2/24")]
    #[case("fd00::1/129")]
    #[case("fe80::1%eth0/64")]
    #[case("10.1.2.3/24/8")]
    #[case(" 10.1.2.3/24")]
    #[case("10.1.2.3/256")]
    fn a_text_that_the_kernel_could_not_get_unchanged_is_refused(#[case] text: &str) {
        assert!(text.parse::<Cidr>().is_err());
    }

    #[test]
    fn a_network_never_contains_the_other_family() {
        assert!(
            !"0.0.0.0/0"
                .parse::<Cidr>()
                .unwrap()
                .contains("::1".parse().unwrap())
        );
        assert!(
            !"10.0.0.0/8"
                .parse::<Cidr>()
                .unwrap()
                .contains("11.0.0.1".parse().unwrap())
        );
    }

    #[rstest]
    #[case("02:00:5E:10:00:01", "02:00:5e:10:00:01")]
    #[case("02-00-5e-10-00-01", "02:00:5e:10:00:01")]
    #[case("0200.5e10.0001", "02:00:5e:10:00:01")]
    #[case("02:00:5e:10:00:00:00:01", "02:00:5e:10:00:00:00:01")]
    fn every_spelling_of_a_mac_is_written_one_way(#[case] text: &str, #[case] written: &str) {
        assert_eq!(text.parse::<Mac>().unwrap().to_string(), written);
    }

    #[rstest]
    #[case("")]
    #[case("02:00:5e:10:00")]
    #[case("02:00:5e:10:00:1")]
    #[case("02:00-5e:10:00:01")]
    #[case("+2:00:5e:10:00:01")]
    #[case("gg:00:5e:10:00:01")]
    #[case("02005e100001")]
    fn a_text_that_is_no_mac_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Mac>(), Err(AddressError::Mac));
    }
}
