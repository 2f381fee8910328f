//! ADD: a result comes back, the interface is there and configured, and nobody else is disturbed.

mod configured;
mod failed;
mod masquerade;
mod outcome;
mod repeated;
mod together;

use crate::check::Check;

/// The lists of the topic.
pub(super) const LISTS: &[&[Check]] = &[
    outcome::CHECKS,
    configured::CHECKS,
    repeated::CHECKS,
    together::CHECKS,
    failed::CHECKS,
    masquerade::CHECKS,
];
