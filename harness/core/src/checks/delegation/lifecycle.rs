//! DEL, CHECK, STATUS and GC reach the delegate, and what it answers reaches the caller.

use cni_spec_fixtures::{Requirement, req};
use serde_json::json;

use super::answers::{Lease, V4};
use crate::check::{Check, Feature, Versions};
use crate::trial::{Attached, Call, DelegateAnswer, Proof, Request, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "delegation/del-is-forwarded",
        title: "DEL runs the delegate, whatever is missing already",
        proves: &[req::DELEG_DEL],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::Delegates],
        caught: &[
            "del-not-forwarded",
            "del-skips-ipam-without-netns",
            "del-needs-netns",
        ],
        run: del_is_forwarded,
    },
    Check {
        id: "delegation/del-error-is-returned",
        title: "DEL cleans up and then returns its delegate's error",
        proves: &[req::DELEG_DEL_ERROR, req::DEL_AFTER_DELEGATE_ERROR],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::Delegates],
        caught: &[
            "del-aborts-on-ipam-error",
            "swallows-delegate-del-error",
            "del-keeps-link",
        ],
        run: del_error_is_returned,
    },
    Check {
        id: "delegation/check-is-forwarded",
        title: "CHECK runs the delegate and fails when the delegate does",
        proves: &[req::CHECK_DELEGATES],
        versions: Versions::WITH_CHECK,
        needs: &[Feature::Delegates],
        caught: &[
            "check-not-forwarded",
            "check-always-ok",
            "check-swallows-delegate-error",
        ],
        run: check_is_forwarded,
    },
    Check {
        id: "delegation/status-is-forwarded",
        title: "STATUS runs the delegate and fails when the delegate does",
        proves: &[req::STATUS_DELEGATES, req::STATUS_DELEGATE_ERROR],
        versions: Versions::WITH_GC,
        needs: &[Feature::Delegates],
        caught: &["status-always-ok", "status-swallows-delegate-error"],
        run: status_is_forwarded,
    },
    Check {
        id: "delegation/other-verbs-work-after-a-failed-status",
        title: "ADD, CHECK, GC and DEL work while STATUS fails",
        proves: &[req::STATUS_OTHERS_STILL_WORK],
        versions: Versions::WITH_GC,
        needs: &[Feature::Delegates],
        caught: &["status-latches"],
        run: other_verbs_work_after_a_failed_status,
    },
    Check {
        id: "delegation/gc-is-forwarded",
        title: "GC runs the delegate with the same list and fails when the delegate does",
        proves: &[req::GC_FORWARD, req::GC_DELEGATE_ERROR],
        versions: Versions::WITH_GC,
        needs: &[Feature::Delegates],
        caught: &["gc-not-forwarded", "gc-noop", "gc-swallows-delegate-error"],
        run: gc_is_forwarded,
    },
];

/// The code of the delegate's error.
const CODE: u32 = 123;
/// Its text.
const MSG: &str = "asked to fail";

fn attach(trial: &mut Trial, container: &str) -> Result<Attached, Stop> {
    attach_with(trial, container, V4.0)
}

fn attach_with(trial: &mut Trial, container: &str, ip: &'static str) -> Result<Attached, Stop> {
    let answer = Lease::of(&[(ip, V4.1)]).in_version(trial.version());
    let attachment = trial.attachment(container)?;
    trial
        .delegate()?
        .answer(Verb::Add, &DelegateAnswer::result(&answer))?;
    trial.attach_through_delegate(&attachment)
}

/// Calls the plugin and expects that it runs the delegate with the verb.
fn forwarded(
    trial: &mut Trial,
    requirement: &Requirement,
    (verb, request): (Verb, &Request),
    what: &str,
) -> Result<Call, Stop> {
    trial.delegate()?.forget_calls()?;
    let call = trial.call(request)?;
    let verbs = trial.delegate()?.verbs()?;
    trial.expect(
        requirement,
        verbs.iter().any(|called| called == verb.name()),
        format!("{what} runs the delegate with {}", verb.name()),
        if verbs.is_empty() {
            format!("the delegate is not run; {}", call.brief())
        } else {
            format!("it is run with {}; {}", verbs.join(" "), call.brief())
        },
        Proof::delegate_not_called_with(verb),
    );
    Ok(call)
}

/// Expects that the delegate's error makes the call fail; that its code and text survive is good manners.
fn error_is_returned(
    trial: &mut Trial,
    requirement: &Requirement,
    call: &Call,
    verb: Verb,
    code: u32,
) {
    let what = format!("{} when the delegate fails with code {code}", verb.name());
    if !trial.expect_refusal(requirement, call, &what) {
        return;
    }
    trial.advise(
        requirement,
        call.error().and_then(|error| error.code()) == Some(i64::from(code)),
        format!("{what}: the plugin's error has that code"),
        call.brief(),
        Proof::lacks(call, &format!("\"code\":{code}[^0-9]")),
    );
}

fn del_is_forwarded(trial: &mut Trial) -> Result<(), Stop> {
    let whole = attach(trial, "c1")?;
    // An address of its own for each: on some kinds of link the kernel refuses one that is in use.
    let bare = attach_with(trial, "c2", "10.97.0.3/24")?;
    let no_netns = attach_with(trial, "c3", "10.97.0.4/24")?;
    let no_link = attach_with(trial, "c4", "10.97.0.5/24")?;
    let gone = attach_with(trial, "c5", "10.97.0.6/24")?;
    let requirement = &req::DELEG_DEL;
    let request = trial.request_after_delegate(Verb::Del, &whole);
    for what in ["DEL", "a second DEL"] {
        forwarded(trial, requirement, (Verb::Del, &request), what)?;
    }
    let request = trial
        .request_after_delegate(Verb::Del, &bare)
        .without_previous();
    forwarded(
        trial,
        requirement,
        (Verb::Del, &request),
        "DEL without prevResult",
    )?;
    let request = trial
        .request_after_delegate(Verb::Del, &no_netns)
        .without("CNI_NETNS");
    forwarded(
        trial,
        requirement,
        (Verb::Del, &request),
        "DEL without CNI_NETNS",
    )?;
    if trial.has(Feature::CreatesInterface) {
        trial.delete_link(
            crate::trial::Place::Container("c4"),
            &no_link.attachment.ifname,
        )?;
        let request = trial.request_after_delegate(Verb::Del, &no_link);
        let what = "DEL after the interface has vanished";
        forwarded(trial, requirement, (Verb::Del, &request), what)?;
    }
    trial.remove_netns("c5")?;
    let request = trial.request_after_delegate(Verb::Del, &gone);
    let what = "DEL after the network namespace has vanished";
    forwarded(trial, requirement, (Verb::Del, &request), what)?;
    Ok(())
}

/// Both sentences of the specification hold only in this order: the own clean-up first, then the delegate's error.
fn del_error_is_returned(trial: &mut Trial) -> Result<(), Stop> {
    let first = attach(trial, "c1")?;
    let request = trial.request_after_delegate(Verb::Del, &first);
    trial.call(&request)?;
    drop(trial.attachment("c2")?);
    let before = trial.snapshot("before ADD")?;
    let attached = attach(trial, "c2")?;
    trial
        .delegate()?
        .answer(Verb::Del, &DelegateAnswer::error(CODE, MSG))?;
    let request = trial.request_after_delegate(Verb::Del, &attached);
    let del = trial.call(&request)?;
    let after = trial.snapshot("after DEL")?;
    error_is_returned(trial, &req::DELEG_DEL_ERROR, &del, Verb::Del, CODE);
    // Without a record of the attachment nothing could ask the delegate again, so state files may stay.
    let (before, after) = (before.without_files(), after.without_files());
    trial.expect_unchanged(
        &req::DEL_AFTER_DELEGATE_ERROR,
        (&before, "before ADD"),
        (&after, "after DEL"),
        "DEL whose delegate fails removes everything else that ADD made",
    );
    Ok(())
}

fn check_is_forwarded(trial: &mut Trial) -> Result<(), Stop> {
    let attached = attach(trial, "c1")?;
    let request = trial.request_after_delegate(Verb::Check, &attached);
    forwarded(
        trial,
        &req::CHECK_DELEGATES,
        (Verb::Check, &request),
        "CHECK",
    )?;
    trial
        .delegate()?
        .answer(Verb::Check, &DelegateAnswer::error(CODE, MSG))?;
    let check = trial.call(&request)?;
    error_is_returned(trial, &req::CHECK_DELEGATES, &check, Verb::Check, CODE);
    Ok(())
}

fn status_is_forwarded(trial: &mut Trial) -> Result<(), Stop> {
    trial.delegate()?;
    let request = trial.through_delegate(trial.request_without_attachment(Verb::Status));
    let requirement = &req::STATUS_DELEGATES;
    forwarded(trial, requirement, (Verb::Status, &request), "STATUS")?;
    let answers = [
        (
            "prints garbage and exits 1",
            DelegateAnswer::bytes("not now\n", 1),
        ),
        ("prints nothing and exits 3", DelegateAnswer::bytes("", 3)),
    ];
    for (name, answer) in answers {
        trial.delegate()?.answer(Verb::Status, &answer)?;
        let status = trial.call(&request)?;
        let what = format!("STATUS when the delegate {name}");
        trial.expect_refusal(&req::STATUS_DELEGATE_ERROR, &status, &what);
    }
    // 50: the plugin is not available.
    trial
        .delegate()?
        .answer(Verb::Status, &DelegateAnswer::error(50, MSG))?;
    let status = trial.call(&request)?;
    error_is_returned(
        trial,
        &req::STATUS_DELEGATE_ERROR,
        &status,
        Verb::Status,
        50,
    );
    Ok(())
}

fn other_verbs_work_after_a_failed_status(trial: &mut Trial) -> Result<(), Stop> {
    // What the plugin can't do anyway is not STATUS's doing.
    attach_with(trial, "c2", "10.97.0.3/24")?;
    trial
        .delegate()?
        .answer(Verb::Status, &DelegateAnswer::error(50, MSG))?;
    let answer = Lease::of(&[V4]).in_version(trial.version());
    trial
        .delegate()?
        .answer(Verb::Add, &DelegateAnswer::result(&answer))?;
    let status = trial.through_delegate(trial.request_without_attachment(Verb::Status));
    trial.call(&status)?;
    let requirement = &req::STATUS_OTHERS_STILL_WORK;
    let attachment = trial.attachment("c1")?;
    let add = trial.call(&trial.through_delegate(trial.request(Verb::Add, &attachment)))?;
    let ready = "while STATUS fails with code 50";
    if !trial.expect_success(requirement, &add, &format!("ADD {ready}")) {
        return Ok(());
    }
    let attached = Attached {
        result: add.json().unwrap_or_default(),
        call: add,
        attachment: attachment.clone(),
    };
    let valid = json!([{ "containerID": attachment.id, "ifname": attachment.ifname }]);
    let gc = trial
        .through_delegate(trial.request_without_attachment(Verb::Gc))
        .key("cni.dev/valid-attachments", valid);
    for (verb, request) in [
        (
            Verb::Check,
            trial.request_after_delegate(Verb::Check, &attached),
        ),
        (Verb::Gc, gc),
        (
            Verb::Del,
            trial.request_after_delegate(Verb::Del, &attached),
        ),
    ] {
        let call = trial.call(&request)?;
        let what = format!("{} {ready}", verb.name());
        trial.expect_success(requirement, &call, &what);
    }
    Ok(())
}

fn gc_is_forwarded(trial: &mut Trial) -> Result<(), Stop> {
    let attached = attach(trial, "c1")?;
    let valid = json!([{
        "containerID": attached.attachment.id,
        "ifname": attached.attachment.ifname,
    }]);
    let request = trial
        .through_delegate(trial.request_without_attachment(Verb::Gc))
        .key("cni.dev/valid-attachments", valid.clone());
    let what = "GC, though the plugin itself has nothing to collect,";
    forwarded(trial, &req::GC_FORWARD, (Verb::Gc, &request), what)?;
    let seen = trial.delegate()?.calls()?;
    if let Some(seen) = seen.iter().find(|call| call.verb == "GC") {
        let list = seen
            .config()
            .and_then(|config| config.get("cni.dev/valid-attachments").cloned());
        trial.expect(
            &req::GC_FORWARD,
            list.as_ref() == Some(&valid),
            format!(
                "the delegate reads the list of valid attachments as the plugin got it, {valid}"
            ),
            list.map_or_else(
                || "it reads no list".to_owned(),
                |list| format!("it reads {list}"),
            ),
            Proof::delegate_stdin_lacks(&format!(
                "\"cni[.]dev/valid-attachments\":[[][{{][^]]*\"{}\"",
                attached.attachment.id
            )),
        );
    }
    trial
        .delegate()?
        .answer(Verb::Gc, &DelegateAnswer::error(CODE, MSG))?;
    let gc = trial.call(&request)?;
    error_is_returned(trial, &req::GC_DELEGATE_ERROR, &gc, Verb::Gc, CODE);
    Ok(())
}
