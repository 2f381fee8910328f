//! CNI_CONTAINERID, CNI_NETNS and CNI_IFNAME: refused when missing, which an empty value counts as.

use cni_spec_fixtures::{Requirement, Verdict, req};

use crate::check::{Check, Versions};
use crate::checks::refusal::{Refusal, expect_untouched, snapshot_before};
use crate::kernel::Snapshot;
use crate::trial::{Proof, Request, Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "protocol/add-without-parameter",
        title: "ADD is refused without CNI_CONTAINERID, CNI_NETNS or CNI_IFNAME",
        proves: &[
            req::PARAM_CONTAINERID_ADD,
            req::PARAM_NETNS_ADD,
            req::PARAM_IFNAME_ADD,
            req::ERR_CODE_4_NAMES,
        ],
        versions: Versions::ALL,
        needs: &[],
        caught: &["random-id", "own-netns-default", "add-default-ifname"],
        run: add_without_parameter,
    },
    Check {
        id: "protocol/check-without-parameter",
        title: "CHECK is refused without CNI_CONTAINERID, CNI_NETNS or CNI_IFNAME",
        proves: &[
            req::PARAM_CONTAINERID_CHECK,
            req::PARAM_NETNS_CHECK,
            req::PARAM_IFNAME_CHECK,
            req::ERR_CODE_4_NAMES,
        ],
        versions: Versions::WITH_CHECK,
        needs: &[],
        caught: &["random-id", "check-default-ifname"],
        run: check_without_parameter,
    },
    Check {
        id: "protocol/del-without-parameter",
        title: "DEL is refused without CNI_CONTAINERID or CNI_IFNAME, and the attachment stays",
        proves: &[
            req::PARAM_CONTAINERID_DEL,
            req::PARAM_IFNAME_DEL,
            req::ERR_CODE_4_NAMES,
        ],
        versions: Versions::ALL,
        needs: &[],
        caught: &["random-id", "del-default-ifname"],
        run: del_without_parameter,
    },
    Check {
        id: "protocol/del-without-netns",
        title: "DEL works without CNI_NETNS",
        proves: &[req::PARAM_NETNS_DEL_OPTIONAL],
        versions: Versions::WITH_CHECK,
        needs: &[],
        caught: &["del-needs-netns"],
        run: del_without_netns,
    },
    Check {
        id: "protocol/several-missing",
        title: "When several variables are missing or invalid, the error names all of them",
        proves: &[req::PARAM_MISSING_SEVERAL],
        versions: Versions::SINCE_1_0,
        needs: &[],
        caught: &["first-missing-only", "nameless-code-4"],
        run: several_missing,
    },
];

/// A variable and the requirement that a verb has it.
type Parameter = (&'static str, Requirement);

fn add_without_parameter(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let request = trial.request(Verb::Add, &attachment);
    let parameters = [
        ("CNI_CONTAINERID", req::PARAM_CONTAINERID_ADD),
        ("CNI_NETNS", req::PARAM_NETNS_ADD),
        ("CNI_IFNAME", req::PARAM_IFNAME_ADD),
    ];
    refuses_without(trial, Verb::Add, &request, &parameters)
}

fn check_without_parameter(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let request = trial.request_after(Verb::Check, &attached);
    let parameters = [
        ("CNI_CONTAINERID", req::PARAM_CONTAINERID_CHECK),
        ("CNI_NETNS", req::PARAM_NETNS_CHECK),
        ("CNI_IFNAME", req::PARAM_IFNAME_CHECK),
    ];
    refuses_without(trial, Verb::Check, &request, &parameters)
}

fn del_without_parameter(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let request = trial.request_after(Verb::Del, &attached);
    let parameters = [
        ("CNI_CONTAINERID", req::PARAM_CONTAINERID_DEL),
        ("CNI_IFNAME", req::PARAM_IFNAME_DEL),
    ];
    refuses_without(trial, Verb::Del, &request, &parameters)
}

fn refuses_without(
    trial: &mut Trial,
    verb: Verb,
    complete: &Request,
    parameters: &[Parameter],
) -> Result<(), Stop> {
    let version = trial.version();
    for (variable, requirement) in parameters {
        // Where a version leaves it open, a success would change the host under the next variable's feet.
        if requirement.verdict_in(version) == Verdict::Info {
            continue;
        }
        let before = snapshot_before(trial)?;
        for (request, what) in [
            (
                complete.clone().without(variable),
                format!("{} without {variable}", verb.name()),
            ),
            (
                complete.clone().env(variable, ""),
                format!("{} with an empty {variable}", verb.name()),
            ),
        ] {
            Refusal {
                requirement,
                request: &request,
                what: &what,
                codes: &[4],
                variables: &[variable],
            }
            .expect(trial)?;
        }
        let what = format!("a refused {}", verb.name());
        expect_untouched(trial, requirement, &before, &what)?;
    }
    Ok(())
}

fn del_without_netns(trial: &mut Trial) -> Result<(), Stop> {
    // The first attachment leaves what stays for good, such as a bridge.
    let first = trial.attachment("c1")?;
    let first = trial.attach(&first)?;
    trial.del(&first)?;
    for empty in [false, true] {
        let before = snapshot_before(trial)?;
        let attachment = trial.attachment("c1")?;
        let attached = trial.attach(&attachment)?;
        let usual = trial.request_after(Verb::Del, &attached);
        let (request, what) = if empty {
            (
                usual.clone().env("CNI_NETNS", ""),
                "DEL with an empty CNI_NETNS",
            )
        } else {
            (usual.clone().without("CNI_NETNS"), "DEL without CNI_NETNS")
        };
        let call = trial.call(&request)?;
        trial.expect_success(&req::PARAM_NETNS_DEL_OPTIONAL, &call, what);
        trial.expect_silence(&req::PARAM_NETNS_DEL_OPTIONAL, &call, what);
        expect_released(trial, &before, what)?;
        trial.call(&usual)?;
    }
    Ok(())
}

/// Files are what reservations and records are kept in. What is left in the container is nobody's loss: it goes
/// with the namespace.
fn expect_released(trial: &mut Trial, before: &Snapshot, what: &str) -> Result<(), Stop> {
    let after = trial.snapshot("after")?;
    let left: Vec<String> = after
        .files
        .keys()
        .filter(|path| !before.files.contains_key(*path))
        .map(|path| path.display().to_string())
        .chain(
            after
                .nftables
                .iter()
                .chain(&after.legacy_iptables)
                .filter(|rule| {
                    !before.nftables.contains(rule) && !before.legacy_iptables.contains(rule)
                })
                .cloned(),
        )
        .collect();
    let what = format!("{what} takes away what the host keeps for the attachment");
    trial.expect(
        &req::PARAM_NETNS_DEL_OPTIONAL,
        left.is_empty(),
        what,
        format!(
            "{} files and rules are left: {}",
            left.len(),
            left.first().cloned().unwrap_or_default()
        ),
        // Files begin with a slash, nftables rules with a tab; what is in the container may stay.
        Proof::Shell(
            "grep -Fvx -f $work/state-before $work/state-after | grep -q '^[/[:blank:]]'"
                .to_owned(),
        ),
    );
    Ok(())
}

fn several_missing(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let complete = trial.request(Verb::Add, &attachment);
    let all = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"];
    let none = all
        .iter()
        .fold(complete.clone(), |request, name| request.without(name));
    let one_malformed = complete
        .env("CNI_CONTAINERID", "../x")
        .without("CNI_IFNAME");
    for (request, names, what) in [
        (
            none,
            &all[..],
            "ADD without CNI_CONTAINERID, CNI_NETNS and CNI_IFNAME",
        ),
        (
            one_malformed,
            &["CNI_CONTAINERID", "CNI_IFNAME"],
            "ADD with CNI_CONTAINERID=\"../x\" and without CNI_IFNAME",
        ),
    ] {
        let call = trial.call(&request)?;
        // With another code than 4 the error is not about variables; the checks of each variable judge that.
        if call.error().and_then(|error| error.code()) != Some(4) {
            continue;
        }
        for name in names {
            trial.expect_named(&req::PARAM_MISSING_SEVERAL, &call, name, what);
        }
    }
    Ok(())
}
