//! ADD of `toy-interface`: the link, its addresses and routes, and what undoes them when a later step fails.

use std::net::IpAddr;

use serde_json::{Map, json};

use crate::{
    address::Cidr,
    catalogue::Fault,
    interface::{clean_up::undo_delegate, names, settings::Settings},
    kernel::{Existing, Kernel, KernelRoute, Link, VethPair},
    masquerade::Masquerade,
    namespace::Namespace,
    protocol::{
        Attachment, AttachmentResult, Call, Delegate, Failure, Outcome, Route, SpecVersion, Verb,
        code, previous_result,
    },
    store::Store,
};

/// Creates the attachment, or nothing at all.
pub(super) fn add(call: &Call, attachment: &Attachment) -> Outcome {
    let store = Store::of(call);
    refuse_by_marker(call, &store)?;
    let settings = Settings::read(call)?;
    let per_family = call.version < SpecVersion::V030;
    // prevResult came with 0.3.0; before that the key means nothing.
    let previous = if per_family {
        None
    } else {
        previous_result(call)?
    };
    let delegate = locate_delegate(call)?;
    if per_family
        && delegate.is_none()
        && !call.faults.has(Fault::V02EmptyResult)
        && !call.faults.has(Fault::IpamIgnored)
    {
        let message = format!(
            "ipam is missing: a result of cniVersion {} can't be without an address",
            call.version
        );
        return Err(Failure::configuration(message));
    }
    let mut attachment = attachment.clone();
    if call.faults.has(Fault::HardcodedEth0) {
        attachment.ifname = "eth0".to_owned();
    }
    let namespace = open_container(call, &attachment)?;
    let making = Making {
        call,
        host_name: names::host_name(call, &attachment),
        container: Kernel::in_namespace(&namespace)?,
        namespace,
        host: Kernel::here()?,
        masquerade: Masquerade::of(call, &attachment),
        attachment,
        settings,
        delegate,
        store,
    };
    making.refuse_existing()?;
    let mut progress = Progress::default();
    match making.make(&mut progress) {
        Ok(result) => Ok(Some(making.document(&result, previous))),
        Err(failure) => {
            making.undo(&progress);
            Err(failure)
        }
    }
}

fn refuse_by_marker(call: &Call, store: &Store) -> Result<(), Failure> {
    let latched = call.faults.has(Fault::StatusLatches) && store.marker("status-failed").exists();
    let unasked = call.faults.has(Fault::StatusRequired) && !store.marker("status-ran").exists();
    if latched || unasked {
        return Err(Failure::new(
            code::UNAVAILABLE,
            "STATUS has not said that the plugin is ready",
        ));
    }
    Ok(())
}

fn locate_delegate(call: &Call) -> Result<Option<Delegate<'_>>, Failure> {
    if call.faults.has(Fault::IpamIgnored) {
        return Ok(None);
    }
    let Some(delegate) = Delegate::ipam(call)? else {
        return Ok(None);
    };
    match delegate.locate() {
        Err(_) if call.faults.has(Fault::MissingDelegateOk) => Ok(None),
        // Before anything is made, so that nothing has to be undone.
        Err(failure) => Err(failure),
        Ok(_) => Ok(Some(delegate)),
    }
}

fn open_container(call: &Call, attachment: &Attachment) -> Result<Namespace, Failure> {
    let opened = if call.faults.has(Fault::WrongNetns) {
        Namespace::own()
    } else {
        Namespace::open(attachment.netns())
    };
    match opened {
        Err(_) if call.faults.has(Fault::MissingNetnsOk) => {
            Namespace::own().map_err(|error| Failure::caused(code::ENVIRONMENT, &error))
        }
        Err(error) => {
            let mut failure = Failure::caused(code::ENVIRONMENT, &error);
            failure.message = format!("CNI_NETNS: {}", failure.message);
            Err(failure)
        }
        Ok(namespace) => Ok(namespace),
    }
}

/// Everything that an ADD works with.
pub(super) struct Making<'a> {
    pub(super) call: &'a Call,
    pub(super) attachment: Attachment,
    settings: Settings,
    delegate: Option<Delegate<'a>>,
    namespace: Namespace,
    pub(super) container: Kernel,
    host: Kernel,
    host_name: String,
    masquerade: Masquerade,
    store: Store,
}

/// How far it came.
#[derive(Default)]
struct Progress {
    delegated: bool,
    linked: bool,
}

/// What was made.
pub(super) struct Made {
    pub(super) host: Link,
    pub(super) container: Link,
    pub(super) ipam: AttachmentResult,
}

impl Making<'_> {
    pub(super) fn has(&self, fault: Fault) -> bool {
        self.call.faults.has(fault)
    }

    fn refuse_existing(&self) -> Result<(), Failure> {
        if let Some(link) = self.container.link(&self.attachment.ifname)? {
            if !self.has(Fault::OverwritesInterface) {
                let message = format!("CNI_IFNAME={:?} exists already in the container", link.name);
                return Err(Failure::new(code::CONFLICT, message));
            }
            self.container.delete_link(&link)?;
        }
        if self.host.link(&self.host_name)?.is_some() && !self.has(Fault::OverwritesInterface) {
            let message = format!(
                "the attachment exists already: link {} is container {:?}, interface {:?}; delete it first",
                self.host_name, self.attachment.container_id, self.attachment.ifname
            );
            return Err(Failure::new(code::CONFLICT, message));
        }
        Ok(())
    }

    fn make(&self, progress: &mut Progress) -> Result<Made, Failure> {
        self.remember(None)?;
        let mut ipam = AttachmentResult::default();
        if let Some(delegate) = &self.delegate {
            progress.delegated = true;
            ipam = delegate.add()?;
        }
        if ipam.dns.is_empty() {
            ipam.dns = self.settings.dns.clone();
        }
        self.create_link()?;
        progress.linked = true;
        let container = self.find(&self.container, &self.attachment.ifname)?;
        let host = self.find(&self.host, &self.host_name)?;
        if !self.has(Fault::LinkLeftDown) {
            self.container.set_up(container.index, true)?;
        }
        self.configure_addresses(&container, &host, &ipam)?;
        self.install_routes(&container, &mut ipam)?;
        let masqueraded = self.settings.masquerade && !self.has(Fault::IpmasqIgnored)
            || self.has(Fault::IpmasqAlways);
        if masqueraded {
            let sources: Vec<Cidr> = ipam.ips.iter().map(|ip| ip.address).collect();
            self.masquerade.add(&sources)?;
        }
        if self.has(Fault::TouchesHostLoopback)
            && let Some(loopback) = self.host.link("lo")?
        {
            self.host
                .add_address(loopback.index, Cidr::host(IpAddr::from([192, 0, 2, 254])))?;
        }
        let made = Made {
            host,
            container,
            ipam,
        };
        self.remember(Some(&made))?;
        Ok(made)
    }

    /// Before the link is made as well: whoever cleans up after a kill has to find the key.
    fn remember(&self, made: Option<&Made>) -> Result<(), Failure> {
        let mut content = Map::new();
        content.insert("hostName".to_owned(), json!(self.host_name));
        content.insert("netns".to_owned(), json!(self.attachment.netns));
        content.insert(
            "cniPath".to_owned(),
            json!(std::env::var("CNI_PATH").unwrap_or_default()),
        );
        if let Some(made) = made {
            content.insert("containerIndex".to_owned(), json!(made.container.index));
            let sources: Vec<String> = made
                .ipam
                .ips
                .iter()
                .map(|ip| ip.address.to_string())
                .collect();
            content.insert("addresses".to_owned(), json!(sources));
            let result = self.document(made, None);
            content.insert("result".to_owned(), result);
        }
        let _lock = self.store.lock()?;
        Ok(self.store.write(&self.attachment, content)?)
    }

    fn create_link(&self) -> Result<(), Failure> {
        let (container_mac, host_mac) = names::macs(self.call, &self.attachment);
        Ok(self.host.create_veth(&VethPair {
            host_name: &self.host_name,
            host_mac,
            container_name: &self.attachment.ifname,
            container_mac,
            container: &self.namespace,
            mtu: self.settings.mtu,
        })?)
    }

    fn find(&self, kernel: &Kernel, name: &str) -> Result<Link, Failure> {
        let link = kernel.link(name)?;
        link.ok_or_else(|| {
            Failure::new(
                code::KERNEL,
                format!("link {name} has vanished while it was being configured"),
            )
        })
    }

    fn configure_addresses(
        &self,
        container: &Link,
        host: &Link,
        ipam: &AttachmentResult,
    ) -> Result<(), Failure> {
        let mut gateways: Vec<IpAddr> = Vec::new();
        for ip in &ipam.ips {
            if self.has(Fault::ForgetsAddress) {
                continue;
            }
            let whole = self.has(Fault::WrongPrefix);
            let address = if whole {
                Cidr::host(ip.address.address)
            } else {
                ip.address
            };
            self.container.add_address(container.index, address)?;
            if let Some(gateway) = ip.gateway.filter(|gateway| !gateways.contains(gateway)) {
                gateways.push(gateway);
                self.host.add_address(host.index, Cidr::host(gateway))?;
            }
            let back = KernelRoute {
                destination: Some(Cidr::host(ip.address.address)),
                device: host.index,
                ..KernelRoute::default()
            };
            // Two networks may use the same subnet: the second container must not fail because of the first.
            self.host.add_route(&back, Existing::Append)?;
        }
        Ok(())
    }

    /// Installs the routes and takes those out of the result that it had to leave to another network.
    fn install_routes(&self, container: &Link, ipam: &mut AttachmentResult) -> Result<(), Failure> {
        if self.has(Fault::RoutesNotInstalled) {
            return Ok(());
        }
        let mut installed = Vec::new();
        for route in &ipam.routes {
            if self.has(Fault::V01RoutesIgnored)
                && route.gw.is_none()
                && self.call.version < SpecVersion::V030
            {
                continue;
            }
            match self
                .container
                .add_route(&self.kernel_route(route, container, ipam), Existing::Refuse)
            {
                // The same network twice in one container, or another one with a default route: the first one stays.
                Err(error) if error.is_exists() && !self.has(Fault::DefaultRouteConflict) => {
                    eprintln!(
                        "the container has a route to {} already: it is left out",
                        route.dst
                    );
                }
                Err(error) => return Err(error.into()),
                Ok(()) => installed.push(route.clone()),
            }
        }
        if self.has(Fault::GatewayAsDefaultRoute)
            && let Some(gateway) = ipam
                .ips
                .iter()
                .find_map(|ip| ip.gateway.filter(IpAddr::is_ipv4))
        {
            let destination = Some(Cidr {
                address: IpAddr::from([0u8; 4]),
                prefix: 0,
            });
            let route = KernelRoute {
                destination,
                gateway: Some(gateway),
                device: container.index,
                ..KernelRoute::default()
            };
            drop(self.container.add_route(&route, Existing::Refuse));
        }
        ipam.routes = installed;
        Ok(())
    }

    fn kernel_route(
        &self,
        route: &Route,
        container: &Link,
        ipam: &AttachmentResult,
    ) -> KernelRoute {
        let scope = route.scope.and_then(|scope| u8::try_from(scope).ok());
        // A route of link or host scope has no next hop by definition.
        let wants_gateway = scope.is_none_or(|scope| scope < 253);
        let of_subnet = || {
            let mut same_family = ipam
                .ips
                .iter()
                .filter(|ip| ip.address.is_ipv4() == route.dst.is_ipv4());
            same_family
                .find_map(|ip| ip.gateway)
                .filter(|_| wants_gateway)
        };
        let mut wanted = KernelRoute {
            destination: Some(route.dst.network()),
            gateway: route.gw.or_else(of_subnet),
            device: container.index,
            ..KernelRoute::default()
        };
        if self.has(Fault::RouteMetric100) {
            wanted.priority = Some(100);
        }
        if !self.has(Fault::RouteAttrsIgnored) {
            wanted.mtu = route.mtu;
            wanted.advmss = route.advmss;
            wanted.priority = route.priority.or(wanted.priority);
            wanted.table = route.table;
            wanted.scope = scope;
        }
        wanted
    }

    fn undo(&self, progress: &Progress) {
        let leaks_link =
            self.has(Fault::AddFailureLeaksLink) || self.has(Fault::DelResidueAfterFailedAdd);
        let mut failures = Vec::new();
        if progress.linked && !leaks_link {
            match self.host.link(&self.host_name) {
                Ok(Some(link)) => {
                    failures.extend(self.host.delete_link(&link).err().map(Failure::from));
                }
                Ok(None) => {}
                Err(error) => failures.push(error.into()),
            }
        }
        failures.extend(self.masquerade.remove().err());
        if let Some(delegate) = self.delegate.as_ref().filter(|_| progress.delegated) {
            failures.extend(undo_delegate(self.call, delegate).err());
        }
        failures.extend(self.store.remove(&self.attachment).err().map(Failure::from));
        for failure in failures {
            // The caller gets the reason of the failed ADD; this one is for the log.
            eprintln!(
                "undo {} of {}: {failure}",
                Verb::Add,
                self.attachment.container_id
            );
        }
    }
}
