//! ADD for several containers: one after the other and all at once.

use std::collections::BTreeMap;

use cni_spec_fixtures::req;

use crate::check::{Check, Feature, Versions};
use crate::checks::reported::Reported;
use crate::checks::shell;
use crate::profile::Kind;
use crate::trial::{Attached, Attachment, Call, Proof, Request, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "add/two-containers",
        title: "Two containers have the same interface name, and nothing else in common",
        proves: &[req::ADD_OTHER_CONTAINER_SAME_IFNAME],
        versions: Versions::ALL,
        needs: &[Feature::CreatesInterface],
        caught: &["shared-host-name"],
        run: two_containers,
    },
    Check {
        id: "add/at-the-same-time",
        title: "ADDs of different containers can run at the same time, and so can their DELs",
        proves: &[req::ADD_CONCURRENT, req::DELEG_IPAM_UNIQUE],
        versions: Versions::WITH_CHECK,
        needs: &[],
        caught: &["shared-host-name", "unlocked-allocation"],
        run: at_the_same_time,
    },
];

/// How many containers come at once. An IPAM plugin's ADD is cheap; an interface plugin's may run iptables twice.
const CROWD: usize = 8;
const CROWD_OF_IPAM: usize = 32;

fn two_containers(trial: &mut Trial) -> Result<(), Stop> {
    let first = trial.attachment("c1")?;
    let first = trial.attach(&first)?;
    let second = trial.attachment("c2")?;
    let call = trial.add(&second)?;
    let requirement = &req::ADD_OTHER_CONTAINER_SAME_IFNAME;
    let held = trial.expect_success(
        requirement,
        &call,
        "ADD of a second container with the same CNI_IFNAME",
    );
    let Some(result) = call.json().filter(|_| held) else {
        return Ok(());
    };
    let second = Attached {
        attachment: second,
        call,
        result,
    };
    let (one, two) = (
        Reported::read(&first.result),
        Reported::read(&second.result),
    );
    if trial.has(Feature::Allocates) {
        let shared = two
            .addresses
            .iter()
            .find(|address| one.addresses.iter().any(|other| other.ip == address.ip));
        let text = shared.map(|address| address.text()).unwrap_or_default();
        trial.expect(
            requirement,
            shared.is_none(),
            "the containers have different addresses",
            format!("both have {text}"),
            Proof::prints(&second.call, &format!("\"{}\"", shell::exactly(&text))),
        );
    }
    let before = trial.look("c2")?;
    let mac_of_first = trial.look("c1")?.link("eth0").map(|link| link.mac.clone());
    let mac = before.link("eth0").map(|link| link.mac.clone());
    trial.expect(
        requirement,
        mac.is_none() || mac != mac_of_first,
        "the containers' interfaces have different MAC addresses",
        format!("both have {}", mac.unwrap_or_default()),
        Proof::Shell(
            "[ \"$(ns c1 cat /sys/class/net/eth0/address)\" = \"$(ns c2 cat /sys/class/net/eth0/address)\" ]"
                .to_owned(),
        ),
    );
    let twin = two.interfaces.iter().find(|interface| {
        interface.sandbox.is_empty()
            && one
                .interfaces
                .iter()
                .any(|other| other.sandbox.is_empty() && other.name == interface.name)
    });
    // A shared device such as a bridge is listed by both; the host's end of a pair can't be.
    let host = trial.look_at_host()?;
    let shared_end = twin
        .and_then(|interface| host.link(&interface.name))
        .filter(|link| link.kind == "veth" || link.kind == "tun");
    let name = shared_end.map(|link| link.name.clone()).unwrap_or_default();
    trial.expect(
        requirement,
        shared_end.is_none(),
        "each attachment has a host interface of its own",
        format!("both results list {name}"),
        Proof::prints(
            &second.call,
            &format!("\"name\":\"{}\"", shell::exactly(&name)),
        ),
    );
    let del = trial.del(&first)?;
    trial.expect_success(requirement, &del, "DEL of the first container");
    let after = trial.look("c2")?;
    let addresses = before.addresses_of("eth0");
    let mut signs = vec![Proof::Shell(format!(
        "! {}",
        shell::link_exists("c2", "eth0")
    ))];
    signs.extend(
        addresses
            .iter()
            .map(|address| Proof::Shell(shell::address_missing("c2", "eth0", address))),
    );
    trial.expect(
        requirement,
        before.lines("c2") == after.lines("c2"),
        format!(
            "the second container keeps eth0 with {} after DEL of the first",
            addresses.join(", ")
        ),
        match after.link("eth0") {
            None => "its eth0 is gone".to_owned(),
            Some(_) => format!("its state is {}", after.lines("c2").join("; ")),
        },
        Proof::Any(signs),
    );
    Ok(())
}

/// Two networks are mixed. One attachment of each comes and goes first, so that what a network leaves for good is there.
fn at_the_same_time(trial: &mut Trial) -> Result<(), Stop> {
    let count = if trial.kind() == Kind::Ipam {
        CROWD_OF_IPAM
    } else {
        CROWD
    };
    let mut crowd = Vec::new();
    for number in 1..=count {
        let attachment = trial.attachment(&format!("c{number}"))?;
        // A chained plugin's attachment lies in the network of the plugin before it.
        crowd.push(if number % 2 == 0 && trial.kind() != Kind::Chained {
            attachment.with_network("conform-2")
        } else {
            attachment
        });
    }
    for attachment in crowd.clone().iter().take(2) {
        let attached = trial.attach(attachment)?;
        trial.del(&attached)?;
    }
    let before = trial.snapshot("before the ADDs")?.without_sizes();
    let adds: Vec<Request> = crowd
        .iter()
        .map(|attachment| trial.request(Verb::Add, attachment))
        .collect();
    let calls = trial.call_all(&adds)?;
    let any_fails = Proof::Any(calls.iter().map(Proof::fails).collect());
    let mut attached = Vec::new();
    for (attachment, call) in crowd.iter().zip(calls) {
        expect_success_of_one(trial, attachment, &call, ("ADD", count), &any_fails);
        if let Some(result) = call.json().filter(|_| call.succeeded()) {
            attached.push(Attached {
                attachment: attachment.clone(),
                call,
                result,
            });
        }
    }
    if trial.has(Feature::Allocates) {
        expect_no_duplicate(trial, &attached);
    }
    let dels: Vec<Request> = crowd
        .iter()
        .map(|attachment| {
            attached
                .iter()
                .find(|attached| attached.attachment == *attachment)
                .map_or_else(
                    || trial.request(Verb::Del, attachment),
                    |attached| trial.request_after(Verb::Del, attached),
                )
        })
        .collect();
    let calls = trial.call_all(&dels)?;
    let any_fails = Proof::Any(calls.iter().map(Proof::fails).collect());
    for (attachment, call) in crowd.iter().zip(&calls) {
        expect_success_of_one(trial, attachment, call, ("DEL", count), &any_fails);
    }
    let after = trial.snapshot("after the DELs")?.without_sizes();
    trial.expect_unchanged(
        &req::ADD_CONCURRENT,
        (&before, "before the ADDs"),
        (&after, "after the DELs"),
        "nothing is left after all DELs",
    );
    Ok(())
}

/// Which of the calls fails depends on the moment; that one does is what the script can see.
fn expect_success_of_one(
    trial: &mut Trial,
    attachment: &Attachment,
    call: &Call,
    (verb, count): (&str, usize),
    any_fails: &Proof,
) {
    trial.expect(
        &req::ADD_CONCURRENT,
        call.succeeded(),
        format!(
            "{verb} of {} among {count} at the same time: exit 0",
            attachment.container
        ),
        call.brief(),
        any_fails.clone(),
    );
}

fn expect_no_duplicate(trial: &mut Trial, attached: &[Attached]) {
    let mut owners: BTreeMap<(String, String), &Attachment> = BTreeMap::new();
    for one in attached {
        for address in Reported::read(&one.result).addresses {
            let key = (one.attachment.network.clone(), address.text());
            let Some(other) = owners.insert(key, &one.attachment) else {
                continue;
            };
            // Which containers meet depends on the moment; that any two do is what the script can see.
            let shown: Vec<String> = attached
                .iter()
                .filter(|attached| attached.attachment.network == one.attachment.network)
                .map(|attached| format!("$work/out{}", attached.call.index()))
                .collect();
            let proof = Proof::Shell(format!(
                "[ -n \"$(for out in {}; do compact $out | grep -oE '\"(address|ip)\":\"[^\"]*\"' | sort -u; done | sort | uniq -d)\" ]",
                shown.join(" ")
            ));
            let expected = "every address is given out once in a network".to_owned();
            let actual = format!(
                "{} and {} of network {} both have {}",
                other.container,
                one.attachment.container,
                one.attachment.network,
                address.text()
            );
            for requirement in [&req::ADD_CONCURRENT, &req::DELEG_IPAM_UNIQUE] {
                trial.expect(
                    requirement,
                    false,
                    expected.clone(),
                    actual.clone(),
                    proof.clone(),
                );
            }
            return;
        }
    }
}
