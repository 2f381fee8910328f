//! `cniVersion` in the configuration: a released version that the plugin speaks, or the request is refused.

use cni_spec_fixtures::{Requirement, req};
use serde_json::Value;

use crate::check::{Check, Versions};
use crate::checks::protocol::documents::violating;
use crate::checks::refusal::{
    Refusal, expect_untouched, snapshot_before, usual, verbs_with_configuration,
};
use crate::trial::{Call, Proof, Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "protocol/version-missing",
        title: "Without cniVersion the plugin refuses, or answers as in 0.1.0",
        proves: &[req::CONF_VERSION_REQUIRED],
        versions: Versions::ALL,
        needs: &[],
        caught: &["newest-by-default"],
        run: version_missing,
    },
    Check {
        id: "protocol/version-no-string",
        title: "A cniVersion that is no string is refused",
        proves: &[req::CONF_VERSION_TYPE],
        versions: Versions::ALL,
        needs: &[],
        caught: &["version-number", "numeric-version-crash"],
        run: version_no_string,
    },
    Check {
        id: "protocol/version-unsupported",
        title: "A cniVersion that the plugin does not speak is refused with code 1",
        proves: &[req::CONF_VERSION_UNSUPPORTED],
        versions: Versions::ALL,
        needs: &[],
        caught: &["unsupported-version-accepted", "wrong-version-code"],
        run: version_unsupported,
    },
    Check {
        id: "protocol/version-malformed",
        title: "A cniVersion that only resembles a released version is refused",
        proves: &[req::CONF_VERSION_MALFORMED],
        versions: Versions::ALL,
        needs: &[],
        caught: &["prefix-version"],
        run: version_malformed,
    },
];

fn version_missing(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let mut inputs: Vec<(String, Option<Value>)> = vec![
        ("no cniVersion".to_owned(), None),
        ("an empty cniVersion".to_owned(), Some(Value::from(""))),
        ("cniVersion null".to_owned(), Some(Value::Null)),
    ];
    for verb in verbs_with_configuration(trial.version()) {
        for (what, value) in &mut inputs {
            let request = usual(trial, *verb, &attachment).config(|config| {
                match value.clone() {
                    Some(value) => drop(config.insert("cniVersion".to_owned(), value)),
                    None => drop(config.remove("cniVersion")),
                };
            });
            let what = format!("{} with {what}", verb.name());
            match verb {
                Verb::Add => {
                    let call = trial.call(&request)?;
                    expect_oldest(trial, &call, &what);
                    if call.succeeded() {
                        let del = usual(trial, Verb::Del, &attachment);
                        trial.call(&del)?;
                    }
                }
                // 0.1.0 has DEL, so that it may as well be carried out.
                Verb::Del => {}
                Verb::Check | Verb::Status | Verb::Gc | Verb::Version => {
                    Refusal {
                        requirement: &req::CONF_VERSION_REQUIRED,
                        request: &request,
                        what: &what,
                        codes: &[1, 6, 7],
                        variables: &[],
                    }
                    .expect(trial)?;
                }
            }
        }
    }
    Ok(())
}

/// A refusal, or a result in the shape of 0.1.0 and 0.2.0.
fn expect_oldest(trial: &mut Trial, call: &Call, what: &str) {
    let result = call.json().unwrap_or_default();
    let newer = ["interfaces", "ips"]
        .iter()
        .any(|key| result.get(*key).is_some());
    let version = result.get("cniVersion").and_then(Value::as_str);
    let old = matches!(version, None | Some("0.1.0" | "0.2.0"));
    trial.expect(
        &req::CONF_VERSION_REQUIRED,
        !call.succeeded() || old && !newer,
        format!("{what}: refused, or a result of cniVersion 0.1.0 or 0.2.0"),
        call.brief(),
        Proof::All(vec![
            Proof::succeeds(call),
            Proof::Any(vec![
                Proof::prints(call, "\"(interfaces|ips)\":"),
                Proof::prints(call, "\"cniVersion\":\"(0\\.[3-9]|[1-9])"),
            ]),
        ]),
    );
}

fn version_no_string(trial: &mut Trial) -> Result<(), Stop> {
    refuses(trial, &req::CONF_VERSION_TYPE)
}

fn version_unsupported(trial: &mut Trial) -> Result<(), Stop> {
    refuses(trial, &req::CONF_VERSION_UNSUPPORTED)?;
    let attachment = trial.attachment("c1")?;
    let before = snapshot_before(trial)?;
    for version in ["1.2.0", "2.0.0", "0.0.1"] {
        let request = trial
            .request(Verb::Add, &attachment)
            .key("cniVersion", Value::from(version));
        Refusal {
            requirement: &req::CONF_VERSION_UNSUPPORTED,
            request: &request,
            what: &format!("ADD with cniVersion = {version:?}"),
            codes: &[1],
            variables: &[],
        }
        .expect(trial)?;
    }
    let what = "an unsupported cniVersion";
    expect_untouched(trial, &req::CONF_VERSION_UNSUPPORTED, &before, what)?;
    Ok(())
}

fn version_malformed(trial: &mut Trial) -> Result<(), Stop> {
    refuses(trial, &req::CONF_VERSION_MALFORMED)
}

/// Every verb refuses every broken document of that requirement.
pub(super) fn refuses(trial: &mut Trial, requirement: &Requirement) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let before = snapshot_before(trial)?;
    for verb in verbs_with_configuration(trial.version()) {
        for broken in violating(requirement)? {
            // null is as good as absent; the check of the missing key has it.
            if broken.file == "version-null.conf" {
                continue;
            }
            // An object without any key lacks the version as well, for which other codes fit.
            let codes: &[i64] = match broken.file {
                "empty-object.conf" => &[],
                _ => &broken.codes,
            };
            let request = broken.put_into(usual(trial, *verb, &attachment));
            Refusal {
                requirement,
                request: &request,
                what: &format!("{} with {}", verb.name(), broken.describe()),
                codes,
                variables: &[],
            }
            .expect(trial)?;
        }
    }
    expect_untouched(trial, requirement, &before, "a refused configuration")?;
    Ok(())
}
