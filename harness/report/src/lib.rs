//! What a run of `cni-conform` found.
//!
//! The JSON form of [`Report`] is the truth; every other format is drawn from it and can be redrawn
//! later. The crate is small on purpose: others parse our reports with it. It knows nothing of
//! plugins, namespaces or checks; those live in `cni-conform-core`, which emits [`Event`]s.

mod account;
mod event;
#[cfg(test)]
mod fixture;
mod fold;
mod format;
mod gate;
pub mod github;
pub mod json;
pub mod junit;
mod ledger;
pub mod markdown;
mod merge;
mod model;
mod printable;
mod problem;
pub mod tap;
pub mod terminal;

pub use event::Event;
pub use fold::{FoldError, fold};
pub use format::{Format, UnknownFormat, render};
pub use gate::{Conclusion, Gate};
pub use ledger::{Entry, Ledger, Row, State};
pub use merge::{Difference, MergeError, Shard, merge};
pub use model::{
    CheckResult, Environment, Evidence, Exchange, Finding, Footer, Lack, Level, Outcome, Partition,
    Privilege, Report, SCHEMA, Status, Subject, Summary, Tool, Verdict,
};
