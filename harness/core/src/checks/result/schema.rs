//! Where a result breaks the JSON Schema of its version, which requirement says so, and how a shell sees it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use cni_spec_fixtures::schema::{self, Kind as SchemaKind};
use cni_spec_fixtures::{Requirement, SpecVersion, req};
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use crate::checks::reported::cidr;
use crate::checks::shell::exactly;
use crate::profile::Kind;
use crate::trial::{Call, Proof, Stop};

/// One place where a result is not as its version has it.
#[derive(Debug)]
pub(super) struct Violation {
    /// What it violates.
    pub(super) requirement: &'static Requirement,
    /// What should be there.
    pub(super) expected: String,
    /// What is there.
    pub(super) actual: String,
    /// How to see it again.
    pub(super) proof: Proof,
    /// Whether it weighs no more than a warning: an empty or null list where none should be.
    pub(super) mild: bool,
}

/// Requirement and wording of every place, `[]` for any index. The first line that fits decides.
const PLACES: &[(&str, &Requirement, &str)] = &[
    (
        "ip4.ip",
        &req::RES_V02_IP,
        "an IPv4 address with prefix length",
    ),
    (
        "ip6.ip",
        &req::RES_V02_IP,
        "an IPv6 address with prefix length",
    ),
    (
        "ip4.gateway",
        &req::RES_V02_IP,
        "an IPv4 address without prefix length",
    ),
    (
        "ip6.gateway",
        &req::RES_V02_IP,
        "an IPv6 address without prefix length",
    ),
    (
        "ip4.routes[].dst",
        &req::RES_V02_IP,
        "an IPv4 network with prefix length",
    ),
    (
        "ip6.routes[].dst",
        &req::RES_V02_IP,
        "an IPv6 network with prefix length",
    ),
    (
        "ip4.routes[].gw",
        &req::RES_V02_IP,
        "an IPv4 address without prefix length",
    ),
    (
        "ip6.routes[].gw",
        &req::RES_V02_IP,
        "an IPv6 address without prefix length",
    ),
    ("ip4.routes", &req::RES_V02_IP, "a list of objects"),
    ("ip6.routes", &req::RES_V02_IP, "a list of objects"),
    ("ip4", &req::RES_V02_SHAPE, "an object with ip"),
    ("ip6", &req::RES_V02_SHAPE, "an object with ip"),
    (
        "interfaces[].name",
        &req::RES_INTERFACES,
        "a name that is not empty",
    ),
    (
        "interfaces[].mac",
        &req::RES_MAC,
        "a hardware address in colon notation",
    ),
    ("interfaces[].sandbox", &req::RES_SANDBOX, "a string"),
    ("interfaces[].mtu", &req::RES_MTU, "a positive integer"),
    (
        "interfaces[].socketPath",
        &req::RES_SOCKETPATH_PCIID,
        "an absolute path",
    ),
    ("interfaces[].pciID", &req::RES_SOCKETPATH_PCIID, "a string"),
    ("interfaces", &req::RES_INTERFACES, "a list of objects"),
    ("ips[].version", &req::RES_IPS_VERSION, "\"4\" or \"6\""),
    (
        "ips[].address",
        &req::RES_IPS_ADDRESS,
        "an address with prefix length",
    ),
    (
        "ips[].gateway",
        &req::RES_IPS_GATEWAY,
        "an address of the family of ips[].address, without prefix length",
    ),
    (
        "ips[].interface",
        &req::RES_IPS_INTERFACE,
        "an index into interfaces",
    ),
    ("ips", &req::RES_IPS_ADDRESS, "a list of objects"),
    (
        "routes[].dst",
        &req::RES_ROUTES,
        "a network with prefix length",
    ),
    (
        "routes[].gw",
        &req::RES_ROUTES,
        "an address of the family of routes[].dst, without prefix length",
    ),
    (
        "routes[].mtu",
        &req::RES_ROUTE_ATTRIBUTES,
        "an unsigned integer",
    ),
    (
        "routes[].advmss",
        &req::RES_ROUTE_ATTRIBUTES,
        "an unsigned integer",
    ),
    (
        "routes[].priority",
        &req::RES_ROUTE_ATTRIBUTES,
        "an unsigned integer",
    ),
    (
        "routes[].table",
        &req::RES_ROUTE_ATTRIBUTES,
        "an unsigned integer",
    ),
    (
        "routes[].scope",
        &req::RES_ROUTE_ATTRIBUTES,
        "an integer from 0 to 255",
    ),
    ("routes", &req::RES_ROUTES, "a list of objects"),
    (
        "dns.nameservers[]",
        &req::RES_DNS,
        "an IPv4 or IPv6 address",
    ),
    ("dns.domain", &req::RES_DNS, "a string"),
    (
        "dns",
        &req::RES_DNS,
        "an object whose nameservers, search and options are lists of strings",
    ),
];

/// Returns where the result breaks the schema of its version, each kind of place once.
///
/// # Errors
/// Fails when the schema is none, which is the harness's fault.
pub(super) fn violations(
    version: SpecVersion,
    kind: Kind,
    call: &Call,
    result: &Value,
) -> Result<Vec<Violation>, Stop> {
    let kind = if kind == Kind::Ipam {
        SchemaKind::Ipam
    } else {
        SchemaKind::Interface
    };
    let broken = |why: String| Stop::Trouble(format!("the schema of {version} results: {why}"));
    let schema: Value = serde_json::from_str(schema::result(version, kind))
        .map_err(|error| broken(error.to_string()))?;
    let validator =
        jsonschema::draft202012::new(&schema).map_err(|error| broken(error.to_string()))?;
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for error in validator.iter_errors(result) {
        let mut place = error.instance_path().as_str().to_owned();
        if let ValidationErrorKind::Required { property } = error.kind() {
            place.push('/');
            place.push_str(property.as_str().unwrap_or_default());
        }
        let alternatives = matches!(error.kind(), ValidationErrorKind::AnyOf { .. });
        let forbidden = matches!(error.kind(), ValidationErrorKind::FalseSchema);
        let general = general(&place);
        // The version is compared with the request's elsewhere.
        if general == "cniVersion" || !seen.insert(general.clone()) {
            continue;
        }
        found.push(if alternatives && place.is_empty() {
            no_address(call)
        } else if forbidden {
            surplus(version, call, result, &place, &general)
        } else {
            malformed(call, result, &place, &general)
        });
    }
    found.extend(unparsable(call, result, &seen));
    Ok(found)
}

/// `/ips/0/gateway` → `ips[].gateway`.
fn general(place: &str) -> String {
    written(place, |_| "[]".to_owned())
}

/// `/ips/0/gateway` → `ips[0].gateway`.
fn exact(place: &str) -> String {
    written(place, |index| format!("[{index}]"))
}

fn written(place: &str, index: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for part in place.split('/').skip(1) {
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            text += &index(part);
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text += part;
        }
    }
    text
}

fn no_address(call: &Call) -> Violation {
    Violation {
        requirement: &req::RES_V02_SHAPE,
        expected: "the result has ip4 or ip6".to_owned(),
        actual: call.brief(),
        proof: Proof::lacks(call, "\"ip[46]\":"),
        mild: false,
    }
}

fn surplus(
    version: SpecVersion,
    call: &Call,
    result: &Value,
    place: &str,
    general: &str,
) -> Violation {
    let old = version < SpecVersion::V0_3_0;
    let value = result.pointer(place);
    let key = place.rsplit('/').next().unwrap_or_default();
    Violation {
        requirement: if old {
            &req::RES_V02_SHAPE
        } else {
            &req::DELEG_IPAM_ABBREVIATED
        },
        expected: if old {
            format!("no {general}: {version} has ip4, ip6 and dns only")
        } else {
            format!("no {general}: an IPAM plugin knows of no interfaces")
        },
        actual: format!("{} is {}", exact(place), brief(value)),
        proof: Proof::prints(call, &format!("\"{key}\":")),
        mild: !old && value == Some(&Value::Array(Vec::new())),
    }
}

fn malformed(call: &Call, result: &Value, place: &str, general: &str) -> Violation {
    let value = result.pointer(place);
    let known = PLACES.iter().find(|(known, ..)| {
        general == *known
            || general.starts_with(&format!("{known}."))
            || general.starts_with(&format!("{known}["))
    });
    let (requirement, what) = known.map_or(
        (&req::RES_JSON_OBJECT, "as the specification has it"),
        |(_, requirement, what)| (*requirement, *what),
    );
    let null = value.is_some_and(Value::is_null);
    Violation {
        requirement: if null {
            &req::RES_TYPES_STRICT
        } else {
            requirement
        },
        expected: format!("{} is {what}", exact(place)),
        actual: match value {
            None => format!("{} is missing", exact(place)),
            value => format!("{} is {}", exact(place), brief(value)),
        },
        proof: proof(call, result, place),
        mild: null && what.starts_with("a list"),
    }
}

/// The schemas tell IPv6 from IPv4 and no more: whether an address is one is parsed here.
fn unparsable(call: &Call, result: &Value, seen: &BTreeSet<String>) -> Vec<Violation> {
    let mut places = Vec::new();
    walk(result, String::new(), &mut places);
    let mut found: Vec<Violation> = Vec::new();
    for (place, text) in places {
        let general = general(&place);
        let held = match general.as_str() {
            "ip4.ip" | "ip6.ip" | "ips[].address" | "routes[].dst" | "ip4.routes[].dst"
            | "ip6.routes[].dst" => cidr(&text).is_some(),
            "ip4.gateway" | "ip6.gateway" | "ips[].gateway" | "routes[].gw" | "ip4.routes[].gw"
            | "ip6.routes[].gw" | "dns.nameservers[]" => text.parse::<IpAddr>().is_ok(),
            _ => true,
        };
        if !held && !seen.contains(&general) {
            found.push(malformed(call, result, &place, &general));
        }
    }
    found
}

fn walk(value: &Value, place: String, texts: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => texts.push((place, text.clone())),
        Value::Array(list) => {
            for (index, item) in list.iter().enumerate() {
                walk(item, format!("{place}/{index}"), texts);
            }
        }
        Value::Object(object) => {
            for (key, item) in object {
                walk(item, format!("{place}/{key}"), texts);
            }
        }
        _ => {}
    }
}

/// A key that stands nowhere is seen by its absence; a value by key and value.
fn proof(call: &Call, result: &Value, place: &str) -> Proof {
    let parts: Vec<&str> = place.split('/').collect();
    let key = parts
        .iter()
        .rev()
        .find(|part| !part.bytes().all(|byte| byte.is_ascii_digit()))
        .copied()
        .unwrap_or_default();
    let in_list = !place.ends_with(key);
    match result.pointer(place) {
        None => Proof::lacks(call, &format!("\"{key}\":")),
        Some(value @ (Value::Array(_) | Value::Object(_))) => {
            let open = if value.is_array() { "[[]" } else { "[{]" };
            Proof::prints(call, &format!("\"{key}\":{open}"))
        }
        Some(value) => {
            let text: String = value.to_string().split_whitespace().collect();
            let between = if in_list { "[[][^]]*" } else { "" };
            // The same value may be right in the other family's object; its routes are objects of their own.
            let within = match parts.get(1) {
                Some(family @ (&"ip4" | &"ip6")) => {
                    format!("\"{family}\":[{{]([^{{}}]|[{{][^{{}}]*[}}])*")
                }
                _ => String::new(),
            };
            let value = exactly(&text);
            Proof::prints(call, &format!("{within}\"{key}\":{between}{value}"))
        }
    }
}

fn brief(value: Option<&Value>) -> String {
    let text = value.map(Value::to_string).unwrap_or_default();
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_as_people_write_them() {
        assert_eq!(exact("/ips/0/gateway"), "ips[0].gateway");
        assert_eq!(general("/ip4/routes/2/dst"), "ip4.routes[].dst");
        assert_eq!(general("/dns/nameservers/1"), "dns.nameservers[]");
        assert_eq!(exact(""), "");
    }

    #[test]
    fn every_schema_is_one() {
        for version in SpecVersion::ALL {
            for kind in [SchemaKind::Interface, SchemaKind::Ipam] {
                let schema = serde_json::from_str(schema::result(version, kind)).unwrap();
                assert!(jsonschema::draft202012::new(&schema).is_ok(), "{version}");
            }
        }
    }
}
