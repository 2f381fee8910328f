//! Capability arguments: what a runtime passes in runtimeConfig is done, refused, or not needed.

use cni_spec_fixtures::req;
use serde_json::{Map, Value, json};

use crate::check::{Check, Feature, Versions};
use crate::trial::{Attachment, Call, Proof, Request, Stop, Trial, Verb};

/// A hardware address that no plugin would choose by itself.
const MAC: &str = "02:00:00:c0:ff:ee";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "capabilities/none-is-fine",
        title: "ADD works without runtimeConfig and with an empty one",
        proves: &[req::CAP_ABSENT],
        versions: Versions::WITH_INTERFACES,
        needs: &[],
        caught: &["cap-mandatory"],
        run: none_is_fine,
    },
    Check {
        id: "capabilities/unknown-is-ignored",
        title: "ADD ignores a capability that it does not know",
        proves: &[req::CAP_UNKNOWN],
        versions: Versions::WITH_INTERFACES,
        needs: &[],
        caught: &["cap-unknown-rejected"],
        run: unknown_is_ignored,
    },
    Check {
        id: "capabilities/declaration-is-tolerated",
        title: "ADD, CHECK and DEL work when the request still has the capabilities key",
        proves: &[req::CAP_TOLERATES_DECLARATION],
        versions: Versions::WITH_INTERFACES,
        needs: &[],
        caught: &["capabilities-rejected"],
        run: declaration_is_tolerated,
    },
    Check {
        id: "capabilities/status-and-gc-need-none",
        title: "STATUS and GC work without runtimeConfig when the configuration declares capabilities",
        proves: &[req::CAP_NOT_ON_GC_STATUS],
        versions: Versions::WITH_GC,
        needs: &[],
        caught: &["cap-mandatory"],
        run: status_and_gc_need_none,
    },
    Check {
        id: "capabilities/mac",
        title: "The interface gets the hardware address of runtimeConfig.mac, and the result lists it",
        proves: &[
            req::CAP_SOURCE,
            req::CAP_LINK_PROPERTIES,
            req::CAP_ACT_OR_ERROR,
        ],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::EntersContainer, Feature::MacCapability],
        caught: &["cap-ignored"],
        run: mac,
    },
    Check {
        id: "capabilities/mac-malformed",
        title: "ADD refuses a hardware address that is none, and changes nothing",
        proves: &[req::CAP_MALFORMED, req::CAP_ACT_OR_ERROR],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::EntersContainer, Feature::MacCapability],
        caught: &["cap-ignored"],
        run: mac_malformed,
    },
    Check {
        id: "capabilities/port-mappings-malformed",
        title: "ADD refuses port mappings that are none, and changes nothing",
        proves: &[req::CAP_MALFORMED, req::CAP_ACT_OR_ERROR],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::PortMappings],
        caught: &["cap-ignored", "cap-unchecked"],
        run: port_mappings_malformed,
    },
    Check {
        id: "capabilities/ips-malformed",
        title: "ADD refuses requested addresses that are none, and changes nothing",
        proves: &[req::CAP_MALFORMED, req::CAP_ACT_OR_ERROR],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::Ipam, Feature::RequestedAddresses],
        caught: &["requested-ip-ignored"],
        run: ips_malformed,
    },
];

/// Adds a capability of the harness's own to those that the configuration declares.
fn declare(config: &mut Map<String, Value>) {
    let declared = config.entry("capabilities").or_insert_with(|| json!({}));
    if let Some(declared) = declared.as_object_mut() {
        declared.insert("conform".to_owned(), json!(true));
    }
}

/// Fails both ways only if ADD fails for another reason, which is for that check to say.
fn none_is_fine(trial: &mut Trial) -> Result<(), Stop> {
    let (bare, empty) = (trial.attachment("c1")?, trial.attachment("c2")?);
    let bare = trial.request(Verb::Add, &bare);
    let bare = trial.call(&bare)?;
    let empty = trial
        .request(Verb::Add, &empty)
        .key("runtimeConfig", json!({}));
    let empty = trial.call(&empty)?;
    if !bare.succeeded() && !empty.succeeded() {
        return Err(Stop::Blocked {
            check: "add/gives-a-result",
            why: format!("ADD without runtimeConfig ended with {}", bare.brief()),
        });
    }
    trial.expect_success(&req::CAP_ABSENT, &bare, "ADD without runtimeConfig");
    trial.expect_success(&req::CAP_ABSENT, &empty, "ADD with an empty runtimeConfig");
    Ok(())
}

fn unknown_is_ignored(trial: &mut Trial) -> Result<(), Stop> {
    let known = trial.attachment("c1")?;
    trial.attach(&known)?;
    let unknown = trial.attachment("c2")?;
    let request = trial
        .request(Verb::Add, &unknown)
        .key("runtimeConfig", json!({ "conform": { "answer": 42 } }));
    let call = trial.call(&request)?;
    trial.expect_success(
        &req::CAP_UNKNOWN,
        &call,
        "ADD with an unknown capability in runtimeConfig",
    );
    Ok(())
}

/// Without the key first: an ADD that fails so as well fails for another reason.
fn declaration_is_tolerated(trial: &mut Trial) -> Result<(), Stop> {
    let without = trial.attachment("c1")?;
    let request = trial
        .request(Verb::Add, &without)
        .config(|config| drop(config.remove("capabilities")));
    let call = trial.call(&request)?;
    if !call.succeeded() {
        return Err(Stop::Blocked {
            check: "add/gives-a-result",
            why: format!("ADD ended with {}", call.brief()),
        });
    }
    let runtime_configs = [
        ("c2", None, "without runtimeConfig"),
        ("c3", Some(json!({ "conform": 1 })), "with runtimeConfig"),
    ];
    for (container, runtime_config, how) in runtime_configs {
        let attachment = trial.attachment(container)?;
        let complete = |request: Request| {
            let request = request.config(declare);
            match &runtime_config {
                Some(value) => request.key("runtimeConfig", value.clone()),
                None => request,
            }
        };
        let request = complete(trial.request(Verb::Add, &attachment));
        let add = trial.call(&request)?;
        let what = format!("ADD with the capabilities key, {how}");
        if !trial.expect_success(&req::CAP_TOLERATES_DECLARATION, &add, &what) {
            continue;
        }
        let result = add.json().unwrap_or_default();
        let attached = crate::trial::Attached {
            attachment,
            call: add,
            result,
        };
        let mut verbs = vec![Verb::Del];
        if trial.version() >= Versions::WITH_CHECK.first {
            let plain = trial.check(&attached)?;
            // A CHECK that fails anyhow says nothing about the key.
            if plain.succeeded() {
                verbs.insert(0, Verb::Check);
            }
        }
        for verb in verbs {
            let request = complete(trial.request_after(verb, &attached));
            let call = trial.call(&request)?;
            let what = format!("{} with the capabilities key, {how}", verb.name());
            trial.expect_success(&req::CAP_TOLERATES_DECLARATION, &call, &what);
        }
    }
    Ok(())
}

fn status_and_gc_need_none(trial: &mut Trial) -> Result<(), Stop> {
    for verb in [Verb::Status, Verb::Gc] {
        let mut request = trial.request_without_attachment(verb).config(declare);
        if verb == Verb::Gc {
            request = request.key("cni.dev/valid-attachments", json!([]));
        }
        let call = trial.call(&request)?;
        trial.expect_success(
            &req::CAP_NOT_ON_GC_STATUS,
            &call,
            &format!(
                "{} with declared capabilities and without runtimeConfig",
                verb.name()
            ),
        );
    }
    Ok(())
}

fn mac(trial: &mut Trial) -> Result<(), Stop> {
    let without = trial.attachment("c1")?;
    trial.attach(&without)?;
    let attachment = trial.attachment("c2")?;
    let request = trial
        .request(Verb::Add, &attachment)
        .config(declare_mac)
        .key("runtimeConfig", json!({ "mac": MAC }));
    let call = trial.call(&request)?;
    let what = format!("ADD with runtimeConfig.mac {MAC}");
    if !trial.expect_success(&req::CAP_LINK_PROPERTIES, &call, &what) {
        return Ok(());
    }
    let ifname = &attachment.ifname;
    let state = trial.look(&attachment.container)?;
    let actual = state.link(ifname).map_or("", |link| link.mac.as_str());
    let proof = Proof::Shell(format!("! ns c2 ip -o link show {ifname} | grep -q {MAC}"));
    trial.expect(
        &req::CAP_SOURCE,
        actual == MAC,
        format!("{ifname} has the hardware address {MAC} of runtimeConfig.mac"),
        format!("it has {actual}"),
        proof.clone(),
    );
    trial.expect(
        &req::CAP_ACT_OR_ERROR,
        actual == MAC,
        format!("{what}: it acts on that, or fails"),
        format!("exit 0, and {ifname} has {actual}"),
        proof,
    );
    let result = call.json().unwrap_or_default();
    let listed: Vec<&str> = result
        .get("interfaces")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|interface| interface.get("mac")?.as_str())
        .collect();
    trial.expect(
        &req::CAP_LINK_PROPERTIES,
        listed.iter().any(|mac| mac.eq_ignore_ascii_case(MAC)),
        format!("the result lists an interface with mac {MAC}"),
        format!("it lists {}", listed.join(", ")),
        Proof::lacks(&call, "\"mac\":\"02:00:00:[Cc]0:[Ff][Ff]:[Ee][Ee]\""),
    );
    Ok(())
}

fn declare_mac(config: &mut Map<String, Value>) {
    let declared = config.entry("capabilities").or_insert_with(|| json!({}));
    if let Some(declared) = declared.as_object_mut() {
        declared.insert("mac".to_owned(), json!(true));
    }
}

fn mac_malformed(trial: &mut Trial) -> Result<(), Stop> {
    let refused = [
        json!({ "mac": "zz" }),
        json!({ "mac": "02:00:00:c0:ff" }),
        json!({ "mac": 5 }),
    ];
    refuses(trial, &refused)
}

fn port_mappings_malformed(trial: &mut Trial) -> Result<(), Stop> {
    let one = |mapping: Value| json!({ "portMappings": [mapping] });
    let refused = [
        json!({ "portMappings": "x" }),
        one(json!({ "hostPort": 70000, "containerPort": 80, "protocol": "tcp" })),
        one(json!({ "hostPort": -1, "containerPort": 80, "protocol": "tcp" })),
        one(json!({ "hostPort": "80", "containerPort": 80, "protocol": "tcp" })),
        one(json!({ "hostPort": 8080, "containerPort": 80, "protocol": "xyz" })),
    ];
    refuses(trial, &refused)
}

fn ips_malformed(trial: &mut Trial) -> Result<(), Stop> {
    let refused = [
        json!({ "ips": ["bogus"] }),
        json!({ "ips": "192.0.2.1/24" }),
        json!({ "ips": [5] }),
    ];
    refuses(trial, &refused)
}

/// Expects that ADD refuses each runtimeConfig with a code for a bad configuration, and that nothing changes. A
/// container with the usual configuration comes first, so that what stays on the host for good is there.
fn refuses(trial: &mut Trial, runtime_configs: &[Value]) -> Result<(), Stop> {
    let usual = trial.attachment("c1")?;
    trial.attach(&usual)?;
    let attachment = trial.attachment("c2")?;
    let before = trial.snapshot("before the refusals")?;
    let mut is_refused = true;
    let mut has_code = true;
    for runtime_config in runtime_configs {
        let call = add(trial, &attachment, runtime_config)?;
        let what = format!("ADD with runtimeConfig {runtime_config}");
        if trial.expect_refusal(&req::CAP_ACT_OR_ERROR, &call, &what) {
            // Codes 6 and 7 came with 1.0.0; one other code says it all.
            if has_code && trial.version() >= Versions::SINCE_1_0.first {
                has_code = trial.expect_code(&req::CAP_MALFORMED, &call, &[6, 7], &what);
            }
        } else {
            is_refused = false;
            let del = trial.request(Verb::Del, &attachment);
            trial.call(&del)?;
        }
    }
    // What a success left is no residue of a refusal.
    if is_refused {
        let after = trial.snapshot("after the refusals")?;
        trial.expect_unchanged(
            &req::CAP_MALFORMED,
            (&before, "before the refusals"),
            (&after, "after the refusals"),
            "a refused capability changes nothing",
        );
    }
    Ok(())
}

fn add(trial: &mut Trial, attachment: &Attachment, runtime_config: &Value) -> Result<Call, Stop> {
    let request = trial
        .request(Verb::Add, attachment)
        .key("runtimeConfig", runtime_config.clone());
    trial.call(&request)
}
