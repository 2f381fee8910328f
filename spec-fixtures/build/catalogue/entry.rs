//! The vocabulary of `requirements/*.toml`, `ambiguities.toml` and `sections.toml`, key by key.
//! Unknown keys and words are errors.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Everything that the constants are made from.
pub(crate) struct Catalogue {
    pub(crate) areas: Vec<Area>,
    pub(crate) ambiguities: Vec<Ambiguity>,
    pub(crate) sections: Sections,
}

/// One file of `requirements/`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Area {
    pub(crate) area: String,
    pub(crate) title: String,
    pub(crate) requirement: Vec<Entry>,
}

/// One requirement as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) level: Level,
    pub(crate) verdict: Verdict,
    pub(crate) since: Version,
    pub(crate) until: Version,
    #[serde(default)]
    pub(crate) head_only: bool,
    pub(crate) source: Option<Source>,
    pub(crate) subject: Subject,
    pub(crate) method: Method,
    pub(crate) verbs: Vec<Verb>,
    #[serde(default)]
    pub(crate) ambiguity: Vec<u8>,
    pub(crate) summary: String,
    pub(crate) test: String,
    #[serde(default)]
    pub(crate) position: String,
    #[serde(default)]
    pub(crate) observed_upstream: String,
    #[serde(default)]
    pub(crate) sections: BTreeMap<Document, Vec<String>>,
    #[serde(default)]
    pub(crate) by_version: BTreeMap<Version, Override>,
}

/// What differs in one version.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Override {
    pub(crate) level: Option<Level>,
    pub(crate) verdict: Option<Verdict>,
}

/// One question that the specification leaves open.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ambiguity {
    pub(crate) number: u8,
    pub(crate) question: String,
    pub(crate) position: String,
    pub(crate) reason: String,
    /// Why no requirement refers to it.
    #[serde(default)]
    pub(crate) unbound: String,
}

/// The headings of the specification, by document and anchor.
#[derive(Deserialize)]
pub(crate) struct Sections {
    pub(crate) commit: String,
    #[serde(flatten)]
    pub(crate) documents: BTreeMap<Document, BTreeMap<String, String>>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    #[serde(rename = "0.1.0")]
    V0_1_0,
    #[serde(rename = "0.2.0")]
    V0_2_0,
    #[serde(rename = "0.3.0")]
    V0_3_0,
    #[serde(rename = "0.3.1")]
    V0_3_1,
    #[serde(rename = "0.4.0")]
    V0_4_0,
    #[serde(rename = "1.0.0")]
    V1_0_0,
    #[serde(rename = "1.1.0")]
    V1_1_0,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Document {
    #[serde(rename = "0.1.0")]
    V0_1_0,
    #[serde(rename = "0.2.0")]
    V0_2_0,
    #[serde(rename = "0.3.0")]
    V0_3_0,
    #[serde(rename = "0.3.1")]
    V0_3_1,
    #[serde(rename = "0.4.0")]
    V0_4_0,
    #[serde(rename = "1.0.0")]
    V1_0_0,
    #[serde(rename = "1.1.0")]
    V1_1_0,
    #[serde(rename = "main")]
    Main,
    #[serde(rename = "conventions")]
    Conventions,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum Level {
    #[serde(rename = "MUST")]
    Must,
    #[serde(rename = "MUST NOT")]
    MustNot,
    #[serde(rename = "SHOULD")]
    Should,
    #[serde(rename = "SHOULD NOT")]
    ShouldNot,
    #[serde(rename = "MAY")]
    May,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Fail,
    Warn,
    Info,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    Position,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    Plugin,
    IpamPlugin,
    Runtime,
    Config,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    Exec,
    Netns,
    Tamper,
    FakeIpam,
    Chain,
    Runtime,
    Static,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Verb {
    Add,
    Del,
    Check,
    Version,
    Status,
    Gc,
}
