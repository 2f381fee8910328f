//! The request on stdin: bytes to document, spec version, network name; and typed access to its fields.

use std::{
    fmt::Display,
    io::{self, Read},
};

use serde_json::{Map, Value};

use crate::{
    catalogue::Fault,
    fault::Faults,
    protocol::{Failure, SpecVersion, Verb, code, environment::is_identifier},
};

/// Reads stdin to its end as one JSON object.
pub(crate) fn read_document(
    verb: Verb,
    faults: Faults,
) -> Result<(Vec<u8>, Map<String, Value>), Failure> {
    let mut bytes = Vec::new();
    if let Err(error) = io::stdin().lock().read_to_end(&mut bytes) {
        let code = if faults.has(Fault::ReadErrorCode) {
            code::DECODE
        } else {
            code::IO
        };
        return Err(Failure::new(
            code,
            format!("read the configuration from stdin: {error}"),
        ));
    }
    if faults.has(Fault::Stdin64k) {
        bytes.truncate(64 * 1024);
    }
    if faults.has(Fault::EmptyStdinOk) && verb == Verb::Del && bytes.is_empty() {
        return Ok((bytes, Map::new()));
    }
    let undecodable = |error: &dyn Display| {
        Failure::new(code::DECODE, format!("decode the configuration: {error}"))
    };
    let document = if faults.has(Fault::StdinLenient) {
        let mut documents = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
        documents.next().unwrap_or(Ok(Value::Null))
    } else {
        serde_json::from_slice(&bytes)
    };
    match document.map_err(|error| undecodable(&error))? {
        Value::Object(document) => Ok((bytes, document)),
        _ if faults.has(Fault::NonObjectOk) && verb == Verb::Del => Ok((bytes, Map::new())),
        _ => Err(undecodable(&"it is not a JSON object")),
    }
}

/// Reads the version that the rest of the document is written in.
pub(crate) fn read_version(
    document: &Map<String, Value>,
    faults: Faults,
) -> Result<SpecVersion, Failure> {
    let value = match document.get("cniVersion") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text,
        Some(Value::Number(_)) if faults.has(Fault::NumericVersionCrash) => std::process::abort(),
        Some(Value::Number(_)) if faults.has(Fault::VersionNumber) => {
            return Ok(SpecVersion::NEWEST);
        }
        Some(other) => {
            return Err(Failure::new(
                code::DECODE,
                format!("cniVersion {other} is not a string"),
            ));
        }
    };
    if value.is_empty() {
        // Before there was a version there was only this one.
        let oldest = !faults.has(Fault::NewestByDefault);
        return Ok(if oldest {
            SpecVersion::V010
        } else {
            SpecVersion::NEWEST
        });
    }
    if faults.has(Fault::PrefixVersion) && value.trim_start_matches('v').starts_with("1.1") {
        return Ok(SpecVersion::V110);
    }
    let refused = faults.has(Fault::RefusesListedVersion) && value == "0.3.0";
    match SpecVersion::named(value) {
        Some(version) if !refused => Ok(version),
        None if faults.has(Fault::UnsupportedVersionAccepted) => Ok(SpecVersion::NEWEST),
        _ => {
            let code = if faults.has(Fault::WrongVersionCode) {
                code::DECODE
            } else {
                code::VERSION
            };
            Err(Failure::new(
                code,
                format!("cniVersion {value:?} is not supported"),
            ))
        }
    }
}

/// Refuses verbs that the request's version does not have.
pub(crate) fn gate(verb: Verb, version: SpecVersion, faults: Faults) -> Result<(), Failure> {
    let since = match verb {
        Verb::Check if !faults.has(Fault::CheckOldVersion) => SpecVersion::V040,
        Verb::Status | Verb::Gc if !faults.has(Fault::VerbsAnyVersion) => SpecVersion::V110,
        _ => return Ok(()),
    };
    if version >= since {
        return Ok(());
    }
    Err(Failure::new(
        code::VERSION,
        format!("{verb} does not exist in cniVersion {version}, only from {since}"),
    ))
}

/// Reads the network's name.
pub(crate) fn read_network(
    document: &Map<String, Value>,
    faults: Faults,
) -> Result<String, Failure> {
    let name = match document.get("name") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Number(number)) if faults.has(Fault::NameCoerced) => number.to_string(),
        None | Some(Value::Null) => String::new(),
        Some(other) => {
            return Err(Failure::configuration(format!(
                "name {other} is not a string"
            )));
        }
    };
    if name.is_empty() {
        if faults.has(Fault::NameMissingOk) {
            return Ok("unnamed".to_owned());
        }
        return Err(Failure::configuration(
            "name is missing: it identifies the network",
        ));
    }
    if !is_identifier(&name) && !faults.has(Fault::NoNameCheck) {
        return Err(Failure::configuration(format!(
            "name {name:?} is not a letter or digit followed by letters, digits, '_', '.', '-'"
        )));
    }
    Ok(name)
}

/// Deviations that refuse a configuration which every plugin has to take.
pub(crate) fn refuse_needlessly(
    document: &Map<String, Value>,
    faults: Faults,
) -> Result<(), Failure> {
    const KNOWN: [&str; 12] = [
        "cniVersion",
        "name",
        "type",
        "ipam",
        "dns",
        "args",
        "mtu",
        "mac",
        "ipMasq",
        "runtimeConfig",
        "prevResult",
        "capabilities",
    ];
    if faults.has(Fault::UnknownFieldRejected)
        && document
            .keys()
            .any(|key| !KNOWN.contains(&key.as_str()) && !key.starts_with("cni.dev/"))
    {
        return Err(Failure::configuration(
            "the configuration has an unknown field",
        ));
    }
    if faults.has(Fault::ArgsRejected) && document.contains_key("args") {
        return Err(Failure::configuration("args is not understood"));
    }
    if faults.has(Fault::CapabilitiesRejected) && document.contains_key("capabilities") {
        return Err(Failure::configuration(
            "capabilities are the runtime's business",
        ));
    }
    if faults.has(Fault::CapMandatory) && !document.contains_key("runtimeConfig") {
        return Err(Failure::configuration("runtimeConfig is missing"));
    }
    if faults.has(Fault::TypelessCrash) && !document.get("type").is_some_and(Value::is_string) {
        std::process::abort();
    }
    Ok(())
}

/// A field that is an object, if present.
pub(crate) fn object<'a>(
    from: &'a Map<String, Value>,
    key: &str,
) -> Result<Option<&'a Map<String, Value>>, Failure> {
    match from.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(other) => Err(Failure::configuration(format!(
            "{key} {other} is not an object"
        ))),
    }
}

/// A field that is a string, if present.
pub(crate) fn text<'a>(
    from: &'a Map<String, Value>,
    key: &str,
) -> Result<Option<&'a str>, Failure> {
    match from.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Failure::configuration(format!(
            "{key} {other} is not a string"
        ))),
    }
}

/// A field that is a whole number within the range, if present.
pub(crate) fn number(
    from: &Map<String, Value>,
    key: &str,
    range: std::ops::RangeInclusive<u32>,
) -> Result<Option<u32>, Failure> {
    let Some(value) = from.get(key).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let number = value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| range.contains(number));
    match number {
        Some(number) => Ok(Some(number)),
        None => Err(Failure::configuration(format!(
            "{key} {value} is not a number from {} to {}",
            range.start(),
            range.end()
        ))),
    }
}

/// A field that is true or false; absent is false.
pub(crate) fn flag(from: &Map<String, Value>, key: &str) -> Result<bool, Failure> {
    match from.get(key) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => Err(Failure::configuration(format!(
            "{key} {other} is neither true nor false"
        ))),
    }
}
