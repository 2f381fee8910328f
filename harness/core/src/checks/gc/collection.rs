//! What GC removes and what it leaves. Go's reference plugins remove nothing, which the spec allows them to a degree;
//! so only the checks that say so in their title ask for removal, the others compare one GC with another.

use std::collections::BTreeSet;
use std::path::PathBuf;

use cni_spec_fixtures::req;

use super::{gc, pair};
use crate::check::{Check, Feature, Versions};
use crate::kernel::Snapshot;
use crate::trial::{Attachment, Place, Proof, Stop, Trial, listed_addresses};

/// An attachment of which nobody has ever heard.
const UNKNOWN: (&str, &str) = ("conform-unknown", "eth9");

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "gc/removes-stale",
        title: "GC removes what a dead container left that is not in the list",
        proves: &[req::GC_REMOVES_STALE],
        versions: Versions::WITH_GC,
        needs: &[Feature::HostState],
        caught: &["gc-noop", "gc-inverted"],
        run: removes_stale,
    },
    Check {
        id: "gc/removes-host-interface",
        title: "GC removes the host's end of an attachment that is not in the list",
        proves: &[req::GC_REMOVES_STALE],
        versions: Versions::WITH_GC,
        needs: &[Feature::CreatesInterface, Feature::HostInterface],
        caught: &["gc-noop", "gc-inverted"],
        run: removes_host_interface,
    },
    Check {
        id: "gc/keeps-valid",
        title: "GC leaves the attachments in the list alone",
        proves: &[req::GC_KEEPS_VALID],
        versions: Versions::WITH_GC,
        needs: &[Feature::HostState],
        caught: &["gc-wipes-all", "gc-inverted"],
        run: keeps_valid,
    },
    Check {
        id: "gc/keeps-valid-addresses",
        title: "An address of an attachment in the list is not handed out again after GC",
        proves: &[req::GC_KEEPS_VALID],
        versions: Versions::WITH_GC,
        needs: &[Feature::Ipam, Feature::Allocates],
        caught: &["gc-wipes-all", "gc-inverted"],
        run: keeps_valid_addresses,
    },
    Check {
        id: "gc/tells-attachments-apart",
        title: "GC takes an attachment for valid only if container ID and interface name are listed together",
        proves: &[req::GC_KEY_PAIR],
        versions: Versions::WITH_GC,
        needs: &[Feature::HostState],
        caught: &["gc-prefix-match", "gc-container-only"],
        run: tells_attachments_apart,
    },
    Check {
        id: "gc/keeps-other-networks",
        title: "GC leaves the attachments of other networks alone",
        proves: &[req::GC_NETWORK_SCOPE],
        versions: Versions::WITH_GC,
        needs: &[Feature::HostState],
        caught: &["gc-all-networks", "key-without-network"],
        run: keeps_other_networks,
    },
    Check {
        id: "gc/goes-on-after-an-error",
        title: "GC removes the other stale reservations when one can't be removed, and reports that",
        proves: &[req::GC_CONTINUE_ON_ERROR],
        versions: Versions::WITH_GC,
        needs: &[Feature::Ipam, Feature::FilePerAttachment],
        caught: &["gc-stops-early"],
        run: goes_on_after_an_error,
    },
];

/// Ends a container as a crash does: no DEL, and interface and namespace are gone. The interface goes first because
/// the kernel takes a namespace apart in its own time, and its peer on the host with it.
fn lose(trial: &mut Trial, attachment: &Attachment) -> Result<(), Stop> {
    if trial.has(Feature::EntersContainer) {
        let place = Place::Container(&attachment.container);
        trial.delete_link(place, &attachment.ifname)?;
    }
    trial.remove_netns(&attachment.container)
}

fn removes_stale(trial: &mut Trial) -> Result<(), Stop> {
    let valid = trial.attachment("c1")?;
    trial.attach(&valid)?;
    let before = trial.snapshot("before the stale attachment")?;
    let stale = trial.attachment("c2")?;
    trial.attach(&stale)?;
    lose(trial, &stale)?;
    gc(trial, &[pair(&valid)])?;
    let after = trial.snapshot("after GC")?;
    trial.expect_unchanged(
        &req::GC_REMOVES_STALE,
        (&before, "before the stale attachment"),
        (&after, "after GC"),
        "after GC nothing is left of the attachment of a dead container that is not in the list",
    );
    Ok(())
}

fn removes_host_interface(trial: &mut Trial) -> Result<(), Stop> {
    let valid = trial.attachment("c1")?;
    trial.attach(&valid)?;
    let stale = trial.attachment("c2")?;
    let before = trial.snapshot("before the stale attachment")?;
    trial.attach(&stale)?;
    gc(trial, &[pair(&valid)])?;
    let after = trial.snapshot("after GC")?;
    trial.expect_unchanged(
        &req::GC_REMOVES_STALE,
        (&before, "before the stale attachment"),
        (&after, "after GC"),
        "after GC nothing is left of an attachment that is not in the list, nor of its host interface",
    );
    Ok(())
}

fn keeps_valid(trial: &mut Trial) -> Result<(), Stop> {
    let valid = trial.attachment("c1")?;
    let attached = trial.attach(&valid)?;
    let earlier = trial.check(&attached)?;
    let before = trial.snapshot("with the valid attachment")?;
    let stale = trial.attachment("c2")?;
    trial.attach(&stale)?;
    lose(trial, &stale)?;
    gc(trial, &[pair(&valid)])?;
    let after = trial.snapshot("after GC")?;
    trial.expect_nothing_lost(
        &req::GC_KEEPS_VALID,
        (&before, "with the valid attachment"),
        (&after, "after GC"),
        "everything of the attachment in the list is still there after GC",
    );
    let later = trial.check(&attached)?;
    // Where CHECK failed before as well, GC did not break anything.
    trial.expect(
        &req::GC_KEEPS_VALID,
        !earlier.succeeded() || later.succeeded(),
        "CHECK of the attachment in the list, which succeeded before GC: exit 0",
        later.brief(),
        Proof::Shell(format!(
            "[ $status{} -eq 0 ] && [ $status{} -ne 0 ]",
            earlier.index(),
            later.index()
        )),
    );
    Ok(())
}

fn keeps_valid_addresses(trial: &mut Trial) -> Result<(), Stop> {
    let valid = trial.attachment("c1")?;
    let held = listed_addresses(&trial.attach(&valid)?.result);
    gc(trial, &[pair(&valid)])?;
    let other = trial.attachment("c2")?;
    let other = trial.attach(&other)?;
    for address in listed_addresses(&other.result) {
        let expression = format!("\"address\":\"{}\"", address.replace('.', "[.]"));
        trial.expect(
            &req::GC_KEEPS_VALID,
            !held.contains(&address),
            format!(
                "the next ADD gets none of {}, which GC was told are in use",
                held.join(", ")
            ),
            format!("it gets {address}"),
            Proof::prints(&other.call, &expression),
        );
    }
    Ok(())
}

/// Each round: one stale attachment. A GC whose list has another that only looks like it has to leave just what a GC
/// leaves whose list has something quite different.
fn tells_attachments_apart(trial: &mut Trial) -> Result<(), Stop> {
    let rounds = [
        (
            ("c1", "conform1"),
            ("conform11", None),
            "after GC 1",
            "after GC 2",
        ),
        (
            ("c2", "conform22"),
            ("conform2", None),
            "after GC 3",
            "after GC 4",
        ),
        (
            ("c3", "conform3"),
            ("conform3", Some("eth1")),
            "after GC 5",
            "after GC 6",
        ),
    ];
    for ((container, id), (listed_id, listed_ifname), then, now) in rounds {
        let mut stale = trial.attachment(container)?;
        id.clone_into(&mut stale.id);
        let listed = (listed_id, listed_ifname.unwrap_or(&stale.ifname));
        trial.attach(&stale)?;
        gc(trial, &[listed])?;
        let similar = trial.snapshot(then)?;
        gc(trial, &[UNKNOWN])?;
        let different = trial.snapshot(now)?;
        trial.expect_unchanged(
            &req::GC_KEY_PAIR,
            (&similar, then),
            (&different, now),
            &format!(
                "a list of {}/{} does not make {}/{} valid: GC treats it as with any other list",
                listed.0, listed.1, stale.id, stale.ifname
            ),
        );
    }
    Ok(())
}

fn keeps_other_networks(trial: &mut Trial) -> Result<(), Stop> {
    let other = trial.attachment("c1")?.with_network("other");
    trial.attach(&other)?;
    let before = trial.snapshot("with the attachment of another network")?;
    let stale = trial.attachment("c2")?;
    trial.attach(&stale)?;
    lose(trial, &stale)?;
    gc(trial, &[])?;
    let after = trial.snapshot("after GC")?;
    trial.expect_nothing_lost(
        &req::GC_NETWORK_SCOPE,
        (&before, "with the attachment of another network"),
        (&after, "after GC"),
        "GC of the network conform with an empty list leaves everything of the network other",
    );
    Ok(())
}

/// What a GC removes that nothing stands in the way of is what it has to remove when something does, but for that.
/// The order in which a plugin goes through its files is its own, so either of the two has a turn at being in the way.
fn goes_on_after_an_error(trial: &mut Trial) -> Result<(), Stop> {
    let valid = trial.attachment("c1")?;
    trial.attach(&valid)?;
    let stale = [trial.attachment("c2")?, trial.attachment("c3")?];
    let rounds = [
        [
            "start of 1",
            "one of 1",
            "both of 1",
            "busy in 1",
            "free in 1",
        ],
        [
            "start of 2",
            "one of 2",
            "both of 2",
            "busy in 2",
            "free in 2",
        ],
    ];
    for (round, [start, one, both, busy, free]) in rounds.into_iter().enumerate() {
        let before = trial.snapshot(start)?;
        let first = trial.attach(&stale[0])?;
        let between = trial.snapshot(one)?;
        let second = trial.attach(&stale[1])?;
        let after = trial.snapshot(both)?;
        let files = [new_files(&before, &between), new_files(&between, &after)];
        let (pinned, others) = (&files[round], &files[1 - round]);
        if pinned.is_empty() || others.is_empty() {
            let what = "the profile says file-per-attachment, but ADD left no file of its own";
            return Err(Stop::Trouble(what.to_owned()));
        }
        for file in pinned {
            trial.pin_file(file)?;
        }
        let hindered = gc(trial, &[pair(&valid)])?;
        let left = trial.snapshot(busy)?;
        for file in pinned {
            trial.unpin_file(file)?;
        }
        gc(trial, &[pair(&valid)])?;
        let unhindered = trial.snapshot(free)?;
        expect_others_gone(trial, others, (&left, busy), (&unhindered, free));
        let collects = pinned
            .iter()
            .any(|file| !unhindered.files.contains_key(file));
        if collects {
            let what = "GC that can't remove one stale reservation";
            trial.expect_refusal(&req::GC_CONTINUE_ON_ERROR, &hindered, what);
        }
        trial.del(&first)?;
        trial.del(&second)?;
    }
    Ok(())
}

fn expect_others_gone(
    trial: &mut Trial,
    others: &BTreeSet<PathBuf>,
    (left, busy): (&Snapshot, &'static str),
    (unhindered, free): (&Snapshot, &'static str),
) {
    let stayed = others
        .iter()
        .find(|file| left.files.contains_key(*file) && !unhindered.files.contains_key(*file));
    let Some(file) = stayed else { return };
    let file = file.display();
    let [busy, free] = [busy, free].map(|moment| moment.replace(' ', "-"));
    trial.expect(
        &req::GC_CONTINUE_ON_ERROR,
        false,
        format!("GC removes {file}, though another stale reservation can't be removed"),
        "it stays until the other one can be removed",
        Proof::Shell(format!(
            "grep -qxF '{file}' $work/state-{busy} && ! grep -qxF '{file}' $work/state-{free}"
        )),
    );
}

fn new_files(before: &Snapshot, after: &Snapshot) -> BTreeSet<PathBuf> {
    after
        .files
        .keys()
        .filter(|file| !before.files.contains_key(*file))
        .cloned()
        .collect()
}
