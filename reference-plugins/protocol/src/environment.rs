//! The environment of a plugin: which operation, on which attachment, with which search path.
//!
//! All problems are gathered into one error that names every variable. An empty variable
//! counts as unset: libcni always sets all of them. The configuration is [`crate::config`]'s.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::args::Args;
use crate::error::{Error, ErrorCode};
use crate::identifier::{Attachment, IdentifierError};
use crate::verb::{UnknownVerb, Verb};

/// Environment variables, complete, as they are handed on to delegates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<OsString, OsString>);

/// What `CNI_COMMAND` asks for, with what that operation needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// ADD into a namespace.
    Add(Attachment, PathBuf),
    /// CHECK in a namespace.
    Check(Attachment, PathBuf),
    /// DEL; the namespace may be gone or unknown.
    Del(Attachment, Option<PathBuf>),
    /// STATUS.
    Status,
    /// GC.
    Gc,
    /// VERSION.
    Version,
}

/// A checked environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The operation.
    pub call: Call,
    /// `CNI_ARGS`.
    pub args: Args,
    /// The directories of `CNI_PATH`; empty when not set. Only delegation needs it.
    pub path: Vec<PathBuf>,
}

/// One variable that is missing or invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentProblem {
    /// Not set, or empty.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Not UTF-8.
    #[error("{variable}: {value:?} is not UTF-8")]
    Encoding {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: OsString,
    },
    /// An operation that does not exist.
    #[error("CNI_COMMAND: {0}")]
    Verb(UnknownVerb),
    /// A name outside its grammar.
    #[error("{variable}: {reason}")]
    Identifier {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it, with the value.
        reason: IdentifierError,
    },
}

/// Everything that is wrong with an environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid environment: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct EnvironmentError(pub Vec<EnvironmentProblem>);

impl Variables {
    /// The variables of this process.
    #[must_use]
    pub fn from_process() -> Self {
        std::env::vars_os().collect()
    }

    /// The value of a variable; `None` when unset or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// The same variables with one of them set.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// All names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl Environment {
    /// Reads and checks the variables.
    ///
    /// # Errors
    /// With every variable that the operation needs and that is missing or invalid.
    pub fn read(variables: &Variables) -> Result<Self, EnvironmentError> {
        let mut reader = Reader {
            variables,
            problems: Vec::new(),
        };
        let verb = reader.verb();
        let call = match verb {
            None => None,
            Some(Verb::Add) => reader
                .located()
                .map(|(attachment, netns)| Call::Add(attachment, netns)),
            Some(Verb::Check) => reader
                .located()
                .map(|(attachment, netns)| Call::Check(attachment, netns)),
            Some(Verb::Del) => {
                let netns = variables.get("CNI_NETNS").map(PathBuf::from);
                reader
                    .attachment()
                    .map(|attachment| Call::Del(attachment, netns))
            }
            Some(Verb::Status) => Some(Call::Status),
            Some(Verb::Gc) => Some(Call::Gc),
            Some(Verb::Version) => Some(Call::Version),
        };
        let with_args = matches!(verb, Some(Verb::Add | Verb::Check | Verb::Del));
        let args = if with_args {
            reader.text("CNI_ARGS").unwrap_or_default()
        } else {
            ""
        };
        let path = variables
            .get("CNI_PATH")
            .map(std::env::split_paths)
            .into_iter()
            .flatten();
        // An empty entry would mean the working directory, where delegates are not looked for.
        let path = path
            .filter(|directory| !directory.as_os_str().is_empty())
            .collect();
        match call {
            Some(call) if reader.problems.is_empty() => Ok(Self {
                call,
                args: Args::new(args),
                path,
            }),
            _ => Err(EnvironmentError(reader.problems)),
        }
    }
}

impl Call {
    /// The operation's name.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Add(..) => Verb::Add,
            Self::Check(..) => Verb::Check,
            Self::Del(..) => Verb::Del,
            Self::Status => Verb::Status,
            Self::Gc => Verb::Gc,
            Self::Version => Verb::Version,
        }
    }
}

impl From<EnvironmentError> for Error {
    fn from(error: EnvironmentError) -> Self {
        Self::new(ErrorCode::InvalidEnvironment, error.to_string())
    }
}

struct Reader<'a> {
    variables: &'a Variables,
    problems: Vec<EnvironmentProblem>,
}

impl<'a> Reader<'a> {
    fn verb(&mut self) -> Option<Verb> {
        let text = self.required("CNI_COMMAND")?;
        text.parse()
            .map_err(|error| self.problems.push(EnvironmentProblem::Verb(error)))
            .ok()
    }

    fn located(&mut self) -> Option<(Attachment, PathBuf)> {
        let attachment = self.attachment();
        let netns = self.variables.get("CNI_NETNS").map(PathBuf::from);
        if netns.is_none() {
            self.problems.push(EnvironmentProblem::Missing("CNI_NETNS"));
        }
        attachment.zip(netns)
    }

    fn attachment(&mut self) -> Option<Attachment> {
        let container_id = self.identifier("CNI_CONTAINERID");
        let ifname = self.identifier("CNI_IFNAME");
        Some(Attachment {
            container_id: container_id?,
            ifname: ifname?,
        })
    }

    fn identifier<T: std::str::FromStr<Err = IdentifierError>>(
        &mut self,
        variable: &'static str,
    ) -> Option<T> {
        let text = self.required(variable)?;
        text.parse()
            .map_err(|reason| {
                let problem = EnvironmentProblem::Identifier { variable, reason };
                self.problems.push(problem);
            })
            .ok()
    }

    fn required(&mut self, variable: &'static str) -> Option<&'a str> {
        if self.variables.get(variable).is_none() {
            self.problems.push(EnvironmentProblem::Missing(variable));
        }
        self.text(variable)
    }

    fn text(&mut self, variable: &'static str) -> Option<&'a str> {
        let value = self.variables.get(variable)?;
        let text = value.to_str();
        if text.is_none() {
            self.problems.push(EnvironmentProblem::Encoding {
                variable,
                value: value.to_owned(),
            });
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use rstest::rstest;

    use super::*;

    fn complete(verb: &str) -> Variables {
        [
            ("CNI_COMMAND", verb),
            ("CNI_CONTAINERID", "c1"),
            ("CNI_NETNS", "/run/netns/c1"),
            ("CNI_IFNAME", "eth0"),
            ("CNI_ARGS", ""),
            ("CNI_PATH", "/a::/b"),
        ]
        .into_iter()
        .collect()
    }

    fn error_of(variables: &Variables) -> Error {
        let error = Error::from(Environment::read(variables).unwrap_err());
        assert_eq!(error.code(), ErrorCode::InvalidEnvironment);
        error
    }

    #[test]
    fn a_complete_environment_is_read() {
        let read = Environment::read(&complete("ADD")).unwrap();
        assert_eq!(read.call.verb(), Verb::Add);
        assert_eq!(read.path, [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert!(matches!(read.call, Call::Add(attachment, netns)
            if attachment.to_string() == "c1/eth0" && netns == std::path::Path::new("/run/netns/c1")));
    }

    #[rstest]
    #[case("ADD", &["CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS"])]
    #[case("CHECK", &["CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS"])]
    #[case("DEL", &["CNI_CONTAINERID", "CNI_IFNAME"])]
    fn every_missing_variable_is_named_and_empty_is_missing(
        #[case] verb: &str,
        #[case] needed: &[&str],
    ) {
        let unset: Variables = [("CNI_COMMAND", verb)].into_iter().collect();
        let empty = needed
            .iter()
            .fold(complete(verb), |variables, name| variables.with(*name, ""));
        for variables in [unset, empty] {
            let error = error_of(&variables);
            for name in [
                "CNI_CONTAINERID",
                "CNI_NETNS",
                "CNI_IFNAME",
                "CNI_PATH",
                "CNI_ARGS",
            ] {
                assert_eq!(
                    error.msg().contains(name),
                    needed.contains(&name),
                    "{name}: {error}"
                );
            }
        }
    }

    #[test]
    fn missing_and_invalid_variables_are_named_together() {
        let error = error_of(
            &complete("ADD")
                .with("CNI_CONTAINERID", "../x")
                .with("CNI_IFNAME", "a/b")
                .with("CNI_NETNS", ""),
        );
        for part in [
            "CNI_CONTAINERID: \"../x\"",
            "CNI_IFNAME: \"a/b\"",
            "CNI_NETNS is missing",
        ] {
            assert!(error.msg().contains(part), "{error}");
        }
    }

    #[rstest]
    #[case("STATUS", Call::Status)]
    #[case("GC", Call::Gc)]
    #[case("VERSION", Call::Version)]
    fn operations_without_attachment_need_nothing_else(#[case] verb: &str, #[case] call: Call) {
        let alone: Variables = [("CNI_COMMAND", verb)].into_iter().collect();
        assert_eq!(Environment::read(&alone).unwrap().call, call);
        let nonsense = complete(verb)
            .with("CNI_CONTAINERID", "/")
            .with("CNI_IFNAME", "")
            .with("CNI_ARGS", OsStr::from_bytes(b"\xff"));
        assert_eq!(Environment::read(&nonsense).unwrap().call, call);
    }

    #[test]
    fn del_works_without_a_namespace() {
        let read = Environment::read(&complete("DEL").with("CNI_NETNS", "")).unwrap();
        assert!(matches!(read.call, Call::Del(_, None)));
    }

    #[test]
    fn a_missing_or_unknown_operation_is_named() {
        assert!(
            error_of(&Variables::default())
                .msg()
                .contains("CNI_COMMAND is missing")
        );
        assert!(
            error_of(&complete("add"))
                .msg()
                .contains("CNI_COMMAND: \"add\"")
        );
    }

    #[rstest]
    #[case("CNI_COMMAND")]
    #[case("CNI_CONTAINERID")]
    #[case("CNI_IFNAME")]
    #[case("CNI_ARGS")]
    fn bytes_that_are_no_text_are_refused(#[case] variable: &str) {
        let error = error_of(&complete("ADD").with(variable, OsStr::from_bytes(b"a\xff")));
        assert!(
            error
                .msg()
                .contains(&format!("{variable}: \"a\\xFF\" is not UTF-8")),
            "{error}"
        );
    }
}
