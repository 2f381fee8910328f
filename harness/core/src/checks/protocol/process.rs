//! How the process of a call ends: in time, by itself, and leaving nobody behind.

use std::time::Duration;

use cni_conform_report::Status;
use cni_spec_fixtures::{SpecVersion, req};
use serde_json::json;

use crate::check::{Check, Versions};
use crate::checks::refusal::{usual, verbs_with_configuration};
use crate::trial::{Call, Proof, Request, Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "protocol/ends-in-time",
        title: "Every call ends in time and by an exit status from 0 to 125",
        proves: &[req::PROCESS_DEADLINE, req::PROCESS_NO_SIGNAL_DEATH],
        versions: Versions::ALL,
        needs: &[],
        caught: &["hang-on-add"],
        run: ends_in_time,
    },
    Check {
        id: "protocol/survives-bad-input",
        title: "No input, however broken, makes the plugin crash",
        proves: &[
            req::PROCESS_NO_SIGNAL_DEATH,
            req::CONF_TYPE_VS_BINARY,
            req::CONF_KEY_SPELLING,
        ],
        versions: Versions::ALL,
        needs: &[],
        caught: &[
            "dies-by-signal",
            "numeric-version-crash",
            "typeless-crash",
            "exit-127",
        ],
        run: survives_bad_input,
    },
    Check {
        id: "protocol/leaves-no-process",
        title: "When a call has ended, no process of it is left, least of all one that holds its output open",
        proves: &[req::PROCESS_DESCENDANTS, req::PROCESS_LEFTOVER_PROCESSES],
        versions: Versions::ALL,
        needs: &[],
        caught: &["leaves-child-holding-stdout", "leaves-daemon"],
        run: leaves_no_process,
    },
];

/// What CHECK and STATUS may take: they are run often, and while somebody waits.
const SHORT: Duration = Duration::from_secs(10);

fn ends_in_time(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let add = trial.add(&attachment)?;
    expect_ended(trial, Verb::Add, &add);
    for verb in verbs_with_configuration(trial.version()) {
        let mut request = usual(trial, *verb, &attachment);
        match (verb, add.json()) {
            (Verb::Add | Verb::Del, _) => continue,
            (Verb::Check, Some(result)) => request = request.previous_value(result),
            _ => {}
        }
        let call = trial.call(&request)?;
        expect_ended(trial, *verb, &call);
    }
    let del = usual(trial, Verb::Del, &attachment);
    let del = trial.call(&del)?;
    expect_ended(trial, Verb::Del, &del);
    if trial.version() >= SpecVersion::V0_2_0 {
        let version = usual(trial, Verb::Version, &attachment);
        let version = trial.call(&version)?;
        expect_ended(trial, Verb::Version, &version);
    }
    Ok(())
}

fn expect_ended(trial: &mut Trial, verb: Verb, call: &Call) {
    let took = Duration::from_micros(call.exchange().duration_us);
    let short = matches!(verb, Verb::Check | Verb::Status);
    let in_time = !matches!(call.status(), Status::Deadline(_)) && (!short || took <= SHORT);
    let limit = if short {
        "10 s"
    } else {
        "the deadline of a call (--deadline)"
    };
    trial.expect(
        &req::PROCESS_DEADLINE,
        in_time,
        format!("{} ends within {limit}", verb.name()),
        format!("{} after {:.1} s", call.status(), took.as_secs_f64()),
        // What takes long but not too long for timeout(1) is not seen again by a script.
        Proof::Dies(call.index()),
    );
    expect_exit(trial, call, verb.name());
}

fn expect_exit(trial: &mut Trial, call: &Call, what: &str) {
    // A call that was ended at its deadline died by our own signal.
    let held = matches!(call.status(), Status::Exit(0..=125) | Status::Deadline(_));
    trial.expect(
        &req::PROCESS_NO_SIGNAL_DEATH,
        held,
        format!("{what}: exit status 0 to 125"),
        call.brief(),
        Proof::Dies(call.index()),
    );
}

fn survives_bad_input(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let add = trial.request(Verb::Add, &attachment);
    let deep = [vec![b'['; 20_000], vec![b']'; 20_000]].concat();
    let sound = add.input_bytes();
    let twice = [b"{\"name\":\"one\"," as &[u8], &sound[1..]].concat();
    let inputs: [(Request, &str); 12] = [
        (add.clone().stdin(*b"{{{"), "stdin {{{"),
        (add.clone().stdin(*b""), "empty stdin"),
        (add.clone().stdin(*b"null"), "stdin null"),
        (add.clone().stdin(*b"{}"), "stdin {}"),
        (add.clone().stdin(deep), "20000 nested lists"),
        (add.clone().stdin(twice), "two names"),
        (
            add.clone().key("cniVersion", json!(1.1)),
            "cniVersion = 1.1",
        ),
        (add.clone().key("name", json!([])), "name = []"),
        (add.clone().key("type", json!(5)), "type = 5"),
        (
            add.clone().config(|config| drop(config.remove("type"))),
            "no type",
        ),
        (
            add.clone().key("prevResult", json!("nothing")),
            "prevResult = \"nothing\"",
        ),
        (
            add.env_bytes("CNI_CONTAINERID", b"\xff\xfe"),
            "CNI_CONTAINERID of bytes 0xff 0xfe",
        ),
    ];
    for (request, what) in inputs {
        let call = trial.call(&request)?;
        expect_exit(trial, &call, &format!("ADD with {what}"));
        if call.succeeded() {
            let del = trial.request(Verb::Del, &attachment);
            trial.call(&del)?;
        }
    }
    Ok(())
}

/// True in a reproducer while a process is left beside its shell, which is process 1 there.
const PROCESS_LEFT: &str = "left=; for p in /proc/[2-9]* /proc/1[0-9]*; do [ -d \"$p\" ] && left=$p; done; [ -n \"$left\" ]";

fn leaves_no_process(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let before = trial.snapshot("before")?;
    let mut verbs = vec![Verb::Add, Verb::Del];
    if trial.version() >= SpecVersion::V0_2_0 {
        verbs.push(Verb::Version);
    }
    for verb in verbs {
        let request = usual(trial, verb, &attachment);
        let call = trial.call(&request)?;
        let holds = format!(
            "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -Eq \"$work/(out|err){}$\"",
            call.index()
        );
        let held = trial.expect(
            &req::PROCESS_DESCENDANTS,
            !call.exchange().held_open,
            format!(
                "{}: stdout and stderr are closed when the plugin has exited",
                verb.name()
            ),
            "a descendant of the plugin still holds one of them open",
            Proof::Shell(holds),
        );
        if !held {
            continue;
        }
        let after = trial.snapshot("after")?;
        let mut left = after.processes;
        for known in &before.processes {
            if let Some(at) = left.iter().position(|process| process == known) {
                left.remove(at);
            }
        }
        trial.expect(
            &req::PROCESS_LEFTOVER_PROCESSES,
            left.is_empty(),
            format!(
                "{}: no process is left when the plugin has exited",
                verb.name()
            ),
            format!("still running: {}", left.join(", ")),
            Proof::Shell(PROCESS_LEFT.to_owned()),
        );
    }
    Ok(())
}
