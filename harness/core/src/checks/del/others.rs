//! DEL of one attachment while there are others: it takes what is its own and nothing else.
//!
//! The other attachment is made first. Whatever ADD and DEL of the one under test change after that, in either
//! direction, is wrong.

use cni_spec_fixtures::req;

use super::ordinary::warm_up;
use crate::trial::{Attachment, Stop, Trial};

const BEFORE: &str = "before ADD";
const AFTER: &str = "after DEL";

pub(super) fn container(trial: &mut Trial) -> Result<(), Stop> {
    let other = trial.attachment("c2")?;
    let own = trial.attachment("c3")?;
    judge(trial, &other, &own, "another container")
}

pub(super) fn interface(trial: &mut Trial) -> Result<(), Stop> {
    let own = trial.attachment("c2")?;
    let other = own.clone().with_ifname("net1");
    judge(trial, &other, &own, "another interface of the container")
}

/// One container can't have two interfaces of the same name, hence the other interface for the other network.
pub(super) fn network(trial: &mut Trial) -> Result<(), Stop> {
    let own = trial.attachment("c2")?;
    let other = own.clone().with_ifname("net1").with_network("other");
    judge(
        trial,
        &other,
        &own,
        "the container's attachment to another network",
    )
}

/// For an IPAM plugin the interface is only a name.
pub(super) fn reservation_in_other_network(trial: &mut Trial) -> Result<(), Stop> {
    let own = trial.attachment("c2")?;
    let other = own.clone().with_network("other");
    judge(trial, &other, &own, "the same interface in another network")
}

fn judge(trial: &mut Trial, other: &Attachment, own: &Attachment, what: &str) -> Result<(), Stop> {
    warm_up(trial)?;
    trial.attach(other)?;
    let before = trial.snapshot(BEFORE)?;
    let attached = trial.attach(own)?;
    let del = trial.del(&attached)?;
    trial.expect_success(
        &req::DEL_ALL_RESOURCES_OF_CONTAINER,
        &del,
        &format!("DEL while there is {what}"),
    );
    let after = trial.snapshot(AFTER)?;
    trial.expect_unchanged(
        &req::DEL_ALL_RESOURCES_OF_CONTAINER,
        (&before, BEFORE),
        (&after, AFTER),
        &format!("ADD and DEL leave {what} as it was"),
    );
    Ok(())
}
