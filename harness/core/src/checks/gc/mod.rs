//! GC: what is stale goes, what is valid stays, and nothing goes by accident.

pub(super) mod collection;
pub(super) mod request;

use serde_json::{Value, json};

use crate::trial::{Attachment, Call, Request, Stop, Trial, Verb};

/// Where the list of valid attachments stands.
const KEY: &str = "cni.dev/valid-attachments";

/// Where the text of 1.1.0 as it was tagged puts it. libcni sends both.
const OLD_KEY: &str = "cni.dev/attachments";

/// Returns a list of valid attachments.
fn list(valid: &[(&str, &str)]) -> Value {
    valid
        .iter()
        .map(|(container, ifname)| json!({ "containerID": container, "ifname": ifname }))
        .collect()
}

/// Returns a GC request for the network `conform` as libcni makes it.
fn request(trial: &Trial, valid: &[(&str, &str)]) -> Request {
    trial
        .request_without_attachment(Verb::Gc)
        .key(KEY, list(valid))
        .key(OLD_KEY, list(valid))
}

/// GCs the network `conform`.
fn gc(trial: &mut Trial, valid: &[(&str, &str)]) -> Result<Call, Stop> {
    let request = request(trial, valid);
    trial.call(&request)
}

/// Returns an attachment as the list names it.
fn pair(attachment: &Attachment) -> (&str, &str) {
    (&attachment.id, &attachment.ifname)
}
