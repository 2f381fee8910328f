//! The `ipam` section as `toy-ipam` reads it: `subnet` or `subnets`, `routes`, `dns`.

use serde_json::{Map, Value};

use crate::{
    address::Cidr,
    catalogue::Fault,
    protocol::{AttachmentResult, Call, Failure, Route, SpecVersion, object, text},
};

/// What addresses are handed out of, and what goes with them.
pub(super) struct Settings {
    pub(super) subnets: Vec<Cidr>,
    pub(super) routes: Vec<Route>,
    pub(super) dns: Map<String, Value>,
}

impl Settings {
    /// Reads and checks the section.
    pub(super) fn read(call: &Call) -> Result<Self, Failure> {
        let section = object(&call.document, "ipam")?
            .ok_or_else(|| Failure::configuration("ipam is missing"))?;
        let mut subnets = Vec::new();
        if let Some(subnet) = text(section, "subnet")? {
            subnets.push(parse_subnet(subnet)?);
        }
        match section.get("subnets") {
            None | Some(Value::Null) => {}
            Some(Value::Array(entries)) => {
                for entry in entries {
                    let subnet = entry.as_str().ok_or_else(|| {
                        Failure::configuration(format!(
                            "ipam.subnets has {entry}, which is no string"
                        ))
                    })?;
                    subnets.push(parse_subnet(subnet)?);
                }
            }
            Some(other) => {
                return Err(Failure::configuration(format!(
                    "ipam.subnets {other} is not a list"
                )));
            }
        }
        if subnets.is_empty() {
            return Err(Failure::configuration(
                "ipam has neither subnet nor subnets",
            ));
        }
        let tolerant = call.faults.has(Fault::BadConfigIgnored);
        let routes = match read_routes(section) {
            Err(_) if tolerant => Vec::new(),
            outcome => outcome?,
        };
        let dns = AttachmentResult::parse(&only_dns(section), SpecVersion::NEWEST)
            .map_err(|error| Failure::configuration(format!("ipam.{error}")))?
            .dns;
        Ok(Self {
            subnets,
            routes,
            dns,
        })
    }
}

fn read_routes(section: &Map<String, Value>) -> Result<Vec<Route>, Failure> {
    let entries = match section.get("routes") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(other) => {
            return Err(Failure::configuration(format!(
                "ipam.routes {other} is not a list"
            )));
        }
    };
    let read = |entry| {
        Route::parse(entry).map_err(|error| Failure::configuration(format!("ipam.{error}")))
    };
    entries.iter().map(read).collect()
}

fn parse_subnet(subnet: &str) -> Result<Cidr, Failure> {
    let parsed: Cidr = subnet
        .parse()
        .map_err(|_| Failure::configuration(format!("subnet {subnet:?} is not ADDRESS/LENGTH")))?;
    if parsed.network() != parsed {
        return Err(Failure::configuration(format!(
            "subnet {subnet:?} has host bits; did you mean {}",
            parsed.network()
        )));
    }
    if parsed.hosts().next().is_none() {
        return Err(Failure::configuration(format!(
            "subnet {subnet:?} has no address left beside its gateway"
        )));
    }
    Ok(parsed)
}

fn only_dns(section: &Map<String, Value>) -> Map<String, Value> {
    section
        .iter()
        .filter(|(key, _)| *key == "dns")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
