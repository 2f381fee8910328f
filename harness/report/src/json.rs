//! The report as JSON: the form that is kept, and from which every other format can be redrawn.
//!
//! Reading trusts nothing: a report that was cut off, edited or written by a newer version must never pass a gate.

use serde::Deserialize;
use thiserror::Error;

use crate::fold::count;
use crate::model::{Outcome, Report, SCHEMA};

/// A text that can't stand as a complete report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The text ends in the middle.
    #[error(
        "the report is cut off at line {line}, column {column}; it was not written to its end, run again"
    )]
    CutOff {
        /// Last line, from 1.
        line: usize,
        /// Last column, from 1.
        column: usize,
    },
    /// The text is not JSON, or not a report.
    #[error("cannot read the report at line {line}, column {column}")]
    Malformed {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A newer `cni-conform` wrote it.
    #[error(
        "the report has schema {schema}, newer than {SCHEMA}, the newest that this cni-conform reads; read it with a newer one"
    )]
    NewerSchema {
        /// The schema it names.
        schema: u64,
    },
    /// No `cni-conform` ever wrote this schema.
    #[error("the report has schema {schema}, which never existed; this cni-conform reads {SCHEMA}")]
    UnknownSchema {
        /// The schema it names.
        schema: u64,
    },
    /// The summary does not agree with the results.
    #[error(
        "recount: the summary says {outcome}: {said}, the results hold {counted}; the report was changed after it was written"
    )]
    Recount {
        /// The outcome whose count is wrong.
        outcome: Outcome,
        /// What the summary says.
        said: usize,
        /// What the results say.
        counted: usize,
    },
    /// The footer does not agree with the results.
    #[error(
        "recount: the footer says results: {said}, the report holds {counted}; results were lost or added after it was written"
    )]
    RecountTotal {
        /// What the footer says.
        said: usize,
        /// How many results there are.
        counted: usize,
    },
    /// A result names a subject that the report does not list.
    #[error(
        "the result of check {check} names subject {subject:?}, which the report does not list"
    )]
    UnknownSubject {
        /// The check.
        check: String,
        /// The subject it names.
        subject: String,
    },
    /// The run did not reach its end. The report is sound as far as it goes.
    #[error("the report has no footer: the run did not reach its end after {} results", report.results.len())]
    NoFooter {
        /// What there is of it.
        report: Box<Report>,
    },
}

#[derive(Deserialize)]
struct Head {
    schema: u64,
}

/// Returns the report as indented JSON with a final newline.
#[must_use]
pub fn write(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report)
        .expect("invariant: a report has only string keys, and writing to memory does not fail");
    text.push('\n');
    text
}

/// Reads a complete report and recounts it.
///
/// # Errors
/// Fails when the text is cut off, malformed, of another schema, does not add up or has no footer.
/// In the last case the error holds the report, for those who want to look at what there is.
pub fn read(text: &[u8]) -> Result<Report, ReadError> {
    // The schema comes first: a newer report is told apart from a malformed one, whatever else is new in it.
    let head: Head = serde_json::from_slice(text).map_err(malformed)?;
    if head.schema > u64::from(SCHEMA) {
        return Err(ReadError::NewerSchema {
            schema: head.schema,
        });
    }
    if head.schema != u64::from(SCHEMA) {
        return Err(ReadError::UnknownSchema {
            schema: head.schema,
        });
    }
    let report: Report = serde_json::from_slice(text).map_err(malformed)?;
    recount(&report)?;
    if report.footer.is_none() {
        return Err(ReadError::NoFooter {
            report: Box::new(report),
        });
    }
    Ok(report)
}

fn malformed(source: serde_json::Error) -> ReadError {
    let (line, column) = (source.line(), source.column());
    if source.is_eof() {
        return ReadError::CutOff { line, column };
    }
    ReadError::Malformed {
        line,
        column,
        source,
    }
}

fn recount(report: &Report) -> Result<(), ReadError> {
    let summary = count(&report.results);
    for outcome in Outcome::ALL {
        let said = report.summary.get(&outcome).copied().unwrap_or(0);
        let counted = summary.get(&outcome).copied().unwrap_or(0);
        if said != counted {
            return Err(ReadError::Recount {
                outcome,
                said,
                counted,
            });
        }
    }
    let counted = report.results.len();
    if let Some(footer) = report.footer
        && footer.results != counted
    {
        return Err(ReadError::RecountTotal {
            said: footer.results,
            counted,
        });
    }
    let listed = |name: &str| report.subjects.iter().any(|subject| subject.name == name);
    match report
        .results
        .iter()
        .find(|result| !listed(&result.subject))
    {
        None => Ok(()),
        Some(result) => Err(ReadError::UnknownSubject {
            check: result.check.clone(),
            subject: result.subject.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let report = fixture::report();
        let text = write(&report);
        assert!(text.ends_with("}\n"));
        assert_eq!(read(text.as_bytes()).unwrap(), report);
    }

    #[test]
    fn a_report_that_is_cut_off_anywhere_is_told_so() {
        let text = write(&fixture::report());
        for length in [0, 1, text.len() / 3, text.len() / 2, text.len() - 2] {
            let error = read(&text.as_bytes()[..length]).unwrap_err();
            assert!(
                matches!(error, ReadError::CutOff { .. }),
                "{length}: {error}"
            );
        }
    }

    #[test]
    fn a_newer_schema_is_named_even_when_its_body_is_unknown() {
        let error = read(br#"{"schema": 2, "all": "new"}"#).unwrap_err();
        assert!(
            matches!(error, ReadError::NewerSchema { schema: 2 }),
            "{error}"
        );
        let error = read(br#"{"schema": 0}"#).unwrap_err();
        assert!(
            matches!(error, ReadError::UnknownSchema { schema: 0 }),
            "{error}"
        );
    }

    #[test]
    fn other_json_is_malformed_not_cut_off() {
        for text in [
            "[]",
            "{}",
            r#"{"schema": 1}"#,
            "<xml/>",
            "{\"schema\": \"1\"}",
        ] {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(
                matches!(error, ReadError::Malformed { .. }),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn a_summary_that_does_not_match_the_results_is_refused() {
        let mut report = fixture::report();
        report.summary.remove(&Outcome::Fail);
        let error = read(write(&report).as_bytes()).unwrap_err();
        insta::assert_snapshot!(error, @"recount: the summary says fail: 0, the results hold 3; the report was changed after it was written");
    }

    #[test]
    fn a_result_that_was_removed_is_noticed() {
        let mut report = fixture::report();
        let removed = report.results.pop().unwrap();
        *report.summary.get_mut(&removed.outcome).unwrap() -= 1;
        let error = read(write(&report).as_bytes()).unwrap_err();
        insta::assert_snapshot!(error, @"recount: the footer says results: 13, the report holds 12; results were lost or added after it was written");
    }

    #[test]
    fn a_result_of_a_subject_that_is_not_listed_is_refused() {
        let mut report = fixture::report();
        report.subjects.pop();
        let error = read(write(&report).as_bytes()).unwrap_err();
        insta::assert_snapshot!(error, @r#"the result of check add/result-shape names subject "host-local", which the report does not list"#);
    }

    #[test]
    fn a_report_without_footer_is_an_error_that_still_holds_it() {
        let mut report = fixture::report();
        report.footer = None;
        let error = read(write(&report).as_bytes()).unwrap_err();
        let ReadError::NoFooter { report: held } = error else {
            panic!("{error}");
        };
        assert_eq!(*held, report);
    }
}
