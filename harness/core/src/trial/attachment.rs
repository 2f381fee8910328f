//! Containers and attachments: who is to be connected to what.

use std::path::{Path, PathBuf};

use cni_spec_fixtures::SpecVersion;
use serde_json::{Value, json};

use super::call::Call;
use super::request::{Request, Verb};
use super::{Stop, Trial};
use crate::kernel::alter;
use crate::profile::Kind;
use crate::sandbox::Netns;

/// One container's place in one network, by one interface. The spec's key of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Name of the container in this trial: `c1`.
    pub container: String,
    /// Its container ID.
    pub id: String,
    /// Path of its network namespace.
    pub netns: PathBuf,
    /// Name of the interface.
    pub ifname: String,
    /// Name of the network.
    pub network: String,
    /// The result of the earlier plugins of the list, for a chained plugin.
    pub previous: Option<Value>,
}

/// An attachment that an ADD has made.
#[derive(Clone, Debug)]
pub struct Attached {
    /// What was asked for.
    pub attachment: Attachment,
    /// The ADD.
    pub call: Call,
    /// Its result.
    pub result: Value,
}

impl Attachment {
    /// Returns the same with another interface name.
    #[must_use]
    pub fn with_ifname(mut self, ifname: &str) -> Self {
        ifname.clone_into(&mut self.ifname);
        self
    }

    /// Returns the same in another network.
    #[must_use]
    pub fn with_network(mut self, network: &str) -> Self {
        network.clone_into(&mut self.network);
        self
    }
}

impl Trial {
    /// Returns an attachment of the container of that name to the network `conform`, and makes the container
    /// if this trial has not yet. The interface is `eth0`, or `lo` for a loopback plugin.
    ///
    /// # Errors
    /// Fails when the kernel refuses a namespace.
    pub fn attachment(&mut self, container: &str) -> Result<Attachment, Stop> {
        let netns = Path::new("/run/netns").join(container);
        let ifname = if self.profile.kind == Kind::Loopback {
            "lo"
        } else {
            "eth0"
        };
        if !self.containers.contains_key(container) {
            let made = Netns::create(&netns).map_err(|error| Stop::trouble(&error))?;
            self.containers.insert(container.to_owned(), made);
            self.script.step(&format!("ip netns add {container}"));
            if self.profile.kind == Kind::Chained {
                self.earlier_plugin(container, ifname)?;
            }
        }
        let previous = (self.profile.kind == Kind::Chained)
            .then(|| self.earlier_result(&netns, container, ifname))
            .transpose()?;
        Ok(Attachment {
            container: container.to_owned(),
            id: self.container_id(container),
            netns,
            ifname: ifname.to_owned(),
            network: "conform".to_owned(),
            previous,
        })
    }

    /// ADDs, and goes on only if that gives a result; `add/gives-a-result` judges when it does not.
    ///
    /// # Errors
    /// Stops as blocked when the ADD fails or its result is no JSON object.
    pub fn attach(&mut self, attachment: &Attachment) -> Result<Attached, Stop> {
        let request = self.request(Verb::Add, attachment);
        self.attach_with(attachment, &request)
    }

    /// ADDs with a request of one's own, and goes on only if that gives a result.
    ///
    /// # Errors
    /// As [`Trial::attach`].
    pub fn attach_with(
        &mut self,
        attachment: &Attachment,
        request: &Request,
    ) -> Result<Attached, Stop> {
        let call = self.call(request)?;
        let blocked = |why: String| Stop::Blocked {
            check: "add/gives-a-result",
            why,
        };
        if !call.succeeded() {
            return Err(blocked(format!(
                "ADD ended with {}: {}",
                call.status(),
                call.brief()
            )));
        }
        match call.json() {
            Some(result @ Value::Object(_)) => Ok(Attached {
                attachment: attachment.clone(),
                result,
                call,
            }),
            Some(_) | None => Err(blocked(format!(
                "ADD printed no JSON object: {}",
                call.brief()
            ))),
        }
    }

    /// Makes what an earlier plugin of the list would have made: a veth, up, with addresses.
    fn earlier_plugin(&mut self, container: &str, ifname: &str) -> Result<(), Stop> {
        let trouble = |error| Stop::trouble(&error);
        let netns = &self.containers[container];
        let peer = format!("host-{container}");
        alter::add_veth_to_host(netns, ifname, &peer).map_err(trouble)?;
        alter::set_link(netns, ifname, true).map_err(trouble)?;
        alter::set_link(&self.host, &peer, true).map_err(trouble)?;
        let address = self.earlier_address(container);
        let ip = address
            .parse()
            .map_err(|_| Stop::Trouble(format!("{address} is no address")))?;
        alter::add_address(netns, ifname, ip, 24).map_err(trouble)?;
        for step in [
            format!("ns {container} ip link add {ifname} type veth peer name {peer}"),
            format!("ns {container} ip link set {peer} netns 1"),
            format!("ns {container} ip link set {ifname} up"),
            format!("ip link set {peer} up"),
            format!("ns {container} ip address add {address}/24 dev {ifname}"),
        ] {
            self.script.step(&step);
        }
        Ok(())
    }

    /// Returns the result that the earlier plugin would have printed in the version under test.
    fn earlier_result(&self, netns: &Path, container: &str, ifname: &str) -> Result<Value, Stop> {
        let state = self.look(container)?;
        let host = crate::kernel::read(&self.host).map_err(|error| Stop::trouble(&error))?;
        let peer = format!("host-{container}");
        let mac = |state: &crate::kernel::NamespaceState, name: &str| {
            state
                .link(name)
                .map(|link| link.mac.clone())
                .unwrap_or_default()
        };
        let address = format!("{}/24", self.earlier_address(container));
        if self.version < SpecVersion::V0_3_0 {
            return Ok(
                json!({ "cniVersion": self.version.to_string(), "ip4": { "ip": address }, "dns": {} }),
            );
        }
        let mut ip = json!({ "address": address, "interface": 1 });
        if self.version < SpecVersion::V1_0_0 {
            ip["version"] = json!("4");
        }
        Ok(json!({
            "cniVersion": self.version.to_string(),
            "interfaces": [
                { "name": peer, "mac": mac(&host, &peer) },
                { "name": ifname, "mac": mac(&state, ifname), "sandbox": netns },
            ],
            "ips": [ip],
            "dns": { "nameservers": ["192.0.2.53"] },
        }))
    }

    fn earlier_address(&self, container: &str) -> String {
        let number = self
            .containers
            .keys()
            .position(|name| name == container)
            .unwrap_or_default()
            + 2;
        format!("10.94.0.{number}")
    }

    /// Returns the container ID of a container: 64 hex digits like real ones, the same in every run with one seed.
    fn container_id(&self, container: &str) -> String {
        use sha2::{Digest, Sha256};
        let hash = Sha256::digest(format!("{} {container}", self.seed).as_bytes());
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
