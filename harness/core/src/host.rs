//! Both ends of the border between the harness and a trial's process.
//!
//! The harness starts its own executable with [`TRIAL_HOST`] as the only argument; that process reads a job,
//! enters a sandbox, does it, and prints the answer. A trial that crashes or hangs takes nothing else with it.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use cni_spec_fixtures::SpecVersion;

use crate::checks;
use crate::invoke::{Invocation, Output, Source, invoke};
use crate::job::{Answer, Job, Stopped, Task};
use crate::probe;
use crate::profile::Profile;
use crate::sandbox::{Expose, SandboxError, enter};
use crate::subject::Program;
use crate::trial::{Stop, Trial};

/// The argument that makes an executable a trial host; see [`trial_host`].
pub const TRIAL_HOST: &str = "__trial-host";

/// What a whole trial may take beyond its calls' own deadlines.
const TRIAL_DEADLINE: Duration = Duration::from_secs(120);

/// Takes the process over if it was started as a trial host, and does not return then.
///
/// A program that calls [`run`](crate::run()) has to call this first in `main`, before it starts threads.
pub fn trial_host() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments
        .next()
        .is_some_and(|argument| argument == TRIAL_HOST)
    {
        std::process::exit(serve());
    }
}

/// Has a job done by a process of its own.
pub(crate) fn perform(host_program: &Path, job: &Job) -> Answer {
    match converse(host_program, job) {
        Ok(answer) => answer,
        Err(what) => trouble(what),
    }
}

/// Makes a sandbox with a host, a world and one container, and takes it away. For benches, and to see whether it can be done.
///
/// # Errors
/// Fails with what kept it from being made, and what to do about it.
pub fn empty_trial(host_program: &Path) -> Result<(), String> {
    let program = Program {
        file: host_program.to_owned(),
        at: PathBuf::from("/run/cni-conform/nothing"),
    };
    let profile = Profile::nothing();
    let job = Job {
        task: Task::Nothing,
        program,
        delegates: Vec::new(),
        profile,
        seed: 0,
        deadline_ms: 1000,
    };
    match perform(host_program, &job).stopped {
        None => Ok(()),
        Some(Stopped::Trouble(what) | Stopped::Blocked { why: what, .. }) => Err(what),
    }
}

fn converse(host_program: &Path, job: &Job) -> Result<Answer, String> {
    let request =
        serde_json::to_vec(job).map_err(|error| format!("write the job down: {error}"))?;
    let mut child = Command::new(host_program)
        .arg(TRIAL_HOST)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("start a trial host, {}: {error}", host_program.display()))?;
    if let Some(mut pipe) = child.stdin.take() {
        // A host that died before it read says why on its standard error.
        drop(pipe.write_all(&request));
    }
    let (answer, complaint) = gather(&mut child)?;
    let status = child
        .wait()
        .map_err(|error| format!("wait for the trial host: {error}"))?;
    serde_json::from_slice(&answer).map_err(|_| {
        let complaint = String::from_utf8_lossy(&complaint);
        let last: Vec<&str> = complaint.lines().rev().take(3).collect();
        format!(
            "the trial host gave no answer ({status}): {}",
            last.into_iter().rev().collect::<Vec<_>>().join("; ")
        )
    })
}

/// Reads both outputs to their end; kills the trial at its deadline.
fn gather(child: &mut Child) -> Result<(Vec<u8>, Vec<u8>), String> {
    let mut readers = Vec::new();
    let pipes: [Option<Box<dyn Read + Send>>; 2] = [
        child
            .stdout
            .take()
            .map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        child
            .stderr
            .take()
            .map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ];
    for mut pipe in pipes.into_iter().flatten() {
        let (send, receive) = channel();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            drop(pipe.read_to_end(&mut bytes));
            drop(send.send(bytes));
        });
        readers.push(receive);
    }
    let mut read = Vec::new();
    for reader in &readers {
        match reader.recv_timeout(TRIAL_DEADLINE) {
            Ok(bytes) => read.push(bytes),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                drop(child.kill());
                drop(child.wait());
                return Err(format!(
                    "the trial took longer than {} s and was ended",
                    TRIAL_DEADLINE.as_secs()
                ));
            }
        }
    }
    let complaint = read.pop().unwrap_or_default();
    Ok((read.pop().unwrap_or_default(), complaint))
}

/// The trial host's side: one job, one answer, an exit status that says only whether there is an answer.
fn serve() -> i32 {
    let mut request = Vec::new();
    let job = std::io::stdin()
        .read_to_end(&mut request)
        .ok()
        .and_then(|_| serde_json::from_slice::<Job>(&request).ok());
    let Some(job) = job else {
        return answer(&trouble(
            "a trial host is started by cni-conform, not by hand".to_owned(),
        ));
    };
    let exposed: Vec<Expose> = std::iter::once(&job.program)
        .chain(&job.delegates)
        .map(|program| Expose {
            from: program.file.clone(),
            at: program.at.clone(),
        })
        .chain(std::env::current_exe().ok().map(|own| Expose {
            from: own,
            at: crate::delegate::program(),
        }))
        .collect();
    let state = job.profile.state.clone();
    let refused = enter(&exposed, &state, |furnished| match furnished {
        Ok(()) => answer(&work(job)),
        Err(error) => answer(&no_sandbox(&error)),
    });
    answer(&no_sandbox(&refused))
}

fn work(job: Job) -> Answer {
    match job.task.clone() {
        Task::Nothing => nothing(job),
        Task::Probe => Answer {
            lacks: probe::lacks(),
            ..Answer::default()
        },
        Task::Versions => versions(&job),
        Task::Check { id, version } => {
            let Some(check) = checks::all().find(|check| check.id == id) else {
                return trouble(format!("there is no check {id}"));
            };
            let mut trial = match Trial::begin(job, check.id, check.title, version) {
                Ok(trial) => trial,
                Err(Stop::Trouble(what)) => return trouble(what),
                Err(Stop::Blocked { check, why }) => return trouble(format!("{check}: {why}")),
            };
            match catch_unwind(AssertUnwindSafe(|| (check.run)(&mut trial))) {
                Ok(verdict) => trial.end(verdict.err()),
                Err(panic) => {
                    let what = panic.downcast_ref::<String>().cloned();
                    let what = what
                        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                    let what = format!("the check panicked: {}", what.unwrap_or_default());
                    trial.end(Some(Stop::Trouble(what)))
                }
            }
        }
    }
}

/// Makes what every trial has.
fn nothing(job: Job) -> Answer {
    let made = Trial::begin(job, "", "", SpecVersion::LATEST)
        .and_then(|mut trial| trial.attachment("c1").map(drop));
    match made {
        Ok(()) => Answer::default(),
        Err(Stop::Trouble(what)) => trouble(what),
        Err(Stop::Blocked { why, .. }) => trouble(why),
    }
}

/// Asks for the versions as the oldest runtimes do: nothing but CNI_COMMAND, and a configuration that names a version.
fn versions(job: &Job) -> Answer {
    let invocation = Invocation {
        program: job.program.at.clone(),
        env: [
            ("CNI_COMMAND", "VERSION"),
            ("CNI_CONTAINERID", ""),
            ("CNI_NETNS", "dummy"),
            ("CNI_IFNAME", "dummy"),
            ("CNI_PATH", "dummy"),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect(),
        stdin: Source::Bytes(br#"{"cniVersion":"1.0.0"}"#.to_vec()),
        deadline: Duration::from_millis(job.deadline_ms),
        output: Output::Captured,
    };
    match invoke(&invocation) {
        Ok((exchange, _)) => Answer {
            exchanges: vec![exchange],
            ..Answer::default()
        },
        Err(error) => trouble(crate::chain(&error)),
    }
}

fn no_sandbox(error: &SandboxError) -> Answer {
    trouble(crate::chain(error))
}

fn trouble(what: String) -> Answer {
    Answer {
        stopped: Some(Stopped::Trouble(what)),
        ..Answer::default()
    }
}

fn answer(answer: &Answer) -> i32 {
    let bytes = serde_json::to_vec(answer).unwrap_or_default();
    match std::io::stdout()
        .write_all(&bytes)
        .and_then(|()| std::io::stdout().flush())
    {
        Ok(()) => 0,
        Err(_) => 1,
    }
}
