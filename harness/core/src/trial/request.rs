//! A request to the plugin, as a runtime would make it, before a check bends it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::thread;

use serde_json::{Map, Value};

use super::attachment::{Attached, Attachment};
use super::call::Call;
use super::{Stop, Trial};
use crate::invoke::{Invocation, Output, Source, invoke};

/// An operation of CNI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// ADD.
    Add,
    /// DEL.
    Del,
    /// CHECK.
    Check,
    /// STATUS.
    Status,
    /// GC.
    Gc,
    /// VERSION.
    Version,
}

/// The environment and standard input of a call to come.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) env: BTreeMap<String, OsString>,
    pub(super) input: Input,
    pub(super) output: Output,
}

/// Standard input.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// A network configuration, with the result of an earlier call of this trial or a given one as prevResult.
    Config {
        config: Map<String, Value>,
        previous: Previous,
    },
    /// These very bytes.
    Bytes(Vec<u8>),
    /// A directory, of which every read fails.
    Unreadable,
}

/// What stands under prevResult.
#[derive(Clone, Debug)]
pub(super) enum Previous {
    /// Nothing.
    None,
    /// The standard output of the call of this number, byte by byte.
    Of(usize, Vec<u8>),
    /// The same after a change, which a script makes with this sed(1) expression, in double quotes, on the output
    /// without white space.
    Edited(usize, Vec<u8>, String),
    /// The standard output of the call of this number, without its key cniVersion.
    WithoutVersion(usize, Vec<u8>),
}

impl Verb {
    /// Returns the value of CNI_COMMAND.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Status => "STATUS",
            Self::Gc => "GC",
            Self::Version => "VERSION",
        }
    }
}

impl Request {
    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.insert(key.to_owned(), value.into());
        self
    }

    /// Returns the value of an environment variable, if it is set and UTF-8.
    #[must_use]
    pub fn variable(&self, key: &str) -> Option<String> {
        self.env.get(key)?.clone().into_string().ok()
    }

    /// Sets an environment variable to bytes that need not be UTF-8.
    #[must_use]
    pub fn env_bytes(mut self, key: &str, value: &[u8]) -> Self {
        self.env
            .insert(key.to_owned(), OsString::from_vec(value.to_vec()));
        self
    }

    /// Takes an environment variable away.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.env.remove(key);
        self
    }

    /// Changes the network configuration. Without effect once the input was replaced by bytes.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut Map<String, Value>)) -> Self {
        if let Input::Config { config, .. } = &mut self.input {
            change(config);
        }
        self
    }

    /// Sets one key of the network configuration.
    #[must_use]
    pub fn key(self, key: &str, value: Value) -> Self {
        self.config(|config| drop(config.insert(key.to_owned(), value)))
    }

    /// Puts the result of an earlier ADD under prevResult, byte by byte.
    #[must_use]
    pub fn previous(mut self, attached: &Attached) -> Self {
        if let Input::Config { config, previous } = &mut self.input {
            config.remove("prevResult");
            *previous = Previous::Of(attached.call.index(), attached.call.stdout().to_vec());
        }
        self
    }

    /// Puts the result of an earlier ADD under prevResult, but without its cniVersion.
    #[must_use]
    pub fn previous_without_version(mut self, attached: &Attached) -> Self {
        let mut result = attached.result.clone();
        if let Some(members) = result.as_object_mut() {
            members.remove("cniVersion");
        }
        if let Input::Config { config, previous } = &mut self.input {
            config.remove("prevResult");
            let bytes = result.to_string().into_bytes();
            *previous = Previous::WithoutVersion(attached.call.index(), bytes);
        }
        self
    }

    /// Puts a value under prevResult.
    #[must_use]
    pub fn previous_value(mut self, value: Value) -> Self {
        if let Input::Config { config, previous } = &mut self.input {
            config.insert("prevResult".to_owned(), value);
            *previous = Previous::None;
        }
        self
    }

    /// Puts a changed result of an earlier ADD under prevResult. A script makes the same change with the sed(1)
    /// expression: what the kernel chose in this trial, such as a MAC address, is another value there.
    #[must_use]
    pub fn previous_edited(mut self, attached: &Attached, result: &Value, sed: &str) -> Self {
        if let Input::Config { config, previous } = &mut self.input {
            config.remove("prevResult");
            let bytes = result.to_string().into_bytes();
            *previous = Previous::Edited(attached.call.index(), bytes, sed.to_owned());
        }
        self
    }

    /// Takes prevResult away.
    #[must_use]
    pub fn without_previous(mut self) -> Self {
        if let Input::Config { config, previous } = &mut self.input {
            config.remove("prevResult");
            *previous = Previous::None;
        }
        self
    }

    /// Replaces standard input by these bytes.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// Makes every read of the plugin from standard input fail.
    #[must_use]
    pub fn unreadable_stdin(mut self) -> Self {
        self.input = Input::Unreadable;
        self
    }

    /// Makes every write of the plugin to standard output fail.
    #[must_use]
    pub const fn full_stdout(mut self) -> Self {
        self.output = Output::Full;
        self
    }

    /// Returns standard input as bytes.
    #[must_use]
    pub fn input_bytes(&self) -> Vec<u8> {
        match &self.input {
            Input::Bytes(bytes) => bytes.clone(),
            Input::Unreadable => Vec::new(),
            Input::Config {
                config,
                previous: Previous::None,
            } => config_text(config).into_bytes(),
            Input::Config {
                config,
                previous:
                    Previous::Of(_, result)
                    | Previous::Edited(_, result, _)
                    | Previous::WithoutVersion(_, result),
            } => {
                let mut bytes = before_previous(config).into_bytes();
                bytes.extend_from_slice(result);
                bytes.push(b'}');
                bytes
            }
        }
    }
}

/// Renders a configuration; a map renders without fail.
pub(super) fn config_text(config: &Map<String, Value>) -> String {
    serde_json::to_string(config).unwrap_or_default()
}

/// Renders a configuration up to the value of its last key, prevResult.
pub(super) fn before_previous(config: &Map<String, Value>) -> String {
    let text = config_text(config);
    let open = text.strip_suffix('}').unwrap_or(&text);
    let comma = if config.is_empty() { "" } else { "," };
    format!("{open}{comma}\"prevResult\":")
}

impl Trial {
    /// Returns the request that a runtime would make for an attachment: full environment, the profile's
    /// configuration in the version under test; for a chained plugin also the earlier plugin's result.
    #[must_use]
    pub fn request(&self, verb: Verb, attachment: &Attachment) -> Request {
        let mut request = self
            .request_without_attachment(verb)
            .env("CNI_CONTAINERID", &attachment.id)
            .env("CNI_NETNS", &attachment.netns.display().to_string())
            .env("CNI_IFNAME", &attachment.ifname)
            .env("CNI_ARGS", "")
            .key("name", Value::String(attachment.network.clone()));
        if let Some(previous) = &attachment.previous {
            request = request.previous_value(previous.clone());
        }
        request
    }

    /// Returns a request of a verb that concerns no attachment: STATUS, GC, VERSION.
    #[must_use]
    pub fn request_without_attachment(&self, verb: Verb) -> Request {
        let path: Vec<String> = self
            .plugin_path()
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let mut config = self.profile.config.clone();
        config.insert(
            "cniVersion".to_owned(),
            Value::String(self.version.to_string()),
        );
        config.insert("name".to_owned(), Value::String("conform".to_owned()));
        let env = [
            ("CNI_COMMAND", verb.name().to_owned()),
            ("CNI_PATH", path.join(":")),
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            ),
        ];
        Request {
            env: env
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect(),
            input: Input::Config {
                config,
                previous: Previous::None,
            },
            output: Output::Captured,
        }
    }

    /// Returns the request that follows an ADD: CHECK and, from 0.4.0, DEL carry its result.
    #[must_use]
    pub fn request_after(&self, verb: Verb, attached: &Attached) -> Request {
        let request = self.request(verb, &attached.attachment).without_previous();
        if verb == Verb::Del && self.version < cni_spec_fixtures::SpecVersion::V0_4_0 {
            return request;
        }
        request.previous(attached)
    }

    /// Calls the plugin.
    ///
    /// # Errors
    /// Stops when the plugin can't be started at all.
    pub fn call(&mut self, request: &Request) -> Result<Call, Stop> {
        let invocation = self.invocation(request);
        let index = self.exchanges.len();
        self.script.call(index, request, self.deadline);
        let (exchange, stdout) = invoke(&invocation).map_err(|error| Stop::trouble(&error))?;
        self.exchanges.push(exchange.clone());
        Ok(Call::new(index, exchange, stdout))
    }

    /// Calls the plugin once for each request, all at the same time, and waits for all of them.
    ///
    /// # Errors
    /// As [`Trial::call`].
    pub fn call_all(&mut self, requests: &[Request]) -> Result<Vec<Call>, Stop> {
        let first = self.exchanges.len();
        self.script.call_all(first, requests, self.deadline);
        let invocations: Vec<Invocation> = requests
            .iter()
            .map(|request| self.invocation(request))
            .collect();
        let outcomes: Vec<_> = thread::scope(|scope| {
            let started: Vec<_> = invocations
                .iter()
                .map(|invocation| scope.spawn(move || invoke(invocation)))
                .collect();
            started
                .into_iter()
                .map(|call| {
                    call.join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        });
        let mut calls = Vec::new();
        for (index, outcome) in (first..).zip(outcomes) {
            let (exchange, stdout) = outcome.map_err(|error| Stop::trouble(&error))?;
            self.exchanges.push(exchange.clone());
            calls.push(Call::new(index, exchange, stdout));
        }
        Ok(calls)
    }

    fn invocation(&self, request: &Request) -> Invocation {
        Invocation {
            program: self.program.at.clone(),
            env: request.env.clone(),
            stdin: match request.input {
                Input::Unreadable => Source::Unreadable,
                Input::Bytes(_) | Input::Config { .. } => Source::Bytes(request.input_bytes()),
            },
            deadline: self.deadline,
            output: request.output,
        }
    }

    /// ADDs an attachment.
    ///
    /// # Errors
    /// As [`Trial::call`].
    pub fn add(&mut self, attachment: &Attachment) -> Result<Call, Stop> {
        let request = self.request(Verb::Add, attachment);
        self.call(&request)
    }

    /// CHECKs an attachment with the result of its ADD.
    ///
    /// # Errors
    /// As [`Trial::call`].
    pub fn check(&mut self, attached: &Attached) -> Result<Call, Stop> {
        let request = self.request_after(Verb::Check, attached);
        self.call(&request)
    }

    /// DELs an attachment, with the result of its ADD where the version says so.
    ///
    /// # Errors
    /// As [`Trial::call`].
    pub fn del(&mut self, attached: &Attached) -> Result<Call, Stop> {
        let request = self.request_after(Verb::Del, attached);
        self.call(&request)
    }
}
