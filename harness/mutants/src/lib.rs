//! Toy CNI plugins that are correct, and faults that make them wrong in exactly one way.
//!
//! The harness proves with them that each of its checks can fail: a check passes on the toys and fails on
//! the mutants it names. Nothing here is meant for a node. The crate shares no code with the judge or with the
//! reference plugins, so that a bug of theirs can't hide behind the same bug here.

mod address;
mod catalogue;
mod chained;
mod fault;
mod interface;
mod ipam;
mod kernel;
mod loopback;
mod masquerade;
mod namespace;
mod protocol;
mod store;
mod toy;

pub use catalogue::MUTANTS;
pub use fault::{Base, Mutant};
pub use toy::{Kind, TOYS, Toy, run};
