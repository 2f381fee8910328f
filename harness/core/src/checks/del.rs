//! DEL: everything that ADD made goes away, however often and whatever has already gone.

use cni_spec_fixtures::req;

use crate::check::{Check, Feature, Versions};
use crate::trial::{Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "del/removes-everything",
        title: "DEL takes away everything that ADD made",
        proves: &[req::DEL_REMOVES, req::DEL_RELEASES_IPAM],
        versions: Versions::ALL,
        needs: &[],
        caught: &["del-keeps-ip"],
        run: removes_everything,
    },
    Check {
        id: "del/netns-already-gone",
        title: "DEL succeeds after the network namespace was removed",
        proves: &[req::DEL_NETNS_GONE],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::EntersContainer],
        caught: &["del-dead-netns"],
        run: netns_already_gone,
    },
];

/// What the first attachment leaves behind for good (a bridge, a chain, a lock file) is there before the second
/// one comes; what the second one adds to it is a leak.
fn removes_everything(trial: &mut Trial) -> Result<(), Stop> {
    let first = trial.attachment("c1")?;
    let first = trial.attach(&first)?;
    let del = trial.del(&first)?;
    trial.expect_success(&req::DEL_REMOVES, &del, "DEL after ADD");
    let second = trial.attachment("c2")?;
    let before = trial.snapshot("before the second ADD")?;
    let second = trial.attach(&second)?;
    let del = trial.del(&second)?;
    trial.expect_success(&req::DEL_REMOVES, &del, "the second DEL");
    let after = trial.snapshot("after the second DEL")?;
    trial.expect_unchanged(
        &req::DEL_REMOVES,
        (&before, "before the second ADD"),
        (&after, "after the second DEL"),
        "nothing of an attachment is left after its DEL",
    );
    Ok(())
}

fn netns_already_gone(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.remove_netns("c1")?;
    let request = trial.request_after(Verb::Del, &attached);
    let del = trial.call(&request)?;
    trial.expect_success(
        &req::DEL_NETNS_GONE,
        &del,
        "DEL with a CNI_NETNS that no longer exists",
    );
    Ok(())
}
