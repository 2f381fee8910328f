//! Delegation: what a plugin asks of its IPAM plugin, what it makes of the answer, and what it does when that fails.
//!
//! The scripted delegate stands in for the IPAM plugin. What an IPAM plugin itself has to do is another topic.

mod answers;
mod conversion;
mod failure;
mod kernel;
mod lifecycle;
mod look_up;
mod passing_on;
mod result;
mod route_attributes;

use crate::check::Check;

/// The lists of this topic.
pub(super) const TOPICS: [&[Check]; 8] = [
    conversion::CHECKS,
    failure::CHECKS,
    kernel::CHECKS,
    lifecycle::CHECKS,
    look_up::CHECKS,
    passing_on::CHECKS,
    result::CHECKS,
    route_attributes::CHECKS,
];
