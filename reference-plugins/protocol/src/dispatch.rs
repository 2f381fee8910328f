//! From a process's environment and stdin to one document on stdout and an exit status.
//!
//! Order: environment, stdin, version, name, then the plugin. Stdout is written once, at the end. A panic
//! becomes an error object: in `main_for` by a hook, which works with `panic=abort` too; in
//! [`serve`] by unwinding. A namespace that is the plugin's own is for the plugin to judge.

use std::any::Any;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;

use serde_json::{Map, Value};

use crate::config::{Document, NetworkConfig};
use crate::delegate::{self, Delegates};
use crate::environment::{Call, Environment, Variables};
use crate::error::{Error, ErrorCode, Errors};
use crate::json::to_indented;
use crate::plugin::{
    AddRequest, CheckRequest, DelRequest, GcRequest, Plugin, PrevResultOnCheck, Registry,
    StatusRequest,
};
use crate::verb::Verb;
use crate::version::{self, Version};

/// What a plugin knows of its process.
#[derive(Clone)]
pub struct Process {
    /// The environment.
    pub variables: Variables,
    /// The plugins of this executable, for delegation without a new process.
    pub registry: Option<Registry>,
}

/// The three streams of a process.
pub struct Streams<'a> {
    /// The configuration.
    pub stdin: &'a mut dyn Read,
    /// One document.
    pub stdout: &'a mut dyn Write,
    /// Free text.
    pub stderr: &'a mut dyn Write,
}

/// What is to be printed, and whether the call failed.
pub(crate) struct Answer {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) failed: bool,
}

/// The version of the request, for the panic hook.
static REQUEST_VERSION: Mutex<Option<Version>> = Mutex::new(None);

/// The body of a plugin's `main`: serves the request of this process.
#[must_use]
pub fn main_for(plugin: &'static dyn Plugin, registry: Option<Registry>) -> ExitCode {
    print_error_object_on_panic();
    let process = Process {
        variables: Variables::from_process(),
        registry,
    };
    // The standard library's streams take EBADF for the end of input and for success.
    let (stdin, stdout) = (own(io::stdin().as_fd()), own(io::stdout().as_fd()));
    let (mut unreadable, mut unwritable) = (Broken, Broken);
    let (mut stdin, mut stdout) = (stdin.ok(), stdout.ok());
    // Who asks for the versions at a terminal has no configuration to type.
    let version = process
        .variables
        .get("CNI_COMMAND")
        .is_some_and(|verb| verb == Verb::Version.as_str());
    if version && io::stdin().is_terminal() {
        stdin = None;
    }
    let streams = Streams {
        stdin: stdin
            .as_mut()
            .map_or(&mut unreadable as &mut dyn Read, |file| file),
        stdout: stdout
            .as_mut()
            .map_or(&mut unwritable as &mut dyn Write, |file| file),
        stderr: &mut io::stderr(),
    };
    serve(plugin, &process, streams)
}

/// Serves one request: reads `stdin`, writes one document to `stdout`.
pub fn serve(plugin: &dyn Plugin, process: &Process, streams: Streams<'_>) -> ExitCode {
    let answer = answer(plugin, process, streams.stdin);
    // Stderr is free text: nobody is helped by failing over it.
    streams.stderr.write_all(answer.stderr.as_bytes()).ok();
    let written = streams
        .stdout
        .write_all(answer.stdout.as_bytes())
        .and_then(|()| streams.stdout.flush());
    if let Err(error) = &written {
        writeln!(streams.stderr, "write the answer to stdout: {error}").ok();
    }
    if answer.failed || written.is_err() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

pub(crate) fn answer(plugin: &dyn Plugin, process: &Process, stdin: &mut dyn Read) -> Answer {
    let latest = plugin
        .supported_versions()
        .last()
        .copied()
        .unwrap_or(Version::LATEST);
    let mut exchange = Exchange {
        plugin,
        process,
        version: latest,
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| exchange.run(stdin)));
    let outcome = outcome.unwrap_or_else(|panic| Err(defect(panic_text(&*panic))));
    let version = exchange.version;
    let mut answer = match outcome {
        Ok(stdout) => Answer {
            stdout,
            stderr: String::new(),
            failed: false,
        },
        Err(error) => Answer {
            stdout: to_indented(&error.to_json(version)),
            stderr: String::new(),
            failed: true,
        },
    };
    if process.variables.get("CNI_COMMAND").is_none() {
        let versions = version::join(plugin.supported_versions());
        answer.stderr = format!(
            "{}\nCNI protocol versions supported: {versions}\n",
            plugin.about()
        );
    }
    answer
}

struct Exchange<'a> {
    plugin: &'a dyn Plugin,
    process: &'a Process,
    /// The request's version once it is known.
    version: Version,
}

impl Exchange<'_> {
    fn run(&mut self, stdin: &mut dyn Read) -> Result<String, Error> {
        let environment = Environment::read(&self.process.variables)?;
        if environment.call == Call::Version {
            return Ok(self.version_reply(stdin));
        }
        let mut bytes = Vec::new();
        let read = stdin.read_to_end(&mut bytes);
        read.map_err(|error| {
            Error::new(
                ErrorCode::IoFailure,
                "read the network configuration from stdin",
            )
            .with_source(&error)
        })?;
        let config = self.configuration(bytes, environment.call.verb())?;
        self.call(environment, &config)
    }

    fn configuration(&mut self, bytes: Vec<u8>, verb: Verb) -> Result<NetworkConfig, Error> {
        let document = Document::parse(bytes)?;
        self.version = Version::from_value(document.version(), self.plugin.supported_versions())?;
        remember(self.version);
        if self.version < verb.introduced_in() {
            let msg = format!(
                "cniVersion: {} has no {verb}; it came with {}",
                self.version,
                verb.introduced_in()
            );
            return Err(Error::new(ErrorCode::IncompatibleVersion, msg));
        }
        Ok(NetworkConfig::new(document, self.version)?)
    }

    fn call(&self, environment: Environment, config: &NetworkConfig) -> Result<String, Error> {
        let (plugin, variables, args) = (self.plugin, &self.process.variables, &environment.args);
        let request = delegate::Request {
            verb: environment.call.verb(),
            version: config.version(),
            path: &environment.path,
            variables,
            registry: self.process.registry,
        };
        let delegates = Delegates::new(request, config.bytes());
        match environment.call {
            Call::Add(ref attachment, netns) => {
                let prev_result = config.prev_result()?;
                let request = AddRequest {
                    attachment,
                    netns,
                    config,
                    args,
                    variables,
                    delegates,
                    prev_result,
                };
                let result = plugin.add(&request)?;
                return Ok(to_indented(&result.to_json(config.version())?));
            }
            Call::Check(ref attachment, netns) => {
                let optional_prev_result = config.prev_result()?;
                let request = CheckRequest {
                    attachment,
                    netns,
                    config,
                    args,
                    variables,
                    delegates,
                    optional_prev_result,
                };
                if plugin.prev_result_on_check() == PrevResultOnCheck::Required {
                    request.prev_result()?;
                }
                plugin.check(&request)?;
            }
            Call::Del(ref attachment, netns) => {
                let request =
                    DelRequest::new((attachment, netns), config, (args, variables), delegates);
                let mut errors = Errors::new();
                errors.attempt(plugin.del(&request));
                request
                    .into_prev_result_error()
                    .into_iter()
                    .for_each(|error| errors.push(error));
                errors.finish()?;
            }
            Call::Status => plugin.status(&StatusRequest {
                config,
                variables,
                delegates,
            })?,
            Call::Gc => {
                let valid_attachments = config.valid_attachments()?;
                plugin.gc(&GcRequest {
                    valid_attachments,
                    config,
                    variables,
                    delegates,
                })?;
            }
            Call::Version => {}
        }
        Ok(String::new())
    }

    /// Whatever is on stdin, the list of versions is what VERSION is for.
    fn version_reply(&self, stdin: &mut dyn Read) -> String {
        let supported = self.plugin.supported_versions();
        let asked = first_document(stdin).and_then(|document| {
            let text = document.version()?.as_str()?.parse().ok()?;
            supported.contains(&text).then_some(text)
        });
        let mut reply = Map::new();
        reply.insert(
            "cniVersion".to_owned(),
            Value::from(asked.unwrap_or(self.version).as_str()),
        );
        let versions: Vec<Value> = supported
            .iter()
            .map(|version| Value::from(version.as_str()))
            .collect();
        reply.insert("supportedVersions".to_owned(), Value::from(versions));
        format!("{}\n", Value::Object(reply))
    }
}

/// Reads until a document is complete, not until the end: a runtime may keep the pipe open.
fn first_document(stdin: &mut dyn Read) -> Option<Document> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let length = match stdin.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => return None,
            Ok(length) => length,
        };
        bytes.extend_from_slice(&chunk[..length]);
        if let Ok(document) = Document::parse(bytes.clone()) {
            return Some(document);
        }
    }
}

fn own(stream: std::os::fd::BorrowedFd<'_>) -> io::Result<File> {
    stream.try_clone_to_owned().map(File::from)
}

/// Stands in for a stream that is closed.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("stdin is closed"))
    }
}

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("stdout is closed"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn remember(version: Version) {
    if let Ok(mut known) = REQUEST_VERSION.lock() {
        *known = Some(version);
    }
}

/// Nothing has been written to stdout before, as that happens once, at the end; so the object is the only document.
fn print_error_object_on_panic() {
    let to_stderr = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        to_stderr(info);
        let place = info
            .location()
            .map(|place| format!(" at {place}"))
            .unwrap_or_default();
        let version = REQUEST_VERSION
            .try_lock()
            .ok()
            .and_then(|known| *known)
            .unwrap_or(Version::LATEST);
        let error = defect(format!("{}{place}", panic_text(info.payload())));
        io::stdout()
            .write_all(to_indented(&error.to_json(version)).as_bytes())
            .ok();
        io::stdout().flush().ok();
        std::process::exit(1);
    }));
}

fn defect(text: String) -> Error {
    Error::new(
        ErrorCode::DEFECT,
        "the plugin met a defect of its own and stopped; please report it",
    )
    .with_details(text)
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_owned())
}
