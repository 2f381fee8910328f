//! Carries out a plan: workers take cells, each trial in a process of its own, and events tell what came of it.

mod judgement;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use cni_conform_report::{
    CheckResult, Environment, Event, Lack, Outcome, Partition, Privilege,
    Subject as ReportedSubject, Tool,
};
use cni_spec_fixtures::SpecVersion;
use serde_json::Value;
use thiserror::Error;

use crate::check::Check;
use crate::host::perform;
use crate::job::{Job, Stopped, Task};
use crate::plan::{Candidate, Cell, plan};
use crate::profile::Profile;
use crate::subject::{Program, Subject};
use judgement::{judge, settle_blocked};

/// Everything that decides a run.
#[derive(Clone, Debug)]
pub struct Request {
    /// The plugins, each with what it declares.
    pub subjects: Vec<Subject>,
    /// The checks.
    pub checks: Vec<&'static Check>,
    /// The versions; each subject is judged in those that it claims.
    pub versions: Vec<SpecVersion>,
    /// Trials side by side, at least one.
    pub jobs: usize,
    /// Seed of order and generated values.
    pub seed: u64,
    /// How long one call of a plugin may take.
    pub deadline: Duration,
    /// The executable that becomes a trial host: one whose `main` begins with [`trial_host`](crate::trial_host).
    pub host_program: PathBuf,
    /// A plugin known to be good, judged first and last: when it fails, the harness or the machine is broken.
    pub canary: Option<Subject>,
    /// Plugins by name that may say what they answer where a subject fails.
    pub references: BTreeMap<String, Program>,
    /// The share of the plan that is carried out; all of it when absent.
    pub partition: Option<Partition>,
    /// Name and version of the program that runs this.
    pub tool: Tool,
}

/// Why nothing could be judged. The message says what to do.
#[derive(Debug, Error)]
pub enum RunError {
    /// No sandbox can be made here.
    #[error("no sandbox can be made here: {0}")]
    Sandbox(String),
    /// A plugin can't be started.
    #[error("plugin {name} can't be judged: {why}")]
    Start {
        /// Name of the subject.
        name: String,
        /// What happened.
        why: String,
    },
    /// The plugin that is known to be good fails.
    #[error("a plugin known to be good fails here, so nothing can be judged: {0}")]
    Canary(String),
}

/// The check that a canary has to pass.
const CANARY_CHECK: &str = "del/removes-everything";

/// Judges the subjects and tells of everything as it happens.
///
/// # Errors
/// Fails before the first event when the sandbox, a plugin's start or the canary makes a verdict impossible.
/// Trouble after that is an inconclusive result.
pub fn run(request: &Request, emit: &mut dyn FnMut(Event)) -> Result<(), RunError> {
    let began = Instant::now();
    let lacks = probe(request)?;
    let canary = || {
        request
            .canary
            .as_ref()
            .map_or(Ok(()), |canary| sing(request, canary))
    };
    canary()?;
    let claims = request
        .subjects
        .iter()
        .map(|subject| claims(request, subject))
        .collect::<Result<Vec<_>, _>>()?;
    let candidates: Vec<Candidate<'_>> = request
        .subjects
        .iter()
        .zip(&claims)
        .map(|(subject, claims)| Candidate {
            subject,
            claims,
            lacks: subject
                .profile
                .kernel
                .iter()
                .filter(|need| lacks.iter().any(|lack| lack.what == **need))
                .cloned()
                .collect(),
            machine_lacks: &lacks,
        })
        .collect();
    let mut cells = plan(&candidates, &request.checks, &request.versions);
    if let Some(partition) = request.partition {
        // Neighbours in the plan are alike in cost, so dealing them out in turn balances the shards.
        let mut turn = (0..partition.count).cycle();
        cells.retain(|_| turn.next() == Some(partition.index - 1));
    }
    emit(Event::Started {
        tool: request.tool.clone(),
        environment: environment(request, lacks.clone()),
        partition: request.partition,
        subjects: candidates.iter().map(reported).collect(),
        planned: cells.len(),
    });
    let mut results = carry_out(request, &cells, emit);
    if request.partition.is_none() {
        settle_blocked(&mut results);
    }
    if let Err(error) = canary() {
        for result in &mut results {
            result.outcome = Outcome::Inconclusive;
            result.reason = Some(error.to_string());
        }
    }
    for result in results {
        emit(Event::TrialFinished(Box::new(result)));
    }
    emit(Event::Finished {
        duration_ms: millis(began.elapsed()),
    });
    Ok(())
}

fn environment(request: &Request, lacks: Vec<Lack>) -> Environment {
    let system = nix::sys::utsname::uname();
    let text = |part: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        system
            .as_ref()
            .map(|name| part(name).to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    Environment {
        kernel: text(nix::sys::utsname::UtsName::release),
        arch: text(nix::sys::utsname::UtsName::machine),
        privilege: if nix::unistd::geteuid().is_root() {
            Privilege::Root
        } else {
            Privilege::UserNamespace
        },
        lacks,
        seed: request.seed,
        jobs: request.jobs,
    }
}

fn reported(candidate: &Candidate<'_>) -> ReportedSubject {
    let subject = candidate.subject;
    ReportedSubject {
        name: subject.name.clone(),
        path: subject.program.at.display().to_string(),
        sha256: subject.sha256.clone(),
        versions: candidate.claims.iter().map(ToString::to_string).collect(),
        profile: subject.profile.name.clone(),
    }
}

/// Asks, in a sandbox, what the machine lacks; also proves that a sandbox can be made.
fn probe(request: &Request) -> Result<Vec<Lack>, RunError> {
    let program = Program {
        file: request.host_program.clone(),
        at: PathBuf::from("/run/cni-conform/probe"),
    };
    let profile = Profile::nothing();
    let job = Job {
        task: Task::Probe,
        program,
        delegates: Vec::new(),
        profile,
        seed: request.seed,
        deadline_ms: 1000,
    };
    let answer = perform(&request.host_program, &job);
    match answer.stopped {
        Some(Stopped::Trouble(what)) => Err(RunError::Sandbox(what)),
        Some(Stopped::Blocked { why, .. }) => Err(RunError::Sandbox(why)),
        None => Ok(answer
            .lacks
            .into_iter()
            .map(|(what, why)| Lack { what, why })
            .collect()),
    }
}

/// Judges the canary by one check in the newest version.
fn sing(request: &Request, canary: &Subject) -> Result<(), RunError> {
    let task = Task::Check {
        id: CANARY_CHECK.to_owned(),
        version: SpecVersion::V1_1_0,
    };
    let answer = perform(&request.host_program, &job(request, canary, task));
    let trouble = match (answer.stopped, answer.findings.first()) {
        (Some(Stopped::Trouble(what)), _) => what,
        (Some(Stopped::Blocked { why, .. }), _) => why,
        (None, Some(finding)) => format!(
            "{}: expected {}, got {}",
            finding.requirement, finding.expected, finding.actual
        ),
        (None, None) => return Ok(()),
    };
    Err(RunError::Canary(trouble))
}

/// Returns the versions that a subject claims: those of its VERSION reply that are released. A plugin whose reply
/// is not usable is judged in every version; the checks of VERSION say what is wrong with the reply.
fn claims(request: &Request, subject: &Subject) -> Result<Vec<SpecVersion>, RunError> {
    let answer = perform(
        &request.host_program,
        &job(request, subject, Task::Versions),
    );
    if let Some(Stopped::Trouble(why)) = answer.stopped {
        return Err(RunError::Start {
            name: subject.name.clone(),
            why,
        });
    }
    let reply = answer
        .exchanges
        .first()
        .and_then(|exchange| serde_json::from_str::<Value>(&exchange.stdout).ok());
    let listed = reply
        .as_ref()
        .and_then(|reply| reply.get("supportedVersions"))
        .and_then(Value::as_array);
    let claims: Vec<SpecVersion> = SpecVersion::ALL
        .into_iter()
        .filter(|version| {
            listed.is_some_and(|list| {
                list.iter()
                    .any(|item| item.as_str() == Some(version.as_str()))
            })
        })
        .collect();
    Ok(if claims.is_empty() {
        SpecVersion::ALL.to_vec()
    } else {
        claims
    })
}

fn job(request: &Request, subject: &Subject, task: Task) -> Job {
    Job {
        task,
        program: subject.program.clone(),
        delegates: subject.delegates.clone(),
        profile: subject.profile.clone(),
        seed: request.seed,
        deadline_ms: millis(request.deadline),
    }
}

/// Lets the workers take cell after cell; returns the results in the order of the plan.
fn carry_out(request: &Request, cells: &[Cell], emit: &mut dyn FnMut(Event)) -> Vec<CheckResult> {
    enum Note {
        Took(usize),
        Done(usize, Box<CheckResult>),
    }
    fn work(request: &Request, cells: &[Cell], next: &AtomicUsize, notes: &Sender<Note>) {
        while let Some((index, cell)) = take(cells, next) {
            let said = notes.send(Note::Took(index)).is_ok();
            let result = judge(request, cell);
            if !said || notes.send(Note::Done(index, Box::new(result))).is_err() {
                return;
            }
        }
    }
    fn take<'a>(cells: &'a [Cell], next: &AtomicUsize) -> Option<(usize, &'a Cell)> {
        let index = next.fetch_add(1, Ordering::Relaxed);
        cells.get(index).map(|cell| (index, cell))
    }

    let next = AtomicUsize::new(0);
    let mut results: Vec<Option<CheckResult>> = cells.iter().map(|_| None).collect();
    thread::scope(|scope| {
        let (notes, received) = channel();
        for _ in 0..request.jobs.max(1) {
            let notes = notes.clone();
            let next = &next;
            scope.spawn(move || work(request, cells, next, &notes));
        }
        drop(notes);
        for note in received {
            match note {
                Note::Took(index) => {
                    let cell = &cells[index];
                    if cell.inapplicable.is_none() {
                        emit(Event::TrialStarted {
                            check: cell.check.id.to_owned(),
                            subject: request.subjects[cell.subject].name.clone(),
                            spec: cell.version.to_string(),
                        });
                    }
                }
                Note::Done(index, result) => {
                    results[index] = Some((*result).clone());
                    emit(Event::TrialEnded(result));
                }
            }
        }
    });
    results.into_iter().flatten().collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
