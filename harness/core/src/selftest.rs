//! The kill matrix: every check is run on the mutants that it names and on the toys that are correct.
//!
//! A check that a named mutant survives, or that fires on a toy, is a defect of the harness.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use cni_spec_fixtures::SpecVersion;

use crate::check::Check;
use crate::host::perform;
use crate::job::{Job, Stopped, Task};
use crate::profile::Profile;
use crate::subject::Program;

/// A toy or a mutant of it.
#[derive(Clone, Debug)]
pub struct MutantOf {
    /// Name of the fault; empty for the toy itself.
    pub fault: String,
    /// The toy's name, which is its profile's.
    pub toy: String,
    /// The program, called by a name that selects the fault.
    pub program: Program,
}

/// Everything that decides a selftest.
#[derive(Debug)]
pub struct SelftestRequest {
    /// Checks under test.
    pub checks: Vec<&'static Check>,
    /// The toys, correct and with each fault that it can have.
    pub subjects: Vec<MutantOf>,
    /// Toys that delegates are taken from, by name.
    pub delegates: Vec<Program>,
    /// Runs every check on every mutant, not only on those that it names.
    pub full: bool,
    /// Trials side by side.
    pub jobs: usize,
    /// How long a call may take; mutants that hang wait for it.
    pub deadline: Duration,
    /// See [`Request::host_program`](crate::RunRequest::host_program).
    pub host_program: PathBuf,
}

/// What a selftest found.
#[derive(Clone, Debug, Default)]
pub struct Selftest {
    /// Every cell that was run.
    pub kills: Vec<Kill>,
    /// Mutants that checks name and that no toy has.
    pub unknown: Vec<(String, String)>,
}

/// One check on one toy or mutant, over all versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kill {
    /// Id of the check.
    pub check: String,
    /// The toy.
    pub toy: String,
    /// The fault; empty for the toy itself.
    pub fault: String,
    /// Whether the check names the mutant.
    pub named: bool,
    /// The versions in which the check found something, with the requirement.
    pub found: Vec<(String, String)>,
    /// What kept the harness from judging.
    pub trouble: Vec<String>,
    /// Reproducers of what was found, one for each version.
    pub scripts: Vec<String>,
}

impl Kill {
    /// Tells whether the cell is as it has to be: a toy passes, a named mutant is caught.
    #[must_use]
    pub fn is_right(&self) -> bool {
        if self.fault.is_empty() {
            return self.found.is_empty() && self.trouble.is_empty();
        }
        !self.named || !self.found.is_empty()
    }
}

impl Selftest {
    /// Returns what is wrong with the harness.
    pub fn defects(&self) -> impl Iterator<Item = &Kill> {
        self.kills.iter().filter(|kill| !kill.is_right())
    }
}

/// Runs the kill matrix. `progress` is told of every finished cell.
///
/// # Panics
/// Never; a lock that a panicking worker poisoned is still used.
#[must_use]
pub fn selftest(request: &SelftestRequest, progress: &(dyn Fn(&Kill) + Sync)) -> Selftest {
    let mut cells: Vec<(&'static Check, &MutantOf, bool)> = Vec::new();
    let mut unknown = Vec::new();
    for check in &request.checks {
        for subject in &request.subjects {
            let named = check.caught.contains(&subject.fault.as_str());
            if (subject.fault.is_empty() || named || request.full) && applies(check, subject) {
                cells.push((check, subject, named));
            }
        }
        for fault in check.caught {
            if !cells
                .iter()
                .any(|(of, subject, _)| of.id == check.id && subject.fault == *fault)
            {
                unknown.push((check.id.to_owned(), (*fault).to_owned()));
            }
        }
    }
    let next = AtomicUsize::new(0);
    let kills = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..request.jobs.max(1) {
            scope.spawn(|| {
                while let Some((check, subject, named)) =
                    cells.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let kill = try_to_kill(request, check, subject, *named);
                    progress(&kill);
                    kills
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .push(kill);
                }
            });
        }
    });
    let mut kills = kills
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    kills.sort();
    Selftest { kills, unknown }
}

fn applies(check: &Check, subject: &MutantOf) -> bool {
    Profile::load(&subject.toy)
        .is_ok_and(|profile| check.needs.iter().all(|feature| profile.has(*feature)))
}

fn try_to_kill(
    request: &SelftestRequest,
    check: &'static Check,
    subject: &MutantOf,
    named: bool,
) -> Kill {
    let mut kill = Kill {
        check: check.id.to_owned(),
        toy: subject.toy.clone(),
        fault: subject.fault.clone(),
        named,
        found: Vec::new(),
        trouble: Vec::new(),
        scripts: Vec::new(),
    };
    let profile = match Profile::load(&subject.toy) {
        Ok(profile) => profile,
        Err(error) => {
            kill.trouble.push(crate::chain(&error));
            return kill;
        }
    };
    for version in SpecVersion::ALL {
        if !check.versions.contains(version) || check.judged_in(version).next().is_none() {
            continue;
        }
        let delegates = request
            .delegates
            .iter()
            .filter(|program| profile.delegates.contains(&program.name()))
            .cloned()
            .collect();
        let job = Job {
            task: Task::Check {
                id: check.id.to_owned(),
                version,
            },
            program: subject.program.clone(),
            delegates,
            profile: profile.clone(),
            seed: 0,
            deadline_ms: u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX),
        };
        let answer = perform(&request.host_program, &job);
        kill.found.extend(
            answer
                .findings
                .iter()
                .map(|finding| (version.to_string(), finding.requirement.clone())),
        );
        kill.scripts.extend(answer.script);
        match answer.stopped {
            Some(Stopped::Trouble(what)) => kill.trouble.push(format!("{version}: {what}")),
            Some(Stopped::Blocked { check, why }) => kill
                .trouble
                .push(format!("{version}: rests on {check}: {why}")),
            None => {}
        }
        // A mutant that hangs does so in every version, and each would cost the whole deadline.
        let hung = answer
            .exchanges
            .iter()
            .any(|exchange| matches!(exchange.status, cni_conform_report::Status::Deadline(_)));
        if hung && !kill.found.is_empty() {
            break;
        }
    }
    kill
}
