//! What a GC request may look like, and what GC answers.

use cni_spec_fixtures::{SpecVersion, req};
use serde_json::{Value, json};

use super::{KEY, OLD_KEY, gc, list, pair, request};
use crate::check::{Check, Feature, Versions};
use crate::trial::{Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "gc/empty-list",
        title: "GC takes an empty list for a list on which no attachment stands",
        proves: &[req::GC_EMPTY_LIST],
        versions: Versions::WITH_GC,
        needs: &[Feature::HostState],
        caught: &["gc-empty-list-noop"],
        run: empty_list,
    },
    Check {
        id: "gc/missing-list",
        title: "GC without a list, or with null, removes nothing",
        proves: &[req::GC_MISSING_LIST],
        versions: Versions::WITH_GC,
        needs: &[Feature::HostState],
        caught: &["gc-missing-means-empty"],
        run: missing_list,
    },
    Check {
        id: "gc/malformed-list",
        title: "GC refuses a malformed list and removes nothing",
        proves: &[req::GC_MALFORMED_LIST],
        versions: Versions::WITH_GC,
        needs: &[],
        caught: &["gc-malformed-means-empty", "gc-noop"],
        run: malformed_list,
    },
    Check {
        id: "gc/key-of-the-list",
        title: "GC finds the list under cni.dev/valid-attachments alone",
        proves: &[req::GC_KEY_NAME],
        versions: Versions::WITH_GC,
        needs: &[],
        caught: &["gc-old-key"],
        run: key_of_the_list,
    },
    Check {
        id: "gc/silent",
        title: "GC prints nothing when it succeeds",
        proves: &[req::GC_QUIET],
        versions: Versions::WITH_GC,
        needs: &[],
        caught: &["gc-prints"],
        run: silent,
    },
    Check {
        id: "gc/idempotent",
        title: "GC succeeds on an unused host, twice, with unknown attachments, and DEL succeeds after it",
        proves: &[req::GC_IDEMPOTENT],
        versions: Versions::WITH_GC,
        needs: &[],
        caught: &["gc-fails-without-state"],
        run: idempotent,
    },
    Check {
        id: "gc/version-gate",
        title: "GC is refused for a configuration of a version before 1.1.0, and removes nothing",
        proves: &[req::GC_VERSION_GATE],
        versions: Versions::WITH_GC,
        needs: &[],
        caught: &["verbs-any-version"],
        run: version_gate,
    },
];

fn empty_list(trial: &mut Trial) -> Result<(), Stop> {
    let stale = trial.attachment("c1")?;
    trial.attach(&stale)?;
    let call = gc(trial, &[])?;
    trial.expect_success(&req::GC_EMPTY_LIST, &call, "GC with an empty list");
    let empty = trial.snapshot("after GC with an empty list")?;
    gc(trial, &[("conform-unknown", "eth9")])?;
    let unknown = trial.snapshot("after GC with an unknown attachment")?;
    trial.expect_unchanged(
        &req::GC_EMPTY_LIST,
        (&empty, "after GC with an empty list"),
        (&unknown, "after GC with an unknown attachment"),
        "an empty list leaves nothing that a list of one unknown attachment would remove",
    );
    Ok(())
}

fn missing_list(trial: &mut Trial) -> Result<(), Stop> {
    let live = trial.attachment("c1")?;
    trial.attach(&live)?;
    let before = trial.snapshot("before GC")?;
    let bare = trial.request_without_attachment(Verb::Gc);
    let null = bare.clone().key(KEY, Value::Null).key(OLD_KEY, Value::Null);
    for (request, what, now) in [
        (bare, "without a list", "after GC without a list"),
        (null, "with null for a list", "after GC with null"),
    ] {
        trial.call(&request)?;
        let after = trial.snapshot(now)?;
        trial.expect_nothing_lost(
            &req::GC_MISSING_LIST,
            (&before, "before GC"),
            (&after, now),
            &format!("GC {what} removes nothing of a live attachment"),
        );
    }
    Ok(())
}

fn malformed_list(trial: &mut Trial) -> Result<(), Stop> {
    let live = trial.attachment("c1")?;
    trial.attach(&live)?;
    let before = trial.snapshot("before GC")?;
    for malformed in [
        json!("conform1/eth0"),
        json!(5),
        json!({ "containerID": "conform1", "ifname": "eth0" }),
        json!(["conform1"]),
        json!([{ "containerID": "conform1" }]),
        json!([{ "ifname": "eth0" }]),
        json!([{ "containerID": 5, "ifname": "eth0" }]),
    ] {
        let request = trial
            .request_without_attachment(Verb::Gc)
            .key(KEY, malformed.clone())
            .key(OLD_KEY, malformed.clone());
        let call = trial.call(&request)?;
        let what = format!("GC with {KEY} {malformed}");
        // One form that is accepted says it all.
        if !trial.expect_refusal(&req::GC_MALFORMED_LIST, &call, &what) {
            break;
        }
        trial.expect_code(&req::GC_MALFORMED_LIST, &call, &[6, 7], &what);
    }
    let after = trial.snapshot("after GC")?;
    trial.expect_nothing_lost(
        &req::GC_MALFORMED_LIST,
        (&before, "before GC"),
        (&after, "after GC"),
        "GC with a malformed list removes nothing",
    );
    Ok(())
}

fn key_of_the_list(trial: &mut Trial) -> Result<(), Stop> {
    const UNKNOWN: [(&str, &str); 1] = [("conform-unknown", "eth9")];
    let stale = trial.attachment("c1")?;
    trial.attach(&stale)?;
    let new_key = trial
        .request_without_attachment(Verb::Gc)
        .key(KEY, list(&UNKNOWN));
    let call = trial.call(&new_key)?;
    trial.expect_success(
        &req::GC_KEY_NAME,
        &call,
        &format!("GC with the list under {KEY} alone"),
    );
    let alone = trial.snapshot("after GC with one key")?;
    let both = request(trial, &UNKNOWN);
    trial.call(&both)?;
    let after = trial.snapshot("after GC with both keys")?;
    trial.expect_unchanged(
        &req::GC_KEY_NAME,
        (&alone, "after GC with one key"),
        (&after, "after GC with both keys"),
        &format!("a list under {KEY} alone does what it does when it is under {OLD_KEY} as well"),
    );
    Ok(())
}

fn silent(trial: &mut Trial) -> Result<(), Stop> {
    let unused = gc(trial, &[])?;
    let attachment = trial.attachment("c1")?;
    trial.attach(&attachment)?;
    let valid = gc(trial, &[pair(&attachment)])?;
    let stale = gc(trial, &[])?;
    for (call, what) in [
        (unused, "GC on an unused host"),
        (valid, "GC with the only attachment in the list"),
        (stale, "GC with an empty list"),
    ] {
        // An error object after a failure is something else; gc/idempotent judges that.
        if call.succeeded() {
            trial.expect_silence(&req::GC_QUIET, &call, what);
        }
    }
    Ok(())
}

fn idempotent(trial: &mut Trial) -> Result<(), Stop> {
    let expect = |trial: &mut Trial, valid: &[(&str, &str)], what: &str| {
        let call = gc(trial, valid)?;
        trial.expect_success(&req::GC_IDEMPOTENT, &call, what);
        Ok::<(), Stop>(())
    };
    expect(trial, &[], "GC on a host where the plugin was never called")?;
    let unknown = ("conform-unknown", "eth9");
    expect(trial, &[unknown], "GC with an attachment that never was")?;
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let listed = [unknown, pair(&attachment)];
    expect(trial, &listed, "GC with a live and an unknown attachment")?;
    expect(trial, &[], "GC with an empty list")?;
    expect(trial, &[], "the same GC again")?;
    let del = trial.del(&attached)?;
    trial.expect_success(
        &req::GC_IDEMPOTENT,
        &del,
        "DEL of an attachment that GC was told is stale",
    );
    expect(trial, &[], "GC after that DEL")
}

fn version_gate(trial: &mut Trial) -> Result<(), Stop> {
    let live = trial.attachment("c1")?;
    trial.attach(&live)?;
    let before = trial.snapshot("before GC")?;
    for version in SpecVersion::ALL {
        if version == SpecVersion::V1_1_0 {
            continue;
        }
        let request = request(trial, &[]).key("cniVersion", json!(version.as_str()));
        let call = trial.call(&request)?;
        let what = format!("GC with cniVersion {version}, which has no GC");
        trial.expect_refusal(&req::GC_VERSION_GATE, &call, &what);
    }
    let after = trial.snapshot("after GC")?;
    trial.expect_nothing_lost(
        &req::GC_VERSION_GATE,
        (&before, "before GC"),
        (&after, "after GC"),
        "a GC that does not exist in the version removes nothing",
    );
    Ok(())
}
