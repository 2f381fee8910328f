//! Error codes: which numbers are free, and what those with a meaning oblige to.

use cni_spec_fixtures::req;

use crate::check::{Check, Feature, Versions};
use crate::checks::error::failure::failures;
use crate::checks::refusal::snapshot_before;
use crate::trial::{Call, Place, Proof, Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "error/reserved-codes",
        title: "Codes below 100 are only used with the meaning that the specification gives them",
        proves: &[req::ERR_RESERVED_RANGE],
        versions: Versions::ALL,
        needs: &[],
        caught: &["reserved-code-42"],
        run: reserved_codes,
    },
    Check {
        id: "error/code-4-names-variables",
        title: "An error with code 4 names the variable that is wrong",
        proves: &[req::ERR_CODE_4_NAMES],
        versions: Versions::SINCE_1_0,
        needs: &[],
        caught: &["nameless-code-4"],
        run: code_4_names_variables,
    },
    Check {
        id: "error/code-3-holds-nothing",
        title: "Code 3 is only answered for a container for which nothing is held",
        proves: &[req::ERR_CODE_3],
        versions: Versions::WITH_CHECK,
        needs: &[Feature::CreatesInterface],
        caught: &["drift-is-code-3"],
        run: code_3_holds_nothing,
    },
    Check {
        id: "error/code-11-can-be-retried",
        title: "After code 11 the same call succeeds or answers code 11 again",
        proves: &[req::ERR_CODE_11],
        versions: Versions::WITH_CHECK,
        needs: &[],
        caught: &["try-again-leaves-reservation"],
        run: code_11_can_be_retried,
    },
];

const LISTED_CODES: [i64; 10] = [1, 2, 3, 4, 5, 6, 7, 11, 50, 51];

fn reserved_codes(trial: &mut Trial) -> Result<(), Stop> {
    for (call, what) in failures(trial)? {
        let code = call.error().and_then(|error| error.code());
        let held =
            code.is_none_or(|code| !(0..100).contains(&code) || LISTED_CODES.contains(&code));
        trial.expect(
            &req::ERR_RESERVED_RANGE,
            held,
            format!("{what}: a code that the specification lists, or one of 100 and above"),
            call.brief(),
            Proof::prints(
                &call,
                "\"code\":(0|8|9|10|1[2-9]|[2-4][0-9]|5[2-9]|[6-9][0-9])[,}]",
            ),
        );
    }
    Ok(())
}

fn code_4_names_variables(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let add = trial.request(Verb::Add, &attachment);
    for (request, variable, what) in [
        (
            add.clone().without("CNI_CONTAINERID"),
            "CNI_CONTAINERID",
            "ADD without CNI_CONTAINERID",
        ),
        (
            add.clone().without("CNI_NETNS"),
            "CNI_NETNS",
            "ADD without CNI_NETNS",
        ),
        (
            add.clone().without("CNI_IFNAME"),
            "CNI_IFNAME",
            "ADD without CNI_IFNAME",
        ),
        (
            add.env("CNI_COMMAND", "NOPE"),
            "CNI_COMMAND",
            "CNI_COMMAND=NOPE",
        ),
    ] {
        let call = trial.call(&request)?;
        if call.error().and_then(|error| error.code()) == Some(4) {
            trial.expect_named(&req::ERR_CODE_4_NAMES, &call, variable, what);
        }
    }
    Ok(())
}

fn code_3_holds_nothing(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    // What the first attachment leaves for good is not held for a container.
    let first = trial.attach(&attachment)?;
    trial.del(&first)?;
    let before = snapshot_before(trial)?;
    let attached = trial.attach(&attachment)?;
    trial.delete_link(Place::Container("c1"), &attachment.ifname)?;
    let check = trial.check(&attached)?;
    if check.error().and_then(|error| error.code()) != Some(3) {
        return Ok(());
    }
    let after = trial.snapshot("after")?;
    let held = crate::kernel::difference(&before, &after);
    trial.expect(
        &req::ERR_CODE_3,
        held.is_empty(),
        "CHECK answers code 3 (nothing to clean up): nothing is held for the container",
        format!(
            "held are {}: {}",
            held.len(),
            held.first().cloned().unwrap_or_default()
        ),
        Proof::All(vec![
            Proof::prints(&check, "\"code\":3[^0-9]"),
            Proof::Differs("before", "after"),
        ]),
    );
    Ok(())
}

fn code_11_can_be_retried(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let mut call = trial.add(&attachment)?;
    let says_11 = |call: &Call| call.error().and_then(|error| error.code()) == Some(11);
    for _ in 0..3 {
        if !says_11(&call) {
            return Ok(());
        }
        let first = Proof::prints(&call, "\"code\":11[^0-9]");
        call = trial.add(&attachment)?;
        trial.expect(
            &req::ERR_CODE_11,
            call.succeeded() || says_11(&call),
            "ADD again after code 11: success or code 11",
            call.brief(),
            Proof::All(vec![
                first,
                Proof::fails(&call),
                Proof::lacks(&call, "\"code\":11[^0-9]"),
            ]),
        );
    }
    Ok(())
}
