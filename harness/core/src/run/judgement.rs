//! One cell of the plan, judged: what its trial found becomes a result, with a second opinion on what is wrong.

use std::time::Instant;

use cni_conform_report::{CheckResult, Evidence, Finding, Level, Outcome, Verdict};
use cni_spec_fixtures::{Level as SpecLevel, Requirement};

use super::{Request, job, millis};
use crate::host::perform;
use crate::job::{RawFinding, Stopped, Task};
use crate::plan::Cell;
use crate::subject::{Program, Subject};

/// Judges one cell.
pub(super) fn judge(request: &Request, cell: &Cell) -> CheckResult {
    let subject = &request.subjects[cell.subject];
    let mut result = blank(subject, cell);
    if let Some(reason) = &cell.inapplicable {
        result.reason = Some(reason.clone());
        return result;
    }
    let task = Task::Check {
        id: cell.check.id.to_owned(),
        version: cell.version,
    };
    let began = Instant::now();
    let answer = perform(&request.host_program, &job(request, subject, task.clone()));
    result.duration_ms = millis(began.elapsed());
    result.findings = findings(cell, &answer.findings);
    result.outcome = match (
        &answer.stopped,
        result.findings.first().map(|finding| finding.verdict),
    ) {
        (_, Some(Verdict::Fail)) => Outcome::Fail,
        (Some(Stopped::Trouble(what)), _) => {
            result.reason = Some(what.clone());
            Outcome::Inconclusive
        }
        (_, Some(Verdict::Warn)) => Outcome::Warn,
        (Some(Stopped::Blocked { check, why }), None) => {
            result.reason = Some(format!("rests on {check}: {why}"));
            Outcome::Blocked
        }
        (None, None) => Outcome::Pass,
    };
    if let Some(gravest) = result.findings.first() {
        result.expected = Some(gravest.expected.clone());
        result.actual = Some(gravest.actual.clone());
    }
    if result.outcome != Outcome::Pass {
        let second_opinion = (!result.findings.is_empty())
            .then(|| second_opinion(request, subject, task, &result))
            .flatten();
        result.evidence = Some(Evidence {
            exchanges: answer.exchanges,
            difference: answer.difference,
            second_opinion,
            reproducer: answer.script,
            reproducer_path: None,
        });
    }
    result
}

/// Runs the same trial on the reference plugin of the same name and tells what it did where the subject fails.
fn second_opinion(
    request: &Request,
    subject: &Subject,
    task: Task,
    result: &CheckResult,
) -> Option<String> {
    let reference = request.references.get(&subject.profile.plugin)?;
    if reference.file == subject.program.file {
        return None;
    }
    let asked = Subject {
        program: reference.clone(),
        delegates: delegates(request, subject),
        ..subject.clone()
    };
    let answer = perform(&request.host_program, &job(request, &asked, task));
    let requirement = &result.findings.first()?.requirement;
    let same = answer
        .findings
        .iter()
        .find(|finding| finding.requirement == *requirement);
    let exchange = result
        .findings
        .first()?
        .exchange
        .and_then(|index| answer.exchanges.get(index));
    let answered = exchange.map_or_else(String::new, |exchange| {
        let out = exchange
            .stdout
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let out: String = out.chars().take(300).collect();
        format!(
            ": {}{}{out}",
            exchange.status,
            if out.is_empty() {
                ", nothing printed"
            } else {
                ", stdout "
            }
        )
    });
    Some(match same {
        Some(finding) => format!(
            "the reference plugin fails here as well ({})",
            finding.actual
        ),
        None => format!(
            "the reference {} meets this{answered}",
            subject.profile.plugin
        ),
    })
}

/// The delegates of a second opinion: the reference ones where there are any.
fn delegates(request: &Request, subject: &Subject) -> Vec<Program> {
    let replace = |program: &Program| {
        request
            .references
            .get(&program.name())
            .unwrap_or(program)
            .clone()
    };
    subject.delegates.iter().map(replace).collect()
}

fn blank(subject: &Subject, cell: &Cell) -> CheckResult {
    let judged: Vec<&Requirement> = cell.check.judged_in(cell.version).collect();
    CheckResult {
        check: cell.check.id.to_owned(),
        title: cell.check.title.to_owned(),
        subject: subject.name.clone(),
        spec: cell.version.to_string(),
        requirements: judged
            .iter()
            .map(|requirement| requirement.id.to_owned())
            .collect(),
        level: judged
            .iter()
            .map(|requirement| level(requirement.level_in(cell.version)))
            .max()
            .unwrap_or(Level::May),
        outcome: Outcome::NotApplicable,
        reason: None,
        expected: None,
        actual: None,
        findings: Vec::new(),
        evidence: None,
        duration_ms: 0,
    }
}

/// Completes findings from the catalogue; the gravest come first.
fn findings(cell: &Cell, raw: &[RawFinding]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = raw
        .iter()
        .filter_map(|found| {
            let requirement = cell
                .check
                .proves
                .iter()
                .find(|requirement| requirement.id == found.requirement)?;
            Some(Finding {
                requirement: found.requirement.clone(),
                summary: requirement.summary.to_owned(),
                url: requirement.url(cell.version).unwrap_or_default(),
                level: level(requirement.level_in(cell.version)),
                verdict: found.verdict,
                expected: found.expected.clone(),
                actual: found.actual.clone(),
                exchange: found.exchange,
            })
        })
        .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    findings
}

const fn level(level: SpecLevel) -> Level {
    match level {
        SpecLevel::Must | SpecLevel::MustNot => Level::Must,
        SpecLevel::Should | SpecLevel::ShouldNot => Level::Should,
        SpecLevel::May => Level::May,
    }
}

/// A result that is blocked by a check which did not fail has no cause that gates: it is inconclusive.
pub(super) fn settle_blocked(results: &mut [CheckResult]) {
    let failed: Vec<(String, String, String)> = results
        .iter()
        .filter(|result| matches!(result.outcome, Outcome::Fail | Outcome::Inconclusive))
        .map(|result| {
            (
                result.subject.clone(),
                result.spec.clone(),
                result.check.clone(),
            )
        })
        .collect();
    for result in results
        .iter_mut()
        .filter(|result| result.outcome == Outcome::Blocked)
    {
        let cause = result
            .reason
            .as_deref()
            .and_then(|reason| reason.strip_prefix("rests on "))
            .unwrap_or_default();
        let known = failed.iter().any(|(subject, spec, check)| {
            *subject == result.subject
                && *spec == result.spec
                && cause.starts_with(&format!("{check}:"))
        });
        if !known {
            result.outcome = Outcome::Inconclusive;
            result.reason = Some(format!(
                "{}; that check did not fail in this run",
                result.reason.clone().unwrap_or_default()
            ));
        }
    }
}
