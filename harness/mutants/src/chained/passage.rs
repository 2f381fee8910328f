//! The way of prevResult through a chained plugin: unchanged but for the entry of the interface that was changed.

use serde_json::{Value, json};

use crate::{
    catalogue::Fault,
    kernel::Link,
    protocol::{Attachment, Call, Previous, SpecVersion},
};

/// Returns prevResult with the link's present state in its entry.
pub(super) fn pass_on(
    call: &Call,
    attachment: &Attachment,
    link: &Link,
    previous: Previous,
) -> Value {
    let faults = call.faults;
    let mut document = previous.raw;
    let stamp = if faults.has(Fault::WrongResultVersion) {
        SpecVersion::NEWEST
    } else {
        call.version
    };
    document.insert("cniVersion".to_owned(), json!(stamp.as_str()));
    if let Some(Value::Array(interfaces)) = document.get_mut("interfaces") {
        for entry in interfaces.iter_mut() {
            let is_ours = entry.get("name") == Some(&json!(attachment.ifname))
                && entry.get("sandbox").and_then(Value::as_str) == attachment.netns.as_deref();
            if is_ours {
                describe(call, entry, link);
            }
            if faults.has(Fault::DropsNewerFields) {
                keep_only(entry, &["name", "mac", "sandbox"]);
            }
        }
        if faults.has(Fault::PrependsInterface) {
            interfaces.insert(0, json!({"name": "toy-extra"}));
        }
    }
    if faults.has(Fault::DropsNewerFields)
        && let Some(Value::Array(routes)) = document.get_mut("routes")
    {
        routes
            .iter_mut()
            .for_each(|route| keep_only(route, &["dst", "gw"]));
    }
    if faults.has(Fault::DropsUnknownKeys) {
        document.retain(|key, _| {
            matches!(
                key.as_str(),
                "cniVersion" | "interfaces" | "ips" | "routes" | "dns" | "ip4" | "ip6"
            )
        });
    }
    if faults.has(Fault::ReordersIps)
        && let Some(Value::Array(ips)) = document.get_mut("ips")
    {
        ips.reverse();
    }
    if faults.has(Fault::DropsPrevresult) {
        return json!({"cniVersion": stamp.as_str(), "interfaces": [{"name": link.name, "mac": link.mac, "sandbox": attachment.netns}]});
    }
    document.into()
}

fn describe(call: &Call, entry: &mut Value, link: &Link) {
    let Value::Object(entry) = entry else { return };
    if !call.faults.has(Fault::StaleMac) && !same_mac(entry.get("mac"), &link.mac) {
        entry.insert("mac".to_owned(), json!(link.mac));
    }
    // Older versions have no such member, but if somebody gave one it has to be true.
    if entry.contains_key("mtu") || call.version >= SpecVersion::V110 {
        entry.insert("mtu".to_owned(), json!(link.mtu));
    }
}

/// Whether the text describes the same address, in whatever case.
fn same_mac(listed: Option<&Value>, mac: &str) -> bool {
    listed
        .and_then(Value::as_str)
        .is_some_and(|listed| listed.eq_ignore_ascii_case(mac))
}

fn keep_only(entry: &mut Value, keys: &[&str]) {
    if let Value::Object(entry) = entry {
        entry.retain(|key, _| keys.contains(&key.as_str()));
    }
}
