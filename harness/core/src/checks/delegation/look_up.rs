//! Where a delegate is looked for: in the directories of CNI_PATH, by a plain name, and nowhere else.

use cni_spec_fixtures::{SpecVersion, req};
use serde_json::{Value, json};

use super::answers::{Lease, V4};
use crate::check::{Check, Feature, Versions};
use crate::delegate::{HOME, NAME};
use crate::trial::delegate::ipam_section;
use crate::trial::{DelegateAnswer, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "delegation/every-directory-of-cni-path-is-searched",
        title: "A delegate in the second of three directories of CNI_PATH is the one that is run",
        proves: &[req::PARAM_PATH_SEPARATOR, req::DELEG_LOOKUP],
        versions: Versions::ALL,
        needs: &[Feature::Delegates],
        caught: &["first-path-only", "last-path-wins"],
        run: every_directory_is_searched,
    },
    Check {
        id: "delegation/only-cni-path-is-searched",
        title: "A delegate that is in PATH and not in CNI_PATH is not run",
        proves: &[req::DELEG_LOOKUP],
        versions: Versions::ALL,
        needs: &[Feature::Delegates],
        caught: &["delegate-from-path"],
        run: only_cni_path_is_searched,
    },
    Check {
        id: "delegation/ipam-type-is-a-plain-name",
        title: "An ipam.type with a path in it is refused and not run",
        proves: &[req::CONF_IPAM_TYPE_NO_PATH],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::Delegates],
        caught: &["traversal-delegate"],
        run: ipam_type_is_a_plain_name,
    },
    Check {
        id: "delegation/cni-path-may-differ",
        title: "CHECK and DEL succeed when CNI_PATH is not that of ADD and the delegate is there all the same",
        proves: &[req::CHECK_CNI_PATH_MAY_DIFFER],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::Delegates],
        caught: &["check-same-path"],
        run: cni_path_may_differ,
    },
    Check {
        id: "delegation/missing-delegate-is-an-error",
        title: "A delegate that can't be found is an error, and DEL cleans up without it",
        proves: &[req::DELEG_MISSING_BINARY],
        versions: Versions::ALL,
        needs: &[Feature::Delegates],
        caught: &[
            "missing-delegate-ok",
            "ipam-ignored",
            "check-not-forwarded",
            "status-always-ok",
            "del-aborts-on-ipam-error",
        ],
        run: missing_delegate_is_an_error,
    },
];

/// Takes a network configuration's delegate away.
const MISSING: &str = "conform-no-such-plugin";

fn answer_add(trial: &mut Trial) -> Result<(), Stop> {
    let answer = Lease::of(&[V4]).in_version(trial.version());
    trial
        .delegate()?
        .answer(Verb::Add, &DelegateAnswer::result(&answer))
}

fn every_directory_is_searched(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    answer_add(trial)?;
    let decoy = trial.delegate()?.also_in("decoy")?.display().to_string();
    let right = format!("{HOME}/bin");
    let path = trial.path_with(&[&format!("{HOME}/missing"), &right, &decoy]);
    let request = trial
        .through_delegate(trial.request(Verb::Add, &attachment))
        .env("CNI_PATH", &path);
    let add = trial.call(&request)?;
    let calls = trial.delegate()?.calls()?;
    if calls.is_empty() {
        // A plugin that fails for a reason of its own says nothing about where it searches.
        trial.attach_through_delegate(&attachment.clone().with_ifname("eth1"))?;
    }
    trial.expect(
        &req::PARAM_PATH_SEPARATOR,
        !calls.is_empty(),
        format!("the delegate in the second directory of CNI_PATH={path} is run"),
        format!("it is not run: {}", add.brief()),
        Proof::fails(&add),
    );
    // What a plugin hands over as argv[0] is its own business; only a whole path says which file was run.
    let decoyed = calls.iter().find(|call| call.argv0.starts_with(&decoy));
    trial.expect(
        &req::DELEG_LOOKUP,
        decoyed.is_none(),
        format!("the first of the directories that has it counts: {right}/{NAME} is run"),
        format!("{decoy}/{NAME} is run"),
        Proof::Shell(format!("grep -q '^{decoy}' {HOME}/calls/*/argv0")),
    );
    Ok(())
}

fn only_cni_path_is_searched(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    answer_add(trial)?;
    let elsewhere = trial.delegate()?.also_in("elsewhere")?;
    let request = trial.through_delegate(trial.request(Verb::Add, &attachment));
    let own = request_path(trial);
    let search = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", elsewhere.display());
    let request = request.env("CNI_PATH", &own).env("PATH", &search);
    let add = trial.call(&request)?;
    let verbs = trial.delegate()?.verbs()?;
    trial.expect(
        &req::DELEG_LOOKUP,
        verbs.is_empty(),
        format!("a delegate that is only in PATH={search} is not run"),
        format!("it is run with {}", verbs.join(" ")),
        Proof::delegate_verbs_are_not(&[]),
    );
    trial.expect_refusal(
        &req::DELEG_LOOKUP,
        &add,
        &format!("ADD when no directory of CNI_PATH={own} has the delegate"),
    );
    Ok(())
}

/// The CNI_PATH without the scripted delegate, with a directory of ours that does not exist.
fn request_path(trial: &Trial) -> String {
    trial.path_with(&[&format!("{HOME}/missing")])
}

fn ipam_type_is_a_plain_name(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    answer_add(trial)?;
    trial.delegate()?.also_in("trap")?;
    let attached = trial.attach_through_delegate(&attachment)?;
    trial.delegate()?.forget_calls()?;
    let mut verbs = vec![Verb::Add, Verb::Check, Verb::Del];
    if trial.version() >= SpecVersion::V1_1_0 {
        verbs.push(Verb::Status);
    }
    let names = ["../trap/scripted".to_owned(), format!("{HOME}/trap/{NAME}")];
    for (number, name) in names.iter().enumerate() {
        for verb in verbs.iter().copied() {
            let request = match verb {
                Verb::Add => trial.through_delegate(trial.request(
                    verb,
                    &attachment.clone().with_ifname(&format!("eth1{number}")),
                )),
                Verb::Status => trial.through_delegate(trial.request_without_attachment(verb)),
                _ => trial.request_after_delegate(verb, &attached),
            };
            let request = request.key("ipam", Value::Object(ipam_section(name)));
            let call = trial.call(&request)?;
            let run = trial.delegate()?.verbs()?;
            let what = verb.name();
            trial.expect(
                &req::CONF_IPAM_TYPE_NO_PATH,
                run.is_empty(),
                format!("{what} with ipam.type {name}: the program at that path is not run"),
                format!("it is run with {}", run.join(" ")),
                Proof::delegate_verbs_are_not(&[]),
            );
            if verb == Verb::Add {
                let what = format!("ADD with ipam.type {name}");
                trial.expect_refusal(&req::CONF_IPAM_TYPE_NO_PATH, &call, &what);
            }
            trial.delegate()?.forget_calls()?;
        }
    }
    Ok(())
}

fn cni_path_may_differ(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    answer_add(trial)?;
    let elsewhere = trial
        .delegate()?
        .also_in("elsewhere")?
        .display()
        .to_string();
    let attached = trial.attach_through_delegate(&attachment)?;
    let path = trial.path_with(&[&elsewhere]);
    for verb in [Verb::Check, Verb::Del] {
        let request = trial
            .request_after_delegate(verb, &attached)
            .env("CNI_PATH", &path);
        let call = trial.call(&request)?;
        trial.expect_success(
            &req::CHECK_CNI_PATH_MAY_DIFFER,
            &call,
            &format!(
                "{} with CNI_PATH={path}, which also has the delegate",
                verb.name()
            ),
        );
    }
    Ok(())
}

fn missing_delegate_is_an_error(trial: &mut Trial) -> Result<(), Stop> {
    let version = trial.version();
    let attachment = trial.attachment("c1")?;
    let section = || json!(ipam_section(MISSING));
    let request = trial
        .through_delegate(trial.request(Verb::Add, &attachment))
        .key("ipam", section());
    let add = trial.call(&request)?;
    let what = format!("ADD with ipam.type {MISSING}, which no directory of CNI_PATH has");
    trial.expect_refusal(&req::DELEG_MISSING_BINARY, &add, &what);
    trial.expect(
        &req::DELEG_MISSING_BINARY,
        add.succeeded() || add.error().is_some(),
        format!("{what}: an error object on stdout"),
        add.brief(),
        Proof::lacks(&add, "\"(code|msg)\":"),
    );
    if version >= SpecVersion::V1_1_0 {
        let request = trial
            .through_delegate(trial.request_without_attachment(Verb::Status))
            .key("ipam", section());
        let status = trial.call(&request)?;
        let what = format!("STATUS with ipam.type {MISSING}");
        trial.expect_refusal(&req::DELEG_MISSING_BINARY, &status, &what);
    }
    answer_add(trial)?;
    let attachment = attachment.with_ifname("eth1");
    let attached = trial.attach_through_delegate(&attachment)?;
    if version >= SpecVersion::V0_4_0 {
        let request = trial.request_after_delegate(Verb::Check, &attached);
        let check = trial.call(&request.key("ipam", section()))?;
        let what = format!("CHECK after ipam.type {MISSING} went missing");
        trial.expect_refusal(&req::DELEG_MISSING_BINARY, &check, &what);
    }
    let request = trial.request_after_delegate(Verb::Del, &attached);
    let del = trial.call(&request.key("ipam", section()))?;
    if trial.has(Feature::CreatesInterface) {
        let state = trial.look("c1")?;
        trial.expect(
            &req::DELEG_MISSING_BINARY,
            state.link("eth1").is_none(),
            format!(
                "DEL after ipam.type {MISSING} went missing removes eth1, whatever its exit status"
            ),
            format!("eth1 is still there; {}", del.brief()),
            Proof::Shell("ns c1 ip -o link show dev eth1 >/dev/null 2>&1".to_owned()),
        );
    }
    Ok(())
}
