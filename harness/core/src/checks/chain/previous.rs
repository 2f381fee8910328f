//! A prevResult with everything that a version has: what is in the container already, and what another plugin made.

use cni_spec_fixtures::SpecVersion;
use serde_json::{Map, Value, json};

use crate::trial::{Attachment, Place, Stop, Trial};

/// The interface that another plugin made.
pub(super) const FOREIGN: &str = "net7";

/// Its hardware address.
const FOREIGN_MAC: [u8; 6] = [0x02, 0, 0, 0, 0x07, 0x01];

/// Makes that interface in the container and returns a prevResult that lists it after what the container has from
/// the start: the interface, two addresses on it, two routes and dns, with every field that the version defines.
///
/// # Errors
/// Fails when the kernel refuses the interface.
pub(super) fn full(trial: &mut Trial, attachment: &Attachment) -> Result<Value, Stop> {
    let container = Place::Container(&attachment.container);
    trial.add_veth(container, FOREIGN, "peer7")?;
    trial.set_mac(container, FOREIGN, FOREIGN_MAC)?;
    let version = trial.version();
    let mut previous = match &attachment.previous {
        Some(Value::Object(previous)) => previous.clone(),
        _ => Map::new(),
    };
    previous.insert("cniVersion".to_owned(), json!(version.as_str()));
    let mut interface = json!({
        "name": FOREIGN,
        "mac": "02:00:00:00:07:01",
        "sandbox": attachment.netns,
    });
    let mut routes = vec![
        json!({ "dst": "198.51.100.128/25", "gw": "198.51.100.1" }),
        json!({ "dst": "2001:db8:52::/64", "gw": "2001:db8:51::1" }),
    ];
    if version >= SpecVersion::V1_1_0 {
        interface["mtu"] = json!(1500);
        interface["socketPath"] = json!("/run/conform/vhost.sock");
        interface["pciID"] = json!("0000:00:1f.6");
        routes[0]["mtu"] = json!(1400);
        routes[0]["advmss"] = json!(1360);
        routes[0]["priority"] = json!(100);
        routes[0]["table"] = json!(1001);
        routes[0]["scope"] = json!(0);
    }
    let index = append(&mut previous, "interfaces", [interface]);
    let mut ips = [
        json!({ "address": "198.51.100.7/24", "gateway": "198.51.100.1", "interface": index }),
        json!({ "address": "2001:db8:51::7/64", "gateway": "2001:db8:51::1", "interface": index }),
    ];
    if version < SpecVersion::V1_0_0 {
        ips[0]["version"] = json!("4");
        ips[1]["version"] = json!("6");
    }
    append(&mut previous, "ips", ips);
    append(&mut previous, "routes", routes);
    let dns = json!({
        "nameservers": ["192.0.2.53", "2001:db8::53"],
        "domain": "conform.example",
        "search": ["one.example", "two.example"],
        "options": ["ndots:2"],
    });
    previous.insert("dns".to_owned(), dns);
    Ok(Value::Object(previous))
}

/// Appends to the list under a key and returns the index of the first new entry.
fn append(
    result: &mut Map<String, Value>,
    key: &str,
    entries: impl IntoIterator<Item = Value>,
) -> usize {
    let mut list = match result.remove(key) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    let index = list.len();
    list.extend(entries);
    result.insert(key.to_owned(), Value::Array(list));
    index
}

/// Returns the objects under a key of a result.
pub(super) fn entries<'a>(result: &'a Value, key: &str) -> &'a [Value] {
    result
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Returns the entry that has these values under these keys.
pub(super) fn find<'a>(among: &'a [Value], like: &Value, keys: &[&str]) -> Option<&'a Value> {
    among
        .iter()
        .find(|entry| keys.iter().all(|key| entry.get(key) == like.get(key)))
}

/// Returns the name of the interface that an entry of `ips` points at.
pub(super) fn owner<'a>(result: &'a Value, ip: &Value) -> Option<&'a str> {
    let index = usize::try_from(ip.get("interface")?.as_u64()?).ok()?;
    entries(result, "interfaces")
        .get(index)?
        .get("name")?
        .as_str()
}

/// Returns a POSIX extended expression that matches just this text, in standard output without white space.
pub(super) fn literal(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '\\' => "\\\\".to_owned(),
            '^' => "\\^".to_owned(),
            '.' | '[' | ']' | '{' | '}' | '(' | ')' | '*' | '+' | '?' | '|' | '$' => {
                format!("[{c}]")
            }
            _ => c.to_string(),
        })
        .collect()
}
