//! A prevResult that is not quite what a runtime sends: without version, of another one, malformed, or none at all.

use cni_spec_fixtures::{SpecVersion, req};
use serde_json::{Value, json};

use super::judge;
use crate::check::{Check, Feature, Versions};
use crate::trial::{Attached, Call, Proof, Stop, Trial, Verb, listed_addresses};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "chain/prevresult-without-version",
        title: "A prevResult without cniVersion is taken for one of the request's version",
        proves: &[req::CHAIN_PREVRESULT_WITHOUT_VERSION],
        versions: Versions::WITH_INTERFACES,
        needs: &[],
        caught: &["prevresult-version-required"],
        run: without_version,
    },
    Check {
        id: "chain/prevresult-of-another-version",
        title: "A prevResult of another version is refused or converted, never misread",
        proves: &[req::CHAIN_PREVRESULT_VERSION_MISMATCH],
        versions: Versions::WITH_CHECK,
        needs: &[Feature::Chained],
        caught: &["foreign-prevresult-misread"],
        run: of_another_version,
    },
    Check {
        id: "chain/prevresult-malformed",
        title: "ADD refuses a malformed prevResult",
        proves: &[req::CHAIN_PREVRESULT_MALFORMED],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::EntersContainer],
        caught: &["ignores-bad-prevresult"],
        run: malformed,
    },
    Check {
        id: "chain/prevresult-absent",
        title: "ADD of a chained plugin without prevResult fails with an error object and changes nothing",
        proves: &[req::CHAIN_PREVRESULT_ABSENT],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::Chained],
        caught: &["prevresult-absent-ok"],
        run: absent,
    },
];

/// Each verb is called with the version first: one that fails so as well fails for another reason.
fn without_version(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    if trial.version() >= SpecVersion::V0_4_0 {
        let with = trial.check(&attached)?;
        let request = trial
            .request_after(Verb::Check, &attached)
            .previous_without_version(&attached);
        let without = trial.call(&request)?;
        compare(trial, (&with, &without), "CHECK");
        let request = trial
            .request_after(Verb::Del, &attached)
            .previous_without_version(&attached);
        let without = trial.call(&request)?;
        let with = trial.del(&attached)?;
        compare(trial, (&with, &without), "DEL");
    }
    // A container of its own: what a DEL leaves in the first one is not the matter here.
    let other = trial.attachment("c2")?;
    let Some(previous) = other.previous.as_ref().map(unversioned) else {
        return Ok(());
    };
    let request = trial.request(Verb::Add, &other).previous_value(previous);
    let without = trial.call(&request)?;
    compare(trial, (&attached.call, &without), "ADD");
    Ok(())
}

fn unversioned(result: &Value) -> Value {
    let mut result = result.clone();
    if let Some(members) = result.as_object_mut() {
        members.remove("cniVersion");
    }
    result
}

fn compare(trial: &mut Trial, (with, without): (&Call, &Call), verb: &str) {
    trial.expect(
        &req::CHAIN_PREVRESULT_WITHOUT_VERSION,
        !with.succeeded() || without.succeeded(),
        format!("{verb} with a prevResult that has no cniVersion: exit 0, as with one"),
        without.brief(),
        Proof::Shell(format!(
            "[ $status{} -eq 0 ] && [ $status{} -ne 0 ]",
            with.index(),
            without.index()
        )),
    );
}

/// Layouts, not numbers, are what can be misread: one version of each layout is enough.
fn of_another_version(trial: &mut Trial) -> Result<(), Stop> {
    const ADDRESS: &str = "10.94.0.2/24";
    let attachment = trial.attachment("c1")?;
    let interfaces = json!([{ "name": attachment.ifname, "sandbox": attachment.netns }]);
    let foreign = [
        json!({ "cniVersion": "0.2.0", "ip4": { "ip": ADDRESS } }),
        json!({
            "cniVersion": "0.4.0",
            "interfaces": interfaces,
            "ips": [{ "version": "4", "address": ADDRESS, "interface": 0 }],
        }),
        json!({
            "cniVersion": "1.0.0",
            "interfaces": interfaces,
            "ips": [{ "address": ADDRESS, "interface": 0 }],
        }),
    ];
    for previous in foreign {
        let of = previous["cniVersion"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let request = trial
            .request(Verb::Add, &attachment)
            .previous_value(previous);
        let call = trial.call(&request)?;
        let expected = format!(
            "ADD of {} with a prevResult of {of}: an error, or {ADDRESS} under ips",
            trial.version()
        );
        if !call.succeeded() {
            let proof = Proof::Dies(call.index());
            let held = call.refused();
            trial.expect(
                &req::CHAIN_PREVRESULT_VERSION_MISMATCH,
                held,
                expected,
                call.brief(),
                proof,
            );
            continue;
        }
        let result = call.json().unwrap_or_default();
        let held = result.get("ips").is_some()
            && listed_addresses(&result)
                .iter()
                .any(|address| address == ADDRESS);
        let proof = Proof::Shell(format!(
            "[ $status{0} -eq 0 ] && ! compact $work/out{0} | grep -q '\"ips\":.*\"address\":\"{ADDRESS}\"'",
            call.index()
        ));
        trial.expect(
            &req::CHAIN_PREVRESULT_VERSION_MISMATCH,
            held,
            expected,
            call.brief(),
            proof,
        );
        let result = Attached {
            attachment: attachment.clone(),
            call,
            result,
        };
        trial.del(&result)?;
    }
    Ok(())
}

fn malformed(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let version = trial.version();
    let address = |text: &str| {
        let mut ip = json!({ "address": text });
        if version < SpecVersion::V1_0_0 {
            ip["version"] = json!("4");
        }
        json!({ "cniVersion": version.as_str(), "ips": [ip] })
    };
    let variants = [
        json!("x"),
        json!(5),
        json!([]),
        address("zzz"),
        address("10.0.0.1"),
        json!({ "cniVersion": version.as_str(), "interfaces": {} }),
    ];
    for previous in variants {
        let request = trial
            .request(Verb::Add, &attachment)
            .previous_value(previous.clone());
        let call = trial.call(&request)?;
        if call.refused() && call.error().is_some() {
            continue;
        }
        let (actual, proof) = if call.succeeded() {
            (
                "exit 0, as if nothing were wrong".to_owned(),
                Proof::succeeds(&call),
            )
        } else {
            let no_object = vec![Proof::Dies(call.index()), Proof::lacks(&call, "\"code\":")];
            (call.brief(), Proof::Any(no_object))
        };
        let expected =
            format!("ADD with prevResult {previous}: exit status 1 to 125 and an error object");
        judge(
            trial,
            &req::CHAIN_PREVRESULT_MALFORMED,
            false,
            (expected, actual),
            proof,
        );
        // One form that gets through says it all.
        break;
    }
    Ok(())
}

fn absent(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let before = trial.snapshot("before ADD")?;
    let complete = trial.request(Verb::Add, &attachment);
    for (request, what) in [
        (
            complete.clone().without_previous(),
            "ADD without prevResult",
        ),
        (
            complete.previous_value(Value::Null),
            "ADD with prevResult null",
        ),
    ] {
        let call = trial.call(&request)?;
        if trial.expect_refusal(&req::CHAIN_PREVRESULT_ABSENT, &call, what) {
            trial.expect(
                &req::CHAIN_PREVRESULT_ABSENT,
                call.error().is_some(),
                format!("{what}: an error object"),
                call.brief(),
                Proof::lacks(&call, "\"code\":"),
            );
        }
    }
    let after = trial.snapshot("after ADD")?;
    trial.expect_unchanged(
        &req::CHAIN_PREVRESULT_ABSENT,
        (&before, "before ADD"),
        (&after, "after ADD"),
        "an ADD that fails for want of prevResult changes nothing",
    );
    Ok(())
}
