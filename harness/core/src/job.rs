//! One trial as it crosses the process border: what to judge, and what came of it.

use cni_conform_report::{Exchange, Verdict};
use cni_spec_fixtures::SpecVersion;
use serde::{Deserialize, Serialize};

use crate::profile::Profile;
use crate::subject::Program;

/// What a trial process is asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// What to do in the sandbox.
    pub(crate) task: Task,
    /// The plugin.
    pub(crate) program: Program,
    /// Plugins beside it.
    pub(crate) delegates: Vec<Program>,
    /// Its declaration.
    pub(crate) profile: Profile,
    /// Seed of generated values.
    pub(crate) seed: u64,
    /// How long one call of the plugin may take, in milliseconds.
    pub(crate) deadline_ms: u64,
}

/// The kinds of trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Task {
    /// Make a host, a world and a container, and nothing else.
    Nothing,
    /// Find out what the machine lacks.
    Probe,
    /// Ask the plugin for its versions.
    Versions,
    /// Run a check in a spec version.
    Check {
        /// Its id.
        id: String,
        /// The version.
        #[serde(with = "spec_version")]
        version: SpecVersion,
    },
}

/// What a trial process answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Violations, in the order in which they were found.
    pub(crate) findings: Vec<RawFinding>,
    /// Every call of the plugin.
    pub(crate) exchanges: Vec<Exchange>,
    /// Why the check stopped before its end, if it did.
    pub(crate) stopped: Option<Stopped>,
    /// The state difference of the gravest finding that has one.
    pub(crate) difference: Vec<String>,
    /// Reproducer of the gravest finding.
    pub(crate) script: Option<String>,
    /// For [`Task::Probe`]: what is lacking, and why.
    pub(crate) lacks: Vec<(String, String)>,
}

/// A violation as the trial saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RawFinding {
    /// Id of the requirement.
    pub(crate) requirement: String,
    /// Its verdict in the version under test.
    pub(crate) verdict: Verdict,
    /// What was expected.
    pub(crate) expected: String,
    /// What was there.
    pub(crate) actual: String,
    /// Index of the exchange that shows it.
    pub(crate) exchange: Option<usize>,
}

/// Why a check could not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stopped {
    /// What it rests on does not hold; another check judges that.
    Blocked {
        /// Id of that check.
        check: String,
        /// What happened.
        why: String,
    },
    /// The harness or the machine failed.
    Trouble(String),
}

mod spec_version {
    //! A spec version as its number.
    use cni_spec_fixtures::SpecVersion;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        version: &SpecVersion,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(version)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SpecVersion, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(|_| D::Error::custom("no released spec version"))
    }
}
