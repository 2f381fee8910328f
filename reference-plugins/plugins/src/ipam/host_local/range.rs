//! One range of addresses: a subnet, the part of it that is given out, and its gateway.
//!
//! Read and checked here, so that nobody else meets a range outside its subnet. Sets of ranges, and
//! what ranges may not share, are in [`super::range_set`].

use std::fmt;
use std::net::IpAddr;

use cni_protocol::{Cidr, JsonError, Object};

/// A part of a subnet, both bounds included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    path: String,
    subnet: Cidr,
    start: u128,
    end: u128,
    gateway: Option<IpAddr>,
}

impl Range {
    /// Reads `subnet`, `rangeStart`, `rangeEnd` and `gateway`. An IPv4-mapped IPv6 address counts as IPv4, as in Go.
    ///
    /// # Errors
    /// When `subnet` is missing or has host bits, a bound is outside of it, the bounds are reversed, or
    /// the gateway is of the other family or no host's address.
    pub(super) fn from_object(object: &Object<'_>) -> Result<Self, JsonError> {
        let subnet: Cidr = object
            .optional_parse("subnet")?
            .ok_or_else(|| object.missing("subnet", "a subnet, as in 10.1.2.0/24"))?;
        check_subnet(object, subnet)?;
        let bound = |key: &str, default: u128| match address(object, key)? {
            None => Ok(default),
            Some(given) if subnet.contains(given) => Ok(number(given)),
            Some(_) => Err(object.invalid(key, format!("is not in subnet {subnet}"))),
        };
        let (first, last) = hosts(subnet);
        let start = bound("rangeStart", first)?;
        let end = bound("rangeEnd", last)?;
        if start > end {
            let (key, other) = match object.get("rangeEnd") {
                Some(_) => (
                    "rangeEnd",
                    format!("start, {}", at(subnet.is_ipv4(), start)),
                ),
                None => (
                    "rangeStart",
                    format!("last address, {}", at(subnet.is_ipv4(), end)),
                ),
            };
            let relation = if key == "rangeEnd" { "before" } else { "after" };
            return Err(object.invalid(key, format!("is {relation} the range's {other}")));
        }
        let gateway = match address(object, "gateway")? {
            Some(given) => Some(check_gateway(object, subnet, given)?),
            None => default_gateway(subnet),
        };
        let path = object.path().to_owned();
        Ok(Self {
            path,
            subnet,
            start,
            end,
            gateway,
        })
    }

    /// Where the range stands in the configuration, for example `ipam.ranges[0][1]`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) const fn is_ipv4(&self) -> bool {
        self.subnet.is_ipv4()
    }

    /// The address given out next to an address, by results and by the interface plugins.
    pub(super) const fn gateway(&self) -> Option<IpAddr> {
        self.gateway
    }

    /// An address of this range with the subnet's prefix length.
    ///
    /// # Panics
    /// When the address is of the other family.
    pub(super) fn with_prefix(&self, address: IpAddr) -> Cidr {
        Cidr::new(address, self.subnet.prefix()).expect("invariant: one family in a range")
    }

    /// Whether `address` is within the bounds.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.is_ipv4() == address.is_ipv4() && (self.start..=self.end).contains(&number(address))
    }

    /// Whether an address is in both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.is_ipv4() == other.is_ipv4() && self.start <= other.end && other.start <= self.end
    }

    /// The addresses from `from` to `to`, cut to the bounds; absent means the bound.
    pub(super) fn addresses(
        &self,
        from: Option<IpAddr>,
        to: Option<IpAddr>,
    ) -> impl Iterator<Item = IpAddr> + use<> {
        let ipv4 = self.is_ipv4();
        let from = from.map_or(self.start, |from| number(from).max(self.start));
        let to = to.map_or(self.end, |to| number(to).min(self.end));
        (from..=to).map(move |number| at(ipv4, number))
    }

    /// How many addresses there are between the bounds, both included.
    pub(super) const fn len(&self) -> u128 {
        (self.end - self.start).saturating_add(1)
    }

    /// The addresses of the subnet that belong to no host: IPv4's network and broadcast address, and
    /// IPv6's subnet-router anycast address (RFC 4291, 2.6.1). Subnets of one or two addresses have none (RFC 3021, RFC 6164).
    pub(super) fn reserved_by_protocol(&self) -> impl Iterator<Item = (IpAddr, &'static str)> {
        reserved_by_protocol(self.subnet)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ipv4 = self.is_ipv4();
        write!(formatter, "{}-{}", at(ipv4, self.start), at(ipv4, self.end))
    }
}

/// The address that follows `address`; `None` at the end of the family.
pub(super) fn next(address: IpAddr) -> Option<IpAddr> {
    let next = number(address).checked_add(1)?;
    let longest = if address.is_ipv4() {
        u128::from(u32::MAX)
    } else {
        u128::MAX
    };
    (next <= longest).then(|| at(address.is_ipv4(), next))
}

fn check_subnet(object: &Object<'_>, subnet: Cidr) -> Result<(), JsonError> {
    if subnet.is_ipv4() && subnet.address().is_ipv6() {
        let reason = "is an IPv4-mapped IPv6 subnet; give it as IPv4";
        return Err(object.invalid("subnet", reason));
    }
    if subnet.network() != subnet {
        let reason = format!("has host bits set; the subnet is {}", subnet.network());
        return Err(object.invalid("subnet", reason));
    }
    Ok(())
}

fn check_gateway(object: &Object<'_>, subnet: Cidr, given: IpAddr) -> Result<IpAddr, JsonError> {
    if subnet.is_ipv4() != given.is_ipv4() {
        let reason = format!("is not of the family of subnet {subnet}");
        return Err(object.invalid("gateway", reason));
    }
    match reserved_by_protocol(subnet).find(|&(reserved, _)| reserved == given) {
        Some((_, what)) => Err(object.invalid("gateway", format!("is the {what} of {subnet}"))),
        None => Ok(given),
    }
}

fn address(object: &Object<'_>, key: &str) -> Result<Option<IpAddr>, JsonError> {
    let given: Option<IpAddr> = object.optional_parse(key)?;
    Ok(given.map(|address| address.to_canonical()))
}

/// The first and the last address that a host may have.
fn hosts(subnet: Cidr) -> (u128, u128) {
    let (network, last) = bounds(subnet);
    match (last - network, subnet.is_ipv4()) {
        (0 | 1, _) => (network, last),
        (_, true) => (network + 1, last - 1),
        (_, false) => (network + 1, last),
    }
}

fn bounds(subnet: Cidr) -> (u128, u128) {
    let bits = if subnet.is_ipv4() { 32 } else { 128 };
    let host_bits = bits - u32::from(subnet.prefix());
    let span = u128::MAX.checked_shr(128 - host_bits).unwrap_or(0);
    let network = number(subnet.address());
    (network, network | span)
}

/// The first host, as in Go. A subnet of one address has no room for a gateway; in one of two it is the second.
fn default_gateway(subnet: Cidr) -> Option<IpAddr> {
    let (network, last) = bounds(subnet);
    (last > network).then(|| at(subnet.is_ipv4(), network + 1))
}

fn reserved_by_protocol(subnet: Cidr) -> impl Iterator<Item = (IpAddr, &'static str)> {
    let (network, last) = bounds(subnet);
    let ipv4 = subnet.is_ipv4();
    let none = last - network <= 1;
    let first = if ipv4 {
        "network address"
    } else {
        "subnet-router anycast address"
    };
    let first = (!none).then(|| (at(ipv4, network), first));
    let broadcast = (!none && ipv4).then(|| (at(ipv4, last), "broadcast address"));
    first.into_iter().chain(broadcast)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn at(ipv4: bool, number: u128) -> IpAddr {
    match u32::try_from(number) {
        Ok(number) if ipv4 => IpAddr::V4(number.into()),
        _ => IpAddr::V6(number.into()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn range(value: &Value) -> Result<Range, JsonError> {
        Range::from_object(&Object::at(value.as_object().unwrap(), "ipam.ranges[0][0]"))
    }

    #[rstest]
    #[case("10.1.2.0/24", "10.1.2.1-10.1.2.254", Some("10.1.2.1"))]
    #[case("0.0.0.0/8", "0.0.0.1-0.255.255.254", Some("0.0.0.1"))]
    #[case("10.1.2.252/30", "10.1.2.253-10.1.2.254", Some("10.1.2.253"))]
    #[case("10.1.2.4/31", "10.1.2.4-10.1.2.5", Some("10.1.2.5"))]
    #[case("10.1.2.4/32", "10.1.2.4-10.1.2.4", None)]
    #[case("fd00::/64", "fd00::1-fd00::ffff:ffff:ffff:ffff", Some("fd00::1"))]
    #[case("fd00::2/127", "fd00::2-fd00::3", Some("fd00::3"))]
    #[case("fd00::2/128", "fd00::2-fd00::2", None)]
    #[case("::/0", "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("::1"))]
    fn defaults_follow_the_subnet(
        #[case] subnet: &str,
        #[case] text: &str,
        #[case] gateway: Option<&str>,
    ) {
        let range = range(&json!({"subnet": subnet})).unwrap();
        assert_eq!(range.to_string(), text);
        assert_eq!(range.gateway(), gateway.map(|text| text.parse().unwrap()));
    }

    #[rstest]
    #[case(json!({}), "ipam.ranges[0][0].subnet: missing")]
    #[case(json!({"subnet": ""}), "ipam.ranges[0][0].subnet: missing")]
    #[case(json!({"subnet": 7}), "ipam.ranges[0][0].subnet: expected a string, got number 7")]
    #[case(json!({"subnet": "10.0.0.0"}), "subnet: invalid value \"10.0.0.0\": expected an address with a prefix length")]
    #[case(json!({"subnet": "10.0.0.0/33"}), "subnet: invalid value \"10.0.0.0/33\": prefix length \"33\"")]
    #[case(json!({"subnet": "10.0.0.5/24"}), "subnet: invalid value \"10.0.0.5/24\": has host bits set; the subnet is 10.0.0.0/24")]
    #[case(json!({"subnet": "fd00::1/64"}), "the subnet is fd00::/64")]
    #[case(json!({"subnet": "::ffff:10.0.0.0/120"}), "give it as IPv4")]
    #[case(json!({"subnet": "10.0.0.0/24", "rangeStart": "10.0.1.1"}), "rangeStart: invalid value \"10.0.1.1\": is not in subnet 10.0.0.0/24")]
    #[case(json!({"subnet": "10.0.0.0/24", "rangeStart": "fd00::1"}), "rangeStart: invalid value \"fd00::1\": is not in subnet")]
    #[case(json!({"subnet": "10.0.0.0/24", "rangeEnd": "10.0.1.1"}), "rangeEnd: invalid value \"10.0.1.1\": is not in subnet")]
    #[case(json!({"subnet": "10.0.0.0/24", "rangeEnd": "x"}), "rangeEnd: invalid value \"x\": invalid IP address syntax")]
    #[case(json!({"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.9", "rangeEnd": "10.0.0.8"}), "rangeEnd: invalid value \"10.0.0.8\": is before the range's start, 10.0.0.9")]
    #[case(json!({"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.255"}), "rangeStart: invalid value \"10.0.0.255\": is after the range's last address, 10.0.0.254")]
    #[case(json!({"subnet": "10.0.0.0/24", "gateway": "fd00::1"}), "gateway: invalid value \"fd00::1\": is not of the family of subnet 10.0.0.0/24")]
    #[case(json!({"subnet": "10.0.0.0/24", "gateway": "10.0.0.0"}), "gateway: invalid value \"10.0.0.0\": is the network address of 10.0.0.0/24")]
    #[case(json!({"subnet": "10.0.0.0/24", "gateway": "10.0.0.255"}), "gateway: invalid value \"10.0.0.255\": is the broadcast address of 10.0.0.0/24")]
    #[case(json!({"subnet": "fd00::/64", "gateway": "fd00::"}), "gateway: invalid value \"fd00::\": is the subnet-router anycast address")]
    fn a_wrong_range_is_refused_with_key_and_value(#[case] value: Value, #[case] text: &str) {
        let error = range(&value).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
        assert!(error.starts_with("ipam.ranges[0][0]."), "{error}");
    }

    #[test]
    fn a_gateway_outside_the_subnet_is_taken() {
        let range = range(&json!({"subnet": "10.0.0.0/24", "gateway": "169.254.1.1"})).unwrap();
        assert_eq!(range.gateway(), Some("169.254.1.1".parse().unwrap()));
    }

    #[test]
    fn a_mapped_bound_counts_as_ipv4() {
        let range =
            range(&json!({"subnet": "10.0.0.0/24", "rangeStart": "::ffff:10.0.0.7"})).unwrap();
        assert_eq!(range.to_string(), "10.0.0.7-10.0.0.254");
    }

    #[rstest]
    #[case("10.0.0.255", Some("10.0.1.0"))]
    #[case("0.0.0.255", Some("0.0.1.0"))]
    #[case("255.255.255.255", None)]
    #[case("::ffff", Some("::1:0"))]
    #[case("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None)]
    fn next_carries_over_byte_boundaries(#[case] address: &str, #[case] expected: Option<&str>) {
        let expected = expected.map(|text| text.parse().unwrap());
        assert_eq!(next(address.parse().unwrap()), expected);
    }
}
