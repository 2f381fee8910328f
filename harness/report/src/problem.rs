//! What a reader has to look at: results that failed, warned or could not be judged, the same one in
//! several spec versions told once.

use std::collections::BTreeMap;

use crate::model::{CheckResult, Exchange, Finding, Outcome, Report};

/// One check that ended the same way, and not well, in some spec versions of one subject.
#[derive(Clone, Debug)]
pub(crate) struct Problem<'a> {
    /// The result in the newest of those versions: its links are the ones that people follow.
    pub(crate) result: &'a CheckResult,
    /// The versions, oldest first.
    pub(crate) specs: Vec<&'a str>,
}

impl Problem<'_> {
    /// Returns the versions as text.
    pub(crate) fn versions(&self) -> String {
        self.specs.join(", ")
    }
}

/// Returns every problem: failures, then warnings, then what could not be judged, each in the report's order.
pub(crate) fn problems(report: &Report) -> Vec<Problem<'_>> {
    let mut problems: Vec<Problem<'_>> = Vec::new();
    for outcome in [Outcome::Fail, Outcome::Warn, Outcome::Inconclusive] {
        let results = report.results.iter();
        for result in results.filter(|result| result.outcome == outcome) {
            match problems.iter_mut().find(|known| same(known.result, result)) {
                Some(known) => {
                    known.specs.push(&result.spec);
                    known.result = result;
                }
                None => problems.push(Problem {
                    result,
                    specs: vec![&result.spec],
                }),
            }
        }
    }
    problems
}

/// Returns the results of one outcome by their reason, the most frequent first.
pub(crate) fn by_reason(report: &Report, outcome: Outcome) -> Vec<(&str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for result in report
        .results
        .iter()
        .filter(|result| result.outcome == outcome)
    {
        let reason = result.reason.as_deref().unwrap_or("no reason given");
        *counts.entry(reason).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

/// Returns the call that shows the gravest finding, and its number from 1: the one that it names, else the last.
pub(crate) fn shown_exchange(result: &CheckResult) -> Option<(usize, &Exchange)> {
    let exchanges = &result.evidence.as_ref()?.exchanges;
    let named = result.findings.first().and_then(|finding| finding.exchange);
    let index = named
        .filter(|index| *index < exchanges.len())
        .unwrap_or(exchanges.len().saturating_sub(1));
    exchanges.get(index).map(|exchange| (index + 1, exchange))
}

/// Returns a call as a shell would take it: what CNI puts into the environment, then the command line.
pub(crate) fn command(exchange: &Exchange) -> String {
    let variables = exchange.env.iter();
    let words = variables
        .filter(|(key, _)| key.starts_with("CNI_"))
        .map(|(key, value)| format!("{key}={}", quote(value)))
        .chain(exchange.argv.iter().map(|word| quote(word)));
    words.collect::<Vec<_>>().join(" ")
}

/// Returns what was found, in one line: what was there instead of the expected, else why it was not judged.
pub(crate) fn gist(result: &CheckResult) -> String {
    match (&result.actual, &result.expected, &result.reason) {
        (Some(actual), Some(expected), _) => format!("expected {expected}, got {actual}"),
        (Some(actual), None, _) => format!("got {actual}"),
        (None, Some(expected), _) => format!("expected {expected}"),
        (None, None, Some(reason)) => reason.clone(),
        (None, None, None) => result.title.clone(),
    }
}

/// Whether two results say the same but for the spec version, in their texts as well.
fn same(a: &CheckResult, b: &CheckResult) -> bool {
    fn texts(result: &CheckResult) -> Vec<Option<String>> {
        let fields = [&result.reason, &result.expected, &result.actual];
        let findings = result.findings.iter();
        fields
            .into_iter()
            .map(|field| field.as_deref())
            .chain(findings.flat_map(|found| [Some(&*found.expected), Some(&*found.actual)]))
            .map(|text| text.map(|text| text.replace(&result.spec, "{spec}")))
            .collect()
    }
    let ids = |finding: &Finding| (finding.requirement.clone(), finding.level, finding.verdict);
    a.subject == b.subject
        && a.check == b.check
        && a.outcome == b.outcome
        && a.findings.iter().map(ids).eq(b.findings.iter().map(ids))
        && texts(a) == texts(b)
}

/// Quotes a word for a POSIX shell where it needs it.
fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_same_failure_in_two_versions_is_one_problem() {
        let report = fixture::report();
        let told: Vec<_> = problems(&report)
            .iter()
            .map(|problem| (problem.result.check.clone(), problem.versions()))
            .collect();
        let expected = [
            ("del/netns-already-gone", "0.4.0, 1.0.0"),
            ("error/is-json", "1.0.0"),
            ("check/address-removed", "1.0.0"),
            ("check/link-removed", "1.0.0"),
        ];
        let expected = expected.map(|(check, specs)| (check.to_owned(), specs.to_owned()));
        assert_eq!(told, expected);
    }

    #[test]
    fn another_failure_of_the_same_check_is_another_problem() {
        let mut report = fixture::report();
        let other = report
            .results
            .iter_mut()
            .find(|result| result.outcome == Outcome::Fail)
            .unwrap();
        other.actual = Some("a crash".to_owned());
        assert_eq!(problems(&report).len(), 5);
    }

    #[test]
    fn the_exchange_is_the_one_that_the_finding_names_else_the_last() {
        let report = fixture::report();
        let number = |check: &str| {
            let mut results = report.results.iter();
            let result = results.find(|result| result.check == check).unwrap();
            shown_exchange(result).map(|(number, _)| number)
        };
        assert_eq!(number("del/netns-already-gone"), Some(2));
        assert_eq!(number("error/is-json"), Some(1));
        assert_eq!(number("check/address-removed"), None);
    }

    #[test]
    fn a_command_is_quoted_for_the_shell_and_leaves_out_what_cni_does_not_set() {
        let report = fixture::report();
        let all = problems(&report);
        let (_, exchange) = shown_exchange(all[0].result).unwrap();
        assert_eq!(
            command(exchange),
            "CNI_COMMAND=DEL CNI_CONTAINERID=conform-1 CNI_IFNAME=eth0 \
             CNI_NETNS='/run/netns/container a' CNI_PATH=/opt/cni/bin /opt/cni/bin/bridge"
        );
        assert_eq!(quote("it's"), "'it'\\''s'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn reasons_are_counted_the_most_frequent_first() {
        let report = fixture::report();
        let reasons = by_reason(&report, Outcome::NotApplicable);
        assert_eq!(
            reasons,
            [
                ("the plugin does not claim GC before 1.1.0", 2),
                ("link-kind ipvlan: this kernel was built without it", 1)
            ]
        );
    }
}
