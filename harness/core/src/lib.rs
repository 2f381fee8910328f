//! The judge: decides whether a CNI plugin does what the CNI specification asks of it.
//!
//! Data flows top to bottom: a [`Subject`] and the [`Check`]s become a plan, each cell of the plan runs as a
//! [`trial`](Trial) in a process and sandbox of its own, what it finds becomes [`Event`](cni_conform_report::Event)s.
//! This crate never writes to standard output or error and never ends the process, with one exception: a
//! process started by [`run`] as a trial host or by a plugin under test as its delegate, which [`trial_host`] and
//! [`scripted_delegate`] take over.

mod check;
pub mod checks;
mod delegate;
mod host;
mod invoke;
mod job;
mod kernel;
mod plan;
mod probe;
mod profile;
mod run;
mod sandbox;
mod selftest;
mod subject;
mod trial;
mod world;

pub use check::{Check, Feature, Versions};
pub use delegate::scripted_delegate;
pub use host::{TRIAL_HOST, empty_trial, trial_host};
pub use kernel::{Address, Link, NamespaceState, Route, Snapshot};
pub use profile::{Kind, Profile, ProfileError};
pub use run::{Request as RunRequest, RunError, run};
pub use selftest::{Kill, MutantOf, Selftest, SelftestRequest, selftest};
pub use subject::{Program, Subject, SubjectError};
pub use trial::{
    Attached, Attachment, Call, DelegateAnswer, DelegateCall, ErrorObject, Place, Proof, Request,
    Scripted, Stop, Trial, Verb,
};

/// Renders an error with its causes, as the edge of the program shows it.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Some libraries repeat their cause in their own text.
        let said = error.to_string();
        if !text.ends_with(&said) {
            text += &format!(": {said}");
        }
        cause = error.source();
    }
    text
}
