//! Between the types of the wire and those of the kernel.
//!
//! The two crates share no types on purpose: what may stand in a document and what the kernel takes are different
//! questions. What does not fit is an error that names the value.

use cni_kernel::{InterfaceName, IpFamily, IpPrefix, Mac, route};
use cni_protocol::{Cidr, Error, ErrorCode, IfName, Route};

use crate::failure::OrFailed;

/// The attachment's interface name for the kernel.
pub(crate) fn interface_name(name: &IfName) -> Result<InterfaceName, Error> {
    InterfaceName::new(name.as_str()).or_code(ErrorCode::InvalidEnvironment)
}

/// An address for the kernel. What a result writes as IPv4-mapped IPv6 is meant as IPv4, as in Go.
pub(crate) fn ip_prefix(cidr: Cidr) -> Result<IpPrefix, Error> {
    let address = cidr.address().to_canonical();
    let mapped = address.is_ipv4() && cidr.address().is_ipv6();
    let length = cidr.prefix().saturating_sub(if mapped { 96 } else { 0 });
    IpPrefix::new(address, length).or_code(ErrorCode::InvalidConfig)
}

/// A hardware address for the result.
pub(crate) fn mac_of_result(mac: Mac) -> cni_protocol::Mac {
    cni_protocol::Mac::from(mac.octets())
}

/// The family of an address.
pub(crate) fn family(cidr: Cidr) -> IpFamily {
    if cidr.is_ipv4() {
        IpFamily::V4
    } else {
        IpFamily::V6
    }
}

/// A route of a result for the kernel, through the link with index `link_index`. Table 0 means the main one, as in Go.
pub(crate) fn kernel_route(route: &Route, link_index: u32) -> Result<route::Route, Error> {
    let mut made = route::Route::to(ip_prefix(route.dst)?);
    made.link_index = Some(link_index);
    made.gateway = route.gw.map(|gateway| gateway.to_canonical());
    made.scope = route.scope.map(route::Scope::from);
    made.table = route
        .table
        .filter(|table| *table != 0)
        .unwrap_or(route::TABLE_MAIN);
    made.priority = route.priority;
    made.mtu = route.mtu;
    made.advertised_mss = route.advmss;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_mapped_address_becomes_ipv4() {
        let cidr: Cidr = "::ffff:10.1.2.3/120".parse().unwrap();
        assert_eq!(ip_prefix(cidr).unwrap().to_string(), "10.1.2.3/24");
    }

    #[test]
    fn every_attribute_of_a_route_reaches_the_kernel() {
        let mut route = Route::new("10.0.0.0/8".parse().unwrap());
        route.gw = Some("10.1.0.1".parse().unwrap());
        route.mtu = Some(1400);
        route.advmss = Some(1360);
        route.priority = Some(7);
        route.table = Some(1000);
        route.scope = Some(253);
        let made = kernel_route(&route, 4).unwrap();
        assert_eq!(made.destination.to_string(), "10.0.0.0/8");
        assert_eq!((made.gateway, made.link_index), (route.gw, Some(4)));
        assert_eq!((made.mtu, made.advertised_mss), (Some(1400), Some(1360)));
        assert_eq!((made.priority, made.table), (Some(7), 1000));
        assert_eq!(made.scope, Some(route::Scope::Link));
    }

    #[test]
    fn table_zero_is_the_main_one() {
        let mut route = Route::new("::/0".parse().unwrap());
        route.table = Some(0);
        assert_eq!(kernel_route(&route, 1).unwrap().table, route::TABLE_MAIN);
    }
}
