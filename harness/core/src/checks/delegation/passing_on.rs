//! What goes through the plugin: environment and configuration down to the delegate, its standard error up.

use std::collections::BTreeMap;

use cni_spec_fixtures::{Requirement, SpecVersion, req};
use serde_json::{Value, json};

use super::answers::{Lease, V4, literal};
use crate::check::{Check, Feature, Versions};
use crate::trial::delegate::add_through_delegate_failed;
use crate::trial::{Call, DelegateAnswer, DelegateCall, Proof, Request, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "delegation/environment-is-passed-on",
        title: "The delegate gets every environment variable that the plugin got",
        proves: &[req::DELEG_ENV],
        versions: Versions::ALL,
        needs: &[Feature::Delegates],
        caught: &["clean-env"],
        run: environment_is_passed_on,
    },
    Check {
        id: "delegation/configuration-is-passed-on",
        title: "The delegate gets the whole configuration, with keys that the plugin does not know",
        proves: &[req::DELEG_FULL_CONFIG],
        versions: Versions::ALL,
        needs: &[Feature::Delegates],
        caught: &["ipam-section-only"],
        run: configuration_is_passed_on,
    },
    Check {
        id: "delegation/stderr-is-passed-on",
        title: "The delegate's standard error comes out of the plugin's",
        proves: &[req::DELEG_STDERR],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::Delegates],
        caught: &["swallows-stderr"],
        run: stderr_is_passed_on,
    },
    Check {
        id: "delegation/stdout-is-hidden",
        title: "The delegate's standard output does not come out of the plugin's",
        proves: &[req::DELEG_STDOUT_HIDDEN],
        versions: Versions::ALL,
        needs: &[Feature::Delegates],
        caught: &["leaks-delegate-stdout"],
        run: stdout_is_hidden,
    },
    Check {
        id: "delegation/version-is-not-forwarded",
        title: "VERSION runs no delegate and changes nothing, whatever else is in the request",
        proves: &[req::VER_SIDE_EFFECT_FREE],
        versions: Versions::WITH_VERSION,
        needs: &[Feature::Delegates],
        caught: &["version-forwards", "version-writes-state"],
        run: version_is_not_forwarded,
    },
];

/// Variables beyond the specification's; both kinds are among "all".
const EXTRA: [(&str, &str); 3] = [
    ("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAME=pod-1"),
    ("CNI_CONFORM_EXTRA", "kept as it is"),
    ("CONFORM_EXTRA", "a=b;c"),
];

/// Makes one call of each verb of the version and hands each to `judge` with what the delegate saw of it. A verb
/// for which the delegate was not run is no matter of what is passed on.
fn each_verb(
    trial: &mut Trial,
    judge: fn(&mut Trial, &Call, &Request, &DelegateCall, &str),
) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let answer = Lease::of(&[V4]).in_version(trial.version());
    trial
        .delegate()?
        .answer(Verb::Add, &DelegateAnswer::result(&answer))?;
    let dressed = |trial: &Trial, request: Request| {
        let request = EXTRA
            .iter()
            .fold(request, |request, (key, value)| request.env(key, value));
        trial
            .through_delegate(request)
            .key("conformTop", json!({ "nested": [{ "deep": "ü" }, null] }))
            .key("args", json!({ "conform": { "labels": ["a", "b"] } }))
            .key("runtimeConfig", json!({ "conformCapability": [1, 2] }))
    };
    let request = dressed(trial, trial.request(Verb::Add, &attachment));
    let add = one_verb(trial, &request, "ADD", judge)?;
    let Some(result) = add.json().filter(|_| add.succeeded()) else {
        return Err(add_through_delegate_failed(&add));
    };
    let version = trial.version();
    let mut requests = Vec::new();
    if version >= SpecVersion::V0_4_0 {
        let check = trial
            .request(Verb::Check, &attachment)
            .previous_value(result.clone());
        requests.push(("CHECK", check));
    }
    if version >= SpecVersion::V1_1_0 {
        let valid = json!([{ "containerID": attachment.id, "ifname": attachment.ifname }]);
        requests.push(("STATUS", trial.request_without_attachment(Verb::Status)));
        requests.push((
            "GC",
            trial
                .request_without_attachment(Verb::Gc)
                .key("cni.dev/valid-attachments", valid),
        ));
    }
    let del = trial.request(Verb::Del, &attachment);
    let del = if version >= SpecVersion::V0_4_0 {
        del.previous_value(result)
    } else {
        del
    };
    requests.push(("DEL", del.clone()));
    requests.push(("DEL without CNI_NETNS", del.without("CNI_NETNS")));
    for (name, request) in requests {
        let request = dressed(trial, request);
        one_verb(trial, &request, name, judge)?;
    }
    Ok(())
}

fn one_verb(
    trial: &mut Trial,
    request: &Request,
    name: &str,
    judge: fn(&mut Trial, &Call, &Request, &DelegateCall, &str),
) -> Result<Call, Stop> {
    trial.delegate()?.forget_calls()?;
    let call = trial.call(request)?;
    let verb = name.split(' ').next().unwrap_or_default();
    let seen = trial
        .delegate()?
        .calls()?
        .into_iter()
        .find(|call| call.verb == verb);
    if let Some(seen) = seen {
        judge(trial, &call, request, &seen, name);
    }
    Ok(call)
}

fn environment_is_passed_on(trial: &mut Trial) -> Result<(), Stop> {
    each_verb(trial, |trial, call, _, seen, name| {
        for (key, value) in &call.exchange().env {
            let found = seen.env.get(key);
            // In a reproducer the plugins stand elsewhere.
            let expression = if key == "CNI_PATH" {
                "^CNI_PATH=.".to_owned()
            } else {
                format!("^{key}={}$", literal(value))
            };
            trial.expect(
                &req::DELEG_ENV,
                found == Some(value),
                format!("{name}: the delegate gets {key}={value}"),
                found.map_or_else(
                    || format!("it gets no {key}"),
                    |found| format!("it gets {key}={found}"),
                ),
                Proof::delegate_env_lacks(&expression),
            );
        }
        let netns = seen
            .env
            .get("CNI_NETNS")
            .filter(|_| !call.exchange().env.contains_key("CNI_NETNS"))
            .filter(|netns| !netns.is_empty());
        trial.expect(
            &req::DELEG_ENV,
            netns.is_none(),
            format!("{name}: CNI_NETNS is unset or empty for the delegate as well"),
            format!("it gets CNI_NETNS={}", netns.map_or("", String::as_str)),
            Proof::Shell("cat /run/cni-conform/delegate/calls/*/env | tr '\\0' '\\n' | grep -q '^CNI_NETNS=.'".to_owned()),
        );
    })
}

fn configuration_is_passed_on(trial: &mut Trial) -> Result<(), Stop> {
    each_verb(trial, |trial, _, request, seen, name| {
        let given: BTreeMap<String, Value> =
            serde_json::from_slice(&request.input_bytes()).unwrap_or_default();
        let found = seen.config();
        for (key, value) in &given {
            let same = found.as_ref().and_then(|config| config.get(key));
            let expression = match same {
                None => format!("\"{key}\":"),
                Some(_) => format!("\"{key}\":{}", literal(&value.to_string().replace(' ', ""))),
            };
            trial.expect(
                &req::DELEG_FULL_CONFIG,
                same == Some(value),
                format!("{name}: the delegate reads {key} as the plugin got it, {value}"),
                same.map_or_else(
                    || format!("it reads no {key}"),
                    |same| format!("it reads {same}"),
                ),
                Proof::delegate_stdin_lacks(&expression),
            );
        }
    })
}

fn stderr_is_passed_on(trial: &mut Trial) -> Result<(), Stop> {
    const MARK: &str = "said-by-the-delegate";
    let attachment = trial.attachment("c1")?;
    let answer = Lease::of(&[V4]).in_version(trial.version());
    let answers = [
        ("that succeeds", DelegateAnswer::result(&answer)),
        (
            "that fails with an error object",
            DelegateAnswer::error(123, "no"),
        ),
        ("that fails in silence", DelegateAnswer::bytes("", 3)),
    ];
    for (number, (name, answer)) in answers.into_iter().enumerate() {
        let attachment = attachment.clone().with_ifname(&format!("eth{number}"));
        trial.delegate()?.forget_calls()?;
        trial
            .delegate()?
            .answer(Verb::Add, &answer.with_stderr(&format!("{MARK}\n")))?;
        let add = trial.call(&trial.through_delegate(trial.request(Verb::Add, &attachment)))?;
        if !trial.delegate()?.was_asked()? {
            return Err(add_through_delegate_failed(&add));
        }
        trial.expect(
            &req::DELEG_STDERR,
            add.exchange().stderr.contains(MARK),
            format!("{MARK}, which a delegate {name} writes to stderr, is on the plugin's stderr"),
            match add.exchange().stderr.trim() {
                "" => "the plugin's stderr is empty".to_owned(),
                text => format!("the plugin's stderr: {text}"),
            },
            Proof::Shell(format!("! grep -q {MARK} $work/err{}", add.index())),
        );
    }
    Ok(())
}

fn stdout_is_hidden(trial: &mut Trial) -> Result<(), Stop> {
    const MARK: &str = "printed-by-the-delegate";
    let attachment = trial.attachment("c1")?;
    let mut answer = Lease::of(&[V4]).in_version(trial.version());
    answer["conformMark"] = json!(MARK);
    trial
        .delegate()?
        .answer(Verb::Add, &DelegateAnswer::result(&answer))?;
    let add = trial.call(&trial.through_delegate(trial.request(Verb::Add, &attachment)))?;
    trial.expect(
        &req::DELEG_STDOUT_HIDDEN,
        add.json().is_some(),
        "ADD prints the merged result and nothing of the delegate's beside it",
        add.brief(),
        Proof::PrintsNoDocument(add.index()),
    );
    let mut verbs = vec![Verb::Del];
    if trial.version() >= SpecVersion::V0_4_0 && add.succeeded() {
        verbs.insert(0, Verb::Check);
    }
    for verb in verbs {
        trial
            .delegate()?
            .answer(verb, &DelegateAnswer::bytes(format!("{MARK}\n"), 0))?;
        let request = trial.request(verb, &attachment);
        let request = match add.json() {
            Some(result) if trial.version() >= SpecVersion::V0_4_0 => {
                request.previous_value(result)
            }
            _ => request,
        };
        let call = trial.call(&trial.through_delegate(request))?;
        hidden(trial, &req::DELEG_STDOUT_HIDDEN, &call, verb);
    }
    Ok(())
}

/// A plugin may take the delegate's noise for an error; then it prints its own error object.
fn hidden(trial: &mut Trial, requirement: &Requirement, call: &Call, verb: Verb) {
    let own_error = call.refused() && call.error().is_some();
    trial.expect(
        requirement,
        call.is_silent() || own_error,
        format!(
            "{} prints nothing, though its delegate does and exits 0",
            verb.name()
        ),
        call.brief(),
        Proof::Shell(format!(
            "[ $status{0} -eq 0 ] && [ -n \"$(compact $work/out{0})\" ]",
            call.index()
        )),
    );
}

fn version_is_not_forwarded(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    trial.delegate()?;
    let before = trial.snapshot("before VERSION")?;
    let request = trial.through_delegate(trial.request(Verb::Version, &attachment));
    trial.call(&request)?;
    let after = trial.snapshot("after VERSION")?;
    let verbs = trial.delegate()?.verbs()?;
    trial.expect(
        &req::VER_SIDE_EFFECT_FREE,
        verbs.is_empty(),
        "VERSION with the environment and configuration of an ADD runs no delegate",
        format!("it runs the delegate with {}", verbs.join(" ")),
        Proof::delegate_verbs_are_not(&[]),
    );
    trial.expect_unchanged(
        &req::VER_SIDE_EFFECT_FREE,
        (&before, "before VERSION"),
        (&after, "after VERSION"),
        "VERSION changes nothing",
    );
    Ok(())
}
