//! Runs other plugins: the delegation of section 4 of the specification.
//!
//! A delegate gets the whole environment and the whole configuration, its stderr is ours, its
//! stdout is read. There is no time limit: that is the runtime's business, which ends us
//! and our delegate together. What to do with the answer is left to the plugin.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde_json::Value;

use crate::dispatch::{self, Process};
use crate::environment::Variables;
use crate::error::{Error, ErrorCode};
use crate::plugin::{Plugin, Registry};
use crate::result::AddResult;
use crate::verb::Verb;
use crate::version::Version;

/// Runs the delegates of one request.
#[derive(Clone)]
pub struct Delegates<'a> {
    request: Request<'a>,
    bytes: Cow<'a, [u8]>,
}

/// What of a request reaches its delegates.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) verb: Verb,
    pub(crate) version: Version,
    pub(crate) path: &'a [PathBuf],
    pub(crate) variables: &'a Variables,
    pub(crate) registry: Option<Registry>,
}

/// What a delegate's ADD made. Unless it is committed, dropping it runs the delegate with DEL:
/// then the plugin failed later, and what the delegate holds must go. Not after a panic under
/// [`crate::main_for`], which ends the process at once: then the runtime's DEL cleans up.
#[must_use = "dropping it undoes the delegate's ADD"]
pub struct DelegatedAdd<'d> {
    delegates: &'d Delegates<'d>,
    name: String,
    result: Option<AddResult>,
}

/// Why a delegate could not be run, or its answer not be used.
#[derive(Debug, thiserror::Error)]
pub enum DelegateError {
    /// The name could lead out of the directories of `CNI_PATH`.
    #[error("run delegate {0:?}: the type of a plugin is a plain file name")]
    Name(String),
    /// `CNI_PATH` is not set, and so there is nowhere to look.
    #[error("run delegate {0:?}: CNI_PATH is missing; set it to the directories of the plugins")]
    NoPath(String),
    /// No directory has it.
    #[error("run delegate {name:?}: no such file in CNI_PATH ({})", .directories.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":"))]
    NotFound {
        /// The delegate.
        name: String,
        /// Where it was looked for.
        directories: Vec<PathBuf>,
    },
    /// It can't be executed.
    #[error("{verb} by delegate {}", path.display())]
    Run {
        /// The operation.
        verb: Verb,
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// It failed without an error object.
    #[error("{verb} by delegate {}: {status} without an error object on stdout ({output})", path.display())]
    Silent {
        /// The operation.
        verb: Verb,
        /// The file.
        path: PathBuf,
        /// How it ended.
        status: String,
        /// What it printed instead.
        output: String,
    },
    /// ADD succeeded and printed no JSON.
    #[error("{verb} by delegate {}: no result on stdout ({output})", path.display())]
    NoResult {
        /// The operation.
        verb: Verb,
        /// The file.
        path: PathBuf,
        /// What it printed instead.
        output: String,
    },
}

/// How a delegate's run ended.
struct Answer {
    path: PathBuf,
    status: Status,
    stdout: Vec<u8>,
}

enum Status {
    Success,
    Failure(String),
}

impl<'a> Delegates<'a> {
    pub(crate) const fn new(request: Request<'a>, bytes: &'a [u8]) -> Self {
        Self {
            request,
            bytes: Cow::Borrowed(bytes),
        }
    }

    /// The same delegates with another configuration, for plugins that write one, as flannel does.
    #[must_use]
    pub fn with_config(&self, bytes: Vec<u8>) -> Self {
        Self {
            request: self.request,
            bytes: Cow::Owned(bytes),
        }
    }

    /// Runs ADD. When the delegate fails it is run again with DEL, so that nothing is left behind.
    ///
    /// # Errors
    /// The delegate's own error object unchanged, or why there is none.
    pub fn add(&self, name: &str) -> Result<DelegatedAdd<'_>, Error> {
        let path = self.find(name)?;
        let outcome = self
            .run(Verb::Add, name, &path)
            .and_then(|answer| self.result_of(name, answer));
        match outcome {
            Ok(result) => Ok(DelegatedAdd {
                delegates: self,
                name: name.to_owned(),
                result: Some(result),
            }),
            Err(error) => {
                self.undo(name);
                Err(error)
            }
        }
    }

    /// Runs CHECK.
    ///
    /// # Errors
    /// As [`Delegates::add`].
    pub fn check(&self, name: &str) -> Result<(), Error> {
        self.silent(Verb::Check, name)
    }

    /// Runs DEL.
    ///
    /// # Errors
    /// As [`Delegates::add`].
    pub fn del(&self, name: &str) -> Result<(), Error> {
        self.silent(Verb::Del, name)
    }

    /// Runs STATUS.
    ///
    /// # Errors
    /// As [`Delegates::add`].
    pub fn status(&self, name: &str) -> Result<(), Error> {
        self.silent(Verb::Status, name)
    }

    /// Runs GC.
    ///
    /// # Errors
    /// As [`Delegates::add`].
    pub fn gc(&self, name: &str) -> Result<(), Error> {
        self.silent(Verb::Gc, name)
    }

    fn silent(&self, verb: Verb, name: &str) -> Result<(), Error> {
        let path = self.find(name)?;
        self.run(verb, name, &path).map(drop)
    }

    /// The clean-up after a failure; its own failure must not hide the first one, so it only goes to stderr.
    fn undo(&self, name: &str) {
        if let Err(error) = self.del(name) {
            eprintln!("DEL of delegate {name} after a failed ADD: {error}");
        }
    }

    fn result_of(&self, name: &str, answer: Answer) -> Result<AddResult, Error> {
        let value: Value =
            serde_json::from_slice(&answer.stdout).map_err(|_| DelegateError::NoResult {
                verb: Verb::Add,
                path: answer.path,
                output: described(&answer.stdout),
            })?;
        Ok(AddResult::from_json(
            &format!("result of delegate {name}"),
            &value,
            self.request.version,
        )?)
    }

    fn find(&self, name: &str) -> Result<PathBuf, DelegateError> {
        if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
            return Err(DelegateError::Name(name.to_owned()));
        }
        if self.request.path.is_empty() {
            return Err(DelegateError::NoPath(name.to_owned()));
        }
        let candidates = self
            .request
            .path
            .iter()
            .map(|directory| directory.join(name));
        candidates
            .into_iter()
            .find(|path| path.is_file())
            .ok_or_else(|| DelegateError::NotFound {
                name: name.to_owned(),
                directories: self.request.path.to_vec(),
            })
    }

    fn run(&self, verb: Verb, name: &str, path: &Path) -> Result<Answer, Error> {
        let answer = match self.own_plugin(name, path) {
            Some(plugin) => self.call(verb, plugin, path),
            None => self
                .execute(verb, path)
                .map_err(|source| run_error(verb, path, source))?,
        };
        let Status::Failure(status) = answer.status else {
            return Ok(answer);
        };
        let own = serde_json::from_slice(&answer.stdout)
            .ok()
            .and_then(|value| Error::from_json(&value));
        Err(own.unwrap_or_else(|| {
            let output = described(&answer.stdout);
            DelegateError::Silent {
                verb,
                path: answer.path,
                status,
                output,
            }
            .into()
        }))
    }

    /// The plugin of this name in this very executable, when that is what `path` is.
    fn own_plugin(&self, name: &str, path: &Path) -> Option<&'static dyn Plugin> {
        let plugin = self.request.registry?(name)?;
        let (file, own) = (
            path.metadata().ok()?,
            Path::new("/proc/self/exe").metadata().ok()?,
        );
        ((file.dev(), file.ino()) == (own.dev(), own.ino())).then_some(plugin)
    }

    fn call(&self, verb: Verb, plugin: &dyn Plugin, path: &Path) -> Answer {
        let process = Process {
            variables: self.variables(verb),
            registry: self.request.registry,
        };
        let answer = dispatch::answer(plugin, &process, &mut &*self.bytes);
        let status = if answer.failed {
            Status::Failure("it failed".to_owned())
        } else {
            Status::Success
        };
        Answer {
            path: path.to_owned(),
            status,
            stdout: answer.stdout.into_bytes(),
        }
    }

    fn execute(&self, verb: Verb, path: &Path) -> io::Result<Answer> {
        let mut command = Command::new(path);
        command.env_clear().envs(self.variables(verb).iter());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut read = Vec::new();
        let talked = std::thread::scope(|scope| {
            // A pipe holds a page at least; only a longer configuration could block on a delegate that prints before it reads.
            let writer = stdin.map(|mut stdin| {
                let mut write = move || match stdin.write_all(&self.bytes) {
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
                    _ => Ok(()),
                };
                if self.bytes.len() <= 4096 {
                    return Err(write());
                }
                Ok(scope.spawn(write))
            });
            let outcome = stdout
                .map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut read))
                .map(drop);
            let written = match writer {
                None => Ok(()),
                Some(Err(written)) => written,
                Some(Ok(thread)) => thread
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("the writer panicked"))),
            };
            outcome.and(written)
        });
        let status = child.wait()?;
        talked?;
        let status = if status.success() {
            Status::Success
        } else {
            Status::Failure(ended(status))
        };
        Ok(Answer {
            path: path.to_owned(),
            status,
            stdout: read,
        })
    }

    /// The environment of the request; only a clean-up has another operation in it.
    fn variables(&self, verb: Verb) -> Variables {
        let variables = self.request.variables.clone();
        if verb == self.request.verb {
            variables
        } else {
            variables.with("CNI_COMMAND", verb.as_str())
        }
    }
}

impl fmt::Debug for Delegates<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Delegates")
            .field("path", &self.request.path)
            .finish_non_exhaustive()
    }
}

impl DelegatedAdd<'_> {
    /// What the delegate answered.
    #[must_use]
    pub fn result(&self) -> &AddResult {
        self.result
            .as_ref()
            .expect("invariant: only commit takes the result, and commit consumes the guard")
    }

    /// Keeps what the delegate made.
    #[must_use]
    pub fn commit(mut self) -> AddResult {
        self.result
            .take()
            .expect("invariant: only commit takes the result, and commit consumes the guard")
    }

    /// Refuses an answer without addresses, as a plugin does that needs one. The delegate is undone then.
    ///
    /// # Errors
    /// When the delegate's result has no address.
    pub fn require_addresses(self) -> Result<Self, Error> {
        if self.result().ips.is_empty() {
            let msg = format!(
                "ADD by delegate {:?}: its result has no IP address",
                self.name
            );
            return Err(Error::new(ErrorCode::DELEGATE_FAILED, msg));
        }
        Ok(self)
    }
}

impl Drop for DelegatedAdd<'_> {
    fn drop(&mut self) {
        if self.result.is_some() {
            self.delegates.undo(&self.name);
        }
    }
}

impl From<DelegateError> for Error {
    fn from(error: DelegateError) -> Self {
        let code = match &error {
            DelegateError::Name(_) | DelegateError::NotFound { .. } => ErrorCode::InvalidConfig,
            DelegateError::NoPath(_) => ErrorCode::InvalidEnvironment,
            // Somebody is writing the file: it will be whole in a moment.
            DelegateError::Run { source, .. }
                if source.kind() == io::ErrorKind::ExecutableFileBusy =>
            {
                ErrorCode::TryAgainLater
            }
            _ => ErrorCode::DELEGATE_FAILED,
        };
        Self::from_chain(code, &error)
    }
}

fn run_error(verb: Verb, path: &Path, source: io::Error) -> Error {
    DelegateError::Run {
        verb,
        path: path.to_owned(),
        source,
    }
    .into()
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("death by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

fn described(stdout: &[u8]) -> String {
    const LONGEST: usize = 200;
    let text = String::from_utf8_lossy(stdout);
    if text.trim().is_empty() {
        return "it is empty".to_owned();
    }
    let start: String = text.chars().take(LONGEST).collect();
    if start.len() < text.len() {
        format!("it begins {start:?}")
    } else {
        format!("it is {text:?}")
    }
}
