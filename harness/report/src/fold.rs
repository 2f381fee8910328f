//! Events to a report. Results are put into one fixed order, whatever order the workers finished in.

use thiserror::Error;

use crate::event::Event;
use crate::model::{CheckResult, Footer, Report, SCHEMA, Summary};

/// A stream of events that is no run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FoldError {
    /// The stream does not begin with [`Event::Started`].
    #[error("the run's events do not begin with its start")]
    NoStart,
}

/// Returns the report of a run. Without [`Event::Finished`] the report has no footer.
///
/// # Errors
/// Fails when the first event is not [`Event::Started`].
pub fn fold(events: impl IntoIterator<Item = Event>) -> Result<Report, FoldError> {
    let mut events = events.into_iter();
    let Some(Event::Started {
        tool,
        environment,
        subjects,
        planned: _,
    }) = events.next()
    else {
        return Err(FoldError::NoStart);
    };
    let mut results: Vec<CheckResult> = Vec::new();
    let mut duration = None;
    for event in events {
        match event {
            Event::TrialFinished(result) => results.push(*result),
            Event::Finished { duration_ms } => duration = Some(duration_ms),
            Event::Started { .. } | Event::TrialStarted { .. } => {}
        }
    }
    let place = |result: &CheckResult| {
        subjects
            .iter()
            .position(|subject| subject.name == result.subject)
    };
    results.sort_by(|a, b| (place(a), &a.check, &a.spec).cmp(&(place(b), &b.check, &b.spec)));
    let mut summary = Summary::new();
    for result in &results {
        *summary.entry(result.outcome).or_default() += 1;
    }
    let footer = duration.map(|duration_ms| Footer {
        results: results.len(),
        duration_ms,
    });
    Ok(Report {
        schema: SCHEMA,
        tool,
        environment,
        subjects,
        results,
        summary,
        footer,
    })
}
