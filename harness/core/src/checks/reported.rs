//! A result of ADD, read leniently from whatever version it is in, so that it can be compared with the kernel.
//!
//! What can't be read is left out: `result/well-formed` judges the form, the others judge the truth.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

/// What a result says, whatever its version.
#[derive(Clone, Debug, Default)]
pub(super) struct Reported {
    /// `interfaces`; none in 0.1.0 and 0.2.0.
    pub(super) interfaces: Vec<ReportedInterface>,
    /// `ips`, or `ip4` and `ip6`.
    pub(super) addresses: Vec<ReportedAddress>,
    /// `routes`, or those of `ip4` and `ip6`.
    pub(super) routes: Vec<ReportedRoute>,
}

/// An entry of `interfaces`.
#[derive(Clone, Debug)]
pub(super) struct ReportedInterface {
    /// `name`.
    pub(super) name: String,
    /// `mac` in lower case; empty where it is absent or all zeros.
    pub(super) mac: String,
    /// `sandbox`; empty where it is absent.
    pub(super) sandbox: String,
    /// `mtu`.
    pub(super) mtu: Option<u64>,
}

/// An entry of `ips`, or one of `ip4` and `ip6`.
#[derive(Clone, Debug)]
pub(super) struct ReportedAddress {
    /// The address, with its host part.
    pub(super) ip: IpAddr,
    /// Length of its prefix in bits.
    pub(super) prefix: u8,
    /// `gateway`.
    pub(super) gateway: Option<IpAddr>,
    /// `interface`, as it stands there.
    pub(super) interface: Option<Value>,
}

/// An entry of `routes`.
#[derive(Clone, Debug)]
pub(super) struct ReportedRoute {
    /// The destination's network: host bits cleared, as the kernel does.
    pub(super) destination: IpAddr,
    /// Length of its prefix in bits.
    pub(super) prefix: u8,
    /// `gw`.
    pub(super) gateway: Option<IpAddr>,
    /// The whole entry.
    pub(super) entry: Value,
}

impl Reported {
    /// Reads a result.
    pub(super) fn read(result: &Value) -> Self {
        let mut reported = Self {
            interfaces: entries(result, "interfaces")
                .filter_map(interface)
                .collect(),
            ..Self::default()
        };
        // 0.3.0 spells the list `ip` in places.
        let list = if result.get("ips").is_some() {
            "ips"
        } else {
            "ip"
        };
        reported.addresses = entries(result, list)
            .filter_map(|entry| address(entry, "address"))
            .collect();
        reported.routes = entries(result, "routes").filter_map(route).collect();
        for family in ["ip4", "ip6"].into_iter().filter_map(|key| result.get(key)) {
            reported.addresses.extend(address(family, "ip"));
            reported
                .routes
                .extend(entries(family, "routes").filter_map(route));
        }
        reported
    }
}

impl ReportedAddress {
    /// Renders it as the result does: address and prefix length.
    pub(super) fn text(&self) -> String {
        format!("{}/{}", self.ip, self.prefix)
    }
}

impl ReportedRoute {
    /// Renders the destination as `address/length`.
    pub(super) fn text(&self) -> String {
        format!("{}/{}", self.destination, self.prefix)
    }
}

/// Clears the host bits of an address.
pub(super) fn network(ip: IpAddr, prefix: u8) -> IpAddr {
    let mask = |width: u32| match u32::from(prefix) {
        0 => 0,
        prefix => u128::MAX << width.saturating_sub(prefix),
    };
    match ip {
        IpAddr::V4(v4) => {
            let bits = u128::from(u32::from(v4)) & mask(32);
            IpAddr::V4(Ipv4Addr::from(u32::try_from(bits).unwrap_or_default()))
        }
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask(128))),
    }
}

/// Reads `address/length` of either family.
pub(super) fn cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, prefix) = text.split_once('/')?;
    let ip: IpAddr = ip.parse().ok()?;
    let prefix: u8 = prefix.parse().ok()?;
    let width = if ip.is_ipv4() { 32 } else { 128 };
    (prefix <= width).then_some((ip, prefix))
}

fn entries<'a>(of: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    of.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text(entry: &Value, key: &str) -> String {
    entry
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn interface(entry: &Value) -> Option<ReportedInterface> {
    let mac = text(entry, "mac").to_lowercase();
    let zero = mac.bytes().all(|byte| byte == b'0' || byte == b':');
    Some(ReportedInterface {
        name: entry.get("name")?.as_str()?.to_owned(),
        mac: if zero { String::new() } else { mac },
        sandbox: text(entry, "sandbox"),
        mtu: entry.get("mtu").and_then(Value::as_u64),
    })
}

fn address(entry: &Value, key: &str) -> Option<ReportedAddress> {
    let (ip, prefix) = cidr(entry.get(key)?.as_str()?)?;
    Some(ReportedAddress {
        ip,
        prefix,
        gateway: text(entry, "gateway").parse().ok(),
        interface: entry.get("interface").cloned(),
    })
}

fn route(entry: &Value) -> Option<ReportedRoute> {
    let (ip, prefix) = cidr(entry.get("dst")?.as_str()?)?;
    Some(ReportedRoute {
        destination: network(ip, prefix),
        prefix,
        gateway: text(entry, "gw").parse().ok(),
        entry: entry.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_same_attachment_reads_the_same_in_every_shape() {
        let old = json!({ "ip4": { "ip": "10.0.0.2/24", "gateway": "10.0.0.1", "routes": [{ "dst": "0.0.0.0/0" }] } });
        let new = json!({
            "ips": [{ "address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 0 }],
            "routes": [{ "dst": "0.0.0.0/0" }],
        });
        for result in [old, new] {
            let reported = Reported::read(&result);
            assert_eq!(reported.addresses[0].text(), "10.0.0.2/24");
            assert_eq!(
                reported.addresses[0].gateway,
                Some(IpAddr::from([10, 0, 0, 1]))
            );
            assert_eq!(reported.routes[0].text(), "0.0.0.0/0");
        }
    }

    #[test]
    fn host_bits_are_cleared_as_the_kernel_does() {
        for (text, expected) in [
            ("10.1.2.3/24", "10.1.2.0"),
            ("10.1.2.3/0", "0.0.0.0"),
            ("10.1.2.3/32", "10.1.2.3"),
            ("fd00::1:2/112", "fd00::1:0"),
            ("fd00::1/0", "::"),
        ] {
            let (ip, prefix) = cidr(text).unwrap();
            assert_eq!(network(ip, prefix).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_left_out() {
        for text in ["10.0.0.1", "10.0.0.1/33", "fd00::/129", "eth0/24", ""] {
            assert_eq!(cidr(text), None, "{text}");
        }
    }
}
