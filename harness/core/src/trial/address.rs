//! Addresses as results list them, whatever the version's layout.

use serde_json::Value;

/// Returns the addresses that a result lists, each with its prefix length, in order: `ips[].address`, or before
/// 0.3.0 `ip4.ip` and `ip6.ip`.
#[must_use]
pub(crate) fn listed_addresses(result: &Value) -> Vec<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    if let Some(ips) = result.get("ips").and_then(Value::as_array) {
        return ips
            .iter()
            .filter_map(|ip| text(ip.get("address")))
            .collect();
    }
    ["ip4", "ip6"]
        .iter()
        .filter_map(|family| text(result.get(family).and_then(|ip| ip.get("ip"))))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::listed_addresses;

    #[test]
    fn both_layouts_are_read() {
        let newer =
            json!({ "ips": [{ "address": "192.0.2.1/24" }, { "address": "2001:db8::1/64" }] });
        let older = json!({ "ip6": { "ip": "2001:db8::1/64" }, "ip4": { "ip": "192.0.2.1/24" } });
        let expected = ["192.0.2.1/24", "2001:db8::1/64"];
        assert_eq!(listed_addresses(&newer), expected);
        assert_eq!(listed_addresses(&older), expected);
        assert!(listed_addresses(&json!({ "dns": {} })).is_empty());
    }
}
