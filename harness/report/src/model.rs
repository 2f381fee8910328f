//! The report as data. A change that an old reader would misread bumps [`SCHEMA`].
//!
//! Everything here is plain data; how it comes about is the core's subject, how it looks the renderers'.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Version of the report's JSON form.
pub const SCHEMA: u32 = 1;

/// A whole run: what was judged, where, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Version of this form; see [`SCHEMA`].
    pub schema: u32,
    /// The harness that judged.
    pub tool: Tool,
    /// The machine on which it judged.
    pub environment: Environment,
    /// Which share of a run this is. Absent when it is all of it; see [`merge`](crate::merge).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
    /// The plugins that were judged.
    pub subjects: Vec<Subject>,
    /// One entry for every check, subject and spec version.
    pub results: Vec<CheckResult>,
    /// Counts by outcome, over all results.
    pub summary: Summary,
    /// Absent when the run did not reach its end; such a report is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<Footer>,
}

/// The harness itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// `cni-conform`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The machine: everything that decides which trials could run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Release of the running kernel, as `uname -r` prints it.
    pub kernel: String,
    /// Machine architecture, as `uname -m` prints it.
    pub arch: String,
    /// With which privilege the sandboxes were made.
    pub privilege: Privilege,
    /// What this kernel, this user or this machine lacks, and therefore was not judged.
    pub lacks: Vec<Lack>,
    /// Seed of order and generated values.
    pub seed: u64,
    /// Trials that ran side by side.
    pub jobs: usize,
}

/// A shard of a run, as `--partition 2/5` asks for it. Without it a lost shard would go unnoticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Which one, from 1.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

/// How the sandboxes came to their capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Privilege {
    /// The harness ran as root.
    Root,
    /// The harness ran as an ordinary user, inside user namespaces.
    UserNamespace,
}

/// Something that the machine can't do, found by a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lack {
    /// What is missing: `link-kind ipvlan`, `iptables`, `tap`.
    pub what: String,
    /// What the probe saw, and what to do about it.
    pub why: String,
}

/// A plugin that was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its name in this report, unique: the file name, numbered where two share one.
    pub name: String,
    /// The binary.
    pub path: String,
    /// SHA-256 of the binary, in hex.
    pub sha256: String,
    /// The versions that its VERSION reply claims.
    pub versions: Vec<String>,
    /// The profile under which it was judged.
    pub profile: String,
}

/// What became of one check on one subject in one spec version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckResult {
    /// Id of the check, such as `del/netns-already-gone`.
    pub check: String,
    /// What the check says in words.
    pub title: String,
    /// Name of the subject.
    pub subject: String,
    /// Spec version under test.
    pub spec: String,
    /// Ids of the requirements that the check judges in this version.
    pub requirements: Vec<String>,
    /// Strictest level among those requirements in this version.
    pub level: Level,
    /// The verdict.
    pub outcome: Outcome,
    /// Why the outcome is neither pass nor fail nor warn: the feature that is not claimed, the check that blocks, the trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was expected, of the gravest finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was there instead, of the gravest finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
    /// Every requirement that was found violated, the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What backs a fail, a warn or an inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Wall time of the trial, in milliseconds.
    pub duration_ms: u64,
}

/// One violated requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Id of the requirement.
    pub requirement: String,
    /// Its summary, in our words.
    pub summary: String,
    /// Link to the section of the specification.
    pub url: String,
    /// Its level in the spec version under test.
    pub level: Level,
    /// What a violation of it amounts to in that version.
    pub verdict: Verdict,
    /// What was expected.
    pub expected: String,
    /// What was there instead.
    pub actual: String,
    /// Index of the exchange in the evidence that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<usize>,
}

/// What backs a verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Every call of the plugin in the trial, in order.
    pub exchanges: Vec<Exchange>,
    /// The smallest difference between the state that was expected and the state that was found; unified, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub difference: Vec<String>,
    /// What a reference plugin answered to the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_opinion: Option<String>,
    /// A POSIX shell script that exits 1 while the bug is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproducer: Option<String>,
    /// Where that script was written, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproducer_path: Option<String>,
}

/// One call of a plugin: everything that went in and everything that came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The command line; the plugin's path first.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Standard input; bytes that are not UTF-8 are replaced.
    pub stdin: String,
    /// Standard output, as far as it was kept.
    pub stdout: String,
    /// Standard error, as far as it was kept.
    pub stderr: String,
    /// How many bytes of standard output came in all.
    pub stdout_bytes: u64,
    /// How many bytes of standard error came in all.
    pub stderr_bytes: u64,
    /// How it ended.
    pub status: Status,
    /// Whether a descendant held standard output or error open after the plugin had exited.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held_open: bool,
    /// Wall time, in microseconds.
    pub duration_us: u64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It exited with this status.
    Exit(i32),
    /// A signal of this number ended it.
    Signal(i32),
    /// It was still running at its deadline, after this many milliseconds, and was killed.
    Deadline(u64),
}

/// Level of a requirement in a spec version, as RFC 2119 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// MAY.
    May,
    /// SHOULD and SHOULD NOT.
    Should,
    /// MUST and MUST NOT.
    Must,
}

/// What a violation amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Always shown; gates only with `--fail-on should`.
    Warn,
    /// The plugin does not conform.
    Fail,
}

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every requirement held.
    Pass,
    /// A requirement was violated whose violation is a failure.
    Fail,
    /// A requirement was violated whose violation is a warning.
    Warn,
    /// The plugin does not claim the version or the feature, or the machine lacks what the check needs.
    NotApplicable,
    /// An earlier check, named in the reason, failed and this one rests on it.
    Blocked,
    /// The harness could not judge; never the plugin's fault.
    Inconclusive,
}

/// Counts by outcome.
pub type Summary = BTreeMap<Outcome, usize>;

/// The end of a complete report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footer {
    /// How many results the report holds; a reader recounts them.
    pub results: usize,
    /// Wall time of the run, in milliseconds.
    pub duration_ms: u64,
}

impl Outcome {
    /// Every outcome, in the order in which reports list them.
    pub const ALL: [Self; 6] = [
        Self::Pass,
        Self::Fail,
        Self::Warn,
        Self::NotApplicable,
        Self::Blocked,
        Self::Inconclusive,
    ];

    /// Returns the name that reports and filters use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::NotApplicable => "not-applicable",
            Self::Blocked => "blocked",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Root => "root",
            Self::UserNamespace => "user namespace",
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::May => "MAY",
            Self::Should => "SHOULD",
            Self::Must => "MUST",
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Deadline(ms) => write!(f, "killed at its deadline of {ms} ms"),
        }
    }
}
