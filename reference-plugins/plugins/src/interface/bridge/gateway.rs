//! Gateways: which there are by the IPAM result, and the addresses on the bridge that make them real.

use std::net::IpAddr;

use cni_kernel::address::{self, NewAddress};
use cni_kernel::link::{self, Link};
use cni_kernel::netlink::Netlink;
use cni_kernel::{InterfaceName, IpFamily, IpPrefix, forward, sysctl::Sysctl};
use cni_protocol::{AddResult, Cidr, Error, ErrorCode, Route};

use super::bridge_link::random_mac;
use super::config::{BridgeConfig, Gateway};
use crate::conversion::{family, ip_prefix};
use crate::failure::OrFailed;

/// Fills in the gateways and default routes that the configuration asks for and the IPAM plugin did not give.
pub(super) fn complete(result: &mut AddResult, gateway: Gateway) {
    if gateway == Gateway::None {
        return;
    }
    for ip in &mut result.ips {
        if ip.gateway.is_none() {
            ip.gateway = Some(first_host(ip.address));
        }
    }
    if gateway != Gateway::Default {
        return;
    }
    for (ipv4, everywhere) in [(true, "0.0.0.0/0"), (false, "::/0")] {
        let of_family = result.ips.iter().find(|ip| ip.address.is_ipv4() == ipv4);
        let Some(gateway) = of_family.and_then(|ip| ip.gateway) else {
            continue;
        };
        if result.routes.iter().any(|route| is_default(route, ipv4)) {
            continue;
        }
        let everywhere: Cidr = everywhere
            .parse()
            .expect("invariant: a constant that the tests parse");
        result.routes.push(Route {
            gw: Some(gateway),
            ..Route::new(everywhere)
        });
    }
}

/// The addresses that the bridge has to have for the addresses of `result`.
pub(super) fn on_bridge(result: &AddResult) -> Result<Vec<IpPrefix>, Error> {
    let mut addresses = Vec::new();
    for ip in &result.ips {
        let Some(gateway) = ip.gateway else { continue };
        let length = ip_prefix(ip.address)?.length();
        let address = IpPrefix::new(gateway.to_canonical(), length).or_failed()?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// Gives the bridge its addresses and lets the host forward.
pub(super) fn ensure(
    host: &Netlink,
    bridge: &Link,
    config: &BridgeConfig,
    wanted: &[IpPrefix],
) -> Result<(), Error> {
    let present: Vec<IpPrefix> = address::list(host, &bridge.id)
        .or_failed()?
        .iter()
        .map(|entry| entry.address)
        .collect();
    let missing: Vec<IpPrefix> = wanted
        .iter()
        .copied()
        .filter(|address| !present.contains(address))
        .collect();
    let mut changes = Vec::new();
    for other in in_the_way(&present, wanted, &missing) {
        if !config.force_address {
            return Err(conflict(bridge, other, &missing));
        }
        changes.push(address::delete(&bridge.id, other));
    }
    for address in &missing {
        let mut new = NewAddress::new(*address).with_network_broadcast();
        if !config.duplicate_address_detection {
            new = new.without_dad();
        }
        changes.push(address::replace(&bridge.id, &new));
    }
    if !missing.is_empty() {
        enable_ipv6(&config.bridge, &missing);
        // Pinned from now on, also on a bridge that somebody else has made. Such a one has none after its last port has
        // left (plugins#620).
        let mac = bridge.mac.filter(|mac| mac.is_unicast());
        changes.push(link::set_mac(&bridge.id, mac.unwrap_or_else(random_mac)));
        host.run_all(changes).or_failed()?;
    }
    for family in [IpFamily::V4, IpFamily::V6] {
        if wanted.iter().any(|address| address.family() == family) {
            forward::enable(family).or_failed()?;
        }
    }
    Ok(())
}

/// As upstream: one IPv4 address, and IPv6 addresses whose networks don't overlap. Addresses of the same result are no conflict.
fn in_the_way(present: &[IpPrefix], wanted: &[IpPrefix], missing: &[IpPrefix]) -> Vec<IpPrefix> {
    let conflicts = |other: &IpPrefix| {
        missing.iter().any(|address| {
            address.family() == other.family()
                && (address.family() == IpFamily::V4
                    || address.contains(other.address())
                    || other.contains(address.address()))
        })
    };
    let others = present.iter().filter(|other| !wanted.contains(other));
    others.copied().filter(conflicts).collect()
}

fn conflict(bridge: &Link, other: IpPrefix, missing: &[IpPrefix]) -> Error {
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let msg = format!(
        "bridge {} already has the address {other}, which is in the way of {}; remove it or set forceAddress to true",
        bridge.id,
        missing.join(", ")
    );
    Error::new(ErrorCode::OPERATION_FAILED, msg)
}

/// Where IPv6 is off by default for new interfaces. A failure shows when the address is added.
fn enable_ipv6(bridge: &InterfaceName, addresses: &[IpPrefix]) {
    let any = addresses
        .iter()
        .any(|address| address.family() == IpFamily::V6);
    if let (true, Ok(sysctl)) = (
        any,
        Sysctl::of_interface(IpFamily::V6, bridge, "disable_ipv6"),
    ) {
        let _ignored = sysctl.ensure("0");
    }
}

fn is_default(route: &Route, ipv4: bool) -> bool {
    route.dst.prefix() == 0 && (family(route.dst) == IpFamily::V4) == ipv4
}

/// The address after that of the network, upstream's choice. It is not always within a /31 or /32; so it is upstream's there too.
fn first_host(cidr: Cidr) -> IpAddr {
    match cidr.network().address() {
        IpAddr::V4(v4) => u32::from(v4).wrapping_add(1).to_be_bytes().into(),
        IpAddr::V6(v6) => u128::from(v6).wrapping_add(1).to_be_bytes().into(),
    }
}

#[cfg(test)]
mod tests {
    use cni_protocol::IpConfig;
    use rstest::rstest;

    use super::*;

    fn result(addresses: &[&str], routes: &[(&str, Option<&str>)]) -> AddResult {
        let ips = addresses
            .iter()
            .map(|text| IpConfig::new(text.parse().unwrap()));
        let routes = routes.iter().map(|(dst, gw)| Route {
            gw: gw.map(|gw| gw.parse().unwrap()),
            ..Route::new(dst.parse().unwrap())
        });
        AddResult {
            ips: ips.collect(),
            routes: routes.collect(),
            ..AddResult::default()
        }
    }

    fn prefixes(texts: &[&str]) -> Vec<IpPrefix> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[rstest]
    #[case("10.1.2.3/16", "10.1.0.1")]
    #[case("10.1.2.3/30", "10.1.2.1")]
    #[case("fd00::8/64", "fd00::1")]
    #[case("10.1.2.3/32", "10.1.2.4")]
    fn the_gateway_is_the_first_address_of_the_network(
        #[case] address: &str,
        #[case] gateway: &str,
    ) {
        assert_eq!(first_host(address.parse().unwrap()).to_string(), gateway);
    }

    #[test]
    fn a_switch_gets_no_gateway_and_no_route() {
        let mut made = result(&["10.1.0.2/24"], &[]);
        complete(&mut made, Gateway::None);
        assert_eq!(made, result(&["10.1.0.2/24"], &[]));
    }

    #[test]
    fn a_default_gateway_brings_one_default_route_for_each_family() {
        let mut made = result(&["10.1.0.2/24", "10.2.0.2/24", "fd00::2/64"], &[]);
        complete(&mut made, Gateway::Default);
        let routes: Vec<String> = made
            .routes
            .iter()
            .map(|route| format!("{} {}", route.dst, route.gw.unwrap()))
            .collect();
        assert_eq!(routes, ["0.0.0.0/0 10.1.0.1", "::/0 fd00::1"]);
    }

    #[rstest]
    #[case(Some("10.1.0.9"))]
    #[case(None)]
    fn a_default_route_that_ipam_gave_is_not_doubled(#[case] gw: Option<&str>) {
        let mut made = result(&["10.1.0.2/24"], &[("0.0.0.0/0", gw)]);
        complete(&mut made, Gateway::Default);
        assert_eq!(made.routes.len(), 1);
    }

    #[test]
    fn what_ipam_gave_is_kept() {
        let mut made = result(&["10.1.0.2/24"], &[]);
        made.ips[0].gateway = Some("10.1.0.254".parse().unwrap());
        complete(&mut made, Gateway::Default);
        assert_eq!(on_bridge(&made).unwrap(), prefixes(&["10.1.0.254/24"]));
        assert_eq!(made.routes[0].gw, made.ips[0].gateway);
    }

    #[rstest]
    #[case(&["10.9.0.1/24"], &["10.1.0.1/24"], &["10.9.0.1/24"])]
    #[case(&["10.1.0.1/16"], &["10.1.0.1/24"], &["10.1.0.1/16"])]
    #[case(&["fd00::9/64"], &["fd00::1/64"], &["fd00::9/64"])]
    #[case(&["fd01::9/64", "fe80::1/64"], &["fd00::1/64"], &[])]
    #[case(&["10.1.0.1/24"], &["10.1.0.1/24"], &[])]
    #[case(&["10.1.0.1/24"], &["10.1.0.1/24", "10.2.0.1/24"], &[])]
    #[case(&["10.9.0.1/24"], &["fd00::1/64"], &[])]
    fn conflicts_are_upstreams(
        #[case] present: &[&str],
        #[case] wanted: &[&str],
        #[case] conflicts: &[&str],
    ) {
        let (present, wanted) = (prefixes(present), prefixes(wanted));
        let missing: Vec<IpPrefix> = wanted
            .iter()
            .copied()
            .filter(|address| !present.contains(address))
            .collect();
        assert_eq!(in_the_way(&present, &wanted, &missing), prefixes(conflicts));
    }
}
