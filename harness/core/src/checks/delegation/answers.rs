//! What the scripted delegate answers to ADD, laid out for any version, and how a plugin's result is read again.

use std::net::IpAddr;

use cni_spec_fixtures::SpecVersion;
use serde_json::{Map, Value, json};

/// A result of an IPAM plugin, independent of its layout.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    /// Addresses with their gateways.
    pub(super) ips: Vec<(&'static str, Option<&'static str>)>,
    /// Routes as they are in results.
    pub(super) routes: Vec<Value>,
    /// The `dns` object; null for none.
    pub(super) dns: Value,
}

/// An address with its prefix length.
pub(super) type Prefix = (IpAddr, u8);

/// The first IPv4 address that the delegate hands out.
pub(super) const V4: (&str, Option<&str>) = ("10.97.0.2/24", Some("10.97.0.1"));
/// The first IPv6 address that the delegate hands out.
pub(super) const V6: (&str, Option<&str>) = ("fd00:97::2/64", Some("fd00:97::1"));

impl Lease {
    /// Returns one of these addresses, without routes.
    pub(super) fn of(ips: &[(&'static str, Option<&'static str>)]) -> Self {
        Self {
            ips: ips.to_vec(),
            routes: Vec::new(),
            dns: Value::Null,
        }
    }

    /// Returns the same with these routes.
    pub(super) fn with_routes(mut self, routes: &[Value]) -> Self {
        self.routes = routes.to_vec();
        self
    }

    /// Returns the same with this dns object.
    pub(super) fn with_dns(mut self, dns: Value) -> Self {
        self.dns = dns;
        self
    }

    /// Lays it out as a version has it: one address of a family up to 0.2.0, a list from 0.3.0.
    pub(super) fn in_version(&self, version: SpecVersion) -> Value {
        let mut result = json!({ "cniVersion": version.to_string() });
        if !self.dns.is_null() {
            result["dns"] = self.dns.clone();
        }
        if version < SpecVersion::V0_3_0 {
            for (key, ipv4) in [("ip4", true), ("ip6", false)] {
                let Some((ip, gateway)) = self.ips.iter().find(|(ip, _)| is_ipv4(ip) == ipv4)
                else {
                    continue;
                };
                let routes: Vec<&Value> = self
                    .routes
                    .iter()
                    .filter(|route| is_ipv4(text(route, "dst")) == ipv4)
                    .collect();
                result[key] = without_nulls(json!({ "ip": ip, "gateway": gateway }));
                if !routes.is_empty() {
                    result[key]["routes"] = json!(routes);
                }
            }
            return result;
        }
        let ips: Vec<Value> = self
            .ips
            .iter()
            .map(|(ip, gateway)| {
                let family = if is_ipv4(ip) { "4" } else { "6" };
                let family = (version < SpecVersion::V1_0_0).then_some(family);
                without_nulls(json!({ "address": ip, "gateway": gateway, "version": family }))
            })
            .collect();
        result["ips"] = json!(ips);
        if !self.routes.is_empty() {
            result["routes"] = json!(self.routes);
        }
        result
    }

    /// Returns the addresses that a result in this version has room for.
    pub(super) fn addresses(&self, version: SpecVersion) -> Vec<(Prefix, Option<IpAddr>)> {
        addresses(&self.in_version(version))
    }
}

/// Reads the addresses and gateways of a result of any version.
pub(super) fn addresses(result: &Value) -> Vec<(Prefix, Option<IpAddr>)> {
    let entry = |entry: &Value, key: &str| {
        let gateway = text(entry, "gateway").parse().ok();
        Some((prefix(text(entry, key))?, gateway))
    };
    let families = ["ip4", "ip6"]
        .into_iter()
        .filter_map(|key| entry(result.get(key)?, "ip"));
    let listed = list(result, "ips").filter_map(|ip| entry(ip, "address"));
    families.chain(listed).collect()
}

/// Reads destinations and next hops of the routes of a result of any version.
pub(super) fn routes(result: &Value) -> Vec<(Prefix, Option<IpAddr>)> {
    let families = ["ip4", "ip6"].into_iter().filter_map(|key| result.get(key));
    families
        .chain(std::iter::once(result))
        .flat_map(|part| list(part, "routes"))
        .filter_map(|route| Some((prefix(text(route, "dst"))?, text(route, "gw").parse().ok())))
        .collect()
}

/// Reads `ADDRESS/LENGTH`.
pub(super) fn prefix(text: &str) -> Option<Prefix> {
    let (ip, length) = text.split_once('/')?;
    Some((ip.parse().ok()?, length.parse().ok()?))
}

/// Writes `ADDRESS/LENGTH`.
pub(super) fn shown((ip, length): Prefix) -> String {
    format!("{ip}/{length}")
}

/// Returns the entries of a list; none when it is absent or no list.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Joins words; says so when there are none.
pub(super) fn or_nothing(words: &[String]) -> String {
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(" ")
    }
}

/// Turns text into a POSIX extended expression that matches exactly it.
pub(super) fn literal(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '.' | '*' | '+' | '?' | '(' | ')' | '[' | '{' | '|' | '$' => format!("[{c}]"),
            '^' | '\\' => format!("\\{c}"),
            _ => c.to_string(),
        })
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn is_ipv4(ip: &str) -> bool {
    !ip.contains(':')
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(object) => object
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect::<Map<String, Value>>()
            .into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use cni_spec_fixtures::{SpecVersion, schema};
    use serde_json::json;

    use super::{Lease, V4, V6, addresses, literal, routes};

    #[test]
    fn what_is_laid_out_can_be_read_again_in_every_version() {
        let lease = Lease::of(&[V4, V6]).with_routes(&[
            json!({ "dst": "0.0.0.0/0" }),
            json!({ "dst": "2001:db8::/32", "gw": "fd00:97::1" }),
        ]);
        for version in SpecVersion::ALL {
            let result = lease.in_version(version);
            assert_eq!(addresses(&result).len(), 2, "{version}");
            assert_eq!(routes(&result).len(), 2, "{version}");
            let schema = schema::result(version, schema::Kind::Ipam);
            let schema = serde_json::from_str(schema).unwrap();
            let valid = jsonschema::validator_for(&schema).unwrap();
            assert!(valid.is_valid(&result), "{version}: {result}");
        }
    }

    #[test]
    fn literals_match_only_themselves() {
        assert_eq!(literal("10.0.0.1/24"), "10[.]0[.]0[.]1/24");
        assert_eq!(literal(r#"["a"]"#), r#"[[]"a"]"#);
    }
}
