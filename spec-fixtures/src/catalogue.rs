//! The catalogue as constants, made from `requirements/`, `ambiguities.toml` and `sections.toml` by `build/`.
//! What an entry can be asked is `requirement`.

use crate::requirement::{Ambiguity, Level, Method, Requirement, Source, Subject, Verb, Verdict};
use crate::section::{Section, SpecText};
use crate::version::SpecVersion;

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// The requirement with this id (`del.netns-gone`) or number (`CNI-DEL-005`).
pub fn find(name: &str) -> Option<Requirement> {
    ALL.iter()
        .find(|requirement| requirement.id == name || requirement.number == name)
        .copied()
}
