//! The checks, one file for each topic of the specification. To add one, append to the topic's list.

mod add;
mod check;
mod del;
mod error;
mod ipam_section;
mod protocol;
mod refusal;
mod reported;
mod result;
mod shell;
mod version;

use crate::check::Check;

/// Every topic's lists.
const TOPICS: &[&[&[Check]]] = &[
    add::LISTS,
    &[check::CHECKS],
    &[del::CHECKS],
    &error::LISTS,
    &protocol::LISTS,
    result::LISTS,
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
