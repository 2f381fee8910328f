//! Standard input as bytes: what is not exactly one JSON object is refused before anything happens.

use cni_spec_fixtures::{Requirement, req};
use serde_json::json;

use crate::check::{Check, Versions};
use crate::checks::protocol::documents::violating;
use crate::checks::refusal::{
    Refusal, expect_add_tolerated, expect_untouched, snapshot_before, usual,
    verbs_with_configuration,
};
use crate::trial::{Attachment, Request, Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "protocol/stdin-undecodable",
        title: "A standard input that is not one JSON document is refused",
        proves: &[req::CONF_STDIN_JSON],
        versions: Versions::ALL,
        needs: &[],
        caught: &["stdin-lenient"],
        run: stdin_undecodable,
    },
    Check {
        id: "protocol/stdin-empty",
        title: "An empty standard input is refused by every verb that takes a configuration",
        proves: &[req::CONF_STDIN_EMPTY],
        versions: Versions::SINCE_1_0,
        needs: &[],
        caught: &["empty-stdin-ok"],
        run: stdin_empty,
    },
    Check {
        id: "protocol/stdin-no-object",
        title: "A standard input that is JSON but no object is refused",
        proves: &[req::CONF_STDIN_NOT_OBJECT],
        versions: Versions::ALL,
        needs: &[],
        caught: &["non-object-ok"],
        run: stdin_no_object,
    },
    Check {
        id: "protocol/stdin-unreadable",
        title: "A standard input that can't be read is reported as code 5",
        proves: &[req::CONF_STDIN_IO_ERROR],
        versions: Versions::SINCE_1_0,
        needs: &[],
        caught: &["read-error-code"],
        run: stdin_unreadable,
    },
    Check {
        id: "protocol/stdin-large",
        title: "A configuration of more than a mebibyte is taken",
        proves: &[req::CONF_ARGS_IGNORED],
        versions: Versions::WITH_VERSION,
        needs: &[],
        caught: &["stdin-64k"],
        run: stdin_large,
    },
];

/// More than a pipe holds, and more than a first guess at a buffer.
const LARGE: usize = 1 << 20;

fn stdin_undecodable(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let before = snapshot_before(trial)?;
    let sound = trial.request(Verb::Add, &attachment).input_bytes();
    // Around the plugin's own configuration nothing but the fault can be the reason of a refusal.
    let with = |head: &[u8], tail: &[u8]| [head, &sound, tail].concat();
    for (bytes, what) in [
        (
            with(b"", b" trailing"),
            "its configuration and text after it",
        ),
        (with(b"", b"}"), "its configuration and a closing brace"),
        (with(b"", &sound), "its configuration twice"),
        (
            with(b"\xef\xbb\xbf", b""),
            "a byte order mark and its configuration",
        ),
        (with(b"# comment\n", b""), "a comment and its configuration"),
        (
            sound[..sound.len() - 1].to_vec(),
            "its configuration without the last brace",
        ),
    ] {
        let request = trial.request(Verb::Add, &attachment).stdin(bytes);
        expect_undecodable(trial, &request, &format!("ADD with {what} on stdin"))?;
    }
    for broken in violating(&req::CONF_STDIN_JSON)? {
        // What a decoder makes of bytes that are not UTF-8 inside a string is left open by RFC 8259.
        if broken.file == "not-utf8.conf" {
            continue;
        }
        let request = broken.put_into(trial.request(Verb::Add, &attachment));
        expect_undecodable(trial, &request, &format!("ADD with {}", broken.describe()))?;
    }
    for verb in verbs_with_configuration(trial.version()) {
        let request = usual(trial, *verb, &attachment).stdin(*b"{{{");
        expect_undecodable(
            trial,
            &request,
            &format!("{} with stdin {{{{{{", verb.name()),
        )?;
    }
    expect_untouched(
        trial,
        &req::CONF_STDIN_JSON,
        &before,
        "a configuration that can't be decoded",
    )?;
    Ok(())
}

fn expect_undecodable(trial: &mut Trial, request: &Request, what: &str) -> Result<(), Stop> {
    Refusal {
        requirement: &req::CONF_STDIN_JSON,
        request,
        what,
        codes: &[6],
        variables: &[],
    }
    .expect(trial)?;
    Ok(())
}

fn stdin_empty(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    every_verb_refuses(trial, &req::CONF_STDIN_EMPTY, &attachment)
}

fn stdin_no_object(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    every_verb_refuses(trial, &req::CONF_STDIN_NOT_OBJECT, &attachment)
}

fn every_verb_refuses(
    trial: &mut Trial,
    requirement: &Requirement,
    attachment: &Attachment,
) -> Result<(), Stop> {
    let before = snapshot_before(trial)?;
    for verb in verbs_with_configuration(trial.version()) {
        for broken in violating(requirement)? {
            let request = broken.put_into(usual(trial, *verb, attachment));
            Refusal {
                requirement,
                request: &request,
                what: &format!("{} with {}", verb.name(), broken.describe()),
                codes: &broken.codes,
                variables: &[],
            }
            .expect(trial)?;
        }
    }
    expect_untouched(trial, requirement, &before, "a refused standard input")?;
    Ok(())
}

fn stdin_unreadable(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let request = trial.request(Verb::Add, &attachment).unreadable_stdin();
    Refusal {
        requirement: &req::CONF_STDIN_IO_ERROR,
        request: &request,
        what: "ADD with a directory as stdin",
        codes: &[5],
        variables: &[],
    }
    .expect(trial)?;
    Ok(())
}

fn stdin_large(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let request = trial
        .request(Verb::Add, &attachment)
        .key("args", json!({ "vendor": { "blob": "x".repeat(LARGE) } }));
    expect_add_tolerated(
        trial,
        &req::CONF_ARGS_IGNORED,
        (&attachment, &request),
        "ADD with 1 MiB under args",
    )?;
    Ok(())
}
