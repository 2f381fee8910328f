//! ADD succeeds and gives a result. Every other check of every topic rests on this.

use cni_spec_fixtures::req;
use serde_json::Value;

use crate::check::{Check, Versions};
use crate::trial::{Proof, Stop, Trial};

pub(super) const CHECKS: &[Check] = &[Check {
    id: "add/gives-a-result",
    title: "ADD exits with status 0 and prints one JSON object",
    proves: &[req::ADD_RESULT_PRINTED, req::ERR_EXIT_ZERO],
    versions: Versions::ALL,
    needs: &[],
    caught: &[
        "silent-add",
        "result-on-stderr",
        "hang-on-add",
        "success-exit-one",
        "prints-garbage-before-result",
    ],
    run: gives_a_result,
}];

/// What every other check rests on: `attach` is blocked on this one.
fn gives_a_result(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let add = trial.add(&attachment)?;
    if !trial.expect_success(&req::ERR_EXIT_ZERO, &add, "ADD of a complete request") {
        return Ok(());
    }
    let proof = Proof::PrintsNoDocument(add.index());
    trial.expect(
        &req::ADD_RESULT_PRINTED,
        matches!(add.json(), Some(Value::Object(_))),
        "ADD: one JSON object and nothing else on stdout",
        add.brief(),
        proof,
    );
    Ok(())
}
