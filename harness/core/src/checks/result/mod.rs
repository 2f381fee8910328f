//! The result of ADD: its shape in each version, its truth, and what an IPAM plugin's result has to be.

mod addresses;
mod form;
mod interfaces;
mod ipam;
mod routes;
mod schema;
mod strict;
mod versions;

use crate::check::Check;

/// The lists of the topic.
pub(super) const LISTS: &[&[Check]] = &[
    form::CHECKS,
    versions::CHECKS,
    interfaces::CHECKS,
    addresses::CHECKS,
    routes::CHECKS,
    ipam::CHECKS,
];
