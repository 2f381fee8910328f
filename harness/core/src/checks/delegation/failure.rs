//! What follows when an ADD with a delegate fails, by the delegate's fault or after it.

use cni_spec_fixtures::req;
use serde_json::json;

use super::answers::{Lease, V4};
use crate::check::{Check, Feature, Versions};
use crate::trial::delegate::add_through_delegate_failed;
use crate::trial::{DelegateAnswer, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "delegation/failed-add-is-an-error",
        title: "When the delegate fails on ADD, in whatever way, ADD fails with an error object",
        proves: &[req::DELEG_ADD_ERROR],
        versions: Versions::ALL,
        needs: &[Feature::Delegates],
        caught: &["delegate-error-replaced", "ipam-ignored"],
        run: failed_add_is_an_error,
    },
    Check {
        id: "delegation/failed-add-runs-the-delegate-with-del",
        title: "When the delegate fails on ADD, it is run with DEL before ADD returns",
        proves: &[req::DELEG_ADD_ERROR_DEL],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::Delegates],
        caught: &["no-delegate-del"],
        run: failed_add_runs_del,
    },
    Check {
        id: "delegation/later-failure-runs-the-delegate-with-del",
        title: "When ADD fails after its delegate succeeded, the delegate is run with DEL before ADD returns",
        proves: &[req::DELEG_LATER_FAILURE_DEL],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::Delegates],
        caught: &["no-delegate-del"],
        run: later_failure_runs_del,
    },
    Check {
        id: "delegation/del-after-failed-add",
        title: "DEL after a failed ADD succeeds and leaves nothing of it",
        proves: &[req::ADD_FAILURE_THEN_DEL],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::Delegates],
        caught: &["del-residue-after-failed-add"],
        run: del_after_failed_add,
    },
];

/// The code of the delegate's error: of the range that belongs to plugins.
const CODE: u32 = 123;
/// Its text.
const MSG: &str = "the pool is dry";

/// SIGKILL, as when the kernel runs out of memory.
const SIGKILL: i32 = 9;

/// The ways in which a delegate can fail on ADD.
fn failures() -> [(&'static str, DelegateAnswer); 7] {
    [
        (
            "prints an error object with code 123 and exits 1",
            DelegateAnswer::error(CODE, MSG),
        ),
        (
            "prints garbage and exits 1",
            DelegateAnswer::bytes("panic: nil map\n", 1),
        ),
        ("prints nothing and exits 3", DelegateAnswer::bytes("", 3)),
        (
            "prints garbage and exits 0",
            DelegateAnswer::bytes("panic: nil map\n", 0),
        ),
        ("prints {} and exits 0", DelegateAnswer::result(&json!({}))),
        ("prints nothing and exits 0", DelegateAnswer::bytes("", 0)),
        ("is killed by SIGKILL", DelegateAnswer::signal(SIGKILL)),
    ]
}

fn failed_add_is_an_error(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    for (number, (name, answer)) in failures().into_iter().enumerate() {
        // What a failed ADD leaves behind must not make the next one fail before it asks the delegate.
        let attachment = attachment.clone().with_ifname(&format!("eth{number}"));
        trial.delegate()?.answer(Verb::Add, &answer)?;
        let add = trial.call(&trial.through_delegate(trial.request(Verb::Add, &attachment)))?;
        let what = format!("ADD when the delegate {name}");
        trial.expect_refusal(&req::DELEG_ADD_ERROR, &add, &what);
        let error = add.error();
        trial.expect(
            &req::DELEG_ADD_ERROR,
            !add.refused() || error.is_some(),
            format!("{what}: an error object on stdout"),
            add.brief(),
            Proof::lacks(&add, "\"(code|msg)\":"),
        );
        // An ADD that fails before it asks the delegate has no error of the delegate's to pass on.
        if number > 0 || !add.refused() || !trial.delegate()?.was_asked()? {
            continue;
        }
        let code = error.as_ref().and_then(|error| error.code());
        trial.advise(
            &req::DELEG_ADD_ERROR,
            code == Some(i64::from(CODE)),
            format!("{what}: the plugin's error has the delegate's code {CODE}"),
            add.brief(),
            Proof::lacks(&add, &format!("\"code\":{CODE}[^0-9]")),
        );
        trial.advise(
            &req::DELEG_ADD_ERROR,
            error.is_some_and(|error| error.text().contains(MSG)),
            format!("{what}: the plugin's error has the delegate's msg {MSG:?}"),
            add.brief(),
            Proof::lacks(
                &add,
                &format!("\"(msg|details)\":\"[^\"]*{}", MSG.replace(' ', "")),
            ),
        );
    }
    Ok(())
}

fn failed_add_runs_del(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    for (number, (name, answer)) in failures().into_iter().take(3).enumerate() {
        let attachment = attachment.clone().with_ifname(&format!("eth{number}"));
        trial.delegate()?.forget_calls()?;
        trial.delegate()?.answer(Verb::Add, &answer)?;
        let add = trial.call(&trial.through_delegate(trial.request(Verb::Add, &attachment)))?;
        let verbs = trial.delegate()?.verbs()?;
        if !trial.delegate()?.was_asked()? {
            return Err(add_through_delegate_failed(&add));
        }
        trial.expect(
            &req::DELEG_ADD_ERROR_DEL,
            verbs.iter().any(|verb| verb == "DEL"),
            format!("a delegate that {name} on ADD is run with ADD, then with DEL"),
            format!("it is run with {}", verbs.join(" ")),
            Proof::delegate_not_called_with(Verb::Del),
        );
    }
    Ok(())
}

fn later_failure_runs_del(trial: &mut Trial) -> Result<(), Stop> {
    let version = trial.version();
    let unreachable = json!({ "dst": "198.51.100.0/24", "gw": "192.0.2.77" });
    let answers = [
        (
            "a route whose gw 192.0.2.77 nothing reaches",
            Lease::of(&[V4])
                .with_routes(&[unreachable])
                .in_version(version),
        ),
        ("no address", Lease::of(&[]).in_version(version)),
    ];
    let attachment = trial.attachment("c1")?;
    for (number, (name, answer)) in answers.iter().enumerate() {
        let attachment = attachment.clone().with_ifname(&format!("eth{number}"));
        trial.delegate()?.forget_calls()?;
        trial
            .delegate()?
            .answer(Verb::Add, &DelegateAnswer::result(answer))?;
        let add = trial.call(&trial.through_delegate(trial.request(Verb::Add, &attachment)))?;
        let verbs = trial.delegate()?.verbs()?;
        if !trial.delegate()?.was_asked()? {
            return Err(add_through_delegate_failed(&add));
        }
        trial.expect(
            &req::DELEG_LATER_FAILURE_DEL,
            add.succeeded() || verbs.iter().any(|verb| verb == "DEL"),
            format!("the delegate answers ADD with {name}: ADD succeeds, or runs the delegate with DEL as well"),
            format!("the delegate is run with {}; {}", verbs.join(" "), add.brief()),
            Proof::delegate_not_called_with(Verb::Del),
        );
    }
    Ok(())
}

/// What a first attachment leaves for good is there before; what a failed ADD and its DEL add to it is a leak.
fn del_after_failed_add(trial: &mut Trial) -> Result<(), Stop> {
    let version = trial.version();
    let unreachable = json!({ "dst": "198.51.100.0/24", "gw": "192.0.2.77" });
    let good = Lease::of(&[V4]);
    let late = good.clone().with_routes(&[unreachable]).in_version(version);
    let good = DelegateAnswer::result(&good.in_version(version));
    trial.delegate()?.answer(Verb::Add, &good)?;
    let first = trial.attachment("c1")?;
    let first = trial.attach_through_delegate(&first)?;
    let request = trial.request_after_delegate(Verb::Del, &first);
    trial.call(&request)?;
    let attachment = trial.attachment("c2")?;
    let before = trial.snapshot("before the ADD")?;
    let answers = [
        ("fails with code 123", DelegateAnswer::error(CODE, MSG)),
        ("prints {}", DelegateAnswer::result(&json!({}))),
        (
            "names a gw that nothing reaches",
            DelegateAnswer::result(&late),
        ),
    ];
    for (name, answer) in answers {
        trial.delegate()?.answer(Verb::Add, &answer)?;
        let request = trial.through_delegate(trial.request(Verb::Add, &attachment));
        trial.call(&request)?;
        let del = trial.call(&trial.through_delegate(trial.request(Verb::Del, &attachment)))?;
        let what = format!("DEL after an ADD whose delegate {name}");
        trial.expect_success(&req::ADD_FAILURE_THEN_DEL, &del, &what);
        let after = trial.snapshot("after the DEL")?;
        trial.expect_unchanged(
            &req::ADD_FAILURE_THEN_DEL,
            (&before, "before the ADD"),
            (&after, "after the DEL"),
            &format!("{what} leaves nothing of it"),
        );
    }
    Ok(())
}
