//! CHECK of `toy-interface`: what prevResult lists has to be there; what it does not list is nobody's business.

use serde_json::Value;

use crate::{
    catalogue::Fault,
    interface::{names, settings::Settings},
    kernel::{Kernel, KernelRoute, Link},
    masquerade::Masquerade,
    namespace::Namespace,
    protocol::{
        Address, Attachment, AttachmentResult, Call, Delegate, Failure, Interface, Outcome, Route,
        Verb, code, previous_result,
    },
    store::Store,
};

/// Compares prevResult with the kernel, then asks the delegate.
pub(super) fn check(call: &Call, attachment: &Attachment) -> Outcome {
    let settings = Settings::read(call)?;
    let previous = previous_result(call)?;
    let previous = previous.ok_or_else(|| {
        Failure::configuration("prevResult is missing: it is what CHECK compares with")
    })?;
    let expected = if call.faults.has(Fault::CheckOwnMemory) {
        remembered(call, attachment)?
    } else {
        previous.result
    };
    let namespace = Namespace::open(attachment.netns()).map_err(|error| {
        let failure = Failure::caused(code::ENVIRONMENT, &error);
        Failure {
            message: format!("CNI_NETNS: {}", failure.message),
            ..failure
        }
    })?;
    let checking = Checking {
        call,
        attachment,
        expected: &expected,
        container: Kernel::in_namespace(&namespace)?,
        host: Kernel::here()?,
    };
    checking.refuse_needlessly()?;
    checking.check_everything()?;
    if settings.masquerade && !call.faults.has(Fault::CheckRuleBlind) {
        let own = expected
            .ips
            .iter()
            .filter(|ip| checking.is_own(ip))
            .map(|ip| ip.address);
        let sources: Vec<_> = own.collect();
        if !Masquerade::of(call, attachment).is_there(&sources)? {
            return Err(Failure::drift(
                "a rule that masquerades the container is missing",
            ));
        }
    }
    if let Some(delegate) =
        Delegate::ipam(call)?.filter(|_| !call.faults.has(Fault::CheckNotForwarded))
    {
        match delegate.run(Verb::Check) {
            Err(_) if call.faults.has(Fault::CheckSwallowsDelegateError) => {}
            outcome => drop(outcome?),
        }
    }
    Ok(None)
}

fn remembered(call: &Call, attachment: &Attachment) -> Result<AttachmentResult, Failure> {
    let record = Store::of(call).read(attachment)?;
    let result = record.and_then(|record| {
        record
            .content
            .get("result")
            .and_then(Value::as_object)
            .cloned()
    });
    let result = result.ok_or_else(|| Failure::drift("nothing is remembered"))?;
    AttachmentResult::parse(&result, call.version)
        .map_err(|error| Failure::caused(code::IO, &error))
}

struct Checking<'a> {
    call: &'a Call,
    attachment: &'a Attachment,
    expected: &'a AttachmentResult,
    container: Kernel,
    host: Kernel,
}

impl Checking<'_> {
    fn has(&self, fault: Fault) -> bool {
        self.call.faults.has(fault)
    }

    fn refuse_needlessly(&self) -> Result<(), Failure> {
        let store = Store::of(self.call);
        if self.has(Fault::CheckOtherAttachments) && store.records().0.len() > 1 {
            return Err(Failure::drift("the network has another attachment"));
        }
        if self.has(Fault::CheckSamePath) {
            let record = store.read(self.attachment)?;
            let then = record
                .as_ref()
                .and_then(|record| record.content.get("cniPath"))
                .and_then(Value::as_str);
            if then != Some(std::env::var("CNI_PATH").unwrap_or_default().as_str()) {
                return Err(Failure::drift("CNI_PATH is not that of ADD"));
            }
        }
        Ok(())
    }

    fn check_everything(&self) -> Result<(), Failure> {
        let listed = self
            .expected
            .interfaces
            .iter()
            .find(|interface| self.is_container_end(interface));
        let listed = listed.ok_or_else(|| {
            Failure::drift(format!(
                "prevResult lists no interface {:?} with sandbox {:?}",
                self.attachment.ifname,
                self.attachment.netns()
            ))
        })?;
        let container = self.container.link(&self.attachment.ifname)?;
        let Some(container) = container else {
            if self.has(Fault::CheckLinkBlind) {
                return Ok(());
            }
            return Err(Failure::drift(format!(
                "link {} is missing in the container",
                self.attachment.ifname
            )));
        };
        if self.has(Fault::CheckRepairs) {
            self.repair(&container);
        }
        self.check_link(listed, &container)?;
        if !self.has(Fault::CheckHostBlind) {
            self.check_host_end(&container)?;
        }
        if !self.has(Fault::CheckAddressBlind) {
            self.check_addresses(&container)?;
        }
        if !self.has(Fault::CheckRouteBlind) {
            self.check_routes()?;
        }
        Ok(())
    }

    fn is_container_end(&self, interface: &Interface) -> bool {
        interface.name == self.attachment.ifname && interface.sandbox == self.attachment.netns
    }

    fn check_link(&self, listed: &Interface, link: &Link) -> Result<(), Failure> {
        let name = &link.name;
        if !link.is_veth {
            return Err(Failure::drift(format!("link {name} is no veth")));
        }
        if !link.up && !self.has(Fault::CheckStateBlind) {
            return Err(Failure::drift(format!("link {name} is down")));
        }
        if let Some(mac) = listed
            .mac
            .as_deref()
            .filter(|_| !self.has(Fault::CheckMacBlind))
            && !mac.eq_ignore_ascii_case(&link.mac)
        {
            return Err(Failure::drift(format!(
                "link {name} has mac {}, prevResult has {mac}",
                link.mac
            )));
        }
        if let Some(mtu) = listed
            .mtu
            .filter(|mtu| *mtu != link.mtu && !self.has(Fault::CheckMtuBlind))
        {
            return Err(Failure::drift(format!(
                "link {name} has mtu {}, prevResult has {mtu}",
                link.mtu
            )));
        }
        Ok(())
    }

    fn check_host_end(&self, container: &Link) -> Result<(), Failure> {
        let name = names::host_name(self.call, self.attachment);
        let listed = self.expected.interfaces.iter().find(|interface| {
            interface.name == name && interface.sandbox.as_deref().is_none_or(str::is_empty)
        });
        let listed = listed.ok_or_else(|| {
            Failure::drift(format!("prevResult does not list the host end {name}"))
        })?;
        let link = self.host.link(&name)?;
        let link =
            link.ok_or_else(|| Failure::drift(format!("link {name} is missing on the host")))?;
        if container.peer != Some(link.index) {
            return Err(Failure::drift(format!(
                "link {name} is not the other end of {}",
                container.name
            )));
        }
        self.check_link(listed, &link)
    }

    fn is_own(&self, ip: &Address) -> bool {
        let interface = ip
            .interface
            .and_then(|index| self.expected.interfaces.get(index));
        interface.is_some_and(|interface| self.is_container_end(interface))
    }

    fn check_addresses(&self, container: &Link) -> Result<(), Failure> {
        let present = self.container.addresses(container.index)?;
        for ip in self.expected.ips.iter().filter(|ip| self.is_own(ip)) {
            if !present.contains(&ip.address) {
                return Err(Failure::drift(format!(
                    "address {} is missing on link {}",
                    ip.address, container.name
                )));
            }
        }
        let link_local = |address: std::net::IpAddr| matches!(address, std::net::IpAddr::V6(address) if address.is_unicast_link_local());
        let extra = present.iter().any(|present| {
            !link_local(present.address)
                && !self.expected.ips.iter().any(|ip| ip.address == *present)
        });
        if extra && self.has(Fault::CheckTooStrict) {
            return Err(Failure::drift(
                "the container has an address that prevResult does not list",
            ));
        }
        Ok(())
    }

    fn check_routes(&self) -> Result<(), Failure> {
        let present = self.container.routes()?;
        let devices = self.listed_devices()?;
        for route in &self.expected.routes {
            let found = present.iter().any(|found| {
                is_same(route, found)
                    && (devices.contains(&found.device) || self.has(Fault::CheckAnyInterface))
            });
            if !found {
                return Err(Failure::drift(format!(
                    "route to {} is missing in the container",
                    route.dst
                )));
            }
        }
        Ok(())
    }

    /// The links in the container that prevResult lists: a later plugin may have added an interface with routes.
    fn listed_devices(&self) -> Result<Vec<u32>, Failure> {
        let links = self.container.links()?;
        let in_sandbox = |interface: &&Interface| interface.sandbox == self.attachment.netns;
        let names = self
            .expected
            .interfaces
            .iter()
            .filter(in_sandbox)
            .map(|interface| &interface.name);
        Ok(names
            .filter_map(|name| links.iter().find(|link| link.name == *name))
            .map(|link| link.index)
            .collect())
    }

    fn repair(&self, container: &Link) {
        drop(self.container.set_up(container.index, true));
        for ip in self.expected.ips.iter().filter(|ip| self.is_own(ip)) {
            drop(self.container.add_address(container.index, ip.address));
        }
    }
}

/// Says whether the kernel's route is the listed one; what the list leaves open may be anything.
fn is_same(listed: &Route, found: &KernelRoute) -> bool {
    const MAIN: u32 = 254;
    let agrees = |listed: Option<u32>, found: Option<u32>| listed.is_none() || listed == found;
    // IPv6 has no scopes: whatever was asked for, it says universe.
    let scope = listed.scope.filter(|_| listed.dst.is_ipv4());
    found.destination == Some(listed.dst.network())
        && (listed.gw.is_none() || listed.gw == found.gateway)
        && found.table == Some(listed.table.filter(|table| *table != 0).unwrap_or(MAIN))
        && agrees(listed.mtu.filter(|mtu| *mtu != 0), found.mtu)
        && agrees(listed.advmss.filter(|advmss| *advmss != 0), found.advmss)
        && agrees(
            listed.priority.filter(|priority| *priority != 0),
            found.priority,
        )
        && agrees(scope, found.scope.map(u32::from))
}
