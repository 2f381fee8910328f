//! Exit status and standard output of success and failure, and what a refused request leaves.

use cni_spec_fixtures::{SpecVersion, req};
use serde_json::Value;

use crate::check::{Check, Versions};
use crate::checks::error::failure::{ERROR, failures, refused_requests};
use crate::checks::refusal::{expect_untouched, snapshot_before};
use crate::trial::{Proof, Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "error/exit-status",
        title: "An error object goes with an exit status other than 0, a result with 0",
        proves: &[req::ERR_EXIT_NONZERO, req::ERR_EXIT_ZERO],
        versions: Versions::ALL,
        needs: &[],
        caught: &["exit-zero-on-error", "success-exit-one"],
        run: exit_status,
    },
    Check {
        id: "error/single-document",
        title: "A failing plugin prints the error object and nothing else on standard output",
        proves: &[req::ERR_SINGLE_DOCUMENT],
        versions: Versions::ALL,
        needs: &[],
        caught: &["result-then-error"],
        run: single_document,
    },
    Check {
        id: "error/stdout-clean",
        title: "A result is the only thing on standard output",
        proves: &[req::ERR_STDOUT_CLEAN],
        versions: Versions::ALL,
        needs: &[],
        caught: &[
            "prints-garbage-before-result",
            "stdout-warning",
            "floods-stdout",
        ],
        run: stdout_clean,
    },
    Check {
        id: "error/write-failure",
        title: "A result that can't be written is a failure, and DEL cleans up after it",
        proves: &[req::ERR_STDOUT_WRITE_FAILURE],
        versions: Versions::ALL,
        needs: &[],
        caught: &["ignores-stdout-failure"],
        run: write_failure,
    },
    Check {
        id: "error/no-side-effects",
        title: "A request that is refused for its parameters or configuration changes nothing",
        proves: &[req::ERR_NO_SIDE_EFFECTS],
        versions: Versions::SINCE_1_0,
        needs: &[],
        caught: &["acts-before-validation"],
        run: no_side_effects,
    },
];

fn exit_status(trial: &mut Trial) -> Result<(), Stop> {
    for (call, what) in failures(trial)? {
        trial.expect(
            &req::ERR_EXIT_NONZERO,
            !(call.succeeded() && call.error().is_some()),
            format!("{what}: an exit status other than 0 beside the error object"),
            call.brief(),
            Proof::All(vec![Proof::succeeds(&call), Proof::prints(&call, ERROR)]),
        );
    }
    let attachment = trial.attachment("c1")?;
    let mut requests = vec![(trial.request(Verb::Add, &attachment), "ADD")];
    if trial.version() >= SpecVersion::V0_2_0 {
        requests.push((trial.request(Verb::Version, &attachment), "VERSION"));
    }
    for (request, what) in requests {
        let call = trial.call(&request)?;
        let result = matches!(call.json(), Some(Value::Object(_))) && call.error().is_none();
        trial.expect(
            &req::ERR_EXIT_ZERO,
            !(call.refused() && result),
            format!("{what}: exit status 0 beside the result"),
            call.brief(),
            Proof::All(vec![
                Proof::fails(&call),
                Proof::prints(&call, "^[{].*[}]$"),
                Proof::lacks(&call, ERROR),
            ]),
        );
    }
    Ok(())
}

fn single_document(trial: &mut Trial) -> Result<(), Stop> {
    for (call, what) in failures(trial)? {
        let mut documents =
            serde_json::Deserializer::from_slice(call.stdout()).into_iter::<Value>();
        let first = documents.next();
        let alone = documents.next().is_none();
        trial.expect(
            &req::ERR_SINGLE_DOCUMENT,
            call.succeeded() || !matches!(first, Some(Ok(_))) || alone,
            format!("{what}: one JSON document on stdout"),
            call.brief(),
            Proof::PrintsNoDocument(call.index()),
        );
    }
    Ok(())
}

fn stdout_clean(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let add = trial.request(Verb::Add, &attachment);
    let mut requests = vec![(add, "ADD")];
    if trial.version() >= SpecVersion::V0_2_0 {
        requests.push((trial.request(Verb::Version, &attachment), "VERSION"));
    }
    for (request, what) in requests {
        let call = trial.call(&request)?;
        // What is silent, or fails, is for the checks of the verb.
        trial.expect(
            &req::ERR_STDOUT_CLEAN,
            !call.succeeded() || call.is_silent() || call.json().is_some(),
            format!("{what}: one JSON document on stdout and nothing else"),
            format!("{}, {} bytes", call.brief(), call.exchange().stdout_bytes),
            Proof::All(vec![
                Proof::succeeds(&call),
                Proof::PrintsAnything(call.index()),
                Proof::PrintsNoDocument(call.index()),
            ]),
        );
    }
    Ok(())
}

fn write_failure(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.del(&attached)?;
    let before = snapshot_before(trial)?;
    let mut verbs = vec![Verb::Add];
    if trial.version() >= SpecVersion::V0_2_0 {
        verbs.push(Verb::Version);
    }
    for verb in verbs {
        let request = trial.request(verb, &attachment).full_stdout();
        let call = trial.call(&request)?;
        trial.expect(
            &req::ERR_STDOUT_WRITE_FAILURE,
            !call.succeeded(),
            format!(
                "{} with stdout on /dev/full: an exit status other than 0",
                verb.name()
            ),
            call.brief(),
            Proof::succeeds(&call),
        );
    }
    let del = trial.request_after(Verb::Del, &attached);
    trial.call(&del)?;
    let what = "ADD with stdout on /dev/full, followed by DEL,";
    expect_untouched(trial, &req::ERR_STDOUT_WRITE_FAILURE, &before, what)?;
    Ok(())
}

fn no_side_effects(trial: &mut Trial) -> Result<(), Stop> {
    let requests = refused_requests(trial)?;
    let before = snapshot_before(trial)?;
    for (request, what) in requests {
        let call = trial.call(&request)?;
        if !call.succeeded() {
            expect_untouched(trial, &req::ERR_NO_SIDE_EFFECTS, &before, what)?;
        }
    }
    Ok(())
}
