//! Reading a result in the layout of any version, strictly: what is misspelt is refused, not skipped.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::{
    address::Cidr,
    protocol::{Address, AttachmentResult, Interface, Route, SpecVersion, version::Shape},
};

/// Where a document is no result.
#[derive(Debug, thiserror::Error)]
#[error("{place} is not {wanted}: {found}")]
pub(crate) struct ResultError {
    place: &'static str,
    wanted: &'static str,
    found: String,
}

impl AttachmentResult {
    /// Reads a result laid out as in `version`.
    pub(crate) fn parse(
        document: &Map<String, Value>,
        version: SpecVersion,
    ) -> Result<Self, ResultError> {
        let mut result = Self {
            dns: read_dns(document)?,
            ..Self::default()
        };
        if version.shape() == Shape::PerFamily {
            for (key, is_ipv4) in [("ip4", true), ("ip6", false)] {
                if let Some(family) = document.get(key).filter(|value| !value.is_null()) {
                    result.read_family(family, is_ipv4)?;
                }
            }
            return Ok(result);
        }
        for entry in list(document, "interfaces")? {
            result.interfaces.push(read_interface(entry)?);
        }
        for entry in list(document, "ips")? {
            let ip = read_address(entry)?;
            if ip
                .interface
                .is_some_and(|index| index >= result.interfaces.len())
            {
                return Err(wrong("ips[].interface", "the index of an interface", entry));
            }
            result.ips.push(ip);
        }
        for entry in list(document, "routes")? {
            result.routes.push(read_route(entry)?);
        }
        Ok(result)
    }

    fn read_family(&mut self, family: &Value, is_ipv4: bool) -> Result<(), ResultError> {
        let address = required_cidr(family, "ip", "ip4.ip or ip6.ip")?;
        if address.is_ipv4() != is_ipv4 {
            return Err(wrong(
                "ip4.ip or ip6.ip",
                "of the family of its key",
                family,
            ));
        }
        self.ips.push(Address {
            address,
            gateway: optional_ip(family, "gateway")?,
            interface: None,
        });
        for route in family
            .get("routes")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            self.routes.push(read_route(route)?);
        }
        Ok(())
    }
}

impl Route {
    /// Reads one route entry, of a result or of an IPAM section.
    pub(crate) fn parse(entry: &Value) -> Result<Self, ResultError> {
        read_route(entry)
    }
}

fn read_interface(entry: &Value) -> Result<Interface, ResultError> {
    let text = |key: &str| match entry.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong("interfaces[]", "made of strings", entry)),
    };
    let name =
        text("name")?.ok_or_else(|| wrong("interfaces[]", "an interface with a name", entry))?;
    let mtu = optional_number(entry, "mtu")?;
    Ok(Interface {
        name,
        mac: text("mac")?,
        mtu,
        sandbox: text("sandbox")?,
        socket_path: text("socketPath")?,
    })
}

fn read_address(entry: &Value) -> Result<Address, ResultError> {
    let address = required_cidr(entry, "address", "ips[].address")?;
    let interface = match entry.get("interface") {
        None | Some(Value::Null) => None,
        Some(index) => Some(
            index
                .as_u64()
                .and_then(|index| usize::try_from(index).ok())
                .ok_or_else(|| wrong("ips[].interface", "the index of an interface", entry))?,
        ),
    };
    Ok(Address {
        address,
        gateway: optional_ip(entry, "gateway")?,
        interface,
    })
}

fn read_route(entry: &Value) -> Result<Route, ResultError> {
    let dst = required_cidr(entry, "dst", "routes[].dst")?;
    let gw = optional_ip(entry, "gw")?;
    if gw.is_some_and(|gw| gw.is_ipv4() != dst.is_ipv4()) {
        return Err(wrong("routes[].gw", "of the family of dst", entry));
    }
    Ok(Route {
        dst,
        gw,
        mtu: optional_number(entry, "mtu")?,
        advmss: optional_number(entry, "advmss")?,
        priority: optional_number(entry, "priority")?,
        table: optional_number(entry, "table")?,
        scope: optional_number(entry, "scope")?,
    })
}

/// Reads and checks the `dns` object of a result or of a configuration.
fn read_dns(document: &Map<String, Value>) -> Result<Map<String, Value>, ResultError> {
    let dns = match document.get("dns") {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::Object(dns)) => dns,
        Some(other) => return Err(wrong("dns", "an object", other)),
    };
    let strings = |key: &str| {
        dns.get(key).is_none_or(|list| {
            list.as_array()
                .is_some_and(|list| list.iter().all(Value::is_string))
        })
    };
    let servers = dns
        .get("nameservers")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let servers_are_addresses = servers
        .filter_map(Value::as_str)
        .all(|server| server.parse::<IpAddr>().is_ok());
    let well_formed = ["nameservers", "search", "options"]
        .into_iter()
        .all(strings)
        && dns.get("domain").is_none_or(Value::is_string)
        && servers_are_addresses;
    if well_formed {
        Ok(dns.clone())
    } else {
        Err(wrong("dns", "made of lists of strings", &json!(dns)))
    }
}

fn list<'a>(
    document: &'a Map<String, Value>,
    key: &'static str,
) -> Result<&'a [Value], ResultError> {
    match document.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(entries)) => Ok(entries),
        Some(other) => Err(wrong(key, "a list", other)),
    }
}

fn required_cidr(entry: &Value, key: &str, place: &'static str) -> Result<Cidr, ResultError> {
    let text = entry.get(key).and_then(Value::as_str);
    let cidr = text.and_then(|text| text.parse().ok());
    cidr.ok_or_else(|| wrong(place, "ADDRESS/LENGTH", entry))
}

fn optional_ip(entry: &Value, key: &'static str) -> Result<Option<IpAddr>, ResultError> {
    let Some(value) = entry.get(key).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let ip = value.as_str().and_then(|text| text.parse().ok());
    ip.map(Some).ok_or_else(|| wrong(key, "an address", entry))
}

fn optional_number(entry: &Value, key: &'static str) -> Result<Option<u32>, ResultError> {
    let Some(value) = entry.get(key).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number
        .map(Some)
        .ok_or_else(|| wrong(key, "a number", entry))
}

fn wrong(place: &'static str, wanted: &'static str, found: &Value) -> ResultError {
    ResultError {
        place,
        wanted,
        found: found.to_string(),
    }
}
