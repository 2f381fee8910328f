//! The result that an ADD of `toy-interface` prints: what earlier plugins reported, then its own entries.

use serde_json::{Value, json};

use crate::{
    catalogue::Fault,
    interface::add::{Made, Making},
    protocol::{Interface, Previous, Route},
};

impl Making<'_> {
    /// The result as it is printed: what earlier plugins reported, then our own entries.
    pub(super) fn document(&self, made: &Made, previous: Option<Previous>) -> Value {
        let faults = self.call.faults;
        let version = self.call.version;
        let previous = previous
            .filter(|_| !self.has(Fault::DropsPrevresult))
            .unwrap_or_default();
        let offset = previous.result.interfaces.len();
        let mut own = made.ipam.clone();
        own.interfaces.extend(self.interfaces(made));
        let container_index = own.interfaces.len() - 1;
        let carrier = if self.has(Fault::IndexOffByOne) {
            0
        } else {
            container_index
        };
        own.ips.iter_mut().for_each(|ip| {
            ip.interface = (!self.has(Fault::IndexMissing)).then_some(offset + carrier);
        });
        if self.has(Fault::ListsForeignRoutes) {
            own.routes.extend(self.foreign_routes(made));
        }
        let mut document = previous.raw;
        for (key, value) in own.render(version, faults) {
            match (document.get_mut(&key), value) {
                (Some(Value::Array(earlier)), Value::Array(ours)) => earlier.extend(ours),
                // The first plugin that names a server decides, as the first route does.
                (Some(Value::Object(earlier)), Value::Object(ours)) if key == "dns" => {
                    for (key, value) in ours {
                        earlier.entry(key).or_insert(value);
                    }
                }
                (_, value) => drop(document.insert(key, value)),
            }
        }
        document.into()
    }

    fn interfaces(&self, made: &Made) -> Vec<Interface> {
        let sandbox = if self.has(Fault::SandboxResolved) {
            std::fs::canonicalize(self.attachment.netns())
                .map(|path| format!("{}/.", path.display()))
                .ok()
        } else {
            self.attachment.netns.clone()
        };
        let host = Interface {
            name: made.host.name.clone(),
            mac: Some(made.host.mac.clone()),
            mtu: Some(made.host.mtu),
            sandbox: sandbox.clone().filter(|_| self.has(Fault::SandboxOnHost)),
            socket_path: None,
        };
        let wrong_mac = self.has(Fault::ResultWrongMac);
        let container = Interface {
            name: if self.has(Fault::ResultWrongName) {
                "net1".to_owned()
            } else {
                made.container.name.clone()
            },
            mac: Some(if wrong_mac {
                made.host.mac.clone()
            } else {
                made.container.mac.clone()
            }),
            mtu: Some(if self.has(Fault::WrongMtu) {
                made.container.mtu + 1
            } else {
                made.container.mtu
            }),
            sandbox: sandbox.filter(|_| !self.has(Fault::SandboxMissing)),
            socket_path: self
                .has(Fault::RelativeSocket)
                .then(|| "vhost.sock".to_owned()),
        };
        if self.has(Fault::ResultMissingInterface) {
            vec![container]
        } else {
            vec![host, container]
        }
    }

    fn foreign_routes(&self, made: &Made) -> Vec<Route> {
        let all = self.container.routes().unwrap_or_default();
        let foreign = all
            .into_iter()
            .filter(|route| route.device != made.container.index);
        let entries = foreign
            .filter_map(|route| Route::parse(&json!({"dst": route.destination?.to_string()})).ok());
        entries.collect()
    }
}
