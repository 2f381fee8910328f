//! DEL with a prevResult that says nothing or nonsense: the clean-up goes on without it.

use cni_spec_fixtures::{Requirement, req};
use serde_json::{Value, json};

use super::ordinary::warm_up;
use crate::trial::{Attached, Stop, Trial, Verb};

/// Makes a prevResult of the ADD's result.
type Garble = fn(&Attached) -> Value;

const BEFORE: &str = "before ADD";
const AFTER: &str = "after DEL";

pub(super) fn empty(trial: &mut Trial) -> Result<(), Stop> {
    let version = trial.version().to_string();
    warm_up(trial)?;
    for (value, what) in [
        (json!({}), "an empty object"),
        (
            json!({ "cniVersion": version }),
            "an object with nothing but cniVersion",
        ),
        (Value::Null, "null"),
    ] {
        judge(trial, &req::DEL_EMPTY_PREVRESULT, |_| value.clone(), what)?;
    }
    Ok(())
}

pub(super) fn garbage(trial: &mut Trial) -> Result<(), Stop> {
    warm_up(trial)?;
    let variants: [(Garble, &str); 3] = [
        (|_| json!("x"), "a string"),
        (
            |_| json!({ "cniVersion": "0.2.0", "ip4": { "ip": "192.0.2.9/24" } }),
            "a result of CNI 0.2.0",
        ),
        (
            |attached| {
                let mut result = attached.result.clone();
                result["ips"] = json!([{ "address": "zzz" }]);
                result
            },
            "a result with the address \"zzz\"",
        ),
    ];
    for (value, what) in variants {
        judge(trial, &req::DEL_GARBAGE_PREVRESULT, value, what)?;
    }
    Ok(())
}

/// ADDs, DELs with the value as prevResult, and cleans up as it should be for the next variant.
fn judge(
    trial: &mut Trial,
    requirement: &Requirement,
    value: impl Fn(&Attached) -> Value,
    what: &str,
) -> Result<(), Stop> {
    let attachment = trial.attachment("c2")?;
    let before = trial.snapshot(BEFORE)?;
    let attached = trial.attach(&attachment)?;
    let request = trial
        .request_after(Verb::Del, &attached)
        .previous_value(value(&attached));
    let del = trial.call(&request)?;
    trial.expect_success(requirement, &del, &format!("DEL with {what} as prevResult"));
    let after = trial.snapshot(AFTER)?;
    trial.expect_no_growth(
        requirement,
        (&before, BEFORE),
        (&after, AFTER),
        &format!("nothing of the attachment is left after DEL with {what} as prevResult"),
    );
    trial.del(&attached)?;
    Ok(())
}
