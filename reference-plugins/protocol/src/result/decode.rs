//! Reads results of all versions into the canonical form.
//!
//! Strict on what it knows, tolerant of what it does not: see the choices in the parent module.

use serde_json::{Map, Value};

use super::{AddResult, Dns, Interface, IpConfig, ResultError, Route};
use crate::address::Cidr;
use crate::json::{Element, Integer, JsonError, Object, get_folded};
use crate::version::{Family, Version};

const TOP_LEVEL: [&str; 8] = [
    "cniVersion",
    "interfaces",
    "ips",
    "ip",
    "routes",
    "dns",
    "ip4",
    "ip6",
];

pub(super) fn version(
    document: &str,
    value: &Value,
    default: Version,
) -> Result<Version, ResultError> {
    let own = value
        .as_object()
        .and_then(|map| get_folded(map, "cniVersion"));
    if own.is_none_or(|own| own == "") {
        return Ok(default);
    }
    Version::from_value(own, &Version::ALL).map_err(|reason| ResultError::Version {
        document: document.to_owned(),
        reason,
    })
}

pub(super) fn result(
    document: &str,
    value: &Value,
    default: Version,
) -> Result<(Version, AddResult), ResultError> {
    let content = |reason| ResultError::Content {
        document: document.to_owned(),
        reason,
    };
    let top = value.as_object().map(Object::root);
    let top = match top {
        Some(top) => top,
        None => Element::at(value, "the document")
            .object()
            .map_err(content)?,
    };
    let version = version(document, value, default)?;
    refuse_other_shape(document, &top, version)?;
    let mut result = match version.family() {
        Family::F1 => first_family(&top),
        Family::F2 | Family::F3 => later_families(&top, version),
    }
    .map_err(content)?;
    result.extra = extra(&top, &TOP_LEVEL);
    Ok((version, result))
}

pub(super) fn route(object: &Object<'_>) -> Result<Route, JsonError> {
    Ok(Route {
        dst: object.parse("dst")?,
        gw: object.optional_parse("gw")?,
        mtu: non_zero(object, "mtu")?,
        advmss: non_zero(object, "advmss")?,
        priority: non_zero(object, "priority")?,
        table: object.optional_integer("table")?,
        scope: object.optional_integer("scope")?,
        extra: extra(
            object,
            &["dst", "gw", "mtu", "advmss", "priority", "table", "scope"],
        ),
    })
}

pub(super) fn dns(object: &Object<'_>) -> Result<Dns, JsonError> {
    let owned = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
    Ok(Dns {
        nameservers: owned(object.strings("nameservers")?),
        domain: owned_string(object, "domain")?,
        search: owned(object.strings("search")?),
        options: owned(object.strings("options")?),
        extra: extra(object, &["nameservers", "domain", "search", "options"]),
    })
}

/// A result whose version is missing or wrong would otherwise be read as an empty one, and its addresses would be lost.
fn refuse_other_shape(
    document: &str,
    top: &Object<'_>,
    version: Version,
) -> Result<(), ResultError> {
    let foreign: &[&'static str] = match version.family() {
        Family::F1 => &["interfaces", "ips"],
        Family::F2 | Family::F3 => &["ip4", "ip6"],
    };
    match foreign.iter().find(|key| top.get(key).is_some()) {
        None => Ok(()),
        Some(key) => Err(ResultError::OtherShape {
            document: document.to_owned(),
            key,
            version,
        }),
    }
}

fn first_family(top: &Object<'_>) -> Result<AddResult, JsonError> {
    let mut result = AddResult {
        dns: dns_of(top)?,
        ..AddResult::default()
    };
    for (key, ipv4) in [("ip4", true), ("ip6", false)] {
        let Some(object) = top.optional_object(key)? else {
            continue;
        };
        let address: Cidr = object.parse("ip")?;
        // An IPv4-mapped IPv6 address is at home in both, as in Go.
        if address.address().is_ipv4() != ipv4 && address.is_ipv4() != ipv4 {
            return Err(object.invalid(
                "ip",
                format_args!("the address is of the other family than {key}"),
            ));
        }
        result.ips.push(IpConfig {
            address,
            gateway: object.optional_parse("gateway")?,
            interface: None,
            extra: extra(&object, &["ip", "gateway", "routes"]),
        });
        for entry in object.objects("routes")? {
            let mut route = Route::new(entry.parse("dst")?);
            route.gw = entry.optional_parse("gw")?;
            route.extra = extra(&entry, &["dst", "gw"]);
            result.routes.push(route);
        }
    }
    Ok(result)
}

fn later_families(top: &Object<'_>, version: Version) -> Result<AddResult, JsonError> {
    // The text of 0.3.0 has both spellings of the list.
    let ips = if version == Version::V0_3_0 && top.get("ips").is_none() {
        "ip"
    } else {
        "ips"
    };
    Ok(AddResult {
        interfaces: top
            .objects("interfaces")?
            .iter()
            .map(|entry| interface(entry, version))
            .collect::<Result<_, _>>()?,
        ips: top
            .objects(ips)?
            .iter()
            .map(|entry| ip(entry, version))
            .collect::<Result<_, _>>()?,
        routes: top
            .objects("routes")?
            .iter()
            .map(route)
            .collect::<Result<_, _>>()?,
        dns: dns_of(top)?,
        extra: Map::new(),
    })
}

fn interface(object: &Object<'_>, version: Version) -> Result<Interface, JsonError> {
    let mut interface = Interface {
        name: object.string("name")?.to_owned(),
        mac: object.optional_parse("mac")?,
        sandbox: owned_string(object, "sandbox")?,
        ..Interface::default()
    };
    if version < Version::V1_1_0 {
        interface.extra = extra(object, &["name", "mac", "sandbox"]);
        return Ok(interface);
    }
    interface.mtu = non_zero(object, "mtu")?;
    interface.socket_path = owned_string(object, "socketPath")?;
    interface.pci_id = owned_string(object, "pciID")?;
    interface.extra = extra(
        object,
        &["name", "mac", "sandbox", "mtu", "socketPath", "pciID"],
    );
    Ok(interface)
}

fn ip(object: &Object<'_>, version: Version) -> Result<IpConfig, JsonError> {
    let address: Cidr = object.parse("address")?;
    let mut known = vec!["address", "gateway", "interface"];
    if version.family() == Family::F2 {
        known.push("version");
        let agrees = match object.non_empty_string("version")? {
            None => true,
            Some("4") => address.is_ipv4(),
            Some("6") => address.address().is_ipv6(),
            Some(_) => false,
        };
        if !agrees {
            return Err(object.invalid(
                "version",
                format_args!("it does not match the address {address}"),
            ));
        }
    }
    Ok(IpConfig {
        address,
        gateway: object.optional_parse("gateway")?,
        interface: object.optional_integer("interface")?,
        extra: extra(object, &known),
    })
}

fn dns_of(top: &Object<'_>) -> Result<Dns, JsonError> {
    Ok(top
        .optional_object("dns")?
        .map(|object| dns(&object))
        .transpose()?
        .unwrap_or_default())
}

/// Zero means not set, as in Go, which can't tell the two apart.
fn non_zero<T: Integer + Default + PartialEq>(
    object: &Object<'_>,
    key: &str,
) -> Result<Option<T>, JsonError> {
    Ok(object
        .optional_integer(key)?
        .filter(|value| *value != T::default()))
}

fn owned_string(object: &Object<'_>, key: &str) -> Result<Option<String>, JsonError> {
    Ok(object.non_empty_string(key)?.map(str::to_owned))
}

fn extra(object: &Object<'_>, known: &[&str]) -> Map<String, Value> {
    let unknown = object
        .entries()
        .filter(|(key, _)| !known.iter().any(|known| known.eq_ignore_ascii_case(key)));
    unknown
        .map(|(key, element)| (key.to_owned(), element.value().clone()))
        .collect()
}
