//! The answer to VERSION, which is the same for all toys.

use std::io::Read;

use serde_json::{Map, Value, json};

use crate::{
    catalogue::Fault,
    fault::Faults,
    protocol::{Call, Delegate, Failure, Outcome, SpecVersion, Verb, serve::hang},
    store::Store,
    toy::Toy,
};

/// Answers VERSION, for which stdin may be empty, short or nonsense: it is how a runtime finds out what we speak.
pub(super) fn tell_versions(toy: &'static Toy, faults: Faults) -> Outcome {
    let document = read_first_value();
    if faults.has(Fault::VersionNeedsConfig) && document.get("name").is_none() {
        return Err(Failure::configuration("name is missing"));
    }
    if faults.has(Fault::HangOnVersion) && document.get("name").is_none() {
        hang();
    }
    let asked = document
        .get("cniVersion")
        .and_then(Value::as_str)
        .and_then(SpecVersion::named);
    if faults.has(Fault::VersionCrashOnUnknown)
        && asked.is_none()
        && document.get("cniVersion").is_some()
    {
        std::process::abort();
    }
    if (faults.has(Fault::VersionForwards) || faults.has(Fault::VersionWritesState))
        && let Value::Object(document) = &document
    {
        act_on_version(toy, faults, document)?;
    }
    let own = faults.has(Fault::VersionOwn);
    let answered = asked.filter(|_| !own).unwrap_or(SpecVersion::NEWEST);
    let mut supported: Vec<&str> = SpecVersion::ALL
        .iter()
        .map(|version| version.as_str())
        .collect();
    if faults.has(Fault::VersionEmptyList) {
        supported.clear();
    }
    if faults.has(Fault::VersionListsUnreleased) {
        supported.push("1.2.0");
    }
    if faults.has(Fault::VersionUnlisted) {
        supported.retain(|version| *version != "0.3.1");
    }
    if faults.has(Fault::VersionPlainText) {
        return Ok(Some(json!(supported.join(" "))));
    }
    Ok(Some(
        json!({"cniVersion": answered.as_str(), "supportedVersions": supported}),
    ))
}

fn act_on_version(
    toy: &'static Toy,
    faults: Faults,
    document: &Map<String, Value>,
) -> Result<(), Failure> {
    let network = document
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("unnamed")
        .to_owned();
    let bytes = Value::Object(document.clone()).to_string().into_bytes();
    let call = Call {
        toy,
        faults,
        verb: Verb::Version,
        bytes,
        document: document.clone(),
        version: SpecVersion::NEWEST,
        network,
    };
    if faults.has(Fault::VersionWritesState) {
        Store::of(&call).mark("called")?;
    }
    if faults.has(Fault::VersionForwards)
        && let Some(delegate) = Delegate::ipam(&call)?
    {
        drop(delegate.run(Verb::Version)?);
    }
    Ok(())
}

/// Reads one value and no further, so that a runtime which keeps the pipe open gets its answer too.
fn read_first_value() -> Value {
    let stdin = std::io::stdin().lock().bytes().map_while(Result::ok);
    let mut read = Vec::new();
    for byte in stdin {
        read.push(byte);
        if byte == b'}'
            && let Ok(value) = serde_json::from_slice(&read)
        {
            return value;
        }
    }
    Value::Null
}
