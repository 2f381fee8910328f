//! CNI_COMMAND: nothing happens without it or with a value that is no verb, and every verb of a version is there.

use cni_spec_fixtures::req;
use serde_json::json;

use crate::check::{Check, Versions};
use crate::checks::refusal::{
    Refusal, expect_untouched, snapshot_before, usual, verbs_with_configuration,
};
use crate::trial::{Call, Proof, Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "protocol/no-command",
        title: "Without CNI_COMMAND a plugin does nothing and says so",
        proves: &[req::PARAM_COMMAND_REQUIRED],
        versions: Versions::SINCE_1_0,
        needs: &[],
        caught: &["default-verb-add"],
        run: no_command,
    },
    Check {
        id: "protocol/unknown-command",
        title: "A CNI_COMMAND that is no verb of the specification is refused",
        proves: &[req::PARAM_COMMAND_UNKNOWN, req::ERR_CODE_4_NAMES],
        versions: Versions::ALL,
        needs: &[],
        caught: &["lowercase-verb"],
        run: unknown_command,
    },
    Check {
        id: "protocol/every-verb",
        title: "Every verb of a version that the plugin claims is known to it",
        proves: &[req::PARAM_VERBS_IMPLEMENTED, req::VER_HONEST],
        versions: Versions::ALL,
        needs: &[],
        caught: &["status-gc-unimplemented"],
        run: every_verb,
    },
];

fn no_command(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let complete = trial.request(Verb::Add, &attachment);
    let before = snapshot_before(trial)?;
    for (request, what) in [
        (
            complete.clone().without("CNI_COMMAND"),
            "a call without CNI_COMMAND",
        ),
        (
            complete.env("CNI_COMMAND", ""),
            "a call with an empty CNI_COMMAND",
        ),
    ] {
        let call = trial.call(&request)?;
        let result = Proof::All(vec![
            Proof::succeeds(&call),
            Proof::PrintsAnything(call.index()),
        ]);
        trial.expect(
            &req::PARAM_COMMAND_REQUIRED,
            !call.succeeded() || call.is_silent(),
            format!("{what}: no result"),
            call.brief(),
            result,
        );
        expect_untouched(trial, &req::PARAM_COMMAND_REQUIRED, &before, what)?;
        // To explain itself on stderr and exit 0 is a habit that is tolerated, not a refusal.
        let code = call.error().and_then(|error| error.code());
        trial.advise(
            &req::PARAM_COMMAND_REQUIRED,
            call.refused() && code == Some(4),
            format!("{what}: exit status 1 and an error object with code 4"),
            call.brief(),
            Proof::Any(vec![
                Proof::succeeds(&call),
                Proof::lacks(&call, "\"code\":4[^0-9]"),
            ]),
        );
    }
    Ok(())
}

fn unknown_command(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let before = snapshot_before(trial)?;
    for verb in ["NOPE", "add", "ADD ", "GET", "UPDATE"] {
        let request = trial
            .request(Verb::Add, &attachment)
            .env("CNI_COMMAND", verb);
        Refusal {
            requirement: &req::PARAM_COMMAND_UNKNOWN,
            request: &request,
            what: &format!("CNI_COMMAND=\"{verb}\""),
            codes: &[4],
            variables: &["CNI_COMMAND"],
        }
        .expect(trial)?;
    }
    expect_untouched(
        trial,
        &req::PARAM_COMMAND_UNKNOWN,
        &before,
        "an unknown CNI_COMMAND",
    )?;
    Ok(())
}

fn every_verb(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    for verb in verbs_with_configuration(trial.version()) {
        let request = match verb {
            Verb::Add | Verb::Del => continue,
            Verb::Check => trial.request_after(Verb::Check, &attached),
            Verb::Status | Verb::Gc | Verb::Version => usual(trial, *verb, &attachment),
        };
        let call = trial.call(&request)?;
        expect_known(trial, *verb, &call);
    }
    let del = trial.del(&attached)?;
    expect_known(trial, Verb::Del, &del);
    let version = trial
        .request_without_attachment(Verb::Version)
        .stdin(json!({ "cniVersion": trial.version().to_string() }).to_string());
    let call = trial.call(&version)?;
    expect_known(trial, Verb::Version, &call);
    Ok(())
}

/// Code 1 says "not in this version", code 4 "no such verb"; any other failure is for the verb's own checks.
fn expect_known(trial: &mut Trial, verb: Verb, call: &Call) {
    let code = call.error().and_then(|error| error.code());
    let held = !(call.refused() && matches!(code, Some(1 | 4)));
    let expected = format!(
        "{} is known in cniVersion {}: neither code 1 nor code 4",
        verb.name(),
        trial.version()
    );
    let proof = Proof::prints(call, "\"code\":(1|4)[^0-9]");
    trial.expect(
        &req::PARAM_VERBS_IMPLEMENTED,
        held,
        expected.clone(),
        call.brief(),
        proof.clone(),
    );
    trial.expect(&req::VER_HONEST, held, expected, call.brief(), proof);
}
