//! From a report to what CI acts on. Whatever could not be judged never comes out as conforming.

use std::fmt;

use crate::fold::count;
use crate::model::{CheckResult, Outcome, Report, Verdict};

/// How strict the gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The mildest verdict that does not conform: [`Verdict::Warn`] for `--fail-on should`.
    pub fail_on: Verdict,
}

/// What a whole report amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// Everything that was judged holds.
    Conforms,
    /// A requirement is violated.
    Violates,
    /// Sandbox, kernel or canary trouble, or a run that did not reach its end.
    CouldNotJudge,
    /// Not one check was run.
    NothingRan,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            fail_on: Verdict::Fail,
        }
    }
}

impl Gate {
    /// Whether one result of this outcome is enough not to conform.
    #[must_use]
    pub fn fails(self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Fail => true,
            Outcome::Warn => self.fail_on == Verdict::Warn,
            Outcome::Pass | Outcome::NotApplicable | Outcome::Blocked | Outcome::Inconclusive => {
                false
            }
        }
    }

    /// Returns what the report amounts to. A violation outranks trouble, trouble outranks an empty run.
    #[must_use]
    pub fn judge(self, report: &Report) -> Conclusion {
        let summary = count(&report.results);
        let has = |outcome| summary.contains_key(&outcome);
        if summary.keys().any(|outcome| self.fails(*outcome)) {
            return Conclusion::Violates;
        }
        if report.footer.is_none() || has(Outcome::Inconclusive) {
            return Conclusion::CouldNotJudge;
        }
        if !report.results.iter().any(ran) {
            return Conclusion::NothingRan;
        }
        if report
            .results
            .iter()
            .any(|result| causeless(report, result))
        {
            return Conclusion::CouldNotJudge;
        }
        Conclusion::Conforms
    }
}

impl Conclusion {
    /// Returns the exit status of the process.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Conforms => 0,
            Self::Violates => 1,
            Self::CouldNotJudge => 3,
            Self::NothingRan => 4,
        }
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Conforms => "conforms",
            Self::Violates => "does not conform",
            Self::CouldNotJudge => "could not judge",
            Self::NothingRan => "nothing ran",
        })
    }
}

/// Says why the results alone would look better than they are: formats without an exit status of
/// their own (JUnit, TAP, annotations) show this as an error, lest their reader turns green.
pub(crate) fn gap(report: &Report) -> Option<&'static str> {
    if report.footer.is_none() {
        return Some("the run did not reach its end; results are missing");
    }
    match Gate::default().judge(report) {
        Conclusion::NothingRan => Some("nothing was judged; not one check applies"),
        Conclusion::CouldNotJudge if report.results.iter().any(|r| causeless(report, r)) => {
            Some("checks are blocked by a check that is not in the report")
        }
        _ => None,
    }
}

fn ran(result: &CheckResult) -> bool {
    match result.outcome {
        Outcome::Pass | Outcome::Fail | Outcome::Warn | Outcome::Inconclusive => true,
        Outcome::NotApplicable | Outcome::Blocked => false,
    }
}

/// A blocked result is let through because its cause gates. One whose subject has no cause in the report has nothing that gates.
fn causeless(report: &Report, result: &CheckResult) -> bool {
    let is_cause = |other: &CheckResult| {
        other.subject == result.subject
            && matches!(
                other.outcome,
                Outcome::Fail | Outcome::Warn | Outcome::Inconclusive
            )
    };
    result.outcome == Outcome::Blocked && !report.results.iter().any(is_cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn status(outcomes: &[Outcome], fail_on: Verdict) -> u8 {
        let results = outcomes
            .iter()
            .enumerate()
            .map(|(n, outcome)| fixture::result(&format!("a/{n}"), "1.0.0", *outcome))
            .collect();
        Gate { fail_on }
            .judge(&fixture::with(results))
            .exit_status()
    }

    #[test]
    fn every_mix_of_outcomes_has_its_exit_status() {
        use Outcome::{Blocked, Fail, Inconclusive, NotApplicable, Pass, Warn};
        let cases: [(&[Outcome], u8, u8); 13] = [
            (&[Pass], 0, 0),
            (&[Pass, NotApplicable], 0, 0),
            (&[Pass, Warn], 0, 1),
            (&[Warn], 0, 1),
            (&[Pass, Fail], 1, 1),
            (&[Fail, Inconclusive, Blocked], 1, 1),
            (&[Warn, Inconclusive], 3, 1),
            (&[Pass, Inconclusive], 3, 3),
            (&[Inconclusive], 3, 3),
            (&[], 4, 4),
            (&[NotApplicable, NotApplicable], 4, 4),
            (&[NotApplicable, Blocked], 4, 4),
            (&[Pass, Blocked], 3, 3),
        ];
        for (outcomes, must, should) in cases {
            assert_eq!(status(outcomes, Verdict::Fail), must, "{outcomes:?}");
            assert_eq!(status(outcomes, Verdict::Warn), should, "{outcomes:?}");
        }
    }

    #[test]
    fn a_report_without_footer_cannot_conform_but_can_violate() {
        let mut passing = fixture::with(vec![fixture::result("a/b", "1.0.0", Outcome::Pass)]);
        passing.footer = None;
        assert_eq!(Gate::default().judge(&passing), Conclusion::CouldNotJudge);
        let mut empty = fixture::with(Vec::new());
        empty.footer = None;
        assert_eq!(Gate::default().judge(&empty), Conclusion::CouldNotJudge);
        let mut failing = fixture::report();
        failing.footer = None;
        assert_eq!(Gate::default().judge(&failing), Conclusion::Violates);
    }

    #[test]
    fn the_results_are_counted_not_the_summary() {
        let mut report = fixture::report();
        report.summary.clear();
        assert_eq!(Gate::default().judge(&report), Conclusion::Violates);
    }
}
