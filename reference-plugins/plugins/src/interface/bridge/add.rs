//! ADD: bridge, cable, addresses, gateway, masquerading; everything but the bridge is undone when a later step fails.

use std::time::Duration;

use cni_kernel::link::{self, Link};
use cni_kernel::netlink::Netlink;
use cni_protocol::{AddRequest, AddResult, DelegatedAdd, Error, Family, Interface};

use super::attachment::{HostEnd, Plan, plug};
use super::config::{BridgeConfig, Gateway, requested_mac};
use super::container_link::{ContainerEnd, addresses_of};
use super::host_link::HostLinkKey;
use super::masquerade::{self, Rules};
use super::{bridge_link, gateway, spoof};
use crate::conversion::{interface_name, mac_of_result};
use crate::failure::OrFailed;
use crate::interface::container::{self, OwnNamespace};

/// As long as upstream waits for the port.
const PORT: Duration = Duration::from_millis(2550);

/// What the steps of one ADD share.
struct Step<'a> {
    request: &'a AddRequest<'a>,
    config: BridgeConfig,
    key: HostLinkKey,
    host: &'a Netlink,
}

/// What ADD has made so far. The order of the fields is the order in which a failure undoes them: an address is released
/// only after the link that has it is gone.
struct Made<'a> {
    rules: Option<Rules>,
    spoof: Option<spoof::Guard>,
    host: HostEnd<'a>,
    addresses: Option<DelegatedAdd<'a>>,
}

/// Serves ADD.
pub(super) fn add(request: &AddRequest<'_>) -> Result<AddResult, Error> {
    let config = BridgeConfig::read(request.config)?;
    if config.ipam.is_none() && request.config.version().family() == Family::F1 {
        let expected = "an IPAM plugin: results before 0.3.0 can't be without an address";
        return Err(request.config.root().missing("ipam.type", expected).into());
    }
    let mac = requested_mac(request.config, request.args)?;
    let ifname = interface_name(&request.attachment.ifname)?;
    let own = OwnNamespace::from_variables(request.variables);
    let netns = container::open(&request.netns, own)?;
    let step = Step {
        request,
        config,
        key: HostLinkKey::new(request.config.name(), request.attachment)?,
        host: &Netlink::open().or_failed()?,
    };
    let bridge = bridge_link::ensure(step.host, &step.config)?;
    let plan = Plan {
        config: &step.config,
        bridge: &bridge,
        key: &step.key,
        ifname: &ifname,
        mac,
    };
    let cable = plug(step.host, netns, &plan)?;
    let mut made = Made {
        rules: None,
        spoof: None,
        host: cable.host,
        addresses: None,
    };
    let container = cable.container;
    if step.config.spoof_check {
        let link = &made.host.link.id.name;
        made.spoof = Some(spoof::install(request.attachment, link, container.mac)?);
    }
    let mut result = AddResult::default();
    if let Some(ipam) = &step.config.ipam {
        let delegated = request.delegates.add(ipam)?.require_addresses()?;
        result = made.addresses.insert(delegated).result().clone();
        step.configure(&mut result, &bridge, &container)?;
        made.rules = step.masquerade(&made.host, &result)?;
    } else if !step.config.container_end_down {
        container.raise()?;
    }
    if !step.config.container_end_down {
        link::wait_until_up(step.host, &made.host.link.id, PORT).or_failed()?;
        container.announce(&result);
    }
    // Its hardware address and MTU may have changed with the new port, unless the plugin has made it.
    let bridge = link::by_index(step.host, bridge.id.index).or_failed()?;
    result.interfaces = step.interfaces(&bridge, &made.host.link, &container);
    let dns = request.config.dns()?;
    if !dns.is_empty() {
        result.dns = dns;
    }
    made.keep();
    Ok(behind(request.prev_result.clone(), result))
}

impl Step<'_> {
    fn configure(
        &self,
        result: &mut AddResult,
        bridge: &Link,
        container: &ContainerEnd,
    ) -> Result<(), Error> {
        gateway::complete(result, self.config.gateway);
        if self.config.gateway != Gateway::None {
            let wanted = gateway::on_bridge(result)?;
            gateway::ensure(self.host, bridge, &self.config, &wanted)?;
        }
        container.configure(result, &self.config)
    }

    fn masquerade(&self, host: &HostEnd<'_>, result: &AddResult) -> Result<Option<Rules>, Error> {
        let Some(backend) = self.config.masquerade else {
            return Ok(None);
        };
        let addresses = addresses_of(result)?;
        host.mark(&self.key, &addresses)?;
        let key = masquerade::key(self.request.config.name(), self.request.attachment)?;
        masquerade::install(key, addresses, backend).map(Some)
    }

    /// In upstream's order, by which clients find the container's.
    fn interfaces(&self, bridge: &Link, host: &Link, container: &ContainerEnd) -> Vec<Interface> {
        let on_host = |link: &Link| Interface {
            mac: link.mac.map(mac_of_result),
            mtu: Some(link.mtu),
            ..Interface::new(link.id.name.clone())
        };
        let in_container = Interface {
            mac: Some(mac_of_result(container.mac)),
            mtu: Some(host.mtu),
            sandbox: Some(self.request.netns.display().to_string()),
            ..Interface::new(container.id.name.clone())
        };
        vec![on_host(bridge), on_host(host), in_container]
    }
}

impl Made<'_> {
    fn keep(self) {
        if let Some(rules) = self.rules {
            rules.keep();
        }
        if let Some(spoof) = self.spoof {
            spoof.keep();
        }
        self.host.keep();
        if let Some(addresses) = self.addresses {
            let _in_the_result_already = addresses.commit();
        }
    }
}

/// The result with what an earlier plugin of the chain has made before it. Every address is the container interface's,
/// which is the last one.
fn behind(previous: Option<AddResult>, ours: AddResult) -> AddResult {
    let mut result = previous.unwrap_or_default();
    result.interfaces.extend(ours.interfaces);
    let container = u32::try_from(result.interfaces.len().saturating_sub(1)).ok();
    result.ips.extend(ours.ips.into_iter().map(|mut ip| {
        ip.interface = container;
        ip
    }));
    result.routes.extend(ours.routes);
    if !ours.dns.is_empty() {
        result.dns = ours.dns;
    }
    result
}

#[cfg(test)]
mod tests {
    use cni_protocol::IpConfig;

    use super::*;

    #[test]
    fn an_earlier_result_keeps_its_indices() {
        let result = |names: &[&str], address: &str, index| AddResult {
            interfaces: names.iter().map(|name| Interface::new(*name)).collect(),
            ips: vec![IpConfig {
                interface: index,
                ..IpConfig::new(address.parse().unwrap())
            }],
            ..AddResult::default()
        };
        let ours = result(&["cni0", "veth1", "eth1"], "10.2.0.2/24", None);
        let alone = behind(None, ours.clone());
        assert_eq!(alone.ips[0].interface, Some(2));
        let both = behind(Some(result(&["eth0"], "10.1.0.2/24", Some(0))), ours);
        assert_eq!(both.ips[0].interface, Some(0));
        assert_eq!(both.ips[1].interface, Some(3));
        assert_eq!(both.interface_of(&both.ips[1]).unwrap().name, "eth1");
    }
}
