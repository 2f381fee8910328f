//! The only way in which a check touches the world.
//!
//! A trial runs on a throwaway host: it makes containers, calls the plugin, looks at the kernel, sabotages,
//! and records what is violated. Everything it does is written down as a shell script on the side, so that
//! a violation can be seen again without the harness.

mod address;
mod attachment;
mod call;
pub(crate) mod delegate;
mod disaster;
mod judge;
mod request;
mod sabotage;
mod script;
mod state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cni_conform_report::Exchange;
use cni_spec_fixtures::SpecVersion;

pub(crate) use address::listed_addresses;
pub use attachment::{Attached, Attachment};
pub use call::{Call, ErrorObject};
pub use delegate::{Answer as DelegateAnswer, DelegateCall, Scripted};
pub use judge::Proof;
pub use request::{Request, Verb};
pub use sabotage::Place;

use crate::check::Feature;
use crate::job::{Answer, Job, RawFinding, Stopped};
use crate::profile::{Kind, Profile};
use crate::sandbox::Netns;
use crate::subject::Program;
use script::Script;

/// Why a check can't go on. There is no way for a check to excuse itself.
#[derive(Clone, Debug)]
pub enum Stop {
    /// What it rests on does not hold; the named check judges that and gates.
    Blocked {
        /// Id of that check.
        check: &'static str,
        /// What happened.
        why: String,
    },
    /// The harness or the machine failed; never blamed on the plugin.
    Trouble(String),
}

/// One check on one plugin in one spec version, on a host of its own.
#[derive(Debug)]
pub struct Trial {
    version: SpecVersion,
    profile: Profile,
    program: Program,
    delegates: Vec<Program>,
    seed: u64,
    deadline: Duration,
    host: Netns,
    containers: BTreeMap<String, Netns>,
    exchanges: Vec<Exchange>,
    findings: Vec<RawFinding>,
    difference: Option<Vec<String>>,
    script: Script,
    reproducer: Option<(cni_conform_report::Verdict, String)>,
}

impl Stop {
    /// Returns trouble from an error, with its causes.
    pub(crate) fn trouble(error: &dyn std::error::Error) -> Self {
        Self::Trouble(crate::chain(error))
    }
}

impl Trial {
    /// Begins a trial on the host that this process is on.
    pub(crate) fn begin(
        job: Job,
        id: &str,
        title: &str,
        version: SpecVersion,
    ) -> Result<Self, Stop> {
        let host = Netns::current().map_err(|error| Stop::trouble(&error))?;
        crate::world::create(Path::new("/run/cni-conform/world"))
            .map_err(|error| Stop::trouble(&error))?;
        let script = Script::new(id, title, version, &job.program, &job.delegates);
        Ok(Self {
            version,
            profile: job.profile,
            program: job.program,
            delegates: job.delegates,
            seed: job.seed,
            deadline: Duration::from_millis(job.deadline_ms),
            host,
            containers: BTreeMap::new(),
            exchanges: Vec::new(),
            findings: Vec::new(),
            difference: None,
            script,
            reproducer: None,
        })
    }

    /// Ends the trial with what it found.
    pub(crate) fn end(self, stop: Option<Stop>) -> Answer {
        let stopped = stop.map(|stop| match stop {
            Stop::Blocked { check, why } => Stopped::Blocked {
                check: check.to_owned(),
                why,
            },
            Stop::Trouble(what) => Stopped::Trouble(what),
        });
        Answer {
            findings: self.findings,
            exchanges: self.exchanges,
            stopped,
            difference: self.difference.unwrap_or_default(),
            script: self.reproducer.map(|(_, script)| script),
            lacks: Vec::new(),
        }
    }

    /// Returns the spec version under test.
    #[must_use]
    pub const fn version(&self) -> SpecVersion {
        self.version
    }

    /// Returns what the plugin is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.profile.kind
    }

    /// Tells whether the plugin has a feature. For adapting to it; what applies at all is settled by `needs`.
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        self.profile.has(feature)
    }

    /// Sets a key of the network configuration for every request to come.
    pub fn configure(&mut self, key: &str, value: serde_json::Value) {
        self.profile.config.insert(key.to_owned(), value);
    }

    /// Returns the network configuration, without cniVersion and name.
    #[must_use]
    pub const fn configuration(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.profile.config
    }

    /// Returns the settings that the plugin itself defines, with the profile's values: those of `ipam` for an IPAM
    /// plugin.
    #[must_use]
    pub fn own_settings(&self) -> Vec<(String, serde_json::Value)> {
        self.profile
            .own_keys()
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect()
    }

    /// Returns the directories of CNI_PATH.
    fn plugin_path(&self) -> Vec<PathBuf> {
        script::plugin_path(&self.program, &self.delegates)
    }
}
