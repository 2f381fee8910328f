//! What a plugin has to live without and what it has to put up with in its environment.

use cni_spec_fixtures::req;
use serde_json::json;

use crate::check::{Check, Feature, Versions};
use crate::checks::refusal::{expect_add_tolerated, expect_tolerated, usual};
use crate::trial::{Proof, Request, Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "protocol/args-optional",
        title: "ADD, CHECK and DEL work without CNI_ARGS",
        proves: &[req::PARAM_ARGS_OPTIONAL],
        versions: Versions::ALL,
        needs: &[],
        caught: &["args-required"],
        run: args_optional,
    },
    Check {
        id: "protocol/args-unknown",
        title: "CNI_ARGS with IgnoreUnknown is taken, and malformed CNI_ARGS do not crash the plugin",
        proves: &[req::PARAM_ARGS_FORMAT, req::PROCESS_NO_SIGNAL_DEATH],
        versions: Versions::ALL,
        needs: &[],
        caught: &["args-strict"],
        run: args_unknown,
    },
    Check {
        id: "protocol/path-optional",
        title: "A plugin that delegates nothing works without CNI_PATH",
        proves: &[req::PARAM_PATH_OPTIONAL, req::PARAM_PATH_OPTIONAL_STATUS],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::WorksAlone],
        caught: &["path-required"],
        run: path_optional,
    },
    Check {
        id: "protocol/no-attachment-parameters",
        title: "STATUS and GC work without the attachment's variables",
        proves: &[req::PARAM_NO_ATTACHMENT_PARAMS],
        versions: Versions::WITH_GC,
        needs: &[],
        caught: &["status-gc-need-attachment"],
        run: no_attachment_parameters,
    },
    Check {
        id: "protocol/foreign-variables",
        title: "Variables that the specification does not know change nothing",
        proves: &[req::PARAM_EXTRA_ENV],
        versions: Versions::WITH_INTERFACES,
        needs: &[],
        caught: &["extra-env-rejected"],
        run: foreign_variables,
    },
];

fn args_optional(trial: &mut Trial) -> Result<(), Stop> {
    let requirement = &req::PARAM_ARGS_OPTIONAL;
    let attachment = trial.attachment("c1")?;
    // A plugin that takes no empty CNI_ARGS still has to take the form that every Kubernetes runtime sends.
    let with = |request: Request| request.env("CNI_ARGS", "IgnoreUnknown=1");
    let control = with(trial.request(Verb::Add, &attachment));
    let del = trial.request(Verb::Del, &attachment);
    for (request, what) in [
        (control.clone().without("CNI_ARGS"), "ADD without CNI_ARGS"),
        (
            control.clone().env("CNI_ARGS", ""),
            "ADD with an empty CNI_ARGS",
        ),
    ] {
        expect_tolerated(trial, requirement, (&request, &control), what)?;
        trial.call(&with(del.clone()))?;
    }
    let add = trial.call(&control)?;
    let check = trial.request(Verb::Check, &attachment);
    if trial.version() >= cni_spec_fixtures::SpecVersion::V0_4_0
        && let Some(result) = add.json()
    {
        let control = with(check.previous_value(result));
        let request = control.clone().without("CNI_ARGS");
        expect_tolerated(
            trial,
            requirement,
            (&request, &control),
            "CHECK without CNI_ARGS",
        )?;
    }
    expect_tolerated(
        trial,
        requirement,
        (&del.clone().without("CNI_ARGS"), &with(del)),
        "DEL without CNI_ARGS",
    )?;
    Ok(())
}

fn args_unknown(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=0123";
    let request = trial.request(Verb::Add, &attachment).env("CNI_ARGS", args);
    expect_add_tolerated(
        trial,
        &req::PARAM_ARGS_FORMAT,
        (&attachment, &request),
        &format!("ADD with CNI_ARGS={args}"),
    )?;
    for args in ["FOO", "=", "a=b=c", ";", "A=B;"] {
        let request = trial.request(Verb::Add, &attachment).env("CNI_ARGS", args);
        let call = trial.call(&request)?;
        let what = format!("ADD with CNI_ARGS={args}");
        trial.expect(
            &req::PROCESS_NO_SIGNAL_DEATH,
            call.succeeded() || call.refused(),
            format!("{what}: the plugin exits by itself"),
            call.brief(),
            Proof::Dies(call.index()),
        );
        trial.expect(
            &req::PARAM_ARGS_FORMAT,
            call.succeeded() || call.error().is_some(),
            format!("{what}: success or an error object"),
            call.brief(),
            Proof::All(vec![
                Proof::fails(&call),
                Proof::lacks(&call, "\"(code|msg)\":"),
            ]),
        );
        if call.succeeded() {
            let del = trial.request(Verb::Del, &attachment);
            trial.call(&del)?;
        }
    }
    Ok(())
}

fn path_optional(trial: &mut Trial) -> Result<(), Stop> {
    let requirement = &req::PARAM_PATH_OPTIONAL;
    let attachment = trial.attachment("c1")?;
    let add = trial.request(Verb::Add, &attachment);
    for (request, what) in [
        (add.clone().without("CNI_PATH"), "ADD without CNI_PATH"),
        (
            add.clone().env("CNI_PATH", ""),
            "ADD with an empty CNI_PATH",
        ),
    ] {
        expect_add_tolerated(trial, requirement, (&attachment, &request), what)?;
    }
    let attached = trial.attach(&attachment)?;
    for (verb, what) in [
        (Verb::Check, "CHECK without CNI_PATH"),
        (Verb::Del, "DEL without CNI_PATH"),
    ] {
        let control = trial.request_after(verb, &attached);
        let request = control.clone().without("CNI_PATH");
        expect_tolerated(trial, requirement, (&request, &control), what)?;
    }
    let control = usual(trial, Verb::Status, &attachment);
    let request = control.clone().without("CNI_PATH");
    if trial.version() >= cni_spec_fixtures::SpecVersion::V1_1_0 {
        expect_tolerated(
            trial,
            &req::PARAM_PATH_OPTIONAL_STATUS,
            (&request, &control),
            "STATUS without CNI_PATH",
        )?;
    }
    Ok(())
}

fn no_attachment_parameters(trial: &mut Trial) -> Result<(), Stop> {
    let variables = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS"];
    let with_all = |request: Request, value: &str| {
        variables
            .iter()
            .fold(request, |request, name| request.env(name, value))
    };
    for verb in [Verb::Status, Verb::Gc] {
        let mut bare = trial.request_without_attachment(verb);
        if verb == Verb::Gc {
            bare = bare.key("cni.dev/valid-attachments", json!([]));
        }
        for (request, what) in [
            (bare.clone(), "without the attachment's variables"),
            (
                with_all(bare.clone(), ""),
                "with empty attachment's variables",
            ),
            (
                with_all(bare, "a/b c"),
                "with nonsense in the attachment's variables",
            ),
        ] {
            let call = trial.call(&request)?;
            let code = call.error().and_then(|error| error.code());
            trial.expect(
                &req::PARAM_NO_ATTACHMENT_PARAMS,
                code != Some(4),
                format!("{} {what}: no error about variables", verb.name()),
                call.brief(),
                Proof::prints(&call, "\"code\":4[^0-9]"),
            );
        }
    }
    Ok(())
}

fn foreign_variables(trial: &mut Trial) -> Result<(), Stop> {
    let with = |request: Request| {
        request
            .env("CNI_FOO", "bar")
            .env("CNI_VERSION", "0.1.0")
            .env(
                "TRACEPARENT",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            )
            .env("TRACESTATE", "a=1")
            .env("BAGGAGE", "b=2")
            .env("HOME", "/root")
    };
    let attachment = trial.attachment("c1")?;
    let request = with(trial.request(Verb::Add, &attachment));
    let what = "with CNI_FOO, CNI_VERSION, TRACEPARENT, TRACESTATE, BAGGAGE and HOME set";
    expect_add_tolerated(
        trial,
        &req::PARAM_EXTRA_ENV,
        (&attachment, &request),
        &format!("ADD {what}"),
    )?;
    let attached = trial.attach(&attachment)?;
    let control = trial.request_after(Verb::Del, &attached);
    expect_tolerated(
        trial,
        &req::PARAM_EXTRA_ENV,
        (&with(control.clone()), &control),
        &format!("DEL {what}"),
    )?;
    Ok(())
}
