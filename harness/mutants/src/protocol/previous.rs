//! prevResult: the result of the plugins before this one, raw and read.
//!
//! The raw form is kept because keys that no specification defines have to survive the passage.

use serde_json::{Map, Value};

use crate::{
    catalogue::Fault,
    protocol::{AttachmentResult, Call, Failure, SpecVersion, Verb},
};

/// The result of the plugins before this one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Previous {
    pub(crate) raw: Map<String, Value>,
    pub(crate) result: AttachmentResult,
}

/// Reads prevResult; `None` when there is none. A result of another layout is refused rather than guessed at.
pub(crate) fn previous_result(call: &Call) -> Result<Option<Previous>, Failure> {
    let value = call.document.get("prevResult");
    let tolerant = call.faults.has(Fault::IgnoresBadPrevresult) && call.verb == Verb::Add
        || call.faults.has(Fault::CheckMalformedOk) && call.verb == Verb::Check;
    match read(call, value) {
        Err(_) if call.verb == Verb::Check && call.faults.has(Fault::CheckCrashes) => {
            std::process::abort()
        }
        Err(_) if tolerant => Ok(Some(Previous::default())),
        outcome => outcome,
    }
}

fn read(call: &Call, value: Option<&Value>) -> Result<Option<Previous>, Failure> {
    let raw = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(raw)) => raw,
        Some(other) => {
            return Err(Failure::configuration(format!(
                "prevResult {other} is not an object"
            )));
        }
    };
    let version = match raw.get("cniVersion") {
        None | Some(Value::Null) if call.faults.has(Fault::PrevresultVersionRequired) => {
            return Err(Failure::configuration("prevResult has no cniVersion"));
        }
        // The specification's own examples leave it out.
        None | Some(Value::Null) => call.version,
        Some(Value::String(text)) => SpecVersion::named(text).ok_or_else(|| {
            Failure::configuration(format!(
                "prevResult has cniVersion {text:?}, which is not supported"
            ))
        })?,
        Some(other) => {
            return Err(Failure::configuration(format!(
                "prevResult has cniVersion {other}, which is not a string"
            )));
        }
    };
    let misread = call.faults.has(Fault::ForeignPrevresultMisread);
    if version.shape() != call.version.shape() && !misread {
        return Err(Failure::configuration(format!(
            "prevResult has cniVersion {version}, whose layout is not that of the request's {}",
            call.version
        )));
    }
    let result = AttachmentResult::parse(raw, call.version)
        .map_err(|error| Failure::configuration(format!("prevResult is no result: {error}")))?;
    Ok(Some(Previous {
        raw: raw.clone(),
        result,
    }))
}
