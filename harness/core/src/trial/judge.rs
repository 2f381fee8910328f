//! Recording what is violated, with expected, actual and a proof that a shell can repeat.

use cni_conform_report::Verdict;
use cni_spec_fixtures::{Requirement, Verdict as Weight};

use super::Trial;
use super::call::Call;
use crate::job::RawFinding;

/// How the reproducer sees that the bug is there.
#[derive(Clone, Debug)]
pub enum Proof {
    /// The call exits with status 0 (and should not).
    Succeeds(usize),
    /// The call exits with another status (and should exit with 0), or is killed.
    Fails(usize),
    /// The call is killed by a signal or its deadline.
    Dies(usize),
    /// The call's standard output, white space removed, matches this POSIX extended expression.
    Prints(usize, String),
    /// The call's standard output, white space removed, does not match it.
    Lacks(usize, String),
    /// The call prints something on standard output.
    PrintsAnything(usize),
    /// The call's standard output is not one JSON document, by the bytes that begin and end it.
    PrintsNoDocument(usize),
    /// The two recorded states of these names differ.
    Differs(&'static str, &'static str),
    /// The recorded state of the second name has a line that the first has not.
    Grows(&'static str, &'static str),
    /// A shell condition that is true while the bug is there. `ns NAME` runs a command in a container.
    Shell(String),
    /// Any of these.
    Any(Vec<Self>),
    /// All of these.
    All(Vec<Self>),
}

impl Proof {
    /// The call exits with status 0, and should not.
    #[must_use]
    pub const fn succeeds(call: &Call) -> Self {
        Self::Succeeds(call.index())
    }

    /// The call fails, and should not.
    #[must_use]
    pub const fn fails(call: &Call) -> Self {
        Self::Fails(call.index())
    }

    /// The call prints something that matches.
    #[must_use]
    pub fn prints(call: &Call, expression: &str) -> Self {
        Self::Prints(call.index(), expression.to_owned())
    }

    /// The call prints nothing that matches.
    #[must_use]
    pub fn lacks(call: &Call, expression: &str) -> Self {
        Self::Lacks(call.index(), expression.to_owned())
    }

    /// Which call it looks at.
    const fn exchange(&self) -> Option<usize> {
        match self {
            Self::Succeeds(index)
            | Self::Fails(index)
            | Self::Dies(index)
            | Self::Prints(index, _)
            | Self::Lacks(index, _)
            | Self::PrintsAnything(index)
            | Self::PrintsNoDocument(index) => Some(*index),
            Self::Differs(..) | Self::Grows(..) | Self::Shell(_) | Self::Any(_) | Self::All(_) => {
                None
            }
        }
    }
}

impl Trial {
    /// Records a violation of `requirement` unless `held`, and returns `held`.
    ///
    /// Nothing is recorded when the requirement is not in force in the version under test, or when its
    /// violation counts for nothing there.
    pub fn expect(
        &mut self,
        requirement: &Requirement,
        held: bool,
        expected: impl Into<String>,
        actual: impl Into<String>,
        proof: Proof,
    ) -> bool {
        if !held {
            self.record(requirement, Verdict::Fail, (expected, actual), proof);
        }
        held
    }

    /// Like [`Trial::expect`], but a violation is a warning at most: for kinds of plugin which the catalogue's
    /// position judges more mildly than its verdict.
    pub fn advise(
        &mut self,
        requirement: &Requirement,
        held: bool,
        expected: impl Into<String>,
        actual: impl Into<String>,
        proof: Proof,
    ) -> bool {
        if !held {
            self.record(requirement, Verdict::Warn, (expected, actual), proof);
        }
        held
    }

    /// Records a violation, no graver than `ceiling`, if the requirement counts in the version under test.
    fn record(
        &mut self,
        requirement: &Requirement,
        ceiling: Verdict,
        (expected, actual): (impl Into<String>, impl Into<String>),
        proof: Proof,
    ) {
        if !requirement.in_force(self.version) {
            return;
        }
        let verdict = match requirement.verdict_in(self.version) {
            Weight::Fail => ceiling,
            Weight::Warn => Verdict::Warn,
            Weight::Info => return,
        };
        let (expected, actual) = (expected.into(), actual.into());
        if self
            .reproducer
            .as_ref()
            .is_none_or(|(known, _)| *known < verdict)
        {
            self.reproducer = Some((
                verdict,
                self.script.render(requirement, &expected, &actual, &proof),
            ));
        }
        let last = self.exchanges.len().checked_sub(1);
        self.findings.push(RawFinding {
            requirement: requirement.id.to_owned(),
            verdict,
            expected,
            actual,
            exchange: proof.exchange().or(last),
        });
    }

    /// Expects that a call succeeded.
    pub fn expect_success(&mut self, requirement: &Requirement, call: &Call, what: &str) -> bool {
        self.expect(
            requirement,
            call.succeeded(),
            format!("{what}: exit 0"),
            call.brief(),
            Proof::fails(call),
        )
    }

    /// Expects that a call was refused: it exited by itself with another status than 0.
    pub fn expect_refusal(&mut self, requirement: &Requirement, call: &Call, what: &str) -> bool {
        let proof = if call.succeeded() {
            Proof::succeeds(call)
        } else {
            Proof::Dies(call.index())
        };
        let expected = format!("{what}: exit status 1 to 125 and an error object");
        self.expect(requirement, call.refused(), expected, call.brief(), proof)
    }

    /// Expects one of these error codes of a refused call.
    pub fn expect_code(
        &mut self,
        requirement: &Requirement,
        call: &Call,
        codes: &[i64],
        what: &str,
    ) -> bool {
        let code = call.error().and_then(|error| error.code());
        let list = codes.iter().map(i64::to_string).collect::<Vec<_>>();
        let proof = Proof::lacks(call, &format!("\"code\":({})[^0-9]", list.join("|")));
        let held = code.is_some_and(|code| codes.contains(&code));
        self.expect(
            requirement,
            held,
            format!("{what}: error code {}", list.join(" or ")),
            call.brief(),
            proof,
        )
    }

    /// Expects that the text of a refused call's error contains a word.
    pub fn expect_named(
        &mut self,
        requirement: &Requirement,
        call: &Call,
        word: &str,
        what: &str,
    ) -> bool {
        let held = call
            .error()
            .is_some_and(|error| error.text().contains(word));
        let escaped: String = word
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '_' {
                    c.to_string()
                } else {
                    format!("[{c}]")
                }
            })
            .collect();
        let proof = Proof::lacks(call, &format!("\"(msg|details)\":\"[^\"]*{escaped}"));
        self.expect(
            requirement,
            held,
            format!("{what}: msg or details name {word}"),
            call.brief(),
            proof,
        )
    }

    /// Expects that a call printed nothing.
    pub fn expect_silence(&mut self, requirement: &Requirement, call: &Call, what: &str) -> bool {
        let proof = Proof::PrintsAnything(call.index());
        self.expect(
            requirement,
            call.is_silent(),
            format!("{what}: nothing on stdout"),
            call.brief(),
            proof,
        )
    }
}
