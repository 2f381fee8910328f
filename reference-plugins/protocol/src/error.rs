//! The error object that a plugin prints, with the codes of the specification (section 5).
//!
//! Every module's own error becomes an [`Error`] at the edge of the plugin; the chain of
//! sources becomes `details`. [`Errors`] lets DEL and GC go on and report all of them.

use std::error::Error as StdError;
use std::fmt;

use serde_json::{Map, Value};

use crate::version::Version;

/// The code of an error object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// 1: the plugin doesn't serve this version, or not this operation in it.
    IncompatibleVersion,
    /// 2: a field of the configuration isn't supported; the message has key and value.
    UnsupportedField,
    /// 3: the container is unknown and there is nothing to clean up.
    UnknownContainer,
    /// 4: environment variables are missing or invalid; the message names them.
    InvalidEnvironment,
    /// 5: input or output failed.
    IoFailure,
    /// 6: the input can't be decoded.
    DecodingFailure,
    /// 7: the configuration is decodable and makes no sense.
    InvalidConfig,
    /// 11: a passing condition; the runtime may try again.
    TryAgainLater,
    /// 50: STATUS: the plugin can't serve ADD.
    NotAvailable,
    /// 51: STATUS: as 50, and existing containers may have limited connectivity.
    LimitedConnectivity,
    /// 100 and above: the plugin's own.
    Specific(SpecificCode),
    /// What a delegate answered, passed on whatever it is.
    Delegate(u64),
}

/// A code of the range that is left to plugins: 100 and above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpecificCode(u32);

/// A failed operation, as it is printed on stdout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: ErrorCode,
    msg: String,
    details: Option<String>,
}

/// Gathers the errors of a clean-up that goes on after each.
#[derive(Debug, Default)]
pub struct Errors {
    list: Vec<Error>,
}

impl SpecificCode {
    /// Makes a code of the plugin's own range.
    ///
    /// # Panics
    /// When the number is below 100, which the specification reserves; in a constant this stops the build.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        assert!(number >= 100, "codes below 100 belong to the specification");
        Self(number)
    }
}

impl ErrorCode {
    /// 100: an operation on the system failed, and no other code says it better.
    pub const OPERATION_FAILED: Self = Self::Specific(SpecificCode::new(100));

    /// 101: the plugin met a defect of its own.
    pub const DEFECT: Self = Self::Specific(SpecificCode::new(101));

    /// 102: a delegate could not be run or answered nonsense.
    pub const DELEGATE_FAILED: Self = Self::Specific(SpecificCode::new(102));

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::IncompatibleVersion => 1,
            Self::UnsupportedField => 2,
            Self::UnknownContainer => 3,
            Self::InvalidEnvironment => 4,
            Self::IoFailure => 5,
            Self::DecodingFailure => 6,
            Self::InvalidConfig => 7,
            Self::TryAgainLater => 11,
            Self::NotAvailable => 50,
            Self::LimitedConnectivity => 51,
            Self::Specific(SpecificCode(number)) => number as u64,
            Self::Delegate(number) => number,
        }
    }
}

impl Error {
    /// Makes an error; `msg` says what was attempted on what, with key and value.
    #[must_use]
    pub fn new(code: ErrorCode, msg: impl Into<String>) -> Self {
        Self {
            code,
            msg: msg.into(),
            details: None,
        }
    }

    /// Makes an error with [`ErrorCode::OPERATION_FAILED`].
    #[must_use]
    pub fn failed(msg: impl Into<String>) -> Self {
        Self::new(ErrorCode::OPERATION_FAILED, msg)
    }

    /// Makes an error of `code` from any error: its text is the message, its sources are the details.
    #[must_use]
    pub fn from_chain(code: ErrorCode, error: &(dyn StdError + 'static)) -> Self {
        let made = Self::new(code, error.to_string());
        match error.source() {
            Some(source) => made.with_source(source),
            None => made,
        }
    }

    /// Sets or extends the details.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        let details = details.into();
        self.details = match self.details {
            Some(old) => Some(format!("{old}; {details}")),
            None => Some(details),
        };
        self
    }

    /// Adds `source` and everything below it to the details.
    #[must_use]
    pub fn with_source(self, source: &(dyn StdError + 'static)) -> Self {
        self.with_details(chain(source))
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// The short message.
    #[must_use]
    pub fn msg(&self) -> &str {
        &self.msg
    }

    /// The longer text.
    #[must_use]
    pub fn details(&self) -> Option<&str> {
        self.details.as_deref()
    }

    /// The object to print for a request in `version`.
    #[must_use]
    pub fn to_json(&self, version: Version) -> Value {
        let mut object = Map::new();
        object.insert("cniVersion".to_owned(), Value::from(version.as_str()));
        object.insert("code".to_owned(), Value::from(self.code.number()));
        object.insert("msg".to_owned(), Value::from(self.msg.as_str()));
        if let Some(details) = &self.details {
            object.insert("details".to_owned(), Value::from(details.as_str()));
        }
        Value::Object(object)
    }

    /// Reads the error object of a delegate; `None` when it is none.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let key = |name: &str| {
            object
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        };
        let code = key("code")?.as_u64()?;
        let msg = key("msg")?.as_str()?;
        let details = key("details")
            .and_then(Value::as_str)
            .filter(|details| !details.is_empty());
        Some(Self {
            code: ErrorCode::Delegate(code),
            msg: msg.to_owned(),
            details: details.map(str::to_owned),
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.details {
            Some(details) => write!(formatter, "{}: {details}", self.msg),
            None => formatter.write_str(&self.msg),
        }
    }
}

impl StdError for Error {}

impl Errors {
    /// An empty collection.
    #[must_use]
    pub const fn new() -> Self {
        Self { list: Vec::new() }
    }

    /// Notes an error.
    pub fn push(&mut self, error: impl Into<Error>) {
        self.list.push(error.into());
    }

    /// Hands the value on, or notes the error.
    pub fn attempt<T, E: Into<Error>>(&mut self, outcome: Result<T, E>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.push(error);
                None
            }
        }
    }

    /// Whether nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Ends the clean-up. Several errors become one with the code of the first and the text of all.
    ///
    /// # Errors
    /// When any was noted.
    pub fn finish(self) -> Result<(), Error> {
        let mut rest = self.list.into_iter();
        let Some(first) = rest.next() else {
            return Ok(());
        };
        let others: Vec<String> = rest.map(|error| error.to_string()).collect();
        if others.is_empty() {
            return Err(first);
        }
        Err(others.into_iter().fold(first, |error, other| {
            error.with_details(format!("also: {other}"))
        }))
    }
}

/// Writes an error and its sources as `a: b: c`, leaving out what a level repeats from the one above.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let below = source.to_string();
        if !text.ends_with(&below) {
            text.push_str(": ");
            text.push_str(&below);
        }
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("open /x")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_object_has_the_version_the_code_and_the_text() {
        let error = Error::new(ErrorCode::InvalidConfig, "mtu: -1").with_details("give 68 or more");
        assert_eq!(
            error.to_json(Version::V0_4_0),
            json!({"cniVersion": "0.4.0", "code": 7, "msg": "mtu: -1", "details": "give 68 or more"})
        );
        assert_eq!(
            Error::failed("x").to_json(Version::V1_1_0),
            json!({"cniVersion": "1.1.0", "code": 100, "msg": "x"})
        );
    }

    #[test]
    fn sources_become_details() {
        let outer = Outer(std::io::Error::other("disk full"));
        let error = Error::from_chain(ErrorCode::IoFailure, &outer);
        assert_eq!(
            (error.msg(), error.details()),
            ("open /x", Some("disk full"))
        );
        assert_eq!(
            Error::failed("store state").with_source(&outer).details(),
            Some("open /x: disk full")
        );
    }

    #[test]
    fn a_delegates_object_keeps_code_message_and_details() {
        for (object, code) in [
            (json!({"code": 999, "msg": "m", "details": "d"}), 999),
            (json!({"code": 8, "msg": "m"}), 8),
        ] {
            let error = Error::from_json(&object).unwrap();
            assert_eq!((error.code().number(), error.msg()), (code, "m"));
            assert_eq!(
                error.details(),
                object.get("details").and_then(Value::as_str)
            );
        }
        for object in [
            json!({"code": "7", "msg": "m"}),
            json!({"code": 7}),
            json!({"msg": "m"}),
            json!([]),
            json!({}),
        ] {
            assert_eq!(Error::from_json(&object), None, "{object}");
        }
    }

    #[test]
    fn a_clean_up_reports_every_error_with_the_code_of_the_first() {
        let mut errors = Errors::new();
        assert_eq!(errors.attempt(Ok::<_, Error>(3)), Some(3));
        assert!(errors.is_empty());
        errors.push(Error::new(ErrorCode::TryAgainLater, "one"));
        assert_eq!(
            errors.attempt(Err::<(), _>(Error::failed("two").with_details("why"))),
            None
        );
        let error = errors.finish().unwrap_err();
        assert_eq!(
            (error.code(), error.msg(), error.details()),
            (ErrorCode::TryAgainLater, "one", Some("also: two: why"))
        );
        assert_eq!(Errors::new().finish(), Ok(()));
    }
}
