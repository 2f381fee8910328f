//! Events to a report. Results are put into one fixed order, whatever order the workers finished in.

use thiserror::Error;

use crate::event::Event;
use crate::model::{CheckResult, Footer, Report, SCHEMA, Subject, Summary};

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
        partition,
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
            Event::Started { .. } | Event::TrialStarted { .. } | Event::TrialEnded(_) => {}
        }
    }
    sort(&mut results, &subjects);
    let footer = duration.map(|duration_ms| Footer {
        results: results.len(),
        duration_ms,
    });
    Ok(Report {
        schema: SCHEMA,
        tool,
        environment,
        partition,
        summary: count(&results),
        subjects,
        results,
        footer,
    })
}

/// Puts results into the order of every report: subject as listed, check, spec version.
pub(crate) fn sort(results: &mut [CheckResult], subjects: &[Subject]) {
    let place = |result: &CheckResult| {
        subjects
            .iter()
            .position(|subject| subject.name == result.subject)
    };
    results.sort_by(|a, b| (place(a), &a.check, &a.spec).cmp(&(place(b), &b.check, &b.spec)));
}

/// Counts results by outcome; an outcome that never came has no entry.
pub(crate) fn count<'a>(results: impl IntoIterator<Item = &'a CheckResult>) -> Summary {
    let mut summary = Summary::new();
    for result in results {
        *summary.entry(result.outcome).or_default() += 1;
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn results_come_in_one_order_whatever_order_the_workers_finished_in() {
        let whole = fixture::report();
        let mut events = fixture::events(&whole);
        let last = events.len() - 1;
        events[1..last].reverse();
        assert_eq!(fold(events).unwrap(), whole);
    }

    #[test]
    fn a_run_that_was_cut_short_has_no_footer() {
        let mut events = fixture::events(&fixture::report());
        events.pop();
        assert_eq!(fold(events).unwrap().footer, None);
    }

    #[test]
    fn events_without_a_start_are_no_run() {
        assert_eq!(
            fold([Event::Finished { duration_ms: 1 }]),
            Err(FoldError::NoStart)
        );
        assert_eq!(fold([]), Err(FoldError::NoStart));
    }
}
