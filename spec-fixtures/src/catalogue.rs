//! The catalogue as constants, made from `requirements/`, `ambiguities.toml` and `sections.toml` by `build/`.
//! What an entry can be asked is `requirement`.

use crate::requirement::{
    Ambiguity, Document, Level, Method, Requirement, Section, Source, Subject, Verb, Verdict,
};
use crate::version::SpecVersion;

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// The requirement with this id (`del.netns-gone`) or number (`CNI-DEL-005`).
pub fn find(name: &str) -> Option<Requirement> {
    ALL.iter()
        .find(|requirement| requirement.id == name || requirement.number == name)
        .copied()
}
