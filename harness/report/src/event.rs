//! The only contract between running and reporting: what the core says while it judges.
//!
//! A run is `Started`, then for every trial `TrialStarted` and `TrialFinished`, then `Finished`.

use crate::model::{CheckResult, Environment, Partition, Subject, Tool};

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The plan stands; trials begin.
    Started {
        /// The harness.
        tool: Tool,
        /// The machine.
        environment: Environment,
        /// Which share of the run this is, with `--partition`.
        partition: Option<Partition>,
        /// The plugins.
        subjects: Vec<Subject>,
        /// How many results will come.
        planned: usize,
    },
    /// A worker took up a trial.
    TrialStarted {
        /// Id of the check.
        check: String,
        /// Name of the subject.
        subject: String,
        /// Spec version under test.
        spec: String,
    },
    /// A result stands. Results that needed no trial (not applicable) come without `TrialStarted`.
    TrialFinished(Box<CheckResult>),
    /// The run reached its end.
    Finished {
        /// Wall time of the run, in milliseconds.
        duration_ms: u64,
    },
}
