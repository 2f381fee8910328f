//! Running another plugin as part of this one: look-up in CNI_PATH, full environment, full configuration.

use std::{
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Map, Value, json};

use crate::{
    catalogue::Fault,
    protocol::{AttachmentResult, Call, Failure, SpecVersion, Verb, code, environment::variable},
};

/// A plugin that this one runs.
pub(crate) struct Delegate<'a> {
    call: &'a Call,
    plugin: String,
}

impl<'a> Delegate<'a> {
    /// The IPAM plugin that the configuration names, if it names one.
    pub(crate) fn ipam(call: &'a Call) -> Result<Option<Self>, Failure> {
        let section = match call.document.get("ipam") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(section)) => section,
            Some(other) => {
                return Err(Failure::configuration(format!(
                    "ipam {other} is not an object"
                )));
            }
        };
        let plugin = match section.get("type") {
            // An empty section is how configurations say "no addresses".
            None if section.is_empty() => return Ok(None),
            Some(Value::String(plugin)) => plugin,
            _ => return Err(Failure::configuration("ipam has no type that is a string")),
        };
        let is_path = plugin.contains('/') || matches!(plugin.as_str(), "" | "." | "..");
        if is_path && !call.faults.has(Fault::TraversalDelegate) {
            return Err(Failure::configuration(format!(
                "ipam.type {plugin:?} is not a plain file name"
            )));
        }
        Ok(Some(Self {
            call,
            plugin: plugin.clone(),
        }))
    }

    /// Finds the executable.
    pub(crate) fn locate(&self) -> Result<PathBuf, Failure> {
        let faults = self.call.faults;
        let Some(mut path) = variable("CNI_PATH") else {
            let message = format!(
                "CNI_PATH is missing: it is where the delegate {:?} is looked up",
                self.plugin
            );
            return Err(Failure::new(code::ENVIRONMENT, message));
        };
        if faults.has(Fault::DelegateFromPath) {
            path = format!("{path}:{}", std::env::var("PATH").unwrap_or_default());
        }
        let directories = if faults.has(Fault::FirstPathOnly) {
            1
        } else {
            usize::MAX
        };
        let mut candidates: Vec<&str> = path
            .split(':')
            .filter(|directory| !directory.is_empty())
            .take(directories)
            .collect();
        if faults.has(Fault::LastPathWins) {
            candidates.reverse();
        }
        let found = candidates
            .into_iter()
            .map(|directory| Path::new(directory).join(&self.plugin))
            .find(|file| is_executable(file));
        found.ok_or_else(|| {
            Failure::new(
                code::DELEGATE,
                format!(
                    "the delegate {:?} is in no directory of CNI_PATH={path}",
                    self.plugin
                ),
            )
        })
    }

    /// Runs ADD and reads the result, whatever version the delegate chose for it.
    pub(crate) fn add(&self) -> Result<AttachmentResult, Failure> {
        let faults = self.call.faults;
        let output = self.run(Verb::Add)?;
        let wrong = |why: &str| {
            Failure::new(
                code::DELEGATE,
                format!(
                    "the delegate {:?} answered ADD with no result: {why}",
                    self.plugin
                ),
            )
        };
        let document: Map<String, Value> =
            serde_json::from_slice(&output).map_err(|error| wrong(&error.to_string()))?;
        let version = match document.get("cniVersion").map(Value::as_str) {
            None | Some(Some("")) => self.call.version,
            Some(text) => text
                .and_then(SpecVersion::named)
                .ok_or_else(|| wrong("its cniVersion is not supported"))?,
        };
        let layout = if faults.has(Fault::OlderIpamResultMisread) {
            self.call.version
        } else {
            version
        };
        let mut result = AttachmentResult::parse(&document, layout)
            .map_err(|error| wrong(&error.to_string()))?;
        if result.ips.is_empty() && !faults.has(Fault::OlderIpamResultMisread) {
            return Err(wrong("it has no address"));
        }
        // What an IPAM plugin says about interfaces is void: it knows none.
        if !faults.has(Fault::KeepsDelegateInterfaces) {
            result.interfaces.clear();
        }
        result.ips.iter_mut().for_each(|ip| ip.interface = None);
        if faults.has(Fault::DropsIpamDns) {
            result.dns.clear();
        }
        Ok(result)
    }

    /// Runs the verb and returns what the delegate printed; its error is passed on as it is.
    pub(crate) fn run(&self, verb: Verb) -> Result<Vec<u8>, Failure> {
        let faults = self.call.faults;
        let program = self.locate()?;
        let mut command = Command::new(&program);
        command
            .env("CNI_COMMAND", verb.as_str())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if faults.has(Fault::CleanEnv) {
            command.env_remove("CNI_ARGS");
        }
        if faults.has(Fault::SwallowsStderr) {
            command.stderr(Stdio::null());
        }
        if faults.has(Fault::LeaksDelegateStdout) && verb != Verb::Add {
            command.stdout(Stdio::inherit());
        }
        let failed = |error: std::io::Error| {
            Failure::new(
                code::DELEGATE,
                format!("run the delegate {}: {error}", program.display()),
            )
        };
        let mut child = command.spawn().map_err(failed)?;
        let request = self.request();
        let input = child.stdin.take();
        let output = std::thread::scope(|scope| {
            // Beside the reading, because a delegate may answer before it has read everything.
            scope.spawn(move || input.map(|mut pipe| pipe.write_all(&request)));
            child.wait_with_output()
        });
        let output = output.map_err(failed)?;
        if faults.has(Fault::LeaksDelegateStdout) && verb == Verb::Add {
            drop(std::io::stdout().write_all(&output.stdout));
        }
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(self.failure_of(verb, &output.stdout, output.status))
    }

    fn request(&self) -> Vec<u8> {
        if !self.call.faults.has(Fault::IpamSectionOnly) {
            return self.call.bytes.clone();
        }
        let section = self.call.document.get("ipam").cloned().unwrap_or_default();
        let document = json!({"cniVersion": self.call.version.as_str(), "name": self.call.network, "ipam": section});
        document.to_string().into_bytes()
    }

    fn failure_of(&self, verb: Verb, stdout: &[u8], status: std::process::ExitStatus) -> Failure {
        let error: Option<Map<String, Value>> = serde_json::from_slice(stdout).ok();
        let parts = error.as_ref().and_then(|error| {
            Some((
                error.get("code")?.as_i64()?,
                error.get("msg")?.as_str()?,
                error.get("details"),
            ))
        });
        match parts {
            Some((code, message, details))
                if !self.call.faults.has(Fault::DelegateErrorReplaced) =>
            {
                Failure {
                    code,
                    message: message.to_owned(),
                    details: details.filter(|details| details.is_string()).cloned(),
                }
            }
            _ => Failure::new(
                code::DELEGATE,
                format!(
                    "the delegate {:?} ended {verb} with {status} and no error object",
                    self.plugin
                ),
            ),
        }
    }
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
