//! CHECK requests that have to be refused as such: of an older version, without prevResult, with one that is none.

use cni_spec_fixtures::{Requirement, SpecVersion, req};
use serde_json::{Value, json};

use crate::trial::{Call, Proof, Stop, Trial, Verb};

const BEFORE: &str = "before CHECK";
const AFTER: &str = "after CHECK";

/// The attachment and prevResult are as good as they can be, so that only the version is wrong.
pub(super) fn version_gate(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let before = trial.snapshot(BEFORE)?;
    let requirement = &req::CHECK_VERSION_GATE;
    let request = trial.request_after(Verb::Check, &attached);
    let older = SpecVersion::ALL
        .into_iter()
        .filter(|version| *version < SpecVersion::V0_4_0);
    for version in older {
        let mut result = attached.result.clone();
        result["cniVersion"] = json!(version.to_string());
        let request = request
            .clone()
            .key("cniVersion", json!(version.to_string()))
            .previous_value(result);
        let check = trial.call(&request)?;
        let what = format!("CHECK with cniVersion {version}, which has no CHECK");
        if trial.expect_refusal(requirement, &check, &what) {
            trial.expect_code(requirement, &check, &[1, 4], &what);
        }
    }
    let request = request.config(|config| drop(config.remove("cniVersion")));
    let check = trial.call(&request)?;
    trial.expect_refusal(
        requirement,
        &check,
        "CHECK without cniVersion, which means 0.1.0",
    );
    let after = trial.snapshot(AFTER)?;
    trial.expect_unchanged(
        requirement,
        (&before, BEFORE),
        (&after, AFTER),
        "a refused CHECK changes nothing",
    );
    Ok(())
}

pub(super) fn without_previous(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let request = trial.request_after(Verb::Check, &attached);
    for (request, what) in [
        (
            request.clone().without_previous(),
            "CHECK without prevResult",
        ),
        (
            request.previous_value(Value::Null),
            "CHECK with null as prevResult",
        ),
    ] {
        let check = trial.call(&request)?;
        reports(trial, &req::CHECK_PREVRESULT_REQUIRED, &check, what);
    }
    Ok(())
}

pub(super) fn malformed_previous(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let version = trial.version().to_string();
    let requirement = &req::CHECK_PREVRESULT_MALFORMED;
    let request = trial.request_after(Verb::Check, &attached);
    for (value, what) in [
        (json!("x"), "a string"),
        (json!([]), "an array"),
        (
            json!({ "cniVersion": version, "ips": [{ "version": "4", "address": "zzz" }] }),
            "a result with the address \"zzz\"",
        ),
        (
            json!({ "cniVersion": "0.2.0", "ip4": { "ip": "192.0.2.9/24" } }),
            "a result of CNI 0.2.0",
        ),
    ] {
        let check = trial.call(&request.clone().previous_value(value))?;
        let what = format!("CHECK with {what} as prevResult");
        reports(trial, requirement, &check, &what);
    }
    let mut result = attached.result.clone();
    if let Some(result) = result.as_object_mut() {
        result.remove("cniVersion");
    }
    let request = request.previous_edited(
        &attached,
        &result,
        "s/\\\"cniVersion\\\":\\\"[^\\\"]*\\\",?//",
    );
    let check = trial.call(&request)?;
    let what = "CHECK with a prevResult that lacks cniVersion, as the specification's examples do";
    trial.expect_success(requirement, &check, what);
    Ok(())
}

/// Expects a refusal that says why in an error object.
fn reports(trial: &mut Trial, requirement: &Requirement, check: &Call, what: &str) {
    if trial.expect_refusal(requirement, check, what) {
        trial.expect(
            requirement,
            check.error().is_some(),
            format!("{what}: an error object on stdout"),
            check.brief(),
            Proof::lacks(check, "^[{].*\"(code|msg)\":"),
        );
    }
}
