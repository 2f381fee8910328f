//! The `interfaces` of a result against the interfaces that the kernel has.

use std::os::unix::fs::MetadataExt;

use cni_spec_fixtures::req;
use serde_json::{Value, json};

use crate::check::{Check, Feature, Versions};
use crate::checks::ipam_section::without_routes;
use crate::checks::reported::{Reported, ReportedInterface};
use crate::checks::shell::exactly;
use crate::kernel::Link;
use crate::profile::Kind;
use crate::trial::{Attached, Call, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "result/lists-interfaces",
        title: "The result lists every interface that ADD created, where it is",
        proves: &[
            req::RES_INTERFACES,
            req::RES_INTERFACE_IFNAME,
            req::RES_SANDBOX,
            req::RES_SANDBOX_HOST,
        ],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::CreatesInterface],
        caught: &[
            "wrong-netns",
            "result-missing-interface",
            "result-wrong-name",
            "hardcoded-eth0",
            "sandbox-resolved",
            "sandbox-missing",
            "sandbox-on-host",
        ],
        run: lists_interfaces,
    },
    Check {
        id: "result/interface-properties",
        title: "MAC address and MTU in the result are those of the interface",
        proves: &[req::RES_MAC, req::RES_MTU, req::RES_DESCRIBES_REALITY],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::EntersContainer],
        caught: &["result-wrong-mac", "wrong-mtu", "stale-mac"],
        run: interface_properties,
    },
];

/// Name of the container's interface: one that no plugin would choose by itself.
const IFNAME: &str = "net7";

/// Another container is attached first: what the two share need not be listed, what comes with the second is its own.
fn lists_interfaces(trial: &mut Trial) -> Result<(), Stop> {
    let first = trial.attachment("c1")?;
    let request = trial.request(Verb::Add, &first).config(without_routes);
    trial.attach_with(&first, &request)?;
    let attachment = trial.attachment("c2")?.with_ifname(IFNAME);
    let host_before = trial.look_at_host()?;
    let container_before = trial.look("c2")?;
    let request = trial.request(Verb::Add, &attachment).config(without_routes);
    let attached = trial.attach_with(&attachment, &request)?;
    let reported = Reported::read(&attached.result);
    let (host, container) = (trial.look_at_host()?, trial.look("c2")?);
    let new_on_host = new_links(&host_before.links, &host.links);
    let new_in_container = new_links(&container_before.links, &container.links);
    let call = &attached.call;
    for (name, place) in new_on_host
        .iter()
        .map(|name| (name, "the host"))
        .chain(new_in_container.iter().map(|name| (name, "the container")))
    {
        let proof = if place == "the host" {
            // Host interfaces may have random names; that none of the host's new ones is listed can be seen.
            Proof::Shell(format!(
                "! {{ for link in $(ls /sys/class/net); do compact $work/out{} | grep -qF \"\\\"name\\\":\\\"$link\\\"\" && echo $link; done; }} | grep -q .",
                call.index()
            ))
        } else {
            Proof::lacks(call, &format!("\"name\":\"{}\"", exactly(name)))
        };
        trial.expect(
            &req::RES_INTERFACES,
            reported
                .interfaces
                .iter()
                .any(|listed| listed.name == *name),
            format!("interfaces lists {name}, which ADD created in {place}"),
            format!("it lists {}", names(&reported.interfaces)),
            proof,
        );
    }
    judge_own(trial, &attached, &reported)?;
    for listed in &reported.interfaces {
        let (on_host, inside) = (host.link(&listed.name), container.link(&listed.name));
        let stated = if listed.sandbox.is_empty() {
            on_host
        } else {
            inside
        };
        let place = if listed.sandbox.is_empty() {
            "host"
        } else {
            "container"
        };
        let entry = format!("\"name\":\"{}\"", exactly(&listed.name));
        let condition = if listed.sandbox.is_empty() {
            "! ip -o link show dev"
        } else {
            "! ns c2 ip -o link show dev"
        };
        let elsewhere = if listed.sandbox.is_empty() {
            &req::RES_SANDBOX
        } else {
            &req::RES_SANDBOX_HOST
        };
        // One that lives on the other side has a wrong sandbox, unless it is the one that has to be in the container;
        // one that lives nowhere is not there at all.
        let requirement = if on_host.or(inside).is_some() && listed.name != IFNAME {
            elsewhere
        } else {
            &req::RES_INTERFACES
        };
        let proof = if *requirement == req::RES_SANDBOX_HOST {
            // An entry with a name, and at most an empty sandbox.
            const OTHER: &str = "(\"mac\":\"[^\"]*\",?|\"mtu\":[0-9]+,?|\"sandbox\":\"\",?)*";
            Proof::lacks(
                call,
                &format!("[{{]{OTHER}\"name\":\"[^\"]*\",?{OTHER}[}}]"),
            )
        } else {
            Proof::Shell(format!(
                "compact $work/out{} | grep -Eq '{entry}' && {condition} {} >/dev/null 2>&1",
                call.index(),
                listed.name
            ))
        };
        trial.expect(
            requirement,
            stated.is_some(),
            match (listed.sandbox.is_empty(), on_host.is_some()) {
                (false, true) if listed.name != IFNAME => format!(
                    "{} is on the host: its sandbox is empty or absent",
                    listed.name
                ),
                (true, false) if inside.is_some() => format!(
                    "{} is in the container: its sandbox is {}",
                    listed.name,
                    attachment.netns.display()
                ),
                _ => format!("the {place} has {}, which interfaces lists", listed.name),
            },
            match listed.sandbox.as_str() {
                "" => format!(
                    "{} has no sandbox, and the host has no such interface",
                    listed.name
                ),
                sandbox => format!(
                    "{} has sandbox {sandbox}, and the container has no such interface",
                    listed.name
                ),
            },
            proof,
        );
    }
    Ok(())
}

/// The container's end: exactly one entry, called CNI_IFNAME, with CNI_NETNS as its sandbox.
fn judge_own(trial: &mut Trial, attached: &Attached, reported: &Reported) -> Result<(), Stop> {
    let netns = &attached.attachment.netns;
    let call: &Call = &attached.call;
    let named = reported
        .interfaces
        .iter()
        .filter(|listed| listed.name == IFNAME);
    let inside: Vec<&ReportedInterface> = named
        .clone()
        .filter(|listed| !listed.sandbox.is_empty())
        .collect();
    if inside.is_empty() && named.count() > 0 {
        trial.expect(
            &req::RES_SANDBOX,
            false,
            format!(
                "{IFNAME} is in the container: its sandbox is {} (CNI_NETNS)",
                netns.display()
            ),
            "sandbox is missing or empty",
            Proof::lacks(call, "\"sandbox\":\"[^\"]"),
        );
        return Ok(());
    }
    trial.expect(
        &req::RES_INTERFACE_IFNAME,
        inside.len() == 1,
        format!("one entry of interfaces is called {IFNAME} (CNI_IFNAME) and has a sandbox"),
        format!(
            "{} entries; interfaces are {}",
            inside.len(),
            names(&reported.interfaces)
        ),
        Proof::lacks(call, &format!("\"name\":\"{IFNAME}\"")),
    );
    for listed in inside {
        if netns.display().to_string() == listed.sandbox {
            continue;
        }
        let same = inode(&listed.sandbox).is_some()
            && inode(&listed.sandbox) == inode(&netns.display().to_string());
        let expected = format!("sandbox of {IFNAME} is {} (CNI_NETNS)", netns.display());
        let actual = format!(
            "it is {}{}",
            listed.sandbox,
            if same {
                ", another path to the same namespace"
            } else {
                ""
            }
        );
        let path = exactly(&netns.display().to_string());
        let proof = Proof::lacks(call, &format!("\"sandbox\":\"{path}\""));
        if same {
            trial.advise(&req::RES_SANDBOX, false, expected, actual, proof);
        } else {
            trial.expect(&req::RES_SANDBOX, false, expected, actual, proof);
        }
    }
    Ok(())
}

/// A chained plugin is told to change the MAC address, where it says that it can.
fn interface_properties(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let request = trial.request(Verb::Add, &attachment).config(|config| {
        let capable = config
            .get("capabilities")
            .and_then(|capabilities| capabilities.get("mac"))
            .is_some_and(|mac| mac == &Value::Bool(true));
        if capable {
            config.insert(
                "runtimeConfig".to_owned(),
                json!({ "mac": "02:00:00:00:00:99" }),
            );
        }
    });
    let attached = trial.attach_with(&attachment, &request)?;
    let reported = Reported::read(&attached.result);
    let (host, container) = (trial.look_at_host()?, trial.look("c1")?);
    for listed in &reported.interfaces {
        let (state, prefix) = if listed.sandbox.is_empty() {
            (&host, "")
        } else {
            (&container, "ns c1 ")
        };
        // Whether it is there at all is judged by another check.
        if let Some(link) = state.link(&listed.name) {
            judge_mac(trial, &attached.call, listed, link, prefix);
            judge_mtu(trial, &attached.call, listed, link, prefix);
        }
    }
    Ok(())
}

fn judge_mac(
    trial: &mut Trial,
    call: &Call,
    listed: &ReportedInterface,
    link: &Link,
    prefix: &str,
) {
    let proof = if prefix.is_empty() {
        Proof::Shell(format!(
            "for link in $(ls /sys/class/net); do compact $work/out{0} | grep -qF \"\\\"name\\\":\\\"$link\\\"\" && ! compact $work/out{0} | grep -qiF \"$(cat /sys/class/net/$link/address)\" && echo $link; done | grep -q .",
            call.index()
        ))
    } else {
        Proof::Shell(format!(
            "! compact $work/out{} | grep -qiF \"$({prefix}cat /sys/class/net/{}/address)\"",
            call.index(),
            listed.name
        ))
    };
    let actual = if listed.mac.is_empty() {
        "mac is absent or zero".to_owned()
    } else {
        format!("mac is {}", listed.mac)
    };
    let expected = format!(
        "mac of {} is {}, as the kernel has it",
        listed.name, link.mac
    );
    let held = listed.mac == link.mac;
    trial.expect(
        &req::RES_MAC,
        held,
        expected.clone(),
        actual.clone(),
        proof.clone(),
    );
    if !listed.mac.is_empty() {
        trial.expect(&req::RES_DESCRIBES_REALITY, held, expected, actual, proof);
    }
}

fn judge_mtu(
    trial: &mut Trial,
    call: &Call,
    listed: &ReportedInterface,
    link: &Link,
    prefix: &str,
) {
    let expected = format!(
        "mtu of {} is {}, as the kernel has it",
        listed.name, link.mtu
    );
    let Some(mtu) = listed.mtu else {
        if trial.kind() == Kind::Chained {
            // It passes on what an earlier plugin listed, or did not.
            return;
        }
        trial.expect(
            &req::RES_MTU,
            false,
            expected,
            "mtu is absent",
            Proof::lacks(call, "\"mtu\":"),
        );
        return;
    };
    let held = mtu == u64::from(link.mtu);
    let proof = if prefix.is_empty() {
        Proof::prints(call, &format!("\"mtu\":{mtu}[,}}]"))
    } else {
        Proof::Shell(format!(
            "! compact $work/out{} | grep -qF '\"mtu\":'$({prefix}cat /sys/class/net/{}/mtu) || compact $work/out{0} | grep -qF '\"mtu\":{mtu}'",
            call.index(),
            listed.name
        ))
    };
    let actual = format!("mtu is {mtu}");
    for requirement in [&req::RES_MTU, &req::RES_DESCRIBES_REALITY] {
        trial.expect(
            requirement,
            held,
            expected.clone(),
            actual.clone(),
            proof.clone(),
        );
    }
}

fn new_links(before: &[Link], after: &[Link]) -> Vec<String> {
    after
        .iter()
        .filter(|link| !before.iter().any(|known| known.index == link.index))
        .map(|link| link.name.clone())
        .collect()
}

fn names(interfaces: &[ReportedInterface]) -> String {
    let names: Vec<&str> = interfaces
        .iter()
        .map(|listed| listed.name.as_str())
        .collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

fn inode(path: &str) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
