//! An address with its prefix length, parsed strictly, and the arithmetic on it that an allocator needs.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// `ADDRESS/LENGTH`; host bits may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cidr {
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
}

/// A text that is no address with prefix length.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not ADDRESS/LENGTH")]
pub(crate) struct CidrError {
    text: String,
}

impl Cidr {
    /// The whole address as a network: /32 or /128.
    pub(crate) fn host(address: IpAddr) -> Self {
        Self {
            address,
            prefix: width(address),
        }
    }

    pub(crate) fn is_ipv4(self) -> bool {
        self.address.is_ipv4()
    }

    /// The same network with all host bits zero.
    pub(crate) fn network(self) -> Self {
        Self {
            address: self.with_bits(bits(self.address) & self.mask()),
            ..self
        }
    }

    pub(crate) fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_ipv4()
            && bits(address) & self.mask() == bits(self.address) & self.mask()
    }

    /// The first address after the network's own: by custom the gateway.
    pub(crate) fn gateway(self) -> IpAddr {
        self.with_bits((bits(self.address) & self.mask()).wrapping_add(1))
    }

    /// The last address, which is IPv4's broadcast.
    pub(crate) fn last(self) -> IpAddr {
        self.with_bits(bits(self.address) | (!self.mask() & full(width(self.address))))
    }

    /// The addresses that may be handed out, in order: neither network, gateway nor broadcast.
    pub(crate) fn hosts(self) -> impl Iterator<Item = IpAddr> {
        let end = bits(self.last());
        let end = if self.is_ipv4() {
            end
        } else {
            end.saturating_add(1)
        };
        (bits(self.gateway()).saturating_add(1)..end).map(move |number| self.with_bits(number))
    }

    fn mask(self) -> u128 {
        let width = width(self.address);
        full(width) & !full(width - self.prefix)
    }

    fn with_bits(self, number: u128) -> IpAddr {
        match self.address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(
                u32::try_from(number & full(32)).unwrap_or(u32::MAX),
            )),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(number)),
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let refuse = || CidrError {
            text: text.to_owned(),
        };
        let (address, prefix) = text.split_once('/').ok_or_else(refuse)?;
        let address: IpAddr = address.parse().map_err(|_| refuse())?;
        // `u8::from_str` takes "+24" and "024", which other readers of the same document refuse.
        let canonical = prefix.bytes().all(|byte| byte.is_ascii_digit())
            && (prefix == "0" || !prefix.starts_with('0'));
        let prefix: u8 = prefix.parse().map_err(|_| refuse())?;
        if !canonical || prefix > width(address) {
            return Err(refuse());
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn full(width: u8) -> u128 {
    1u128
        .checked_shl(u32::from(width))
        .map_or(u128::MAX, |bit| bit - 1)
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().expect("a valid address")
    }

    #[test]
    fn sloppy_spellings_are_refused() {
        for text in [
            "",
            "10.0.0.1",
            "10.0.0.1/",
            "10.0.0.1/33",
            "10.0.0.1/+4",
            "10.0.0.1/024",
            "010.0.0.1/8",
            "10.0.0/8",
            "::1/129",
            "::1/-1",
        ] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_leave_out_network_gateway_and_broadcast() {
        let hosts: Vec<String> = cidr("10.1.2.0/29")
            .hosts()
            .map(|host| host.to_string())
            .collect();
        assert_eq!(
            hosts,
            ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"]
        );
        assert_eq!(cidr("10.1.2.0/30").hosts().count(), 1);
        assert_eq!(cidr("fd00::/126").hosts().count(), 2);
    }

    #[test]
    fn networks_contain_their_own_addresses_only() {
        let subnet = cidr("10.1.2.77/25");
        assert_eq!(subnet.network().to_string(), "10.1.2.0/25");
        assert_eq!(subnet.last().to_string(), "10.1.2.127");
        assert!(subnet.contains(cidr("10.1.2.9/32").address));
        assert!(!subnet.contains(cidr("10.1.2.128/32").address));
        assert!(!subnet.contains(cidr("::1/128").address));
        assert!(cidr("0.0.0.0/0").contains(cidr("8.8.8.8/32").address));
        assert_eq!(cidr("fd00::1/0").network().to_string(), "::/0");
    }
}
