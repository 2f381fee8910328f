//! VERSION: what it answers, with how little it can do, and whether what it claims is true.

use std::collections::BTreeSet;

use cni_conform_report::Status;
use cni_spec_fixtures::{Requirement, SpecVersion, req};
use serde_json::{Value, json};

use crate::check::{Check, Versions};
use crate::checks::refusal::{expect_untouched, snapshot_before};
use crate::trial::{Call, Proof, Request, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "version/answers",
        title: "VERSION prints one object with cniVersion and supportedVersions",
        proves: &[req::VER_SUPPORTED, req::VER_KEYS],
        versions: Versions::WITH_VERSION,
        needs: &[],
        caught: &["version-plain-text", "version-empty-list"],
        run: answers,
    },
    Check {
        id: "version/echoes",
        title: "VERSION repeats the cniVersion that it was asked with",
        proves: &[req::VER_ECHO],
        versions: Versions::SINCE_1_0,
        needs: &[],
        caught: &["version-own"],
        run: echoes,
    },
    Check {
        id: "version/without-stdin",
        title: "VERSION works with an empty standard input",
        proves: &[req::VER_NO_STDIN],
        versions: Versions::until(SpecVersion::V0_4_0),
        needs: &[],
        caught: &["hang-on-version"],
        run: without_stdin,
    },
    Check {
        id: "version/minimal-input",
        title: "VERSION needs nothing but cniVersion on standard input",
        proves: &[req::VER_MINIMAL_INPUT],
        versions: Versions::SINCE_1_0,
        needs: &[],
        caught: &["version-needs-config", "hang-on-version"],
        run: minimal_input,
    },
    Check {
        id: "version/minimal-environment",
        title: "VERSION needs nothing but CNI_COMMAND, whatever the other variables say",
        proves: &[req::PARAM_VERSION_NEEDS_ONLY_COMMAND],
        versions: Versions::WITH_VERSION,
        needs: &[],
        caught: &["version-checks-env"],
        run: minimal_environment,
    },
    Check {
        id: "version/survives-odd-input",
        title: "VERSION does not crash on an unknown, absent or malformed version",
        proves: &[req::PROCESS_NO_SIGNAL_DEATH, req::VER_UNSUPPORTED_INPUT],
        versions: Versions::WITH_VERSION,
        needs: &[],
        caught: &["version-crash-on-unknown"],
        run: survives_odd_input,
    },
    Check {
        id: "version/honest",
        title: "The plugin speaks the versions that VERSION lists, and refuses the others",
        proves: &[req::VER_HONEST],
        versions: Versions::WITH_VERSION,
        needs: &[],
        caught: &[
            "version-lists-unreleased",
            "version-unlisted",
            "refuses-listed-version",
        ],
        run: honest,
    },
    Check {
        id: "version/changes-nothing",
        title: "VERSION changes nothing, even with everything that ADD needs",
        proves: &[req::VER_SIDE_EFFECT_FREE],
        versions: Versions::WITH_VERSION,
        needs: &[],
        caught: &["version-writes-state"],
        run: changes_nothing,
    },
];

/// Matches a version reply by its two keys.
const REPLY: &str = "^[{].*\"supportedVersions\":\\[\"";

/// Returns a request as libcni makes it: placeholders in the environment and a version on standard input.
fn asking(trial: &Trial, version: &str) -> Request {
    trial
        .request_without_attachment(Verb::Version)
        .env("CNI_CONTAINERID", "dummy")
        .env("CNI_NETNS", "dummy")
        .env("CNI_IFNAME", "dummy")
        .env("CNI_PATH", "dummy")
        .stdin(json!({ "cniVersion": version }).to_string())
}

/// Returns the versions that a reply lists.
fn listed(reply: &Value) -> Vec<String> {
    reply
        .get("supportedVersions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn answers(trial: &mut Trial) -> Result<(), Stop> {
    let request = asking(trial, trial.version().as_str());
    let call = trial.call(&request)?;
    let what = format!("VERSION with cniVersion {} on stdin", trial.version());
    if !trial.expect_success(&req::VER_SUPPORTED, &call, &what) {
        return Ok(());
    }
    let object = call.json().filter(Value::is_object);
    trial.expect(
        &req::VER_SUPPORTED,
        object.is_some(),
        format!("{what}: one JSON object on stdout"),
        call.brief(),
        Proof::PrintsNoDocument(call.index()),
    );
    let Some(reply) = object else {
        return Ok(());
    };
    trial.expect(
        &req::VER_KEYS,
        reply.get("cniVersion").is_some_and(Value::is_string),
        format!("{what}: the key cniVersion, a string"),
        call.brief(),
        Proof::lacks(&call, "\"cniVersion\":\""),
    );
    let versions = listed(&reply);
    let all_strings = reply
        .get("supportedVersions")
        .and_then(Value::as_array)
        .is_some_and(|list| list.len() == versions.len());
    trial.expect(
        &req::VER_KEYS,
        all_strings && !versions.is_empty(),
        format!("{what}: the key supportedVersions, a list of at least one string"),
        call.brief(),
        Proof::lacks(&call, "\"supportedVersions\":\\[(\"[^\"]*\",?)+\\]"),
    );
    let malformed = versions.iter().find(|version| !is_three_numbers(version));
    trial.expect(
        &req::VER_KEYS,
        malformed.is_none(),
        format!("{what}: every listed version is MAJOR.MINOR.PATCH"),
        format!("{:?} is listed", malformed.cloned().unwrap_or_default()),
        Proof::lacks(
            &call,
            "\"supportedVersions\":\\[(\"[0-9]+[.][0-9]+[.][0-9]+\",?)+\\]",
        ),
    );
    let twice = versions.len() - versions.iter().collect::<BTreeSet<_>>().len();
    trial.expect(
        &req::VER_KEYS,
        twice == 0,
        format!("{what}: no version is listed twice"),
        format!("{twice} are listed again in {}", versions.join(", ")),
        Proof::prints(&call, "(\"[0-9.]+\").*,\\1"),
    );
    Ok(())
}

fn is_three_numbers(version: &str) -> bool {
    let parts: Vec<&str> = version.split('.').collect();
    parts.len() == 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn echoes(trial: &mut Trial) -> Result<(), Stop> {
    let request = asking(trial, trial.version().as_str());
    let reply = trial.call(&request)?.json().unwrap_or_default();
    for version in listed(&reply) {
        let request = asking(trial, &version);
        let call = trial.call(&request)?;
        let reply = call.json().unwrap_or_default();
        let said = reply.get("cniVersion").and_then(Value::as_str);
        let held = trial.expect(
            &req::VER_ECHO,
            said == Some(version.as_str()),
            format!(
                "VERSION with cniVersion {version} on stdin: cniVersion {version} in the reply"
            ),
            format!("cniVersion {}", said.unwrap_or("absent")),
            Proof::lacks(&call, &format!("\"cniVersion\":\"{version}\"")),
        );
        // What is not repeated once tells as much as every time.
        if !held {
            break;
        }
    }
    Ok(())
}

fn expect_reply(
    trial: &mut Trial,
    requirement: &Requirement,
    request: &Request,
    what: &str,
) -> Result<(), Stop> {
    let call = trial.call(request)?;
    if trial.expect_success(requirement, &call, what) {
        trial.expect(
            requirement,
            call.json().is_some_and(|reply| !listed(&reply).is_empty()),
            format!("{what}: an object with supportedVersions"),
            call.brief(),
            Proof::lacks(&call, REPLY),
        );
    }
    Ok(())
}

fn without_stdin(trial: &mut Trial) -> Result<(), Stop> {
    let request = trial.request_without_attachment(Verb::Version).stdin(*b"");
    expect_reply(
        trial,
        &req::VER_NO_STDIN,
        &request,
        "VERSION with empty stdin",
    )
}

fn minimal_input(trial: &mut Trial) -> Result<(), Stop> {
    let stdin = json!({ "cniVersion": trial.version().to_string() }).to_string();
    let what = format!("VERSION with {stdin} on stdin");
    let request = trial.request_without_attachment(Verb::Version).stdin(stdin);
    expect_reply(trial, &req::VER_MINIMAL_INPUT, &request, &what)
}

fn minimal_environment(trial: &mut Trial) -> Result<(), Stop> {
    let variables = [
        "CNI_CONTAINERID",
        "CNI_NETNS",
        "CNI_IFNAME",
        "CNI_ARGS",
        "CNI_PATH",
    ];
    let usual = asking(trial, trial.version().as_str());
    let all = |value: &str| {
        variables
            .iter()
            .fold(usual.clone(), |request, name| request.env(name, value))
    };
    let none = variables
        .iter()
        .fold(usual.clone(), |request, name| request.without(name));
    for (request, what) in [
        (none, "VERSION with CNI_COMMAND alone"),
        (all(""), "VERSION with all other variables empty"),
        (
            all("a/b %%"),
            "VERSION with nonsense in all other variables",
        ),
    ] {
        expect_reply(
            trial,
            &req::PARAM_VERSION_NEEDS_ONLY_COMMAND,
            &request,
            what,
        )?;
    }
    Ok(())
}

fn survives_odd_input(trial: &mut Trial) -> Result<(), Stop> {
    for stdin in [
        r#"{"cniVersion":"9.9.9"}"#,
        "{}",
        r#"{"cniVersion":1.1}"#,
        "{{{",
        "null",
    ] {
        let request = trial.request_without_attachment(Verb::Version).stdin(stdin);
        let call = trial.call(&request)?;
        trial.expect(
            &req::PROCESS_NO_SIGNAL_DEATH,
            matches!(call.status(), Status::Exit(0..=125)),
            format!("VERSION with stdin {stdin}: exit status 0 to 125"),
            call.brief(),
            Proof::Dies(call.index()),
        );
    }
    Ok(())
}

/// The version under test is tried here; each listed one has a trial of its own.
fn honest(trial: &mut Trial) -> Result<(), Stop> {
    let request = asking(trial, trial.version().as_str());
    let reply = trial.call(&request)?;
    let claims = listed(&reply.json().unwrap_or_default());
    let tested = trial.version().to_string();
    let released = SpecVersion::ALL.map(|version| version.as_str());
    for version in &claims {
        if *version == tested || !released.contains(&version.as_str()) {
            let call = add_in(trial, version)?;
            let code = call.error().and_then(|error| error.code());
            trial.expect(
                &req::VER_HONEST,
                call.succeeded() || code != Some(1),
                format!("VERSION lists {version}: ADD with cniVersion {version} is not refused with code 1"),
                call.brief(),
                Proof::All(vec![
                    Proof::prints(&reply, &format!("\"{version}\"[],]")),
                    Proof::prints(&call, "\"code\":1[^0-9]"),
                ]),
            );
        }
    }
    // Without any list there is nothing to hold the plugin to.
    for version in released.iter().filter(|_| !claims.is_empty()) {
        if !claims.iter().any(|claim| claim == version) {
            let call = add_in(trial, version)?;
            trial.expect(
                &req::VER_HONEST,
                !call.succeeded(),
                format!(
                    "VERSION does not list {version}: ADD with cniVersion {version} is refused"
                ),
                call.brief(),
                Proof::All(vec![
                    Proof::lacks(&reply, &format!("\"{version}\"[],]")),
                    Proof::succeeds(&call),
                ]),
            );
        }
    }
    Ok(())
}

fn add_in(trial: &mut Trial, version: &str) -> Result<Call, Stop> {
    let attachment = trial.attachment("c1")?;
    let [add, del] = [Verb::Add, Verb::Del].map(|verb| {
        trial
            .request(verb, &attachment)
            .key("cniVersion", json!(version))
    });
    let call = trial.call(&add)?;
    if call.succeeded() {
        trial.call(&del)?;
    }
    Ok(call)
}

fn changes_nothing(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let before = snapshot_before(trial)?;
    let request = trial.request(Verb::Version, &attachment);
    trial.call(&request)?;
    let what = "VERSION with the environment and the configuration of ADD";
    expect_untouched(trial, &req::VER_SIDE_EFFECT_FREE, &before, what)?;
    Ok(())
}
