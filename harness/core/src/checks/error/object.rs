//! The error object: that there is one, on standard output, with the keys and types that it has to have.

use cni_spec_fixtures::req;
use serde_json::Value;

use crate::check::{Check, Versions};
use crate::checks::error::failure::{ERROR, failures, refused_by_the_plugin};
use crate::trial::{Call, Proof, Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "error/on-stdout",
        title: "The error object is printed on standard output",
        proves: &[req::ERR_ON_STDOUT],
        versions: Versions::ALL,
        needs: &[],
        caught: &["error-on-stderr"],
        run: on_stdout,
    },
    Check {
        id: "error/structured",
        title: "Every failure is reported by an error object",
        proves: &[req::ERR_STRUCTURED],
        versions: Versions::ALL,
        needs: &[],
        caught: &["error-plain-text", "error-empty-stdout", "dies-by-signal"],
        run: structured,
    },
    Check {
        id: "error/object",
        title: "An error object has an integer code, a msg, and details only as a string",
        proves: &[req::ERR_CODE, req::ERR_MSG, req::ERR_DETAILS],
        versions: Versions::ALL,
        needs: &[],
        caught: &["string-code", "negative-code", "no-msg", "details-object"],
        run: object,
    },
    Check {
        id: "error/version",
        title: "An error object has the cniVersion of the request",
        proves: &[req::ERR_CNIVERSION],
        versions: Versions::ALL,
        needs: &[],
        caught: &["wrong-error-version", "error-without-version"],
        run: version,
    },
];

fn on_stdout(trial: &mut Trial) -> Result<(), Stop> {
    for (call, what) in failures(trial)? {
        trial.expect(
            &req::ERR_ON_STDOUT,
            call.succeeded() || !call.is_silent() || !on_stderr(&call),
            format!("{what}: the error object on stdout"),
            call.brief(),
            Proof::All(vec![Proof::fails(&call), Proof::lacks(&call, ERROR)]),
        );
    }
    Ok(())
}

fn on_stderr(call: &Call) -> bool {
    let text = call.exchange().stderr.trim();
    text.lines()
        .chain(std::iter::once(text))
        .filter_map(|text| serde_json::from_str::<Value>(text).ok())
        .any(|value| value.get("code").is_some() || value.get("msg").is_some())
}

fn structured(trial: &mut Trial) -> Result<(), Stop> {
    for (call, what) in failures(trial)? {
        // One that is on the wrong stream, or with something else around it, has checks of its own.
        let held =
            call.succeeded() || call.refused() && (mentions_error(&call) || on_stderr(&call));
        trial.expect(
            &req::ERR_STRUCTURED,
            held,
            format!("{what}: an error object with code and msg"),
            call.brief(),
            Proof::All(vec![Proof::fails(&call), Proof::lacks(&call, ERROR)]),
        );
    }
    Ok(())
}

fn mentions_error(call: &Call) -> bool {
    serde_json::Deserializer::from_slice(call.stdout())
        .into_iter::<Value>()
        .map_while(Result::ok)
        .any(|value| value.get("code").is_some() || value.get("msg").is_some())
}

fn object(trial: &mut Trial) -> Result<(), Stop> {
    for (call, what) in failures(trial)? {
        let Some(error) = call.error().filter(|_| !call.succeeded()) else {
            continue;
        };
        let code = error.object.get("code");
        trial.expect(
            &req::ERR_CODE,
            code.is_some_and(Value::is_u64),
            format!("{what}: code is a non-negative integer"),
            format!("code is {}", code.unwrap_or(&Value::Null)),
            Proof::lacks(&call, "\"code\":[0-9]+[,}]"),
        );
        let msg = error
            .object
            .get("msg")
            .and_then(Value::as_str)
            .unwrap_or_default();
        trial.expect(
            &req::ERR_MSG,
            !msg.is_empty(),
            format!("{what}: msg is a string that is not empty"),
            call.brief(),
            Proof::lacks(&call, "\"msg\":\"[^\"]"),
        );
        let details = error.object.get("details");
        trial.expect(
            &req::ERR_DETAILS,
            details.is_none_or(Value::is_string),
            format!("{what}: details is a string, if it is there at all"),
            format!("details is {}", details.unwrap_or(&Value::Null)),
            Proof::prints(&call, "\"details\":[^\"]"),
        );
    }
    Ok(())
}

fn version(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let nameless = trial
        .request(Verb::Add, &attachment)
        .config(|config| drop(config.remove("name")));
    let tested = trial.version().to_string();
    for (request, what) in [
        (nameless, "ADD without a network name"),
        refused_by_the_plugin(trial)?,
    ] {
        let call = trial.call(&request)?;
        let Some(error) = call.error().filter(|_| !call.succeeded()) else {
            continue;
        };
        let said = error.object.get("cniVersion");
        trial.expect(
            &req::ERR_CNIVERSION,
            said.and_then(Value::as_str) == Some(tested.as_str()),
            format!("{what}: cniVersion {tested} in the error object"),
            said.map_or_else(
                || "no cniVersion".to_owned(),
                |said| format!("cniVersion {said}"),
            ),
            Proof::lacks(&call, &format!("\"cniVersion\":\"{tested}\"")),
        );
    }
    Ok(())
}
