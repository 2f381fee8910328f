//! The list of attachments that GC has to leave alone.

use serde_json::Value;

use crate::{
    catalogue::Fault,
    fault::Faults,
    protocol::{Call, Failure},
};

/// The attachments that are still in use, by container ID and interface name.
pub(crate) struct ValidAttachments {
    pairs: Vec<(String, String)>,
    faults: Faults,
}

impl ValidAttachments {
    /// Says whether the attachment may be collected.
    pub(crate) fn is_stale(&self, container_id: &str, ifname: &str) -> bool {
        if self.faults.has(Fault::GcWipesAll) {
            return true;
        }
        if self.faults.has(Fault::GcEmptyListNoop) && self.pairs.is_empty() {
            return false;
        }
        let listed = self.pairs.iter().any(|(listed_id, listed_ifname)| {
            if self.faults.has(Fault::GcPrefixMatch) {
                return listed_id.starts_with(container_id) && listed_ifname == ifname;
            }
            if self.faults.has(Fault::GcContainerOnly) {
                return listed_id == container_id;
            }
            listed_id == container_id && listed_ifname == ifname
        });
        listed == self.faults.has(Fault::GcInverted)
    }
}

/// Reads the list. A missing one is refused: taken as empty it would delete everything that is alive.
pub(crate) fn valid_attachments(call: &Call) -> Result<ValidAttachments, Failure> {
    let old_key = call.faults.has(Fault::GcOldKey);
    let key = if old_key {
        "cni.dev/attachments"
    } else {
        "cni.dev/valid-attachments"
    };
    let pairs = match read(key, call.document.get(key)) {
        Err(_)
            if call.faults.has(Fault::GcMissingMeansEmpty)
                && call.document.get(key).is_none_or(Value::is_null) =>
        {
            Vec::new()
        }
        Err(_)
            if call.faults.has(Fault::GcMalformedMeansEmpty) && call.document.contains_key(key) =>
        {
            Vec::new()
        }
        outcome => outcome?,
    };
    Ok(ValidAttachments {
        pairs,
        faults: call.faults,
    })
}

fn read(key: &str, value: Option<&Value>) -> Result<Vec<(String, String)>, Failure> {
    let entries = match value {
        Some(Value::Array(entries)) => entries,
        None | Some(Value::Null) => {
            return Err(Failure::configuration(format!(
                "{key} is missing: nothing is collected"
            )));
        }
        Some(other) => {
            return Err(Failure::configuration(format!(
                "{key} {other} is not a list"
            )));
        }
    };
    let pair = |entry: &Value| {
        let part = |part: &str| {
            entry
                .get(part)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        part("containerID").zip(part("ifname")).ok_or_else(|| {
            Failure::configuration(format!(
                "{key} has {entry}, which is no containerID with ifname"
            ))
        })
    };
    entries.iter().map(pair).collect()
}
