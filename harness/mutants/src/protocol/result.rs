//! The result of ADD: one form for all versions, written as each version's layout. `result_reading` reads it.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::{
    address::Cidr,
    catalogue::Fault,
    fault::Faults,
    protocol::{SpecVersion, version::Shape},
};

/// What a result says, in the layout of the newest version.
#[derive(Clone, Debug, Default)]
pub(crate) struct AttachmentResult {
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) ips: Vec<Address>,
    pub(crate) routes: Vec<Route>,
    pub(crate) dns: Map<String, Value>,
}

/// One interface of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) mac: Option<String>,
    pub(crate) mtu: Option<u32>,
    pub(crate) sandbox: Option<String>,
    pub(crate) socket_path: Option<String>,
}

/// One address of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) address: Cidr,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) interface: Option<usize>,
}

/// One route of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) dst: Cidr,
    pub(crate) gw: Option<IpAddr>,
    pub(crate) mtu: Option<u32>,
    pub(crate) advmss: Option<u32>,
    pub(crate) priority: Option<u32>,
    pub(crate) table: Option<u32>,
    pub(crate) scope: Option<u32>,
}

impl AttachmentResult {
    /// Writes the result as `version` lays it out.
    pub(crate) fn render(&self, version: SpecVersion, faults: Faults) -> Map<String, Value> {
        let stamp = if faults.has(Fault::WrongResultVersion) {
            SpecVersion::NEWEST
        } else {
            version
        };
        let mut document = Map::from_iter([("cniVersion".to_owned(), json!(stamp.as_str()))]);
        if !self.dns.is_empty() {
            document.insert("dns".to_owned(), render_dns(&self.dns, faults));
        }
        if version.shape() == Shape::PerFamily {
            self.render_families(&mut document, faults);
            return document;
        }
        let interfaces = self
            .interfaces
            .iter()
            .map(|interface| interface.render(version, faults));
        insert_list(&mut document, "interfaces", interfaces.collect());
        let ips = self.ips.iter().map(|ip| ip.render(version, faults));
        if !(faults.has(Fault::V030DropsIps) && version == SpecVersion::V030) {
            insert_list(&mut document, "ips", ips.collect());
        }
        let routes: Vec<Value> = self
            .routes
            .iter()
            .map(|route| route.render(version, faults))
            .collect();
        if routes.is_empty() && faults.has(Fault::NullLists) {
            document.insert("routes".to_owned(), Value::Null);
        }
        insert_list(&mut document, "routes", routes);
        document
    }

    fn render_families(&self, document: &mut Map<String, Value>, faults: Faults) {
        for (key, is_ipv4) in [("ip4", true), ("ip6", false)] {
            let mut family = self.ips.iter().filter(|ip| ip.address.is_ipv4() == is_ipv4);
            let chosen = if faults.has(Fault::DownConversionLastAddress) {
                family.next_back()
            } else {
                family.next()
            };
            let Some(ip) = chosen else { continue };
            let mut entry = Map::from_iter([("ip".to_owned(), json!(ip.address.to_string()))]);
            if let Some(gateway) = ip.gateway {
                entry.insert("gateway".to_owned(), json!(gateway.to_string()));
            }
            let routes = self
                .routes
                .iter()
                .filter(|route| route.dst.is_ipv4() == is_ipv4);
            insert_list(
                &mut entry,
                "routes",
                routes
                    .map(|route| route.render(SpecVersion::V020, faults))
                    .collect(),
            );
            let swapped = if is_ipv4 { "ip6" } else { "ip4" };
            let key = if faults.has(Fault::V02FamilySwap) {
                swapped
            } else {
                key
            };
            document.insert(key.to_owned(), entry.into());
        }
        if faults.has(Fault::V02HasInterfaces) {
            let interfaces = self
                .interfaces
                .iter()
                .map(|interface| interface.render(SpecVersion::V030, faults));
            insert_list(document, "interfaces", interfaces.collect());
        }
    }
}

impl Interface {
    /// Writes the entry as `version` has it.
    pub(crate) fn render(&self, version: SpecVersion, faults: Faults) -> Value {
        let mut entry = Map::from_iter([("name".to_owned(), json!(self.name))]);
        for (key, value) in [
            ("mac", &self.mac),
            ("sandbox", &self.sandbox),
            ("socketPath", &self.socket_path),
        ] {
            if let Some(value) = value {
                entry.insert(key.to_owned(), json!(value));
            }
        }
        if let Some(mtu) = self
            .mtu
            .filter(|_| version >= SpecVersion::V110 || faults.has(Fault::NewerFieldsAlways))
        {
            entry.insert("mtu".to_owned(), json!(mtu));
        }
        entry.into()
    }
}

impl Address {
    /// Writes the entry as `version` has it.
    pub(crate) fn render(&self, version: SpecVersion, faults: Faults) -> Value {
        let mut entry = Map::from_iter([("address".to_owned(), json!(self.address.to_string()))]);
        if faults.has(Fault::NetworkAddress) {
            entry.insert(
                "address".to_owned(),
                json!(self.address.network().to_string()),
            );
        }
        let has_version = match version.shape() {
            Shape::ListsWithVersion => !faults.has(Fault::IpsVersionMissing),
            _ => faults.has(Fault::IpsVersionAlways),
        };
        if has_version {
            entry.insert(
                "version".to_owned(),
                json!(if self.address.is_ipv4() { "4" } else { "6" }),
            );
        }
        if let Some(gateway) = self
            .gateway
            .filter(|_| !faults.has(Fault::IpamGatewayDropped))
        {
            let with_prefix = faults.has(Fault::GatewayWithPrefix);
            let gateway = if with_prefix {
                format!("{gateway}/{}", self.address.prefix)
            } else {
                gateway.to_string()
            };
            entry.insert("gateway".to_owned(), json!(gateway));
        }
        if let Some(index) = self.interface {
            entry.insert("interface".to_owned(), json!(index));
        }
        entry.into()
    }
}

impl Route {
    /// Writes the entry as `version` has it.
    pub(crate) fn render(&self, version: SpecVersion, faults: Faults) -> Value {
        let bare = faults.has(Fault::RouteDstWithoutPrefix);
        let dst = if bare {
            self.dst.address.to_string()
        } else {
            self.dst.to_string()
        };
        let mut entry = Map::from_iter([("dst".to_owned(), json!(dst))]);
        if let Some(gw) = self.gw {
            entry.insert("gw".to_owned(), json!(gw.to_string()));
        }
        if version >= SpecVersion::V110 {
            for (key, value) in self.attributes() {
                if let Some(value) = value {
                    entry.insert(key.to_owned(), json!(value));
                }
            }
        }
        entry.into()
    }

    fn attributes(&self) -> [(&'static str, Option<u32>); 5] {
        [
            ("mtu", self.mtu),
            ("advmss", self.advmss),
            ("priority", self.priority),
            ("table", self.table),
            ("scope", self.scope),
        ]
    }
}

fn insert_list(document: &mut Map<String, Value>, key: &str, entries: Vec<Value>) {
    if !entries.is_empty() {
        document.insert(key.to_owned(), entries.into());
    }
}

fn render_dns(dns: &Map<String, Value>, faults: Faults) -> Value {
    let mut dns = dns.clone();
    if faults.has(Fault::DnsReordered)
        && let Some(Value::Array(servers)) = dns.get_mut("nameservers")
    {
        servers.reverse();
    }
    if faults.has(Fault::DnsString) {
        dns.insert("nameservers".to_owned(), json!("10.0.0.53"));
    }
    dns.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dual_stack() -> AttachmentResult {
        let document = json!({
            "interfaces": [{"name": "h"}, {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/n", "mtu": 1500}],
            "ips": [{"address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 1}, {"address": "fd00::2/64", "interface": 1}],
            "routes": [{"dst": "0.0.0.0/0", "priority": 7}, {"dst": "::/0", "gw": "fd00::1"}],
            "dns": {"nameservers": ["10.0.0.53"]}
        });
        AttachmentResult::parse(
            document.as_object().expect("an object"),
            SpecVersion::NEWEST,
        )
        .expect("a result")
    }

    #[test]
    fn each_version_has_its_own_layout() {
        for version in SpecVersion::ALL {
            let rendered = Value::Object(dual_stack().render(version, Faults::default()));
            assert_eq!(rendered["cniVersion"], version.as_str());
            assert_eq!(
                rendered.get("ip4").is_some(),
                version <= SpecVersion::V020,
                "{version}"
            );
            assert_eq!(
                rendered.get("ips").is_some(),
                version > SpecVersion::V020,
                "{version}"
            );
            let with_version = (SpecVersion::V030..=SpecVersion::V040).contains(&version);
            assert_eq!(
                rendered["ips"][0].get("version").is_some(),
                with_version,
                "{version}"
            );
            let newest = version == SpecVersion::NEWEST;
            assert_eq!(
                rendered["interfaces"][1].get("mtu").is_some(),
                newest,
                "{version}"
            );
            assert_eq!(
                rendered["routes"][0].get("priority").is_some(),
                newest,
                "{version}"
            );
        }
    }

    #[test]
    fn what_was_written_can_be_read_again() {
        for version in SpecVersion::ALL {
            let rendered = dual_stack().render(version, Faults::default());
            let read = AttachmentResult::parse(&rendered, version).expect("our own result");
            assert_eq!(read.ips.len(), 2, "{version}");
            assert_eq!(read.routes.len(), 2, "{version}");
            assert_eq!(read.dns, dual_stack().dns, "{version}");
        }
    }

    #[test]
    fn documents_that_are_no_result_are_refused() {
        for document in [
            json!({"interfaces": {}}),
            json!({"interfaces": [{}]}),
            json!({"ips": [{"address": "zzz"}]}),
            json!({"ips": [{"address": "10.0.0.1"}]}),
            json!({"ips": [{"address": "10.0.0.1/24", "interface": 0}]}),
            json!({"ips": [{"address": "10.0.0.1/24", "interface": -1}]}),
            json!({"routes": [{"dst": "10.0.0.0/8", "gw": "fd00::1"}]}),
            json!({"dns": {"nameservers": "10.0.0.1"}}),
        ] {
            let refused = AttachmentResult::parse(
                document.as_object().expect("an object"),
                SpecVersion::NEWEST,
            );
            assert!(refused.is_err(), "{document}");
        }
    }
}
