//! The grammar of container IDs and interface names; and that the interface gets the very name that was asked for.

use cni_spec_fixtures::{SpecVersion, req};

use crate::check::{Check, Feature, Versions};
use crate::checks::refusal::{Refusal, expect_add_tolerated, expect_untouched, snapshot_before};
use crate::trial::{Proof, Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "protocol/container-id-grammar",
        title: "A container ID outside the grammar is refused, one inside is taken",
        proves: &[req::PARAM_CONTAINERID_CHARSET, req::ERR_CODE_4_NAMES],
        versions: Versions::SINCE_1_0,
        needs: &[],
        caught: &["container-id-unchecked"],
        run: container_id_grammar,
    },
    Check {
        id: "protocol/interface-name-rules",
        title: "A CNI_IFNAME that Linux does not take is refused, and nothing is created under a similar name",
        proves: &[req::PARAM_IFNAME_LINUX_RULES, req::ERR_CODE_4_NAMES],
        versions: Versions::ALL,
        needs: &[Feature::EntersContainer],
        caught: &["truncate-ifname", "ifname-unchecked"],
        run: interface_name_rules,
    },
    Check {
        id: "protocol/interface-name-honoured",
        title: "The interface in the container has the name in CNI_IFNAME",
        proves: &[req::PARAM_IFNAME_HONOURED, req::PARAM_IFNAME_LINUX_RULES],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::CreatesInterface],
        caught: &["hardcoded-eth0"],
        run: interface_name_honoured,
    },
];

/// Container IDs outside the grammar; the last ones would be paths.
const MALFORMED_IDS: [&str; 11] = [
    "-a",
    "_a",
    ".a",
    "a b",
    "a:b",
    "é",
    "a%b",
    "a\n",
    "a/b",
    "../x",
    "../../tmp/x",
];

/// Interface names that the kernel refuses. Its idea of white space includes the byte 0xa0 (lib/ctype.c), which
/// ends the UTF-8 form of U+00A0.
const MALFORMED_IFNAMES: [&str; 10] = [
    "abcdefghijklmnop",
    ".",
    "..",
    "a/b",
    "a:b",
    "a b",
    "a\tb",
    "eth0\n",
    "a\u{a0}b",
    "éééééééé",
];

fn container_id_grammar(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let before = snapshot_before(trial)?;
    for verb in [Verb::Add, Verb::Check, Verb::Del] {
        // ADD is where an unchecked ID becomes a path; the others need to see one of each sort.
        let ids = if verb == Verb::Add {
            &MALFORMED_IDS[..]
        } else {
            &["a b", "../x"]
        };
        for id in ids {
            let request = trial.request(verb, &attachment).env("CNI_CONTAINERID", id);
            Refusal {
                requirement: &req::PARAM_CONTAINERID_CHARSET,
                request: &request,
                what: &format!("{} with CNI_CONTAINERID={id:?}", verb.name()),
                codes: &[4],
                // One error that does not name it tells as much as all.
                variables: if *id == MALFORMED_IDS[0] {
                    &["CNI_CONTAINERID"]
                } else {
                    &[]
                },
            }
            .expect(trial)?;
        }
    }
    expect_untouched(
        trial,
        &req::PARAM_CONTAINERID_CHARSET,
        &before,
        "a refused container ID",
    )?;
    for id in ["a", "A_b.c-9", &"0123456789".repeat(20)] {
        let mut unusual = attachment.clone();
        id.clone_into(&mut unusual.id);
        let request = trial.request(Verb::Add, &unusual);
        let what = format!("ADD with CNI_CONTAINERID={id:?}");
        let add = trial.call(&request)?;
        let del = trial.request(Verb::Del, &unusual);
        trial.call(&del)?;
        if !add.succeeded() {
            let control = trial.attach(&attachment)?;
            trial.del(&control)?;
            trial.expect_success(&req::PARAM_CONTAINERID_CHARSET, &add, &what);
        }
    }
    Ok(())
}

fn interface_name_rules(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let before = snapshot_before(trial)?;
    let mut verbs = vec![Verb::Add, Verb::Del];
    if trial.version() >= SpecVersion::V0_4_0 {
        verbs.push(Verb::Check);
    }
    for verb in verbs {
        let names = if verb == Verb::Add {
            &MALFORMED_IFNAMES[..]
        } else {
            &["abcdefghijklmnop", "a/b"]
        };
        for name in names {
            let request = trial.request(verb, &attachment).env("CNI_IFNAME", name);
            Refusal {
                requirement: &req::PARAM_IFNAME_LINUX_RULES,
                request: &request,
                what: &format!("{} with CNI_IFNAME={name:?}", verb.name()),
                codes: &[4],
                variables: if *name == MALFORMED_IFNAMES[1] {
                    &["CNI_IFNAME"]
                } else {
                    &[]
                },
            }
            .expect(trial)?;
        }
    }
    expect_untouched(
        trial,
        &req::PARAM_IFNAME_LINUX_RULES,
        &before,
        "a refused interface name",
    )?;
    Ok(())
}

fn interface_name_honoured(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    for name in ["foo0", "a-b_c.d-efghijk"] {
        let attachment = attachment.clone().with_ifname(name);
        let request = trial.request(Verb::Add, &attachment);
        let what = format!("ADD with CNI_IFNAME={name}");
        let add = trial.call(&request)?;
        if !add.succeeded() {
            let control = trial.attachment("c1")?;
            expect_add_tolerated(
                trial,
                &req::PARAM_IFNAME_LINUX_RULES,
                (&control, &request),
                &what,
            )?;
            continue;
        }
        let links: Vec<String> = trial
            .look("c1")?
            .links
            .into_iter()
            .map(|link| link.name)
            .filter(|link| link != "lo")
            .collect();
        trial.expect(
            &req::PARAM_IFNAME_HONOURED,
            links == [name],
            format!("{what}: lo and {name} are the container's interfaces"),
            format!("beside lo there is {}", links.join(", ")),
            Proof::Shell(format!(
                "! ns c1 ip -o link show {name} >/dev/null 2>&1 || [ \"$(ns c1 ip -o link | wc -l)\" -ne 2 ]"
            )),
        );
        let del = trial.request(Verb::Del, &attachment);
        trial.call(&del)?;
    }
    Ok(())
}
