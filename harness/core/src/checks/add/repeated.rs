//! ADD where something is there already: a foreign interface, the same attachment, another one of the container.

use std::net::{IpAddr, Ipv4Addr};

use cni_spec_fixtures::req;

use crate::check::{Check, Feature, Versions};
use crate::checks::ipam_section::without_routes;
use crate::checks::reported::Reported;
use crate::checks::shell;
use crate::trial::{Attached, Attachment, Call, Place, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "add/existing-interface",
        title: "ADD refuses a container that has an interface called CNI_IFNAME, and leaves that alone",
        proves: &[req::ADD_EXISTING_INTERFACE],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::CreatesInterface],
        caught: &["overwrites-interface"],
        run: existing_interface,
    },
    Check {
        id: "add/twice",
        title: "A second ADD of the same attachment fails and leaves the first as it is",
        proves: &[req::ADD_TWICE_SAME_KEY],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::CreatesInterface],
        caught: &["overwrites-interface"],
        run: twice,
    },
    Check {
        id: "add/twice-one-address",
        title: "A second ADD of the same attachment takes no second address",
        proves: &[req::ADD_TWICE_SAME_KEY],
        versions: Versions::SINCE_1_0,
        needs: &[Feature::Ipam],
        caught: &["second-add-second-address"],
        run: twice_one_address,
    },
    Check {
        id: "add/second-interface",
        title: "A container can be attached to a network twice, and each attachment stands for itself",
        proves: &[req::ADD_SAME_CONTAINER_OTHER_IFNAME],
        versions: Versions::WITH_CHECK,
        needs: &[Feature::CreatesInterface],
        caught: &["hardcoded-eth0"],
        run: second_interface,
    },
];

/// MAC and address of the foreign interface: both are known to no plugin.
const FOREIGN_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x77];
const FOREIGN_ADDRESS: (IpAddr, u8) = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 77)), 24);

fn existing_interface(trial: &mut Trial) -> Result<(), Stop> {
    // Whatever the network shares is made by the first attachment, so that the comparison shows leftovers only.
    let first = trial.attachment("c1")?;
    trial.attach(&first)?;
    let second = trial.attachment("c2")?;
    let container = Place::Container("c2");
    trial.add_veth(container, "eth0", "foreign0")?;
    trial.set_mac(container, "eth0", FOREIGN_MAC)?;
    trial.add_address(container, "eth0", FOREIGN_ADDRESS)?;
    let before = trial.look("c2")?;
    let host_before = trial.look_at_host()?;
    for ifname in ["eth0", "lo"] {
        let attachment = second.clone().with_ifname(ifname);
        let add = trial.add(&attachment)?;
        let what = format!("ADD with CNI_IFNAME={ifname}, which exists in the container");
        trial.expect_refusal(&req::ADD_EXISTING_INTERFACE, &add, &what);
    }
    let after = trial.look("c2")?;
    let intact = before
        .link("eth0")
        .map(|link| (link.index, &link.mac, &link.kind))
        == after
            .link("eth0")
            .map(|link| (link.index, &link.mac, &link.kind))
        && after.has_address("eth0", FOREIGN_ADDRESS.0, FOREIGN_ADDRESS.1);
    trial.expect(
        &req::ADD_EXISTING_INTERFACE,
        intact,
        "the foreign eth0 is the same interface as before, with its MAC and address",
        "it is gone, replaced or changed",
        Proof::Any(vec![
            Proof::Shell(
                "! ns c2 ip -o link show dev eth0 2>/dev/null | grep -q 02:00:00:00:00:77"
                    .to_owned(),
            ),
            Proof::Shell(shell::address_missing("c2", "eth0", "192.0.2.77/24")),
        ]),
    );
    let request = trial.request(Verb::Del, &second);
    trial.call(&request)?;
    let host_after = trial.look_at_host()?;
    let stray = host_after
        .links
        .iter()
        .find(|link| host_before.link(&link.name).is_none());
    let count = host_before.links.len();
    trial.expect(
        &req::ADD_EXISTING_INTERFACE,
        stray.is_none(),
        "after the DEL that follows, the refused ADD has left no interface on the host",
        stray.map(|link| link.name.clone()).unwrap_or_default(),
        Proof::Shell(format!("[ $(ip -o link | wc -l) -gt {count} ]")),
    );
    Ok(())
}

fn twice(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let first = trial.attach(&attachment)?;
    let before = trial.look("c1")?;
    let again = trial.add(&attachment)?;
    trial.expect_refusal(
        &req::ADD_TWICE_SAME_KEY,
        &again,
        "a second ADD of the same attachment",
    );
    let after = trial.look("c1")?;
    let addresses = before.addresses_of("eth0");
    let index = |state: &crate::kernel::NamespaceState| state.link("eth0").map(|link| link.index);
    let mac = before
        .link("eth0")
        .map(|link| link.mac.clone())
        .unwrap_or_default();
    let mut signs = vec![
        Proof::Shell(format!("! {}", shell::link_exists("c1", "eth0"))),
        // A plugin may choose the MAC again, so that only the first result tells what it was.
        Proof::Shell(format!(
            "! compact $work/out{} | grep -qiF \"$(ns c1 cat /sys/class/net/eth0/address)\"",
            first.call.index()
        )),
        Proof::Shell(format!(
            "[ $(ns c1 ip -o address show dev eth0 | grep -vc ' fe80') -ne {} ]",
            addresses.len()
        )),
    ];
    signs.extend(
        addresses
            .iter()
            .map(|address| Proof::Shell(shell::address_missing("c1", "eth0", address))),
    );
    trial.expect(
        &req::ADD_TWICE_SAME_KEY,
        index(&before) == index(&after)
            && after.link("eth0").is_some_and(|link| link.mac == mac)
            && after.addresses_of("eth0") == addresses
            && after.routes == before.routes,
        format!(
            "eth0 is as after the first ADD: MAC {mac}, addresses {}",
            addresses.join(", ")
        ),
        match after.link("eth0") {
            None => "eth0 is gone".to_owned(),
            Some(link) => format!(
                "eth0 has index {} (was {}), MAC {}, addresses {}",
                link.index,
                index(&before).unwrap_or_default(),
                link.mac,
                after.addresses_of("eth0").join(", ")
            ),
        },
        Proof::Any(signs),
    );
    let check = trial.check(&first)?;
    trial.expect_success(
        &req::ADD_TWICE_SAME_KEY,
        &check,
        "CHECK of the first attachment after the second ADD",
    );
    let del = trial.del(&first)?;
    trial.expect_success(&req::ADD_TWICE_SAME_KEY, &del, "one DEL after both ADDs");
    let left = trial.look("c1")?;
    trial.expect(
        &req::ADD_TWICE_SAME_KEY,
        left.link("eth0").is_none(),
        "one DEL takes eth0 away",
        "eth0 is still there",
        Proof::Shell(shell::link_exists("c1", "eth0")),
    );
    Ok(())
}

/// An IPAM plugin may refuse the second ADD or give the same addresses again.
fn twice_one_address(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let first = trial.attach(&attachment)?;
    let again = trial.add(&attachment)?;
    let had = texts(&first.result);
    let has = again
        .json()
        .map(|result| texts(&result))
        .unwrap_or_default();
    let new: Vec<&String> = has
        .iter()
        .filter(|address| !had.contains(address))
        .collect();
    let proof = Proof::Any(
        new.iter()
            .map(|address| {
                Proof::prints(
                    &again,
                    &format!("\"(address|ip)\":\"{}\"", shell::exactly(address)),
                )
            })
            .collect(),
    );
    trial.expect(
        &req::ADD_TWICE_SAME_KEY,
        again.refused() || new.is_empty(),
        format!(
            "a second ADD of the same attachment fails, or gives {} again",
            had.join(", ")
        ),
        again.brief(),
        proof,
    );
    Ok(())
}

/// Without routes: two routes to one destination are a conflict that the administrator has made.
fn second_interface(trial: &mut Trial) -> Result<(), Stop> {
    let eth0 = trial.attachment("c1")?;
    let eth1 = eth0.clone().with_ifname("eth1");
    let bare = trial.request(Verb::Add, &eth0).config(without_routes);
    let one = trial.attach_with(&eth0, &bare)?;
    let Some(two) = second(trial, &eth1)? else {
        return Ok(());
    };
    if trial.has(Feature::Allocates) {
        let (had, has) = (texts(&one.result), texts(&two.result));
        let shared = has.iter().find(|address| had.contains(address));
        trial.expect(
            &req::ADD_SAME_CONTAINER_OTHER_IFNAME,
            shared.is_none(),
            "eth0 and eth1 have different addresses",
            format!("eth0 has {}, eth1 has {}", had.join(", "), has.join(", ")),
            Proof::prints(
                &two.call,
                &shell::exactly(shared.map_or("", String::as_str)),
            ),
        );
    }
    for attached in [&one, &two] {
        let check = bare_call(trial, Verb::Check, attached)?;
        let what = format!("CHECK of {} beside the other", attached.attachment.ifname);
        trial.expect_success(&req::ADD_SAME_CONTAINER_OTHER_IFNAME, &check, &what);
    }
    goes_alone(trial, &one, &two)?;
    let one = trial.attach_with(&eth0, &bare)?;
    goes_alone(trial, &two, &one)
}

fn second(trial: &mut Trial, attachment: &Attachment) -> Result<Option<Attached>, Stop> {
    let request = trial.request(Verb::Add, attachment).config(without_routes);
    let call = trial.call(&request)?;
    let held = trial.expect_success(
        &req::ADD_SAME_CONTAINER_OTHER_IFNAME,
        &call,
        "ADD of eth1 to a container that has eth0 in the same network",
    );
    Ok(call.json().filter(|_| held).map(|result| Attached {
        attachment: attachment.clone(),
        call,
        result,
    }))
}

/// Calls as after an ADD, with the configuration of that ADD.
fn bare_call(trial: &mut Trial, verb: Verb, attached: &Attached) -> Result<Call, Stop> {
    let request = trial.request_after(verb, attached).config(without_routes);
    trial.call(&request)
}

/// DEL of one attachment succeeds and leaves the other intact, in the container and for CHECK.
fn goes_alone(trial: &mut Trial, goes: &Attached, stays: &Attached) -> Result<(), Stop> {
    let (gone, kept) = (&goes.attachment.ifname, &stays.attachment.ifname);
    let before = trial.look("c1")?.addresses_of(kept);
    let del = bare_call(trial, Verb::Del, goes)?;
    let what = format!("DEL of {gone} while {kept} stays");
    trial.expect_success(&req::ADD_SAME_CONTAINER_OTHER_IFNAME, &del, &what);
    let state = trial.look("c1")?;
    let after = state.addresses_of(kept);
    let mut signs = vec![
        Proof::Shell(shell::link_exists("c1", gone)),
        Proof::Shell(format!("! {}", shell::link_exists("c1", kept))),
    ];
    signs.extend(
        before
            .iter()
            .map(|address| Proof::Shell(shell::address_missing("c1", kept, address))),
    );
    trial.expect(
        &req::ADD_SAME_CONTAINER_OTHER_IFNAME,
        state.link(gone).is_none() && state.link(kept).is_some() && before == after,
        format!(
            "after DEL of {gone}, {gone} is gone and {kept} has {}",
            before.join(", ")
        ),
        format!(
            "{gone} is {}, {kept} {}",
            if state.link(gone).is_some() {
                "still there"
            } else {
                "gone"
            },
            if state.link(kept).is_some() {
                format!("has {}", after.join(", "))
            } else {
                "is gone as well".to_owned()
            }
        ),
        Proof::Any(signs),
    );
    let check = bare_call(trial, Verb::Check, stays)?;
    let what = format!("CHECK of {kept} after DEL of {gone}");
    trial.expect_success(&req::ADD_SAME_CONTAINER_OTHER_IFNAME, &check, &what);
    Ok(())
}

fn texts(result: &serde_json::Value) -> Vec<String> {
    let reported = Reported::read(result);
    reported
        .addresses
        .iter()
        .map(|address| address.text())
        .collect()
}
