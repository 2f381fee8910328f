//! An IP address with its prefix length ("10.1.2.3/24"), as CNI results and routes carry it.
//! Host bits are kept: whether they may be set is the user's matter ([`IpPrefix::network`] clears them).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// An address and a prefix length that fits its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IpPrefix {
    address: IpAddr,
    length: u8,
}

/// A text or a pair that is not an address with a prefix length.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} is not an IP address with a prefix length such as 10.1.2.3/24 or fd00::5/64")]
pub struct InvalidIpPrefix(String);

impl IpFamily {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The length of an address in bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

impl fmt::Display for IpFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl IpPrefix {
    /// 0.0.0.0/0: the destination of an IPv4 default route.
    pub const DEFAULT_V4: Self = Self {
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        length: 0,
    };
    /// ::/0: the destination of an IPv6 default route.
    pub const DEFAULT_V6: Self = Self {
        address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        length: 0,
    };

    /// Puts an address and a length together; refuses a length that is longer than the address.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, InvalidIpPrefix> {
        if length > IpFamily::of(address).bits() {
            return Err(InvalidIpPrefix(format!("{address}/{length}")));
        }
        Ok(Self { address, length })
    }

    /// The address alone, with the full length of its family (/32 or /128).
    #[must_use]
    pub const fn host(address: IpAddr) -> Self {
        Self {
            address,
            length: IpFamily::of(address).bits(),
        }
    }

    /// The address with its host bits.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// The prefix length in bits.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// The family of the address.
    #[must_use]
    pub const fn family(self) -> IpFamily {
        IpFamily::of(self.address)
    }

    /// The same prefix with the host bits cleared.
    #[must_use]
    pub fn network(self) -> Self {
        let address = match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(self.length))
                    .unwrap_or(0);
                IpAddr::V4((u32::from(v4) & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.length))
                    .unwrap_or(0);
                IpAddr::V6((u128::from(v6) & mask).into())
            }
        };
        Self {
            address,
            length: self.length,
        }
    }

    /// Whether `address` is in this prefix. An address of the other family is not.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        Self::new(address, self.length)
            .is_ok_and(|other| other.family() == self.family() && other.network() == self.network())
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl FromStr for IpPrefix {
    type Err = InvalidIpPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidIpPrefix> {
        let refused = || InvalidIpPrefix(text.to_owned());
        let (address, length) = text.split_once('/').ok_or_else(refused)?;
        // u8's parser takes "+24", Go's does not.
        if !length.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refused());
        }
        let address = address.parse().map_err(|_| refused())?;
        let length = length.parse().map_err(|_| refused())?;
        Self::new(address, length).map_err(|_| refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("10.9.0.5/24", "10.9.0.0/24")]
    #[case("10.9.0.5/0", "0.0.0.0/0")]
    #[case("10.9.0.5/32", "10.9.0.5/32")]
    #[case("fd00:9::5/64", "fd00:9::/64")]
    #[case("fd00:9::5/0", "::/0")]
    #[case("fd00:9::5/128", "fd00:9::5/128")]
    fn network_clears_the_host_bits(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(
            text.parse::<IpPrefix>().unwrap().network().to_string(),
            expected
        );
    }

    #[rstest]
    #[case("10.9.0.5")]
    #[case("10.9.0.5/33")]
    #[case("10.9.0.5/+8")]
    #[case("10.9.0.5/")]
    #[case("010.9.0.5/8")]
    #[case("::1/129")]
    fn refuses_what_is_not_a_prefix(#[case] text: &str) {
        assert_eq!(
            text.parse::<IpPrefix>(),
            Err(InvalidIpPrefix(text.to_owned()))
        );
    }

    #[test]
    fn contains_compares_family_and_network() {
        let prefix: IpPrefix = "10.9.0.5/24".parse().unwrap();
        assert!(prefix.contains("10.9.0.77".parse().unwrap()));
        assert!(!prefix.contains("10.9.1.77".parse().unwrap()));
        assert!(!prefix.contains("fd00::1".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bits: u128, length in 0_u8..=128) {
            let prefix = IpPrefix::new(IpAddr::V6(bits.into()), length).unwrap();
            prop_assert_eq!(prefix.to_string().parse::<IpPrefix>(), Ok(prefix));
            prop_assert!(prefix.contains(prefix.network().address()));
        }
    }
}
