//! `selftest`: the kill matrix on this machine, and the reproducers of what it finds.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use cni_conform_core::{Kill, SelftestRequest, selftest};
use indicatif::ProgressBar;

use crate::args::Selftest;
use crate::exit::{Failure, Status};
use crate::output::print;
use crate::{selection, subjects};

/// Mutants that hang wait for this; the correct toys need milliseconds.
const DEADLINE: Duration = Duration::from_secs(3);

/// Runs the kill matrix.
pub(crate) fn run(arguments: &Selftest) -> Result<Status, Failure> {
    let executable = subjects::own_executable()?;
    let request = SelftestRequest {
        checks: selection::select(&arguments.selection)?,
        subjects: subjects::mutants(&executable),
        delegates: cni_mutants::TOYS
            .iter()
            .map(|toy| subjects::toy(&executable, toy.name, ""))
            .collect(),
        full: arguments.full,
        jobs: super::run::jobs(arguments.jobs),
        deadline: DEADLINE,
        host_program: executable.clone(),
    };
    let bar = ProgressBar::new_spinner();
    let outcome = selftest(&request, &|kill: &Kill| {
        bar.set_message(format!(
            "{} on {}{}{}",
            kill.check,
            kill.toy,
            plus(kill),
            kill.fault
        ));
        bar.inc(1);
    });
    bar.finish_and_clear();

    let mut text = String::new();
    if arguments.full {
        for kill in outcome.kills.iter().filter(|kill| !kill.found.is_empty()) {
            let versions: Vec<&str> = kill
                .found
                .iter()
                .map(|(version, _)| version.as_str())
                .collect();
            let _infallible = writeln!(
                text,
                "{:40} {}{}{} {}",
                kill.check,
                kill.toy,
                plus(kill),
                kill.fault,
                versions.join(" ")
            );
        }
    }
    let mut defects = 0;
    for kill in outcome.defects() {
        defects += 1;
        let what = if kill.fault.is_empty() {
            "fires on a correct toy"
        } else {
            "is survived by a mutant it names"
        };
        let _infallible = writeln!(
            text,
            "{} {what}: {}{}{}",
            kill.check,
            kill.toy,
            plus(kill),
            kill.fault
        );
        for (version, requirement) in &kill.found {
            let _infallible = writeln!(text, "    {version}: {requirement}");
        }
        for trouble in &kill.trouble {
            let _infallible = writeln!(text, "    {trouble}");
        }
    }
    for (check, fault) in &outcome.unknown {
        defects += 1;
        let _infallible = writeln!(
            text,
            "{check} names the mutant {fault}, which no toy it applies to has"
        );
    }
    let named = outcome.kills.iter().filter(|kill| kill.named);
    let killed = named.clone().filter(|kill| kill.is_right()).count();
    let passed = outcome
        .kills
        .iter()
        .filter(|kill| kill.fault.is_empty() && kill.is_right())
        .count();
    if arguments.reproducers {
        let wrong = try_reproducers(&executable, &outcome.kills, request.jobs);
        defects += wrong.len();
        for line in wrong {
            let _infallible = writeln!(text, "{line}");
        }
    }
    let _infallible = writeln!(
        text,
        "{} checks: {killed} of {} mutants killed, {passed} of {} toys passed, {defects} defects",
        request.checks.len(),
        named.count(),
        outcome
            .kills
            .iter()
            .filter(|kill| kill.fault.is_empty())
            .count(),
    );
    print(&text)?;
    Ok(if defects == 0 {
        Status::Conforms
    } else {
        Status::Violates
    })
}

fn plus(kill: &Kill) -> &'static str {
    if kill.fault.is_empty() { "" } else { "+" }
}

/// Runs the last reproducer of every kill on the mutant and on the correct toy.
fn try_reproducers(executable: &Path, kills: &[Kill], jobs: usize) -> Vec<String> {
    let cases: Vec<&Kill> = kills
        .iter()
        .filter(|kill| kill.named && !kill.scripts.is_empty())
        .collect();
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(kill) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = try_reproducer(executable, kill);
                    wrong
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .extend(found);
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    wrong.sort();
    wrong
}

fn try_reproducer(executable: &Path, kill: &Kill) -> Vec<String> {
    let Some(script) = kill.scripts.last() else {
        return Vec::new();
    };
    let mutant = format!("{}+{}", kill.toy, kill.fault);
    // The correct toy answers under the mutant's place: only the name in the script changes.
    let on_toy = script.replace(&mutant, &kill.toy);
    let cases = [(&mutant, script, 1), (&kill.toy, &on_toy, 0)];
    let judge =
        |(name, script, expected): (&String, &String, i32)| match reproduce(script, executable) {
            Ok(status) if status == expected => None,
            Ok(status) => Some(format!(
                "the reproducer of {} exits {status} on {name}, not {expected}",
                kill.check
            )),
            Err(error) => Some(format!(
                "the reproducer of {} can't be run: {error}",
                kill.check
            )),
        };
    cases.into_iter().filter_map(judge).collect()
}

fn reproduce(script: &str, executable: &Path) -> std::io::Result<i32> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(script.as_bytes())?;
    let status = Command::new("sh")
        .arg(file.path())
        .arg(executable)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(status.code().unwrap_or(-1))
}
