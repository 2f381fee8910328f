//! The state of a throwaway host, as data that can be compared and shown.
//!
//! What the kernel makes by itself and takes away by itself (link-local addresses, local and multicast
//! routes, statistics, rule handles) is left out: it would only drown what a plugin did.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Interface index in its namespace.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Kind, as `ip -d link` prints it: `veth`, `bridge`; empty for devices without one.
    pub kind: String,
    /// MAC address in lower-case hex with colons; empty where there is none.
    pub mac: String,
    /// MTU in bytes.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// Index of the bridge or other controller it is a port of.
    pub master: Option<u32>,
    /// Promiscuous mode, hairpin and other flags that plugins set, as words.
    pub flags: Vec<String>,
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Name of the interface.
    pub link: String,
    /// The address.
    pub ip: IpAddr,
    /// Length of its prefix, in bits.
    pub prefix: u8,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Destination address; the unspecified address for a default route.
    pub destination: IpAddr,
    /// Length of the destination's prefix, in bits.
    pub prefix: u8,
    /// Next hop.
    pub gateway: Option<IpAddr>,
    /// Name of the interface it leaves by.
    pub link: Option<String>,
    /// Routing table.
    pub table: u32,
    /// Scope as the kernel numbers it (IPv4).
    pub scope: u8,
    /// Metric; 0 when none is set. IPv6 routes have 1024 then.
    pub priority: u32,
    /// MTU of the route in bytes, when set.
    pub mtu: Option<u32>,
    /// Advertised maximum segment size in bytes, when set.
    pub advmss: Option<u32>,
    /// Whether the kernel made it for an address.
    pub from_kernel: bool,
}

/// One network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceState {
    /// Interfaces by index.
    pub links: Vec<Link>,
    /// Addresses other than IPv6 link-local ones.
    pub addresses: Vec<Address>,
    /// Unicast routes of all tables but `local`.
    pub routes: Vec<Route>,
    /// Policy rules other than the three that every namespace has, as text.
    pub rules: Vec<String>,
    /// Queueing disciplines other than default ones, as text.
    pub qdiscs: Vec<String>,
}

/// A throwaway host at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The host's own namespace.
    pub host: NamespaceState,
    /// Containers by name; one whose namespace is gone is absent.
    pub containers: BTreeMap<String, NamespaceState>,
    /// The host's nftables rule set (which holds iptables-nft's rules as well), a line each, without counters.
    pub nftables: Vec<String>,
    /// The host's legacy iptables rules, a line each.
    pub legacy_iptables: Vec<String>,
    /// Files under the places where plugins write, with their size.
    pub files: BTreeMap<PathBuf, u64>,
    /// Sysctls that plugins write on the host, with their value.
    pub sysctls: BTreeMap<String, String>,
    /// Processes other than the harness, by command.
    pub processes: Vec<String>,
}

impl NamespaceState {
    /// Returns the interface of that name.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }

    /// Tells whether the interface has the address with this very prefix.
    #[must_use]
    pub fn has_address(&self, link: &str, ip: IpAddr, prefix: u8) -> bool {
        self.addresses
            .iter()
            .any(|address| address.link == link && address.ip == ip && address.prefix == prefix)
    }

    /// Returns the addresses of an interface as `ip/prefix`.
    #[must_use]
    pub fn addresses_of(&self, link: &str) -> Vec<String> {
        self.addresses
            .iter()
            .filter(|address| address.link == link)
            .map(|address| format!("{}/{}", address.ip, address.prefix))
            .collect()
    }

    /// Returns one line for every object, in a fixed order, led by `place`.
    #[must_use]
    pub fn lines(&self, place: &str) -> Vec<String> {
        let name = |index: u32| {
            self.links
                .iter()
                .find(|link| link.index == index)
                .map(|link| link.name.clone())
        };
        let mut lines = Vec::new();
        for link in &self.links {
            let mut line = format!("{place} link {}", link.name);
            for (key, value) in [("kind", link.kind.as_str()), ("mac", link.mac.as_str())] {
                if !value.is_empty() {
                    line += &format!(" {key} {value}");
                }
            }
            line += &format!(" mtu {} {}", link.mtu, if link.up { "up" } else { "down" });
            if let Some(master) = link.master {
                line += &format!(
                    " master {}",
                    name(master).unwrap_or_else(|| master.to_string())
                );
            }
            for flag in &link.flags {
                line += &format!(" {flag}");
            }
            lines.push(line);
        }
        // The kernel gives `lo` its addresses when it first comes up and keeps them when it goes down.
        let counts = |address: &&Address| {
            address.link != "lo" || self.link("lo").is_some_and(|link| link.up)
        };
        lines.extend(
            self.addresses
                .iter()
                .filter(counts)
                .map(|a| format!("{place} address {}/{} on {}", a.ip, a.prefix, a.link)),
        );
        lines.extend(
            self.routes
                .iter()
                .map(|route| format!("{place} route {route}")),
        );
        lines.extend(self.rules.iter().map(|rule| format!("{place} rule {rule}")));
        lines.extend(
            self.qdiscs
                .iter()
                .map(|qdisc| format!("{place} qdisc {qdisc}")),
        );
        lines.sort();
        lines
    }
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.prefix == 0 {
            write!(
                f,
                "default ({})",
                if self.destination.is_ipv4() {
                    "IPv4"
                } else {
                    "IPv6"
                }
            )?;
        } else {
            write!(f, "{}/{}", self.destination, self.prefix)?;
        }
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        if let Some(link) = &self.link {
            write!(f, " dev {link}")?;
        }
        if self.table != 254 {
            write!(f, " table {}", self.table)?;
        }
        if self.priority != 0 && !(self.destination.is_ipv6() && self.priority == 1024) {
            write!(f, " metric {}", self.priority)?;
        }
        if let Some(mtu) = self.mtu {
            write!(f, " mtu {mtu}")?;
        }
        if let Some(advmss) = self.advmss {
            write!(f, " advmss {advmss}")?;
        }
        Ok(())
    }
}

impl Snapshot {
    /// Returns the same without the sizes of files: a record such as the last address given out may grow by a digit.
    #[must_use]
    pub fn without_sizes(mut self) -> Self {
        self.files.values_mut().for_each(|size| *size = 0);
        self
    }

    /// Returns the same without files.
    #[must_use]
    pub fn without_files(mut self) -> Self {
        self.files.clear();
        self
    }

    /// Returns one line for every object of the host and its containers, in a fixed order.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.host.lines("host");
        for (name, state) in &self.containers {
            lines.extend(state.lines(name));
        }
        lines.extend(
            self.nftables
                .iter()
                .map(|line| format!("host nftables {line}")),
        );
        lines.extend(
            self.legacy_iptables
                .iter()
                .map(|line| format!("host iptables {line}")),
        );
        lines.extend(
            self.files
                .iter()
                .map(|(path, size)| format!("host file {} ({size} bytes)", path.display())),
        );
        lines.extend(
            self.sysctls
                .iter()
                .map(|(key, value)| format!("host sysctl {key} = {value}")),
        );
        lines.extend(
            self.processes
                .iter()
                .map(|process| format!("host process {process}")),
        );
        lines
    }
}
