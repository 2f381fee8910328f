//! Writes the canonical result in the shape of any version.
//!
//! Details are Go's: empty lists are left out and never null, index 0 is written, `dns` is
//! written even when empty before 1.0.0, zero route table and scope are written.

use serde_json::{Map, Value};

use super::{AddResult, Dns, Interface, IpConfig, ResultError, Route};
use crate::version::{Family, Version};

pub(super) fn result(result: &AddResult, version: Version) -> Result<Value, ResultError> {
    let mut top = Map::new();
    set(&mut top, "cniVersion", version.as_str());
    match version.family() {
        Family::F1 => first_family(result, version, &mut top)?,
        Family::F2 | Family::F3 => {
            set_list(
                &mut top,
                "interfaces",
                result
                    .interfaces
                    .iter()
                    .map(|entry| interface(entry, version)),
            );
            set_list(
                &mut top,
                "ips",
                result.ips.iter().map(|entry| ip(entry, version)),
            );
            set_list(&mut top, "routes", result.routes.iter().map(route));
        }
    }
    if version.family() != Family::F3 || !result.dns.is_empty() {
        top.insert("dns".to_owned(), dns(&result.dns));
    }
    Ok(finished(top, &result.extra))
}

fn first_family(
    result: &AddResult,
    version: Version,
    top: &mut Map<String, Value>,
) -> Result<(), ResultError> {
    let of_family = |ipv4| result.ips.iter().find(|ip| ip.address.is_ipv4() == ipv4);
    if of_family(true).is_none() && of_family(false).is_none() {
        return Err(ResultError::NoAddress(version));
    }
    for (key, ipv4) in [("ip4", true), ("ip6", false)] {
        let Some(ip) = of_family(ipv4) else { continue };
        let mut object = Map::new();
        set(&mut object, "ip", ip.address.to_string());
        set_some(
            &mut object,
            "gateway",
            ip.gateway.map(|gateway| gateway.to_string()),
        );
        let routes = result
            .routes
            .iter()
            .filter(|route| route.dst.is_ipv4() == ipv4);
        set_list(
            &mut object,
            "routes",
            routes.map(|route| finished(destination(route), &route.extra)),
        );
        top.insert(key.to_owned(), finished(object, &ip.extra));
    }
    Ok(())
}

fn interface(interface: &Interface, version: Version) -> Value {
    let mut object = Map::new();
    set(&mut object, "name", interface.name.as_str());
    set_some(&mut object, "mac", interface.mac.map(|mac| mac.to_string()));
    set_some(&mut object, "sandbox", interface.sandbox.as_deref());
    // An older document that already has the key gets the value that a plugin has changed since.
    let wanted = |key: &str| {
        version >= Version::V1_1_0
            || interface
                .extra
                .keys()
                .any(|given| given.eq_ignore_ascii_case(key))
    };
    set_some(&mut object, "mtu", interface.mtu.filter(|_| wanted("mtu")));
    set_some(
        &mut object,
        "socketPath",
        interface
            .socket_path
            .as_deref()
            .filter(|_| wanted("socketPath")),
    );
    set_some(
        &mut object,
        "pciID",
        interface.pci_id.as_deref().filter(|_| wanted("pciID")),
    );
    finished(object, &interface.extra)
}

fn ip(ip: &IpConfig, version: Version) -> Value {
    let mut object = Map::new();
    if version.family() == Family::F2 {
        set(
            &mut object,
            "version",
            if ip.address.is_ipv4() { "4" } else { "6" },
        );
    }
    set(&mut object, "address", ip.address.to_string());
    set_some(
        &mut object,
        "gateway",
        ip.gateway.map(|gateway| gateway.to_string()),
    );
    set_some(&mut object, "interface", ip.interface);
    finished(object, &ip.extra)
}

fn route(route: &Route) -> Value {
    let mut object = destination(route);
    set_some(&mut object, "mtu", route.mtu);
    set_some(&mut object, "advmss", route.advmss);
    set_some(&mut object, "priority", route.priority);
    set_some(&mut object, "table", route.table);
    set_some(&mut object, "scope", route.scope);
    finished(object, &route.extra)
}

fn destination(route: &Route) -> Map<String, Value> {
    let mut object = Map::new();
    set(&mut object, "dst", route.dst.to_string());
    set_some(
        &mut object,
        "gw",
        route.gw.map(|gateway| gateway.to_string()),
    );
    object
}

fn dns(dns: &Dns) -> Value {
    let mut object = Map::new();
    let list = |entries: &[String]| {
        entries
            .iter()
            .map(|entry| Value::from(entry.as_str()))
            .collect::<Vec<_>>()
    };
    set_list(&mut object, "nameservers", list(&dns.nameservers));
    set_some(&mut object, "domain", dns.domain.as_deref());
    set_list(&mut object, "search", list(&dns.search));
    set_list(&mut object, "options", list(&dns.options));
    finished(object, &dns.extra)
}

fn set(object: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    object.insert(key.to_owned(), value.into());
}

fn set_some(object: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        set(object, key, value);
    }
}

fn set_list(object: &mut Map<String, Value>, key: &str, entries: impl IntoIterator<Item = Value>) {
    let entries: Vec<Value> = entries.into_iter().collect();
    if !entries.is_empty() {
        set(object, key, entries);
    }
}

/// Adds the passed-through keys; a typed key wins over one of the same name, whatever its case.
fn finished(mut object: Map<String, Value>, extra: &Map<String, Value>) -> Value {
    for (key, value) in extra {
        if !object.keys().any(|known| known.eq_ignore_ascii_case(key)) {
            object.insert(key.clone(), value.clone());
        }
    }
    Value::Object(object)
}
