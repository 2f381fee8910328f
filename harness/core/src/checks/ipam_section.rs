//! Changes to a request's `ipam` section, in the words that the reference IPAM plugins and the toys understand.
//!
//! A section in other words stays as it is; the checks judge what comes of it, not that it was understood.

use serde_json::{Map, Value, json};

/// Takes the configured routes away, and what else asks for a default route.
pub(super) fn without_routes(config: &mut Map<String, Value>) {
    config.remove("isDefaultGateway");
    if let Some(Value::Object(ipam)) = config.get_mut("ipam") {
        ipam.remove("routes");
    }
}

/// Replaces the configured routes.
pub(super) fn with_routes(config: &mut Map<String, Value>, routes: Value) {
    if let Some(Value::Object(ipam)) = config.get_mut("ipam") {
        ipam.insert("routes".to_owned(), routes);
    }
}

/// Appends a route.
pub(super) fn with_route(config: &mut Map<String, Value>, route: Value) {
    if let Some(Value::Object(ipam)) = config.get_mut("ipam") {
        match ipam.get_mut("routes") {
            Some(Value::Array(routes)) => routes.push(route),
            _ => drop(ipam.insert("routes".to_owned(), json!([route]))),
        }
    }
}

/// Adds a second IPv4 subnet, right behind the first one.
pub(super) fn with_second_subnet(config: &mut Map<String, Value>) {
    let Some(Value::Object(ipam)) = config.get_mut("ipam") else {
        return;
    };
    for (key, entry) in [
        ("subnets", json!("10.95.0.0/24")),
        ("ranges", json!([{ "subnet": "10.95.0.0/24" }])),
        ("addresses", json!({ "address": "10.95.0.7/24" })),
    ] {
        if let Some(Value::Array(list)) = ipam.get_mut(key) {
            list.insert(list.len().min(1), entry);
        }
    }
}
