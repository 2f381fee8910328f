//! Runs one plugin process and records everything that went in and came out.
//!
//! Only this module starts plugins. It keeps a bounded part of the output, ends what does not end by
//! itself, and returns when the plugin exits even if a descendant holds its output open.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cni_conform_report::{Exchange, Status};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use thiserror::Error;

/// What is kept of one output stream, in bytes. No CNI answer comes near it.
const KEPT: usize = 256 * 1024;

/// How long a descendant may go on writing after the plugin has exited.
const GRACE: Duration = Duration::from_millis(250);

/// Everything that decides one call of a plugin.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    /// The executable, which is also `argv[0]`.
    pub(crate) program: PathBuf,
    /// The whole environment.
    pub(crate) env: BTreeMap<String, OsString>,
    /// Standard input.
    pub(crate) stdin: Source,
    /// How long it may take.
    pub(crate) deadline: Duration,
    /// What its standard output is.
    pub(crate) output: Output,
}

/// What a plugin finds as its standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A pipe with these bytes.
    Bytes(Vec<u8>),
    /// The directory `/`, of which every read fails.
    Unreadable,
}

/// What a plugin finds as its standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// A pipe that the harness reads.
    Captured,
    /// `/dev/full`, where every write fails.
    Full,
}

/// The plugin could not be started at all.
#[derive(Debug, Error)]
pub(crate) enum InvokeError {
    /// The kernel refused to execute it.
    #[error("start {}{}", program.display(), advice(source))]
    Start {
        /// Which file.
        program: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Runs a plugin to its end or its deadline; also returns standard output as the bytes that came.
///
/// # Errors
/// Fails only when the process can't be started; whatever a started plugin does is an [`Exchange`].
pub(crate) fn invoke(invocation: &Invocation) -> Result<(Exchange, Vec<u8>), InvokeError> {
    let refused = |source| InvokeError::Start {
        program: invocation.program.clone(),
        source,
    };
    let stdout = match invocation.output {
        Output::Captured => Stdio::piped(),
        Output::Full => Stdio::from(
            std::fs::File::options()
                .write(true)
                .open("/dev/full")
                .map_err(refused)?,
        ),
    };
    let stdin = match invocation.stdin {
        Source::Bytes(_) => Stdio::piped(),
        Source::Unreadable => Stdio::from(std::fs::File::open("/").map_err(refused)?),
    };
    let began = Instant::now();
    let mut child = Command::new(&invocation.program)
        .env_clear()
        .envs(&invocation.env)
        .current_dir("/")
        .stdin(stdin)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(refused)?;
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));

    let given: &[u8] = match &invocation.stdin {
        Source::Bytes(bytes) => bytes,
        Source::Unreadable => b"",
    };
    if let Some(mut pipe) = child.stdin.take() {
        let input = given.to_vec();
        // A plugin need not read its input; then the write fails, and that is its right.
        thread::spawn(move || drop(pipe.write_all(&input)));
    }
    let (stdout, stderr) = (
        child.stdout.take().map(collect),
        child.stderr.take().map(collect),
    );
    let (ended, wait) = channel();
    thread::spawn(move || drop(ended.send(child.wait())));

    let (status, finished) = match wait.recv_timeout(invocation.deadline) {
        Ok(status) => (status.map_err(refused).map(ending)?, Instant::now()),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            let killed = Status::Deadline(
                u64::try_from(invocation.deadline.as_millis()).unwrap_or(u64::MAX),
            );
            let _ = killpg(group, Signal::SIGKILL);
            drop(wait.recv_timeout(GRACE));
            (killed, Instant::now())
        }
    };
    let duration = finished.duration_since(began);
    let until = finished + GRACE;
    let (stdout, stdout_open) = stdout
        .map(|stream| stream.take_until(until))
        .unwrap_or_default();
    let (stderr, stderr_open) = stderr
        .map(|stream| stream.take_until(until))
        .unwrap_or_default();
    let held_open = (stdout_open || stderr_open) && !matches!(status, Status::Deadline(_));
    if held_open {
        let _ = killpg(group, Signal::SIGKILL);
    }
    let exchange = Exchange {
        argv: vec![invocation.program.display().to_string()],
        env: invocation
            .env
            .iter()
            .map(|(key, value)| {
                (
                    key.clone(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        stdin: String::from_utf8_lossy(given).into_owned(),
        stdout: String::from_utf8_lossy(&stdout.kept).into_owned(),
        stderr: String::from_utf8_lossy(&stderr.kept).into_owned(),
        stdout_bytes: stdout.total,
        stderr_bytes: stderr.total,
        status,
        held_open,
        duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
    };
    Ok((exchange, stdout.kept))
}

/// What has come out of a stream so far.
#[derive(Clone, Debug, Default)]
struct Collected {
    kept: Vec<u8>,
    total: u64,
}

/// A stream that a thread reads to its end.
struct Stream {
    collected: Arc<Mutex<Collected>>,
    closed: Receiver<()>,
}

impl Stream {
    /// Returns what came until the end of the stream, or until `until`; then also whether it is still open.
    fn take_until(self, until: Instant) -> (Collected, bool) {
        let patience = until.saturating_duration_since(Instant::now());
        let open = matches!(
            self.closed.recv_timeout(patience),
            Err(RecvTimeoutError::Timeout)
        );
        let collected = self
            .collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        (collected, open)
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> Stream {
    let collected = Arc::new(Mutex::new(Collected::default()));
    let (close, closed) = channel();
    let into = Arc::clone(&collected);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count) = pipe.read(&mut buffer) {
            if count == 0 {
                break;
            }
            let mut into = into.lock().unwrap_or_else(PoisonError::into_inner);
            let room = KEPT.saturating_sub(into.kept.len()).min(count);
            into.kept.extend_from_slice(&buffer[..room]);
            into.total += count as u64;
        }
        let _ = close.send(());
    });
    Stream { collected, closed }
}

fn ending(status: ExitStatus) -> Status {
    match (status.code(), status.signal()) {
        (Some(code), _) => Status::Exit(code),
        (None, Some(signal)) => Status::Signal(signal),
        (None, None) => Status::Exit(-1),
    }
}

fn advice(source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        Some(libc::ENOEXEC) => {
            ": it is neither a binary of this machine nor a script with a #! line"
        }
        Some(libc::EACCES) => ": it is not executable, or lies on a file system mounted noexec",
        Some(libc::ENOENT) => ": it, or the interpreter or loader that it names, does not exist",
        _ => "",
    }
}
