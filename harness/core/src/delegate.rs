//! The scripted delegate: the judge's own plugin, which records every call and answers as it is told.
//!
//! It stands in every sandbox under one path. What it is to answer and what it was called with are files
//! beside it, so that neither the environment nor the configuration under test has to carry a word for it.
//! `trial::delegate` writes the answers, reads the records, and renders the same program as a shell script.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::sys::signal::{Signal, raise};

/// The plugin name under which it is found.
pub(crate) const NAME: &str = "scripted";

/// Its directory in the sandbox: `bin/` is for CNI_PATH, `answers/` and `calls/` are files.
pub(crate) const HOME: &str = "/run/cni-conform/delegate";

/// Returns where the program stands.
pub(crate) fn program() -> PathBuf {
    Path::new(HOME).join("bin").join(NAME)
}

/// Plays the scripted delegate if this process was started as it, and returns the exit status then.
///
/// A program that calls [`run`](crate::run()) has to call this before anything else in `main`. The file that
/// is executed decides, not `argv[0]`, which belongs to the plugin under test.
#[must_use]
pub fn scripted_delegate() -> Option<ExitCode> {
    let started_as = fs::read_link("/proc/self/exe").ok()?;
    if started_as != program() {
        return None;
    }
    // A record that can't be written is a call that was not seen; 70 is EX_SOFTWARE of sysexits.h.
    Some(play(Path::new(HOME)).unwrap_or_else(|_| ExitCode::from(70)))
}

/// Records the call, then answers.
fn play(home: &Path) -> io::Result<ExitCode> {
    let call = claim(&home.join("calls"))?;
    let verb = std::env::var_os("CNI_COMMAND").unwrap_or_default();
    let mut arguments = std::env::args_os();
    fs::write(
        call.join("argv0"),
        arguments.next().unwrap_or_default().as_bytes(),
    )?;
    fs::write(call.join("env"), environment())?;
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input)?;
    fs::write(call.join("stdin"), input)?;
    fs::write(call.join("verb"), verb.as_bytes())?;
    answer(&home.join("answers"), &verb)
}

/// Makes the directory of the next number; `mkdir` settles who is first when two calls come at once.
fn claim(calls: &Path) -> io::Result<PathBuf> {
    (1_u32..)
        .map(|number| calls.join(number.to_string()))
        .find_map(|path| match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
            Err(error) => Some(Err(error)),
            Ok(()) => Some(Ok(path)),
        })
        .unwrap_or_else(|| Err(io::ErrorKind::StorageFull.into()))
}

/// The environment as `/proc/PID/environ` has it: every variable ended by a NUL.
fn environment() -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in std::env::vars_os() {
        for part in [key, OsString::from("="), value, OsString::from("\0")] {
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    bytes
}

/// Prints what the answer to the verb says and ends as it says; a verb without an answer succeeds in silence.
fn answer(answers: &Path, verb: &OsString) -> io::Result<ExitCode> {
    let part = |suffix: &str| {
        let mut name = verb.clone();
        name.push(suffix);
        fs::read(answers.join(name)).unwrap_or_default()
    };
    io::stderr().write_all(&part(".stderr"))?;
    io::stdout().write_all(&part(".stdout"))?;
    io::stdout().flush()?;
    let end = String::from_utf8_lossy(&part(".end")).into_owned();
    match end.split_once(' ') {
        Some(("exit", status)) => Ok(ExitCode::from(status.parse::<u8>().unwrap_or(70))),
        Some(("signal", number)) => {
            let signal = number
                .parse::<i32>()
                .ok()
                .and_then(|number| Signal::try_from(number).ok());
            raise(signal.unwrap_or(Signal::SIGKILL))?;
            Ok(ExitCode::from(70))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;

    use super::{answer, claim, scripted_delegate};

    #[test]
    fn a_process_of_another_file_is_no_delegate() {
        assert!(scripted_delegate().is_none());
    }

    #[test]
    fn calls_are_numbered_in_the_order_in_which_they_come() {
        let directory = std::env::temp_dir().join(format!("conform-calls-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        for number in ["1", "2", "3"] {
            assert_eq!(claim(&directory).unwrap(), directory.join(number));
        }
        assert!(claim(&directory.join("missing")).is_err());
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_verb_without_an_answer_succeeds() {
        let directory = std::env::temp_dir().join("conform-no-answers");
        assert!(answer(&directory, &OsString::from("ADD")).is_ok());
    }
}
