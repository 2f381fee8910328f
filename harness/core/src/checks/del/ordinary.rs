//! DEL as runtimes send it every day: after ADD, again, before any ADD, and followed by another ADD.

use cni_spec_fixtures::req;
use serde_json::json;

use crate::trial::{Attached, Proof, Stop, Trial, Verb};

/// What the first attachment leaves behind for good (a bridge, a chain, a lock file) is there before the second
/// one comes; what the second one adds to it is a leak.
pub(super) fn removes_everything(trial: &mut Trial) -> Result<(), Stop> {
    warm_up(trial)?;
    let second = trial.attachment("c2")?;
    let before = trial.snapshot("before the second ADD")?;
    let second = trial.attach(&second)?;
    let del = trial.del(&second)?;
    trial.expect_success(&req::DEL_REMOVES, &del, "DEL after ADD");
    let after = trial.snapshot("after the second DEL")?;
    trial.expect_unchanged(
        &req::DEL_REMOVES,
        (&before, "before the second ADD"),
        (&after, "after the second DEL"),
        "nothing of an attachment is left after its DEL",
    );
    Ok(())
}

pub(super) fn prints_nothing(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    for what in ["DEL after ADD", "DEL of what is gone"] {
        let del = trial.del(&attached)?;
        if del.succeeded() {
            trial.expect_silence(&req::DEL_NO_OUTPUT, &del, what);
        }
    }
    Ok(())
}

pub(super) fn again(trial: &mut Trial) -> Result<(), Stop> {
    masquerade(trial);
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let with_result = trial.request_after(Verb::Del, &attached);
    let without = with_result.clone().without_previous();
    for (request, what) in [
        (&with_result, "the first DEL"),
        (&with_result, "the second DEL"),
        (&without, "the third DEL, without prevResult"),
    ] {
        let del = trial.call(request)?;
        trial.expect_success(&req::DEL_IDEMPOTENT, &del, what);
    }
    trial.container_dies("c1")?;
    let del = trial.call(&with_result)?;
    trial.expect_success(
        &req::DEL_IDEMPOTENT,
        &del,
        "the fourth DEL, with a CNI_NETNS that no longer exists",
    );
    Ok(())
}

pub(super) fn before_add(trial: &mut Trial) -> Result<(), Stop> {
    warm_up(trial)?;
    let stranger = trial.attachment("c2")?;
    let before = trial.snapshot("before DEL")?;
    let request = trial.request(Verb::Del, &stranger).without_previous();
    let variants = [
        (request.clone(), "DEL of a container that was never added"),
        (
            request.without("CNI_NETNS"),
            "the same without CNI_NETNS, as for a plugin that a failed list never reached",
        ),
    ];
    for (request, what) in variants {
        let del = trial.call(&request)?;
        trial.expect_success(&req::DEL_BEFORE_ADD, &del, what);
    }
    let after = trial.snapshot("after DEL")?;
    trial.expect_unchanged(
        &req::DEL_BEFORE_ADD,
        (&before, "before DEL"),
        (&after, "after DEL"),
        "DEL of a container that was never added changes nothing",
    );
    Ok(())
}

/// Three rounds, so that what grows by one in each is not taken for what is made once.
pub(super) fn add_again(trial: &mut Trial) -> Result<(), Stop> {
    masquerade(trial);
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.del(&attached)?;
    let before = trial.snapshot("after the first round")?;
    for what in ["the second ADD", "the third ADD"] {
        let add = trial.add(&attachment)?;
        let what = format!("{what}, after DEL");
        if !trial.expect_success(&req::DEL_RE_ADD, &add, &what) {
            return Ok(());
        }
        let there = trial
            .look("c1")?
            .link(&attachment.ifname)
            .is_some_and(|link| link.up);
        if trial.has(crate::check::Feature::CreatesInterface) {
            trial.expect(
                &req::DEL_RE_ADD,
                there,
                format!("{what}: {} is up in the container", attachment.ifname),
                "it is missing or down",
                Proof::Shell(format!(
                    "! ns c1 ip -o link show {} up 2>/dev/null | grep -q .",
                    attachment.ifname
                )),
            );
        }
        let Some(result) = add.json() else {
            return Ok(());
        };
        let again = Attached {
            attachment: attachment.clone(),
            result,
            call: add,
        };
        trial.del(&again)?;
    }
    let after = trial.snapshot("after the third round")?;
    trial.expect_no_growth(
        &req::DEL_RE_ADD,
        (&before, "after the first round"),
        (&after, "after the third round"),
        "two more rounds of ADD and DEL leave no more behind than the first",
    );
    Ok(())
}

pub(super) fn keeps_netns(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.del(&attached)?;
    let held = trial.netns_is_in_place("c1")?;
    trial.expect(
        &req::DEL_KEEPS_NETNS,
        held,
        format!(
            "after DEL {} is the namespace that the runtime made",
            attachment.netns.display()
        ),
        "it is gone, or something else stands there",
        Proof::Shell("! ns c1 true 2>/dev/null".to_owned()),
    );
    Ok(())
}

/// One attachment of another container, made and removed, so that what plugins make once is there.
pub(super) fn warm_up(trial: &mut Trial) -> Result<(), Stop> {
    masquerade(trial);
    let first = trial.attachment("c1")?;
    let first = trial.attach(&first)?;
    trial.del(&first)?;
    Ok(())
}

/// Asks for masquerading where the profile says that the plugin knows it: rules are what leaks most.
pub(super) fn masquerade(trial: &mut Trial) {
    if trial.has(crate::check::Feature::Masquerades) {
        trial.configure("ipMasq", json!(true));
    }
}
