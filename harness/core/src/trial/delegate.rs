//! The scripted delegate as a check uses it: what it is to answer, and what it was called with.
//!
//! The reproducer gets the same program as a shell script that keeps the same files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::attachment::{Attached, Attachment};
use super::call::Call;
use super::judge::Proof;
use super::request::{Request, Verb};
use super::{Stop, Trial};
use crate::delegate::{HOME, NAME, program};

/// What the scripted delegate does when it is called with a verb.
#[derive(Clone, Debug)]
pub struct Answer {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    end: End,
}

/// How it ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Exit(u8),
    Signal(i32),
}

/// One call of the scripted delegate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegateCall {
    /// By what it was called.
    pub argv0: String,
    /// CNI_COMMAND.
    pub verb: String,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Standard input.
    pub stdin: Vec<u8>,
}

/// The scripted delegate of a trial.
#[derive(Debug)]
pub struct Scripted<'a> {
    trial: &'a mut Trial,
}

impl Answer {
    /// Prints a document and exits with status 0.
    #[must_use]
    pub fn result(result: &Value) -> Self {
        Self::bytes(result.to_string(), 0)
    }

    /// Prints an error object and exits with status 1.
    #[must_use]
    pub fn error(code: u32, msg: &str) -> Self {
        Self::bytes(json!({ "code": code, "msg": msg }).to_string(), 1)
    }

    /// Prints these bytes and exits with this status.
    #[must_use]
    pub fn bytes(stdout: impl Into<Vec<u8>>, status: u8) -> Self {
        Self {
            stdout: stdout.into(),
            stderr: Vec::new(),
            end: End::Exit(status),
        }
    }

    /// Prints nothing and is killed by this signal.
    #[must_use]
    pub const fn signal(number: i32) -> Self {
        Self {
            stdout: Vec::new(),
            stderr: Vec::new(),
            end: End::Signal(number),
        }
    }

    /// Also prints this on standard error.
    #[must_use]
    pub fn with_stderr(mut self, text: &str) -> Self {
        self.stderr = text.as_bytes().to_vec();
        self
    }
}

impl DelegateCall {
    /// Returns standard input as JSON, if it is one document and nothing else.
    #[must_use]
    pub fn config(&self) -> Option<Value> {
        serde_json::from_slice(&self.stdin).ok()
    }
}

impl Scripted<'_> {
    /// Decides what a verb is answered from now on. A verb without an answer succeeds in silence.
    ///
    /// # Errors
    /// Fails when the answer can't be written down.
    pub fn answer(&mut self, verb: Verb, answer: &Answer) -> Result<(), Stop> {
        let end = match answer.end {
            End::Exit(status) => format!("exit {status}"),
            End::Signal(number) => format!("signal {number}"),
        };
        for (part, bytes) in [
            ("stdout", answer.stdout.as_slice()),
            ("stderr", &answer.stderr),
            ("end", end.as_bytes()),
        ] {
            let path = format!("{HOME}/answers/{}.{part}", verb.name());
            fs::write(&path, bytes).map_err(trouble(&path))?;
            self.trial.script.write(&path, bytes);
        }
        Ok(())
    }

    /// Makes the delegate stand in a further directory of the sandbox, and returns that directory.
    ///
    /// # Errors
    /// Fails when the link can't be made.
    pub fn also_in(&mut self, directory: &str) -> Result<PathBuf, Stop> {
        let directory = Path::new(HOME).join(directory);
        let link = directory.join(NAME);
        fs::create_dir_all(&directory)
            .and_then(|()| symlink(program(), &link))
            .map_err(trouble(&link.display().to_string()))?;
        for step in [
            format!("mkdir -p {}", directory.display()),
            format!("ln -s {} {}", program().display(), link.display()),
        ] {
            self.trial.script.step(&step);
        }
        Ok(directory)
    }

    /// Returns the calls since the records were last forgotten, in the order in which they came.
    ///
    /// # Errors
    /// Fails when a record can't be read.
    pub fn calls(&self) -> Result<Vec<DelegateCall>, Stop> {
        let mut calls = Vec::new();
        for number in 1.. {
            let call = Path::new(HOME).join("calls").join(number.to_string());
            if !call.is_dir() {
                break;
            }
            // A delegate that was ended while it wrote leaves parts out.
            let part = |name: &str| fs::read(call.join(name)).unwrap_or_default();
            calls.push(DelegateCall {
                argv0: String::from_utf8_lossy(&part("argv0")).into_owned(),
                verb: String::from_utf8_lossy(&part("verb")).into_owned(),
                env: environment(&part("env")),
                stdin: part("stdin"),
            });
        }
        Ok(calls)
    }

    /// Returns the verbs of the calls, in order.
    ///
    /// # Errors
    /// As [`Scripted::calls`].
    pub fn verbs(&self) -> Result<Vec<String>, Stop> {
        Ok(self.calls()?.into_iter().map(|call| call.verb).collect())
    }

    /// Tells whether the delegate was called with ADD.
    ///
    /// # Errors
    /// As [`Scripted::calls`].
    pub fn was_asked(&self) -> Result<bool, Stop> {
        Ok(self.verbs()?.iter().any(|verb| verb == "ADD"))
    }

    /// Forgets the calls so far.
    ///
    /// # Errors
    /// Fails when a record can't be removed.
    pub fn forget_calls(&mut self) -> Result<(), Stop> {
        self.trial.empty_directory(&format!("{HOME}/calls"))
    }
}

impl Proof {
    /// The delegate's calls, as verbs in order, are not these.
    #[must_use]
    pub fn delegate_verbs_are_not(verbs: &[&str]) -> Self {
        Self::Shell(format!("[ \"$(calls)\" != '{}' ]", verbs.join(" ")))
    }

    /// The delegate was never called with a verb, but had to be.
    #[must_use]
    pub fn delegate_not_called_with(verb: Verb) -> Self {
        Self::Shell(format!(
            "case \" $(calls) \" in *' {} '*) false ;; esac",
            verb.name()
        ))
    }

    /// No call of the delegate had a variable in its environment that matches this POSIX extended expression.
    #[must_use]
    pub fn delegate_env_lacks(expression: &str) -> Self {
        Self::Shell(format!(
            "! cat {HOME}/calls/*/env | tr '\\0' '\\n' | grep -Eq {}",
            quoted(expression)
        ))
    }

    /// No call of the delegate read a configuration that, white space removed, matches this POSIX extended expression.
    #[must_use]
    pub fn delegate_stdin_lacks(expression: &str) -> Self {
        Self::Shell(format!(
            "! cat {HOME}/calls/*/stdin | tr -d ' \\t\\r\\n' | grep -Eq {}",
            quoted(expression)
        ))
    }
}

impl Trial {
    /// Returns the scripted delegate. The requests that [`through_delegate`](Self::through_delegate) makes lead to it.
    ///
    /// # Errors
    /// Fails when its directories can't be made.
    pub fn delegate(&mut self) -> Result<Scripted<'_>, Stop> {
        let answers = Path::new(HOME).join("answers");
        if !answers.is_dir() {
            for directory in [&answers, &Path::new(HOME).join("calls")] {
                fs::create_dir_all(directory).map_err(trouble(HOME))?;
            }
            self.script.verbatim(&in_shell());
        }
        Ok(Scripted { trial: self })
    }

    /// Bends a request so that the plugin delegates to the scripted delegate, with keys that no plugin knows.
    #[must_use]
    pub fn through_delegate(&self, request: Request) -> Request {
        let path = self.path_with(&[&format!("{HOME}/bin")]);
        request
            .key("ipam", Value::Object(ipam_section(NAME)))
            .env("CNI_PATH", &path)
    }

    /// Returns a CNI_PATH of these directories and then the plugin's own.
    #[must_use]
    pub fn path_with(&self, directories: &[&str]) -> String {
        let own = self.plugin_path();
        let own = own.iter().map(|path| path.display().to_string());
        let mut path: Vec<String> = directories.iter().map(|path| (*path).to_owned()).collect();
        path.extend(own);
        path.join(":")
    }

    /// ADDs through the scripted delegate, which has to have an answer, and goes on only if that gives a result.
    ///
    /// # Errors
    /// Stops as blocked when the ADD fails or prints no result.
    pub fn attach_through_delegate(&mut self, attachment: &Attachment) -> Result<Attached, Stop> {
        let request = self.through_delegate(self.request(Verb::Add, attachment));
        let call = self.call(&request)?;
        match call.json() {
            Some(result @ Value::Object(_)) if call.succeeded() => Ok(Attached {
                attachment: attachment.clone(),
                result,
                call,
            }),
            _ => Err(add_through_delegate_failed(&call)),
        }
    }

    /// Returns the request that follows an ADD through the scripted delegate.
    #[must_use]
    pub fn request_after_delegate(&self, verb: Verb, attached: &Attached) -> Request {
        self.through_delegate(self.request_after(verb, attached))
    }
}

/// Why a check can't go on when the plugin makes no attachment through the delegate.
pub(crate) fn add_through_delegate_failed(call: &Call) -> Stop {
    Stop::Blocked {
        check: "delegation/result-is-merged",
        why: format!("ADD through a delegate ended with {}", call.brief()),
    }
}

/// An `ipam` section that names a delegate and has keys that no specification defines.
pub(crate) fn ipam_section(name: &str) -> Map<String, Value> {
    Map::from_iter([
        ("type".to_owned(), json!(name)),
        (
            "conformUnknown".to_owned(),
            json!({ "list": [1, "two", null], "flag": true }),
        ),
    ])
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn environment(bytes: &[u8]) -> BTreeMap<String, String> {
    String::from_utf8_lossy(bytes)
        .split_terminator('\0')
        .filter_map(|variable| variable.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn trouble(path: &str) -> impl FnOnce(std::io::Error) -> Stop {
    let path = path.to_owned();
    move |error| Stop::Trouble(format!("script the delegate: {path}: {error}"))
}

/// The delegate as a shell script that keeps the same files, and `calls`, which prints its verbs in order.
fn in_shell() -> String {
    format!(
        r#"
# the delegate: records every call in {HOME}/calls, answers with what is in {HOME}/answers
mkdir -p {HOME}/bin {HOME}/calls {HOME}/answers || cannot 'make the delegate'
cat >{program} <<'DELEGATE'
#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
n=1
while ! mkdir {HOME}/calls/$n 2>/dev/null; do n=$((n + 1)); [ $n -lt 100 ] || exit 70; done
cd {HOME}/calls/$n && printf %s "$0" >argv0 && cat /proc/$$/environ >env && cat >stdin && printf %s "$CNI_COMMAND" >verb || exit 70
a={HOME}/answers/$CNI_COMMAND
[ -e $a.end ] || exit 0
cat $a.stderr >&2
cat $a.stdout
read -r how number <$a.end
case $how in
exit) exit $number ;;
signal) kill -$number $$ ;;
esac
DELEGATE
chmod +x {program}
calls() {{ n=1; verbs=; while [ -d {HOME}/calls/$n ]; do verbs="$verbs $(cat {HOME}/calls/$n/verb)"; n=$((n + 1)); done; echo $verbs; }}
"#,
        program = program().display(),
    )
}
