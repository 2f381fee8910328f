//! STATUS: ready says so, unable says so, and asking changes nothing. What it asks of delegates is their topic's.

use cni_spec_fixtures::{SpecVersion, req};
use serde_json::{Map, Value, json};

use crate::check::{Check, Feature, Versions};
use crate::trial::{Attached, Call, Proof, Stop, Trial, Verb};

/// ADDs after which a pool of at most three addresses per family has run out for sure.
const ENOUGH: usize = 6;

/// Names of the containers that take them.
const CONTAINERS: [&str; ENOUGH] = ["c1", "c2", "c3", "c4", "c5", "c6"];

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "status/ready",
        title: "STATUS exits with status 0 when ADD works, before the first one too",
        proves: &[req::STATUS_READY],
        versions: Versions::WITH_GC,
        needs: &[],
        caught: &["status-always-fails", "status-needs-network"],
        run: ready,
    },
    Check {
        id: "status/quiet-and-read-only",
        title: "STATUS prints nothing on success and changes nothing",
        proves: &[req::STATUS_QUIET_READ_ONLY],
        versions: Versions::WITH_GC,
        needs: &[],
        caught: &["status-prints", "status-allocates"],
        run: quiet_and_read_only,
    },
    Check {
        id: "status/version-gate",
        title: "STATUS is refused for a configuration of a version before 1.1.0",
        proves: &[req::STATUS_VERSION_GATE],
        versions: Versions::WITH_GC,
        needs: &[],
        caught: &["verbs-any-version"],
        run: version_gate,
    },
    Check {
        id: "status/not-relied-upon",
        title: "ADD does not depend on STATUS having been called",
        proves: &[req::STATUS_NOT_RELIED_UPON],
        versions: Versions::WITH_GC,
        needs: &[],
        caught: &["status-required"],
        run: not_relied_upon,
    },
    Check {
        id: "status/delegate-missing",
        title: "STATUS fails when the plugin that ADD delegates to is not there",
        proves: &[req::STATUS_NOT_READY, req::STATUS_CODE_50],
        versions: Versions::WITH_GC,
        needs: &[Feature::Delegates],
        caught: &["status-always-ok", "status-wrong-code"],
        run: delegate_missing,
    },
    Check {
        id: "status/others-still-work",
        title: "ADD, CHECK, DEL and GC still work after a failed STATUS",
        proves: &[req::STATUS_OTHERS_STILL_WORK],
        versions: Versions::WITH_GC,
        needs: &[Feature::Delegates],
        caught: &["status-latches"],
        run: others_still_work,
    },
    Check {
        id: "status/exhausted-pool",
        title: "STATUS fails while no address is left, and DEL makes the plugin ready again",
        proves: &[
            req::STATUS_EXHAUSTION,
            req::STATUS_CODE_50,
            req::STATUS_READY,
            req::STATUS_OTHERS_STILL_WORK,
        ],
        versions: Versions::WITH_GC,
        needs: &[Feature::Ipam, Feature::Allocates],
        caught: &[
            "status-exhaustion-blind",
            "status-wrong-code",
            "status-always-fails",
        ],
        run: exhausted_pool,
    },
];

fn status(trial: &mut Trial) -> Result<Call, Stop> {
    let request = trial.request_without_attachment(Verb::Status);
    trial.call(&request)
}

/// Expects the codes that the spec defines for STATUS; those of every verb, 1 to 7, are tolerated.
fn expect_code(trial: &mut Trial, call: &Call, what: &str) {
    let code = call.error().and_then(|error| error.code());
    let held = code.is_some_and(|code| matches!(code, 50 | 51 | 1..=7));
    let proof = Proof::lacks(call, "\"code\":(50|51|[1-7])[^0-9]");
    let expected = format!("{what}: error code 50, or 51 if containers that are there suffer too");
    trial.expect(&req::STATUS_CODE_50, held, expected, call.brief(), proof);
}

fn ready(trial: &mut Trial) -> Result<(), Stop> {
    let unused = status(trial)?;
    let attachment = trial.attachment("c1")?;
    // Judged only if ADD works: a STATUS that says no where ADD fails is right.
    trial.attach(&attachment)?;
    trial.expect_success(
        &req::STATUS_READY,
        &unused,
        "STATUS on a host where the plugin was never called, and where ADD then succeeds",
    );
    let used = status(trial)?;
    trial.expect_success(&req::STATUS_READY, &used, "STATUS after an ADD");
    Ok(())
}

fn quiet_and_read_only(trial: &mut Trial) -> Result<(), Stop> {
    let moments = [
        ("before STATUS", "after STATUS"),
        ("before STATUS again", "after STATUS again"),
    ];
    for (then, now) in moments {
        let before = trial.snapshot(then)?;
        for _ in 0..3 {
            let call = status(trial)?;
            // The error object of a failure is something else; status/ready judges that.
            if call.succeeded() {
                trial.expect_silence(&req::STATUS_QUIET_READ_ONLY, &call, "STATUS");
            }
        }
        let after = trial.snapshot(now)?;
        trial.expect_unchanged(
            &req::STATUS_QUIET_READ_ONLY,
            (&before, then),
            (&after, now),
            "STATUS, three times, changes nothing",
        );
        if then == "before STATUS" {
            let attachment = trial.attachment("c1")?;
            trial.attach(&attachment)?;
        }
    }
    Ok(())
}

/// Without an `ipam` section: the plugin has to refuse by itself, not because its delegate does.
fn version_gate(trial: &mut Trial) -> Result<(), Stop> {
    let delegates = trial.has(Feature::Delegates);
    for version in SpecVersion::ALL {
        if version == SpecVersion::V1_1_0 {
            continue;
        }
        let request = trial
            .request_without_attachment(Verb::Status)
            .key("cniVersion", json!(version.as_str()))
            .config(|config| {
                if delegates {
                    config.remove("ipam");
                }
            });
        let call = trial.call(&request)?;
        trial.expect_refusal(
            &req::STATUS_VERSION_GATE,
            &call,
            &format!("STATUS with cniVersion {version}, which has no STATUS"),
        );
    }
    Ok(())
}

fn not_relied_upon(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let unasked = trial.add(&attachment)?;
    if unasked.succeeded() {
        return Ok(());
    }
    status(trial)?;
    let asked = trial.attach(&attachment)?;
    trial.expect(
        &req::STATUS_NOT_RELIED_UPON,
        false,
        "ADD without a STATUS before it: exit 0, as after a STATUS",
        unasked.brief(),
        Proof::Shell(format!(
            "[ $status{} -ne 0 ] && [ $status{} -eq 0 ]",
            unasked.index(),
            asked.call.index()
        )),
    );
    Ok(())
}

/// Names a delegate that exists nowhere.
fn without_delegate(config: &mut Map<String, Value>) {
    if let Some(Value::Object(ipam)) = config.get_mut("ipam") {
        ipam.insert("type".to_owned(), json!("conform-absent"));
    }
}

fn delegate_missing(trial: &mut Trial) -> Result<(), Stop> {
    let request = trial
        .request_without_attachment(Verb::Status)
        .config(without_delegate);
    let call = trial.call(&request)?;
    let what = "STATUS with ipam.type conform-absent, which is not in CNI_PATH";
    if trial.expect_refusal(&req::STATUS_NOT_READY, &call, what) {
        expect_code(trial, &call, what);
    }
    Ok(())
}

fn others_still_work(trial: &mut Trial) -> Result<(), Stop> {
    let first = trial.attachment("c1")?;
    let first = trial.attach(&first)?;
    let earlier = trial.check(&first)?;
    let failing = trial
        .request_without_attachment(Verb::Status)
        .config(without_delegate);
    trial.call(&failing)?;
    let later = trial.check(&first)?;
    trial.expect(
        &req::STATUS_OTHERS_STILL_WORK,
        !earlier.succeeded() || later.succeeded(),
        "CHECK after a failed STATUS: exit 0, as before it",
        later.brief(),
        Proof::Shell(format!(
            "[ $status{} -eq 0 ] && [ $status{} -ne 0 ]",
            earlier.index(),
            later.index()
        )),
    );
    let second = trial.attachment("c2")?;
    let add = trial.add(&second)?;
    trial.expect_success(
        &req::STATUS_OTHERS_STILL_WORK,
        &add,
        "ADD after a failed STATUS, as before it",
    );
    let request = trial.request_without_attachment(Verb::Gc).key(
        "cni.dev/valid-attachments",
        json!([{ "containerID": first.attachment.id, "ifname": first.attachment.ifname }]),
    );
    let gc = trial.call(&request)?;
    trial.expect_success(
        &req::STATUS_OTHERS_STILL_WORK,
        &gc,
        "GC after a failed STATUS",
    );
    let del = trial.del(&first)?;
    trial.expect_success(
        &req::STATUS_OTHERS_STILL_WORK,
        &del,
        "DEL after a failed STATUS",
    );
    Ok(())
}

fn exhausted_pool(trial: &mut Trial) -> Result<(), Stop> {
    let held = exhaust(trial)?;
    let request = trial
        .request_without_attachment(Verb::Status)
        .config(shrink_pools);
    let full = trial.call(&request)?;
    let what = "STATUS while every address of the pool is taken";
    if trial.expect_refusal(&req::STATUS_EXHAUSTION, &full, what) {
        expect_code(trial, &full, what);
    }
    let Some(first) = held.first() else {
        return Ok(());
    };
    let del = trial.request_after(Verb::Del, first).config(shrink_pools);
    let del = trial.call(&del)?;
    trial.expect_success(
        &req::STATUS_OTHERS_STILL_WORK,
        &del,
        "DEL while every address of the pool is taken",
    );
    let again = trial.call(&request)?;
    let add = trial
        .request(Verb::Add, &first.attachment)
        .config(shrink_pools);
    let add = trial.call(&add)?;
    trial.expect(
        &req::STATUS_READY,
        again.succeeded() || !add.succeeded(),
        "STATUS after a DEL made an address free, and where ADD then succeeds: exit 0",
        again.brief(),
        Proof::Shell(format!(
            "[ $status{} -ne 0 ] && [ $status{} -eq 0 ]",
            again.index(),
            add.index()
        )),
    );
    Ok(())
}

/// ADDs until the pool has run out.
fn exhaust(trial: &mut Trial) -> Result<Vec<Attached>, Stop> {
    let mut held = Vec::new();
    for container in CONTAINERS {
        let attachment = trial.attachment(container)?;
        let request = trial.request(Verb::Add, &attachment).config(shrink_pools);
        let call = trial.call(&request)?;
        let result = call.json();
        match result {
            Some(result) if call.succeeded() => held.push(Attached {
                attachment,
                call,
                result,
            }),
            _ if held.is_empty() => {
                return Err(Stop::Blocked {
                    check: "add/gives-a-result",
                    why: format!("the first ADD ended with {}", call.brief()),
                });
            }
            _ => return Ok(held),
        }
    }
    Err(Stop::Trouble(format!(
        "{ENOUGH} ADDs did not use up the pool, though every subnet of the configuration was made a /30 or /126"
    )))
}

/// Leaves two or three addresses for every subnet that the `ipam` section names: IPv4 /30, IPv6 /126.
fn shrink_pools(config: &mut Map<String, Value>) {
    if let Some(ipam) = config.get_mut("ipam") {
        shrink(ipam, false);
    }
}

fn shrink(value: &mut Value, is_pool: bool) {
    match value {
        Value::String(text) if is_pool => {
            if let Some((network, _)) = text.split_once('/') {
                let length = if network.contains(':') { 126 } else { 30 };
                *text = format!("{network}/{length}");
            }
        }
        Value::Array(entries) => entries.iter_mut().for_each(|entry| shrink(entry, is_pool)),
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                let is_pool = matches!(key.as_str(), "subnet" | "subnets" | "range");
                shrink(member, is_pool);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::shrink_pools;

    #[test]
    fn only_pools_are_made_small() {
        let mut config = json!({
            "ipam": {
                "subnets": ["10.93.0.0/24", "fd00:93::/64"],
                "ranges": [[{ "subnet": "10.90.0.0/24" }]],
                "routes": [{ "dst": "0.0.0.0/0" }],
            }
        });
        shrink_pools(config.as_object_mut().expect("invariant: an object"));
        let expected = json!({
            "ipam": {
                "subnets": ["10.93.0.0/30", "fd00:93::/126"],
                "ranges": [[{ "subnet": "10.90.0.0/30" }]],
                "routes": [{ "dst": "0.0.0.0/0" }],
            }
        });
        assert_eq!(config, expected);
    }
}
