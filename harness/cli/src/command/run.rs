//! `run`: judges plugins, shows progress and then the report, and ends with the gate's status.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use cni_conform_core::{RunError, RunRequest};
use cni_conform_report::{Event, Gate, Report, Tool, fold, terminal};
use cni_spec_fixtures::SpecVersion;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Run;
use crate::exit::{Failure, Status};
use crate::output::{Outputs, gate, print, width};
use crate::{selection, subjects};

/// Judges and reports.
pub(crate) fn run(arguments: &Run) -> Result<Status, Failure> {
    let executable = subjects::own_executable()?;
    let checks = selection::select(&arguments.selection)?;
    let plugins = subjects::resolve(
        &executable,
        &arguments.plugins,
        arguments.profile.as_deref(),
        arguments.config.as_deref(),
    )?;
    let outputs = Outputs::open(&arguments.report)?;
    if let Some(directory) = &arguments.keep {
        make_directory(directory)?;
    }
    let request = RunRequest {
        subjects: plugins,
        checks,
        versions: if arguments.spec.is_empty() {
            SpecVersion::ALL.to_vec()
        } else {
            arguments.spec.clone()
        },
        jobs: jobs(arguments.jobs),
        seed: arguments.seed,
        deadline: Duration::from_secs(arguments.deadline),
        canary: Some(subjects::canary(&executable)?),
        references: subjects::built_in(&executable),
        host_program: executable,
        partition: arguments.partition,
        tool: Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
    };
    let mut report = judge(&request)?;
    keep_reproducers(&mut report, arguments.keep.as_deref())?;
    let gate = gate(arguments.fail_on);
    print(&terminal::render(
        &report,
        terminal::Layout {
            width: width(),
            gate,
        },
    ))?;
    outputs.write(&report, gate)?;
    Ok(status(gate, &report))
}

/// Trials side by side for each core: most of a trial is waiting for the kernel's grace periods, not computing.
const TRIALS_PER_CORE: usize = 3;

/// Trials side by side: as asked for, or a few for each core.
pub(super) fn jobs(asked: Option<u16>) -> usize {
    let cores = || thread::available_parallelism().map_or(1, std::num::NonZero::get);
    asked.map_or_else(|| cores() * TRIALS_PER_CORE, usize::from)
}

/// Returns the status with which a report ends the program.
pub(super) fn status(gate: Gate, report: &Report) -> Status {
    match gate.judge(report) {
        cni_conform_report::Conclusion::Conforms => Status::Conforms,
        cni_conform_report::Conclusion::Violates => Status::Violates,
        cni_conform_report::Conclusion::CouldNotJudge => Status::CouldNotJudge,
        cni_conform_report::Conclusion::NothingRan => Status::NothingRan,
    }
}

fn judge(request: &RunRequest) -> Result<Report, Failure> {
    let bar = progress_bar();
    let mut events = Vec::new();
    cni_conform_core::run(request, &mut |event| {
        show(&bar, &event);
        // What workers say along the way is for the bar; a report is made of what is final.
        if !matches!(event, Event::TrialStarted { .. } | Event::TrialEnded(_)) {
            events.push(event);
        }
    })
    .map_err(|error| match error {
        RunError::Start { .. } => Failure::usage_error(&error),
        RunError::Sandbox(_) | RunError::Canary(_) => {
            Failure::could_not_judge(cni_conform_core::chain(&error))
        }
    })?;
    bar.finish_and_clear();
    fold(events).map_err(|error| Failure::could_not_judge(cni_conform_core::chain(&error)))
}

/// A bar on a terminal; elsewhere nothing but the failures as they come.
fn progress_bar() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style =
        ProgressStyle::with_template("{bar:30.cyan/dim} {pos}/{len} {wide_msg:.dim} {elapsed}");
    ProgressBar::with_draw_target(None, target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, event: &Event) {
    match event {
        Event::Started { planned, .. } => bar.set_length(*planned as u64),
        Event::TrialStarted {
            check,
            subject,
            spec,
        } => bar.set_message(format!("{subject} {spec} {check}")),
        Event::TrialEnded(result) => {
            bar.inc(1);
            if let Some(line) = terminal::progress(result, width()) {
                bar.suspend(|| anstream::eprintln!("{}", line.trim_end()));
            }
        }
        _ => {}
    }
}

/// Writes every reproducer to a file of its own and notes its path in the report.
fn keep_reproducers(report: &mut Report, directory: Option<&Path>) -> Result<(), Failure> {
    let with_script = |result: &&mut cni_conform_report::CheckResult| {
        result
            .evidence
            .as_ref()
            .is_some_and(|evidence| evidence.reproducer.is_some())
    };
    if !report.results.iter_mut().any(|result| with_script(&result)) {
        return Ok(());
    }
    let directory = match directory {
        Some(directory) => directory.to_owned(),
        None => fresh_directory()?,
    };
    for result in report.results.iter_mut().filter(with_script) {
        let name = format!("{}-{}-{}.sh", result.subject, result.check, result.spec)
            .replace(['/', '#'], "-");
        let path = directory.join(name);
        let Some(evidence) = result.evidence.as_mut() else {
            continue;
        };
        fs::write(&path, evidence.reproducer.as_deref().unwrap_or_default()).map_err(|error| {
            Failure::could_not_judge(format!("write the reproducer {}: {error}", path.display()))
        })?;
        evidence.reproducer_path = Some(path.display().to_string());
    }
    Ok(())
}

fn fresh_directory() -> Result<PathBuf, Failure> {
    tempfile::Builder::new()
        .prefix("cni-conform-")
        .tempdir()
        .map(tempfile::TempDir::keep)
        .map_err(|error| {
            Failure::could_not_judge(format!(
                "make a directory for reproducers: {error}; name one with --keep DIR"
            ))
        })
}

fn make_directory(directory: &Path) -> Result<(), Failure> {
    fs::create_dir_all(directory).map_err(|error| {
        Failure::usage(format!(
            "make the directory {} of --keep: {error}",
            directory.display()
        ))
    })
}
