//! The checks, one file for each topic of the specification. To add one, append to the topic's list.

mod add;
mod capabilities;
mod chain;
mod check;
mod conventions;
mod del;
mod delegation;
mod error;
mod gc;
mod ipam_section;
mod protocol;
mod refusal;
mod reported;
mod result;
mod shell;
mod status;
mod version;

use crate::check::Check;

/// Every topic's lists.
const TOPICS: &[&[&[Check]]] = &[
    add::LISTS,
    &[capabilities::CHECKS],
    &[
        chain::effect::CHECKS,
        chain::passage::CHECKS,
        chain::version::CHECKS,
    ],
    &[check::CHECKS],
    &[conventions::CHECKS],
    &[del::CHECKS],
    &delegation::TOPICS,
    &error::LISTS,
    &[gc::collection::CHECKS, gc::request::CHECKS],
    &protocol::LISTS,
    result::LISTS,
    &[status::CHECKS],
    &[version::CHECKS],
];

/// Returns every check, by topic and in the order of its list.
pub fn all() -> impl Iterator<Item = &'static Check> {
    TOPICS
        .iter()
        .flat_map(|topic| topic.iter())
        .flat_map(|list| list.iter())
}

/// Returns the check of that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    all().find(|check| check.id == id)
}
