//! What reaches a plugin: its environment and its standard input; and how its process ends.

mod command;
mod configuration;
mod documents;
mod names;
mod namespace;
mod parameters;
mod process;
mod stdin;
mod tolerance;
mod version_key;

use crate::check::Check;

/// The lists of this topic's subjects.
pub(super) const LISTS: [&[Check]; 9] = [
    command::CHECKS,
    parameters::CHECKS,
    names::CHECKS,
    namespace::CHECKS,
    tolerance::CHECKS,
    stdin::CHECKS,
    version_key::CHECKS,
    configuration::CHECKS,
    process::CHECKS,
];
