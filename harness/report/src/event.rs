//! The only contract between running and reporting: what the core says while it judges.
//!
//! A run is `Started`, then for every cell of the plan `TrialStarted` (unless it does not apply) and `TrialEnded`,
//! then a `TrialFinished` for every result, then `Finished`.

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
    /// A worker is done with a cell of the plan. What it found may still be revised: only the end of the run tells
    /// whether a blocked check has a cause.
    TrialEnded(Box<CheckResult>),
    /// A result stands.
    TrialFinished(Box<CheckResult>),
    /// The run reached its end.
    Finished {
        /// Wall time of the run, in milliseconds.
        duration_ms: u64,
    },
}
