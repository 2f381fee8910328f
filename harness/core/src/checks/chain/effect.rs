//! What a chained plugin changes: the right interface, said so in the result, and undone by DEL.

use cni_spec_fixtures::req;
use serde_json::{Value, json};

use super::previous::{entries, find, full, literal};
use crate::check::{Check, Feature, Versions};
use crate::kernel::Link;
use crate::trial::{Attachment, Place, Proof, Stop, Trial, Verb};

/// A hardware address that no plugin would choose by itself.
const MAC: &str = "02:00:00:c0:ff:ee";

/// The interface beside the one that is asked for.
const OTHER: &str = "eth1";

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "chain/changes-are-reflected",
        title: "The result lists the interface as the plugin left it",
        proves: &[req::CHAIN_REFLECT_CHANGES],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::Chained, Feature::MacCapability],
        caught: &["stale-mac"],
        run: changes_are_reflected,
    },
    Check {
        id: "chain/acts-on-ifname",
        title: "A chained plugin leaves an interface alone that is listed before CNI_IFNAME",
        proves: &[req::CHAIN_ACTS_ON_IFNAME],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::Chained],
        caught: &["first-interface"],
        run: acts_on_ifname,
    },
    Check {
        id: "chain/del-undoes",
        title: "DEL of a chained plugin undoes what it did and nothing else",
        proves: &[req::CHAIN_UNDO],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::Chained],
        caught: &["del-keeps-changes"],
        run: del_undoes,
    },
];

/// The link of the container and its entry are compared, not what was asked for: a plugin may know better.
fn changes_are_reflected(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let request = trial
        .request(Verb::Add, &attachment)
        .previous_value(with_mtu(trial, &attachment))
        .key("runtimeConfig", json!({ "mac": MAC }));
    let call = trial.call(&request)?;
    let result = match call.json() {
        Some(result @ Value::Object(_)) if call.succeeded() => result,
        _ => {
            return Err(Stop::Blocked {
                check: "capabilities/mac",
                why: format!("ADD with runtimeConfig.mac ended with {}", call.brief()),
            });
        }
    };
    let state = trial.look(&attachment.container)?;
    let Some(link) = state.link(&attachment.ifname) else {
        return Err(Stop::Trouble(format!(
            "the container has no {} any more",
            attachment.ifname
        )));
    };
    let like = json!({ "name": attachment.ifname, "sandbox": attachment.netns });
    let entry = find(entries(&result, "interfaces"), &like, &["name", "sandbox"]);
    let listed = |key: &str| entry.and_then(|entry| entry.get(key)).cloned();
    let mac = listed("mac").unwrap_or_default();
    trial.expect(
        &req::CHAIN_REFLECT_CHANGES,
        mac.as_str()
            .is_some_and(|mac| mac.eq_ignore_ascii_case(&link.mac)),
        format!("{} is listed with mac {}, which it has", attachment.ifname, link.mac),
        format!("it is listed with mac {mac}"),
        Proof::Shell(format!(
            "! compact $work/out{} | grep -qi \"$(ns {} ip -o link show {} | sed 's/.*ether \\([0-9a-f:]*\\).*/\\1/')\"",
            call.index(),
            attachment.container,
            attachment.ifname
        )),
    );
    if let Some(mtu) = listed("mtu") {
        trial.expect(
            &req::CHAIN_REFLECT_CHANGES,
            mtu == json!(link.mtu),
            format!(
                "{} is listed with mtu {}, which it has",
                attachment.ifname, link.mtu
            ),
            format!("it is listed with mtu {mtu}"),
            Proof::lacks(&call, &literal(&format!("\"mtu\":{}", link.mtu))),
        );
    }
    Ok(())
}

/// Returns the attachment's prevResult with the interface's MTU, where the version has it.
fn with_mtu(trial: &Trial, attachment: &Attachment) -> Value {
    let mut previous = attachment.previous.clone().unwrap_or_default();
    let is_listed = trial.version() >= cni_spec_fixtures::SpecVersion::V1_1_0;
    let interfaces = previous.get_mut("interfaces").and_then(Value::as_array_mut);
    for entry in interfaces.into_iter().flatten() {
        if is_listed && entry.get("name") == Some(&json!(attachment.ifname)) {
            entry["mtu"] = json!(1500);
        }
    }
    previous
}

fn acts_on_ifname(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let container = Place::Container("c1");
    trial.add_veth(container, OTHER, "peer1")?;
    trial.set_mac(container, OTHER, [0x02, 0, 0, 0, 0x01, 0x01])?;
    let mut previous = attachment.previous.clone().unwrap_or_default();
    let other = json!({ "name": OTHER, "mac": "02:00:00:00:01:01", "sandbox": attachment.netns });
    if let Some(interfaces) = previous.get_mut("interfaces").and_then(Value::as_array_mut) {
        let place = interfaces.len().saturating_sub(1);
        interfaces.insert(place, other);
    }
    // The interface that is asked for has moved one place up, and its address points at it still.
    let ips = previous.get_mut("ips").and_then(Value::as_array_mut);
    for ip in ips.into_iter().flatten() {
        ip["interface"] = json!(2);
    }
    trial.snapshot("before ADD")?;
    let before = trial.look("c1")?.link(OTHER).cloned();
    let request = trial
        .request(Verb::Add, &attachment)
        .previous_value(previous);
    let call = trial.call(&request)?;
    if !call.succeeded() {
        return Err(Stop::Blocked {
            check: "chain/prevresult-is-passed-on",
            why: format!(
                "ADD with two interfaces in prevResult ended with {}",
                call.brief()
            ),
        });
    }
    trial.snapshot("after ADD")?;
    let after = trial.look("c1")?.link(OTHER).cloned();
    trial.expect(
        &req::CHAIN_ACTS_ON_IFNAME,
        before == after,
        format!(
            "ADD with CNI_IFNAME={} leaves {OTHER} as it was: {}",
            attachment.ifname,
            describe(before.as_ref())
        ),
        format!("it is now {}", describe(after.as_ref())),
        Proof::Shell(format!(
            "[ \"$(grep '^c1 link {OTHER} ' $work/state-before-ADD)\" != \"$(grep '^c1 link {OTHER} ' $work/state-after-ADD)\" ]"
        )),
    );
    Ok(())
}

fn describe(link: Option<&Link>) -> String {
    link.map_or_else(
        || "gone".to_owned(),
        |link| {
            let state = if link.up { "up" } else { "down" };
            format!("mtu {}, mac {}, {state}", link.mtu, link.mac)
        },
    )
}

/// The first attachment leaves behind what stays for good. Both have other plugins' data in prevResult.
fn del_undoes(trial: &mut Trial) -> Result<(), Stop> {
    let mut first = trial.attachment("c1")?;
    first.previous = Some(full(trial, &first)?);
    let first = trial.attach(&first)?;
    trial.del(&first)?;
    let mut second = trial.attachment("c2")?;
    second.previous = Some(full(trial, &second)?);
    let before = trial.snapshot("before ADD")?;
    let second = trial.attach(&second)?;
    let del = trial.del(&second)?;
    trial.expect_success(&req::CHAIN_UNDO, &del, "DEL of a chained plugin");
    let after = trial.snapshot("after DEL")?;
    trial.expect_unchanged(
        &req::CHAIN_UNDO,
        (&before, "before ADD"),
        (&after, "after DEL"),
        "after DEL the container and the host are as before ADD",
    );
    Ok(())
}
