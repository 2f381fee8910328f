//! The CNI specification as data: what it requires, the shapes of its documents, and samples of them.
//!
//! The data are files that can be read without this crate; `README.md` beside them says how they are laid out.
//! This crate only hands them out. Nothing here judges a plugin, and nothing here parses JSON.

mod catalogue;
pub mod documents;
mod requirement;
pub mod schema;
mod section;
mod version;

pub use catalogue::{ALL, AMBIGUITIES, AREAS, find, req};
pub use requirement::{Ambiguity, Level, Method, Requirement, Source, Subject, Verb, Verdict};
pub use section::{Section, SpecText};
pub use version::{SpecVersion, UnknownVersion};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
