//! The network's name and the keys of the configuration: what is refused, what is ignored, and what DEL puts up with.

use cni_spec_fixtures::req;
use serde_json::{Value, json};

use crate::check::{Check, Feature, Versions};
use crate::checks::protocol::version_key::refuses;
use crate::checks::refusal::{Refusal, expect_add_tolerated, snapshot_before};
use crate::profile::Kind;
use crate::trial::{Attachment, Call, Proof, Request, Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "protocol/name-missing",
        title: "A configuration without a network name is refused",
        proves: &[req::CONF_NAME_REQUIRED],
        versions: Versions::ALL,
        needs: &[],
        caught: &["name-missing-ok"],
        run: |trial| refuses(trial, &req::CONF_NAME_REQUIRED),
    },
    Check {
        id: "protocol/name-no-string",
        title: "A network name that is no string is refused",
        proves: &[req::CONF_NAME_TYPE],
        versions: Versions::ALL,
        needs: &[],
        caught: &["name-coerced"],
        run: |trial| refuses(trial, &req::CONF_NAME_TYPE),
    },
    Check {
        id: "protocol/name-grammar",
        title: "A network name outside the grammar is refused, one inside is taken",
        proves: &[req::CONF_NAME_CHARSET],
        versions: Versions::SINCE_1_0,
        needs: &[],
        caught: &["no-name-check"],
        run: name_grammar,
    },
    Check {
        id: "protocol/unknown-key",
        title: "A key that the plugin does not know is ignored, or refused with code 2",
        proves: &[req::CONF_UNKNOWN_FIELD, req::CONF_MINOR_COMPAT],
        versions: Versions::WITH_VERSION,
        needs: &[],
        caught: &["unknown-field-rejected"],
        run: unknown_key,
    },
    Check {
        id: "protocol/foreign-args",
        title: "Data under args that the plugin does not understand is ignored",
        proves: &[req::CONF_ARGS_IGNORED, req::CONV_LABELS],
        versions: Versions::WITH_VERSION,
        needs: &[],
        caught: &["args-rejected"],
        run: foreign_args,
    },
    Check {
        id: "protocol/malformed-own-key",
        title: "ADD is refused when a key of the plugin's own has a value of the wrong type",
        proves: &[
            req::CONF_INVALID_PLUGIN_CONFIG,
            req::CONV_ERROR_ON_MALFORMED,
        ],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::Configurable],
        caught: &["bad-config-ignored"],
        run: malformed_own_key,
    },
    Check {
        id: "protocol/del-with-unusable-config",
        title: "DEL cleans up even if a setting that only ADD needs is unusable",
        proves: &[req::CONF_DEL_INVALID_CONFIG],
        versions: Versions::WITH_GC,
        needs: &[],
        caught: &["del-validates-config"],
        run: del_with_unusable_config,
    },
];

fn name_grammar(trial: &mut Trial) -> Result<(), Stop> {
    refuses(trial, &req::CONF_NAME_CHARSET)?;
    let attachment = trial.attachment("c1")?;
    for name in ["a", "A.b_c-9", &"0123456789".repeat(10)] {
        let unusual = attachment.clone().with_network(name);
        let request = trial.request(Verb::Add, &unusual);
        let add = trial.call(&request)?;
        let del = trial.request(Verb::Del, &unusual);
        trial.call(&del)?;
        if !add.succeeded() {
            let control = trial.attach(&attachment)?;
            trial.del(&control)?;
            let what = format!("ADD with name = {name:?}");
            trial.expect_success(&req::CONF_NAME_CHARSET, &add, &what);
        }
    }
    Ok(())
}

fn unknown_key(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let (key, value) = ("cniConformUnknown", "v-7f3a");
    let request = trial
        .request(Verb::Add, &attachment)
        .key(key, Value::from(value));
    let what = format!("ADD with the unknown key {key} = {value:?}");
    expect_ignored_or_code_2(trial, (&attachment, &request), &what, |trial, call| {
        for word in [key, value] {
            trial.expect_named(&req::CONF_UNKNOWN_FIELD, call, word, &what);
        }
    })?;
    // Keys of 1.1.0 are unknown keys to a plugin of 1.0.0; within a major version that must not break it.
    if !req::CONF_MINOR_COMPAT.in_force(trial.version()) {
        return Ok(());
    }
    let request = trial.request(Verb::Add, &attachment).config(|config| {
        config.insert("cniVersion".to_owned(), json!("1.0.0"));
        config.insert("cniVersions".to_owned(), json!(["1.0.0", "1.1.0"]));
        config.insert("disableGC".to_owned(), json!(false));
        config.insert("cni.dev/valid-attachments".to_owned(), json!([]));
        if let Some(Value::Object(previous)) = config.get_mut("prevResult") {
            previous.insert("cniVersion".to_owned(), json!("1.0.0"));
        }
    });
    let call = add_and_del(trial, (&attachment, &request))?;
    let code = call.error().and_then(|error| error.code());
    trial.expect(
        &req::CONF_MINOR_COMPAT,
        call.succeeded() || code == Some(2),
        "ADD of cniVersion 1.0.0 with cniVersions, disableGC and cni.dev/valid-attachments: success, or error code 2",
        call.brief(),
        refused_without_code_2(&call),
    );
    Ok(())
}

fn expect_ignored_or_code_2(
    trial: &mut Trial,
    (attachment, request): (&Attachment, &Request),
    what: &str,
    named: impl Fn(&mut Trial, &Call),
) -> Result<(), Stop> {
    let call = add_and_del(trial, (attachment, request))?;
    if call.succeeded() {
        return Ok(());
    }
    let control = trial.attach(attachment)?;
    trial.del(&control)?;
    let code = call.error().and_then(|error| error.code());
    trial.expect(
        &req::CONF_UNKNOWN_FIELD,
        code == Some(2),
        format!("{what}: success, or error code 2"),
        call.brief(),
        refused_without_code_2(&call),
    );
    named(trial, &call);
    Ok(())
}

fn refused_without_code_2(call: &Call) -> Proof {
    Proof::All(vec![
        Proof::fails(call),
        Proof::lacks(call, "\"code\":2[^0-9]"),
    ])
}

fn add_and_del(
    trial: &mut Trial,
    (attachment, request): (&Attachment, &Request),
) -> Result<Call, Stop> {
    let call = trial.call(request)?;
    let del = trial.request(Verb::Del, attachment);
    trial.call(&del)?;
    Ok(call)
}

fn foreign_args(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let labels = json!([{ "key": "app", "value": "web" }]);
    for (requirement, args) in [
        (
            &req::CONF_ARGS_IGNORED,
            json!({ "vendor": { "x": [1, 2] } }),
        ),
        (&req::CONV_LABELS, json!({ "cni": { "labels": labels } })),
    ] {
        let what = format!("ADD with args = {args}");
        let request = trial.request(Verb::Add, &attachment).key("args", args);
        expect_add_tolerated(trial, requirement, (&attachment, &request), &what)?;
    }
    Ok(())
}

fn malformed_own_key(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    for (key, value) in trial.own_settings() {
        let wrong = match value {
            Value::Number(_) | Value::Bool(_) => json!({}),
            Value::String(_) | Value::Array(_) | Value::Object(_) | Value::Null => json!(5),
        };
        let place = if trial.kind() == Kind::Ipam {
            format!("ipam.{key}")
        } else {
            key.clone()
        };
        let what = format!("ADD with {place} = {wrong} instead of {value}");
        let request = trial.request(Verb::Add, &attachment);
        let request = with_own_setting(trial.kind(), request, &key, wrong);
        let call = Refusal {
            requirement: &req::CONF_INVALID_PLUGIN_CONFIG,
            request: &request,
            what: &what,
            codes: &[6, 7],
            variables: &[],
        }
        .expect(trial)?;
        trial.expect_refusal(&req::CONV_ERROR_ON_MALFORMED, &call, &what);
        let del = trial.request(Verb::Del, &attachment);
        trial.call(&del)?;
    }
    Ok(())
}

/// Puts a setting where the plugin looks for it: an IPAM plugin's own section is `ipam`.
fn with_own_setting(kind: Kind, request: Request, key: &str, value: Value) -> Request {
    request.config(|config| {
        let section = match kind {
            Kind::Ipam => config.get_mut("ipam").and_then(Value::as_object_mut),
            Kind::Interface | Kind::Chained | Kind::Loopback => Some(config),
        };
        if let Some(section) = section {
            section.insert(key.to_owned(), value);
        }
    })
}

fn del_with_unusable_config(trial: &mut Trial) -> Result<(), Stop> {
    // What the first attachment leaves for good, such as a bridge, is no leak.
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.del(&attached)?;
    let before = snapshot_before(trial)?;
    let attached = trial.attach(&attachment)?;
    // Neither the MTU nor the routes of an attachment are needed to take it away.
    let (key, value) = match trial.kind() {
        Kind::Ipam => ("routes", json!([{ "dst": "nowhere" }])),
        Kind::Interface | Kind::Chained | Kind::Loopback => ("mtu", json!(-1)),
    };
    let what = format!("DEL with {key} = {value}, which only ADD needs");
    let request = trial.request_after(Verb::Del, &attached);
    let request = with_own_setting(trial.kind(), request, key, value);
    let call = trial.call(&request)?;
    trial.expect_success(&req::CONF_DEL_INVALID_CONFIG, &call, &what);
    let after = trial.snapshot("after")?;
    trial.expect_unchanged(
        &req::CONF_DEL_INVALID_CONFIG,
        (&before, "before"),
        (&after, "after"),
        &format!("{what} leaves nothing of the attachment"),
    );
    Ok(())
}
