//! Addresses that the caller asks for: `runtimeConfig.ips`, else `args.cni.ips`, else `IP` in CNI_ARGS.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::{
    address::Cidr,
    catalogue::Fault,
    protocol::{Call, Failure, code, object},
};

/// Reads the requested addresses. Of several sources only the first counts: they are said to be the same information.
pub(super) fn read(call: &Call) -> Result<Vec<IpAddr>, Failure> {
    let faults = call.faults;
    if faults.has(Fault::RequestedIpIgnored) {
        return Ok(Vec::new());
    }
    let from_arguments = from_cni_args(call)?;
    if faults.has(Fault::CniArgsWin) && !from_arguments.is_empty() {
        return Ok(from_arguments);
    }
    if let Some(runtime) = object(&call.document, "runtimeConfig")?
        && let Some(ips) = list(runtime, "runtimeConfig.ips")?
    {
        return Ok(ips);
    }
    if let Some(args) = object(&call.document, "args")?
        && let Some(Value::Object(cni)) = args.get("cni")
        && !faults.has(Fault::ArgsIpsIgnored)
        && let Some(ips) = list(cni, "args.cni.ips")?
    {
        return Ok(ips);
    }
    Ok(from_arguments)
}

fn list(from: &Map<String, Value>, place: &str) -> Result<Option<Vec<IpAddr>>, Failure> {
    let entries = match from.get("ips") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(entries)) => entries,
        Some(other) => {
            return Err(Failure::configuration(format!(
                "{place} {other} is not a list"
            )));
        }
    };
    let read = |entry: &Value| {
        entry.as_str().and_then(parse).ok_or_else(|| {
            Failure::configuration(format!("{place} has {entry}, which is no address"))
        })
    };
    entries
        .iter()
        .map(read)
        .collect::<Result<Vec<_>, _>>()
        .map(Some)
}

fn from_cni_args(call: &Call) -> Result<Vec<IpAddr>, Failure> {
    let arguments = std::env::var("CNI_ARGS").unwrap_or_default();
    let mut found = Vec::new();
    for pair in arguments.split(';').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Failure::new(
                code::ENVIRONMENT,
                format!("CNI_ARGS={arguments:?} has {pair:?}, which is no KEY=VALUE"),
            ));
        };
        if key != "IP" {
            // Runtimes put their own keys there for other plugins.
            continue;
        }
        match parse(value) {
            Some(ip) => found.push(ip),
            None if call.faults.has(Fault::CniArgsIpCrash) => std::process::abort(),
            None => {
                return Err(Failure::new(
                    code::ENVIRONMENT,
                    format!("CNI_ARGS={arguments:?} has IP={value:?}, which is no address"),
                ));
            }
        }
    }
    Ok(found)
}

/// With or without prefix length; the subnet's own counts.
fn parse(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<Cidr>().ok().map(|cidr| cidr.address))
}
