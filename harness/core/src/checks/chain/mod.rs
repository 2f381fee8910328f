//! prevResult on ADD: what an earlier plugin of the list said arrives, is understood and goes on to the next.

pub(super) mod effect;
pub(super) mod passage;
pub(super) mod previous;
pub(super) mod version;

use cni_spec_fixtures::Requirement;

use crate::profile::Kind;
use crate::trial::{Proof, Trial};

/// Records a violation at full weight for a chained plugin and as a warning for the others: a plugin that creates
/// the interface comes first in its list, so that it rarely meets a prevResult (position 22 of the catalogue).
fn judge(
    trial: &mut Trial,
    requirement: &Requirement,
    held: bool,
    (expected, actual): (String, String),
    proof: Proof,
) -> bool {
    if trial.kind() == Kind::Chained {
        trial.expect(requirement, held, expected, actual, proof)
    } else {
        trial.advise(requirement, held, expected, actual, proof)
    }
}
