//! The report as JUnit XML, for CI systems: one suite per subject and spec version.
//!
//! A violation is a `<failure>` and trouble of the harness an `<error>`, never the other way round:
//! consumers count them apart, and a wrong element has turned gates green elsewhere.

use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use crate::account::{Extent, Script, account};
use crate::gate::{Gate, gap};
use crate::model::{CheckResult, Outcome, Report, Subject};
use crate::printable::one_line;
use crate::problem::gist;

const EXTENT: Extent = Extent {
    lines: 200,
    script: Script::Whole,
};

/// Returns the report as JUnit XML. A warning is a failure only where the gate fails on it.
#[must_use]
pub fn render(report: &Report, gate: Gate) -> String {
    let mut document = quick_junit::Report::new(one_line(&report.tool.name));
    if let Some(footer) = report.footer {
        document.set_time(Duration::from_millis(footer.duration_ms));
    }
    for subject in &report.subjects {
        let of_subject = |result: &&CheckResult| result.subject == subject.name;
        let results: Vec<_> = report.results.iter().filter(of_subject).collect();
        let mut specs: Vec<_> = results.iter().map(|result| &result.spec).collect();
        specs.sort();
        specs.dedup();
        for spec in specs {
            let results = results.iter().filter(|result| result.spec == *spec);
            let results: Vec<_> = results.copied().collect();
            let mut suite = suite(report, subject, spec, &results);
            suite.add_test_cases(results.iter().map(|result| case(result, gate)));
            document.add_test_suite(suite);
        }
    }
    if let Some(gap) = gap(report) {
        document.add_test_suite(incomplete(gap));
    }
    document
        .to_string()
        .expect("invariant: all text was made printable, and writing to memory does not fail")
}

fn suite(report: &Report, subject: &Subject, spec: &str, results: &[&CheckResult]) -> TestSuite {
    let mut suite = TestSuite::new(one_line(&format!("{} {spec}", subject.name)));
    let took = results.iter().map(|result| result.duration_ms).sum();
    suite.set_time(Duration::from_millis(took));
    let environment = &report.environment;
    let properties = [
        ("subject.path", subject.path.clone()),
        ("subject.sha256", subject.sha256.clone()),
        ("subject.profile", subject.profile.clone()),
        ("spec", spec.to_owned()),
        ("tool.version", report.tool.version.clone()),
        ("kernel", environment.kernel.clone()),
        ("arch", environment.arch.clone()),
        ("privilege", environment.privilege.to_string()),
        ("seed", environment.seed.to_string()),
    ];
    for (name, value) in properties {
        suite.add_property((name, one_line(&value).as_str()));
    }
    suite
}

fn case(result: &CheckResult, gate: Gate) -> TestCase {
    let reason = result.reason.as_deref().unwrap_or("no reason given");
    let warning_fails = gate.fails(Outcome::Warn);
    let status = match result.outcome {
        Outcome::Fail => unsuccessful(NonSuccessKind::Failure, result),
        Outcome::Warn if warning_fails => unsuccessful(NonSuccessKind::Failure, result),
        Outcome::Pass | Outcome::Warn => TestCaseStatus::success(),
        Outcome::Inconclusive => unsuccessful(NonSuccessKind::Error, result),
        Outcome::NotApplicable => skipped(&format!("not applicable: {reason}")),
        Outcome::Blocked => skipped(&format!("blocked: {reason}")),
    };
    let mut case = TestCase::new(one_line(&result.check), status);
    case.set_classname(one_line(&format!("{}.{}", result.subject, result.spec)));
    case.set_time(Duration::from_millis(result.duration_ms));
    if result.outcome == Outcome::Warn && !warning_fails {
        let told = format!("warning: {}\n{}", message(result), account(result, EXTENT));
        case.set_system_out(told);
    }
    case
}

fn unsuccessful(kind: NonSuccessKind, result: &CheckResult) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message(result));
    status.set_type(result.outcome.name());
    status.set_description(account(result, EXTENT));
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(one_line(message));
    status
}

/// A message is an attribute, where XML turns line breaks into spaces; so it is one line to begin with.
fn message(result: &CheckResult) -> String {
    one_line(&format!("{}: {}", result.title, gist(result)))
}

fn incomplete(gap: &str) -> TestSuite {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(gap);
    status.set_type(Outcome::Inconclusive.name());
    let mut case = TestCase::new("run/complete", status);
    case.set_classname("cni-conform");
    let mut suite = TestSuite::new("cni-conform");
    suite.add_test_case(case);
    suite
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use quick_xml::Reader;
    use quick_xml::escape::resolve_predefined_entity;
    use quick_xml::events::{BytesStart, Event};

    use super::*;
    use crate::fixture;
    use crate::model::Verdict;

    /// A test case as a stranger reads it: its name, the elements in it, their messages and text.
    #[derive(Debug, Default)]
    struct Case {
        attributes: BTreeMap<String, String>,
        children: Vec<(String, BTreeMap<String, String>, String)>,
    }

    #[derive(Debug, Default)]
    struct Document {
        root: BTreeMap<String, String>,
        suites: Vec<BTreeMap<String, String>>,
        properties: Vec<BTreeMap<String, String>>,
        cases: Vec<Case>,
    }

    fn attributes(element: &BytesStart<'_>) -> BTreeMap<String, String> {
        let attributes = element.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .unwrap();
            (attribute.key.as_ref().to_owned(), value.into_owned())
        });
        attributes.collect()
    }

    fn parse(xml: &str) -> Document {
        let mut reader = Reader::from_str(xml);
        let mut document = Document::default();
        let mut inside = String::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => return document,
                Event::Start(element) | Event::Empty(element) => {
                    let name = element.name().as_ref().to_owned();
                    let attributes = attributes(&element);
                    match name.as_str() {
                        "testsuites" => document.root = attributes,
                        "testsuite" => document.suites.push(attributes),
                        "property" => document.properties.push(attributes),
                        "properties" => {}
                        "testcase" => document.cases.push(Case {
                            attributes,
                            ..Case::default()
                        }),
                        _ => {
                            let case = document.cases.last_mut().unwrap();
                            case.children
                                .push((name.clone(), attributes, String::new()));
                        }
                    }
                    inside = name;
                }
                Event::Text(text)
                    if ["failure", "error", "system-out"].contains(&inside.as_str()) =>
                {
                    let case = document.cases.last_mut().unwrap();
                    let (_, _, body) = case.children.last_mut().unwrap();
                    body.push_str(&text.xml10_content());
                }
                Event::GeneralRef(reference) => {
                    let case = document.cases.last_mut().unwrap();
                    let (_, _, body) = case.children.last_mut().unwrap();
                    body.push_str(resolve_predefined_entity(&reference).unwrap());
                }
                Event::End(_) => inside.clear(),
                _ => {}
            }
        }
    }

    fn element_of(outcome: Outcome) -> Vec<(String, BTreeMap<String, String>, String)> {
        let report = fixture::report();
        let result = report
            .results
            .iter()
            .find(|result| result.outcome == outcome)
            .unwrap();
        let document = parse(&render(&report, Gate::default()));
        let classname = format!("{}.{}", result.subject, result.spec);
        let mut cases = document.cases.into_iter();
        let case = cases.find(|case| {
            case.attributes["name"] == result.check && case.attributes["classname"] == classname
        });
        case.unwrap().children
    }

    #[test]
    fn every_outcome_has_the_element_that_consumers_count() {
        let elements = [
            (Outcome::Pass, None),
            (Outcome::Fail, Some("failure")),
            (Outcome::Warn, Some("system-out")),
            (Outcome::NotApplicable, Some("skipped")),
            (Outcome::Blocked, Some("skipped")),
            (Outcome::Inconclusive, Some("error")),
        ];
        for (outcome, element) in elements {
            let found = element_of(outcome);
            let names: Vec<_> = found.iter().map(|(name, _, _)| name.as_str()).collect();
            assert_eq!(names, Vec::from_iter(element), "{outcome}");
        }
    }

    #[test]
    fn a_warning_is_a_failure_where_the_gate_fails_on_it() {
        let gate = Gate {
            fail_on: Verdict::Warn,
        };
        let document = parse(&render(&fixture::report(), gate));
        assert_eq!(document.root["failures"], "4");
    }

    #[test]
    fn skipped_cases_say_why() {
        for (outcome, message) in [
            (
                Outcome::NotApplicable,
                "not applicable: link-kind ipvlan: this kernel was built without it",
            ),
            (Outcome::Blocked, "blocked: del/netns-already-gone"),
        ] {
            assert_eq!(element_of(outcome)[0].1["message"], message);
        }
    }

    #[test]
    fn counts_add_up_in_every_suite_and_at_the_root() {
        let document = parse(&render(&fixture::report(), Gate::default()));
        let number = |of: &BTreeMap<String, String>, key: &str| of[key].parse::<usize>().unwrap();
        let names: Vec<_> = document
            .suites
            .iter()
            .map(|suite| suite["name"].as_str())
            .collect();
        assert_eq!(
            names,
            [
                "bridge 0.4.0",
                "bridge 1.0.0",
                "host-local 0.4.0",
                "host-local 1.0.0"
            ]
        );
        for (key, total) in [
            ("tests", 13),
            ("failures", 3),
            ("errors", 1),
            ("skipped", 4),
        ] {
            assert_eq!(number(&document.root, key), total, "{key}");
            let sum: usize = document.suites.iter().map(|suite| number(suite, key)).sum();
            assert_eq!(sum, total, "{key}");
        }
        assert_eq!(document.cases.len(), 13);
    }

    #[test]
    fn a_suite_names_the_binary_and_the_kernel() {
        let document = parse(&render(&fixture::report(), Gate::default()));
        let value = |name: &str| {
            let mut properties = document.properties.iter();
            properties
                .find(|property| property["name"] == name)
                .unwrap()["value"]
                .clone()
        };
        assert_eq!(value("subject.sha256"), "ab".repeat(32));
        assert_eq!(value("kernel"), "6.18.44");
    }

    #[test]
    fn hostile_output_arrives_whole_and_visible() {
        let document = parse(&render(&fixture::report(), Gate::default()));
        let mut cases = document.cases.iter();
        let case = cases
            .find(|case| case.attributes["name"] == "error/is-json")
            .unwrap();
        let (element, attributes, body) = &case.children[0];
        assert_eq!(element, "failure");
        assert_eq!(
            attributes["message"],
            "An error is printed as JSON: expected an error object on standard output, got \
             \\u{1b}[2J\\u{0}|]]></failure>\\r ::error::owned ``` # 100%, a:b <b>@user</b> \\u{202e}"
        );
        assert!(
            body.contains("\\u{1b}[2J\\u{0}|]]></failure>\\r\n  ::error::owned\n"),
            "{body}"
        );
        assert!(
            body.contains("panic line 199\n  … 1048 kB in all\n"),
            "{body}"
        );
    }

    #[test]
    fn the_body_of_a_failure_has_everything_to_see_it_again() {
        let found = element_of(Outcome::Fail);
        insta::assert_snapshot!(found[0].2);
    }

    #[test]
    fn a_run_that_was_cut_short_or_judged_nothing_is_an_error() {
        let mut cut = fixture::with(vec![fixture::result("a/b", "1.0.0", Outcome::Pass)]);
        cut.footer = None;
        for report in [cut, fixture::with(Vec::new())] {
            let document = parse(&render(&report, Gate::default()));
            assert_eq!(document.root["errors"], "1");
            assert_eq!(
                document.cases.last().unwrap().attributes["name"],
                "run/complete"
            );
        }
    }
}
