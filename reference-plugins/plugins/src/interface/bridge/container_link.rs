//! The container's end of an attachment: sysctls, addresses and routes in its namespace.

use std::net::IpAddr;
use std::time::Duration;

use cni_kernel::address::{self, NewAddress};
use cni_kernel::link::{self, LinkId};
use cni_kernel::netlink::{Netlink, Request};
use cni_kernel::netns::Netns;
use cni_kernel::sysctl::Sysctl;
use cni_kernel::{InterfaceName, IpFamily, IpPrefix, Mac, announce, route};
use cni_protocol::{AddResult, Error, Route};

use super::config::BridgeConfig;
use crate::conversion::{ip_prefix, kernel_route};
use crate::failure::OrFailed;

/// As long as upstream waits for IPv6 addresses.
const SETTLING: Duration = Duration::from_secs(5);

/// The container's end, reachable by a socket in its namespace.
#[derive(Debug)]
pub(super) struct ContainerEnd {
    pub(super) netns: Netns,
    pub(super) netlink: Netlink,
    pub(super) id: LinkId,
    pub(super) name: InterfaceName,
    pub(super) mac: Mac,
}

impl ContainerEnd {
    /// Raises the link, without addresses.
    pub(super) fn raise(&self) -> Result<(), Error> {
        self.netlink.run(link::set_up(&self.id)).or_failed()
    }

    /// Gives the link its addresses, raises it, and adds the routes.
    pub(super) fn configure(&self, result: &AddResult, config: &BridgeConfig) -> Result<(), Error> {
        let addresses = addresses_of(result)?;
        let ipv6: Vec<IpAddr> = addresses
            .iter()
            .filter(|address| address.family() == IpFamily::V6)
            .map(|address| address.address())
            .collect();
        self.set_sysctls(config, !ipv6.is_empty())?;
        let mut requests: Vec<Request> = addresses
            .iter()
            .map(|address| address::add(&self.id, &new_address(*address, config)))
            .collect();
        // Addresses first: what the kernel announces on raising the link has them.
        requests.push(link::set_up(&self.id));
        let routes = self.routes_of(result)?;
        if config.duplicate_address_detection {
            // A route may use an address as its source only once the address is settled.
            self.netlink.run_all(requests).or_failed()?;
            self.settle(&ipv6)?;
            return self.add(Vec::new(), routes);
        }
        self.add(requests, routes)?;
        self.settle(&ipv6)
    }

    /// Tells the others on the bridge who has the addresses now: they may still know the station that had them before.
    ///
    /// The kernel's own announcement is sent before the bridge's port forwards, and is lost (plugins#858).
    pub(super) fn announce(&self, result: &AddResult) {
        for ip in &result.ips {
            let address = ip.address.address().to_canonical();
            // Nothing is broken by a lost announcement that a second of patience would not mend.
            if let Err(error) = announce::announce(&self.netns, &self.id, self.mac, address) {
                eprintln!("{error}");
            }
        }
    }

    fn add(&self, requests: Vec<Request>, routes: Vec<Request>) -> Result<(), Error> {
        let others = requests.len();
        let all: Vec<Request> = requests.into_iter().chain(routes).collect();
        for (position, outcome) in self.netlink.run_each(&all).into_iter().enumerate() {
            match outcome {
                // On a link just made only the kernel or this very list can have made the same route.
                Err(error) if position >= others && error.is_present() => {}
                other => other.or_failed()?,
            }
        }
        Ok(())
    }

    fn settle(&self, ipv6: &[IpAddr]) -> Result<(), Error> {
        if ipv6.is_empty() {
            return Ok(());
        }
        address::wait_until_settled(&self.netlink, &self.id, ipv6, SETTLING).or_failed()
    }

    fn routes_of(&self, result: &AddResult) -> Result<Vec<Request>, Error> {
        let routes = result.routes.iter();
        routes
            .map(|route| {
                let route = with_gateway(route, result);
                kernel_route(&route, self.id.index).map(|route| route::add_beside(&route))
            })
            .collect()
    }

    /// A kernel without IPv6 and a read-only /proc/sys are no reason to fail: what can't be done without shows by itself.
    fn set_sysctls(&self, config: &BridgeConfig, ipv6: bool) -> Result<(), Error> {
        let loopback = InterfaceName::loopback();
        let visited = self.netns.run_in(|| {
            let set = |family, name: &InterfaceName, key: &str, value: &str| {
                if let Ok(sysctl) = Sysctl::of_interface(family, name, key) {
                    let _ignored = sysctl.write(value);
                }
            };
            if config.duplicate_address_detection {
                set(IpFamily::V6, &self.name, "enhanced_dad", "1");
                set(IpFamily::V6, &self.name, "accept_dad", "1");
            } else {
                set(IpFamily::V6, &self.name, "accept_dad", "0");
            }
            set(IpFamily::V4, &self.name, "arp_notify", "1");
            if ipv6 {
                set(IpFamily::V6, &self.name, "keep_addr_on_down", "1");
                set(IpFamily::V6, &loopback, "disable_ipv6", "0");
                set(IpFamily::V6, &self.name, "disable_ipv6", "0");
            }
        });
        visited.or_failed()
    }
}

/// The addresses of the result for the kernel.
pub(super) fn addresses_of(result: &AddResult) -> Result<Vec<IpPrefix>, Error> {
    result.ips.iter().map(|ip| ip_prefix(ip.address)).collect()
}

/// `RT_SCOPE_LINK` of rtnetlink(7); larger is nearer.
const SCOPE_LINK: u8 = 253;

/// The route with the first gateway of its family where it has none of its own, as upstream. A route whose scope says that
/// its destination is on the link, or on the host itself, has none (ip-route(8)); upstream's ADD fails over it.
pub(super) fn with_gateway(route: &Route, result: &AddResult) -> Route {
    let mut route = route.clone();
    let on_link = route.scope.is_some_and(|scope| scope >= SCOPE_LINK);
    if route.gw.is_none() && !on_link {
        let ipv4 = route.dst.is_ipv4();
        let gateways = result.ips.iter().filter_map(|ip| ip.gateway);
        route.gw = gateways
            .into_iter()
            .find(|gateway| gateway.to_canonical().is_ipv4() == ipv4);
    }
    route
}

fn new_address(address: IpPrefix, config: &BridgeConfig) -> NewAddress {
    let new = NewAddress::new(address).with_network_broadcast();
    if config.duplicate_address_detection {
        new
    } else {
        new.without_dad()
    }
}

#[cfg(test)]
mod tests {
    use cni_protocol::IpConfig;

    use super::*;

    #[test]
    fn a_route_without_gateway_takes_the_first_of_its_family() {
        let ip = |address: &str, gateway: &str| IpConfig {
            gateway: Some(gateway.parse().unwrap()),
            ..IpConfig::new(address.parse().unwrap())
        };
        let result = AddResult {
            ips: vec![
                ip("fd00::2/64", "fd00::1"),
                ip("10.1.0.2/24", "10.1.0.1"),
                ip("10.2.0.2/24", "10.2.0.1"),
            ],
            ..AddResult::default()
        };
        let gateway = |dst: &str| with_gateway(&Route::new(dst.parse().unwrap()), &result).gw;
        assert_eq!(gateway("0.0.0.0/0"), Some("10.1.0.1".parse().unwrap()));
        assert_eq!(gateway("fd99::/64"), Some("fd00::1".parse().unwrap()));
        let own = Route {
            gw: Some("10.1.0.7".parse().unwrap()),
            ..Route::new("10.9.0.0/16".parse().unwrap())
        };
        assert_eq!(with_gateway(&own, &result).gw, own.gw);
    }
}
