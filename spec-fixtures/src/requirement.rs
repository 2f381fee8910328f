//! What one requirement is, and what it says in a given version. The entries themselves are `catalogue`;
//! whether a plugin meets one is for the harness to find out.

use std::fmt;

use crate::catalogue::AMBIGUITIES;
use crate::section::{Section, SpecText};
use crate::version::SpecVersion;

/// One rule that a plugin, a runtime or a configuration has to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Permanent name, area and slug: `del.netns-gone`.
    pub id: &'static str,
    /// Permanent number for those who cite by number: `CNI-DEL-005`.
    pub number: &'static str,
    /// First word of the id, a key of [`AREAS`](crate::AREAS).
    pub area: &'static str,
    /// The rule in one or two sentences of our own.
    pub summary: &'static str,
    /// Level, unless `by_version` says otherwise; ask [`level_in`](Self::level_in).
    pub level: Level,
    /// Verdict on a violation, unless `by_version` says otherwise; ask [`verdict_in`](Self::verdict_in).
    pub verdict: Verdict,
    /// First version in which the rule is applied.
    pub since: SpecVersion,
    /// Last version in which the rule is applied.
    pub until: SpecVersion,
    /// Where the rule comes from.
    pub source: Source,
    /// Who is bound by it.
    pub subject: Subject,
    /// What it takes to observe a violation.
    pub method: Method,
    /// Verbs concerned; empty when it is none in particular.
    pub verbs: &'static [Verb],
    /// How to test it, in prose.
    pub test: &'static str,
    /// Why level, range or verdict differ from the letter of the text; may be empty.
    pub position: &'static str,
    /// What the Go plugins and libraries were seen to do; may be empty.
    pub observed_upstream: &'static str,
    /// Numbers of the [`AMBIGUITIES`](crate::AMBIGUITIES) that it decides.
    pub ambiguities: &'static [u8],
    /// Where the specification says it.
    pub sections: &'static [Section],
    /// Versions in which level or verdict differ, with both.
    pub by_version: &'static [(SpecVersion, Level, Verdict)],
}

/// How strongly the text words a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words of RFC 2119")]
pub enum Level {
    Must,
    MustNot,
    Should,
    ShouldNot,
    May,
}

/// What a violation amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Only reported.
    Info,
    /// Shown, and a failure on demand.
    Warn,
    /// Does not conform.
    Fail,
}

/// Where a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The text of at least one released version, or CONVENTIONS.md.
    Tag,
    /// Only the text on main, which still calls itself 1.1.0.
    Main,
    /// No text: a position of this catalogue.
    Position,
}

/// Who is bound by a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Subject {
    Plugin,
    IpamPlugin,
    Runtime,
    Config,
}

/// What it takes to observe a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Run the plugin; exit status, stdout and stderr.
    Exec,
    /// Also look at the kernel's state.
    Netns,
    /// Also change state between calls.
    Tamper,
    /// A recording or faulty delegate in `CNI_PATH`.
    FakeIpam,
    /// A made-up or real chain with prevResult.
    Chain,
    /// Drive a runtime with recording plugins.
    Runtime,
    /// Look at a configuration only.
    Static,
}

/// A verb of `CNI_COMMAND`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Verb {
    Add,
    Del,
    Check,
    Version,
    Status,
    Gc,
}

/// A question that the specification leaves open, and how this catalogue answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguity {
    /// Permanent number.
    pub number: u8,
    /// What the text does not say, or says twice.
    pub question: &'static str,
    /// The answer.
    pub position: &'static str,
    /// Why this one.
    pub reason: &'static str,
    /// Why no requirement refers to it; empty when one does.
    pub unbound: &'static str,
}

impl Requirement {
    /// Whether the rule is applied in this version.
    pub fn in_force(&self, version: SpecVersion) -> bool {
        (self.since..=self.until).contains(&version)
    }

    /// The level in this version.
    pub fn level_in(&self, version: SpecVersion) -> Level {
        self.change(version)
            .map_or(self.level, |(_, level, _)| *level)
    }

    /// What a violation in this version amounts to.
    pub fn verdict_in(&self, version: SpecVersion) -> Verdict {
        self.change(version)
            .map_or(self.verdict, |(_, _, verdict)| *verdict)
    }

    /// Whether only the text on main has the rule.
    pub fn head_only(&self) -> bool {
        self.source == Source::Main
    }

    /// The questions that it decides.
    pub fn open_questions(&self) -> impl Iterator<Item = &'static Ambiguity> {
        let numbers = self.ambiguities;
        AMBIGUITIES
            .iter()
            .filter(move |question| numbers.contains(&question.number))
    }

    /// The sections to read for this version: those of its own text, else of main and the conventions, else of
    /// the next older release, else of the oldest one that has any.
    pub fn sections_in(&self, version: SpecVersion) -> impl Iterator<Item = &'static Section> {
        let sections = self.sections;
        let text = self.text_for(version);
        sections
            .iter()
            .filter(move |section| Some(section.text) == text)
    }

    /// A link to the first of [`sections_in`](Self::sections_in); none for a position without a text.
    pub fn url(&self, version: SpecVersion) -> Option<String> {
        self.sections_in(version).next().map(Section::url)
    }

    fn change(&self, version: SpecVersion) -> Option<&'static (SpecVersion, Level, Verdict)> {
        self.by_version
            .iter()
            .find(|(changed, ..)| *changed == version)
    }

    fn text_for(&self, version: SpecVersion) -> Option<SpecText> {
        let has = |text: &SpecText| self.sections.iter().any(|section| section.text == *text);
        let older = SpecVersion::ALL
            .into_iter()
            .rev()
            .filter(|older| *older < version)
            .map(SpecText::Tag);
        [
            SpecText::Tag(version),
            SpecText::Main,
            SpecText::Conventions,
        ]
        .into_iter()
        .chain(older)
        .chain(SpecVersion::ALL.map(SpecText::Tag))
        .find(has)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD",
            Self::ShouldNot => "SHOULD NOT",
            Self::May => "MAY",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Info => "info",
        })
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Version => "VERSION",
            Self::Status => "STATUS",
            Self::Gc => "GC",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{COMMIT, req};

    #[test]
    fn a_rule_that_became_stricter_has_another_level_and_verdict_in_older_versions() {
        let rule = req::DEL_IDEMPOTENT;
        assert!(!rule.in_force(SpecVersion::V0_2_0));
        assert!(rule.in_force(SpecVersion::V0_3_0));
        assert_eq!(rule.level_in(SpecVersion::V0_4_0), Level::Should);
        assert_eq!(rule.verdict_in(SpecVersion::V0_4_0), Verdict::Warn);
        assert_eq!(rule.level_in(SpecVersion::V1_0_0), Level::Must);
        assert_eq!(rule.verdict_in(SpecVersion::V1_0_0), Verdict::Fail);
    }

    #[test]
    fn a_url_names_the_tag_and_the_anchor() {
        let url = req::DEL_NETNS_GONE.url(SpecVersion::V0_3_1);
        let expected = "https://github.com/containernetworking/cni/blob/spec-v0.3.1/SPEC.md\
                        #network-configuration-list-error-handling";
        assert_eq!(url.as_deref(), Some(expected));
    }

    #[test]
    fn a_rule_that_is_only_on_main_links_to_a_commit() {
        let url = req::DEL_EMPTY_PREVRESULT.url(SpecVersion::V1_1_0).unwrap();
        assert!(req::DEL_EMPTY_PREVRESULT.head_only());
        assert!(url.starts_with(&format!(
            "https://github.com/containernetworking/cni/blob/{COMMIT}/SPEC.md#"
        )));
    }

    #[test]
    fn a_position_without_text_has_no_url_but_a_question() {
        assert_eq!(req::PROCESS_DEADLINE.url(SpecVersion::V1_1_0), None);
        assert_eq!(
            req::PROCESS_DEADLINE
                .open_questions()
                .map(|question| question.number)
                .collect::<Vec<_>>(),
            [65]
        );
    }
}
