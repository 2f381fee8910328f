//! The error that a plugin reports: code, message, details.

use std::error::Error;

use serde_json::Value;

/// The codes that the toys use.
pub(crate) mod code {
    /// The configuration's version is not supported.
    pub(crate) const VERSION: i64 = 1;
    /// The environment is incomplete or wrong.
    pub(crate) const ENVIRONMENT: i64 = 4;
    /// Reading or writing failed.
    pub(crate) const IO: i64 = 5;
    /// The bytes are no document.
    pub(crate) const DECODE: i64 = 6;
    /// The document is no valid configuration.
    pub(crate) const CONFIGURATION: i64 = 7;
    /// The plugin can't serve ADD at the moment (STATUS).
    pub(crate) const UNAVAILABLE: i64 = 50;
    /// The kernel refused something.
    pub(crate) const KERNEL: i64 = 100;
    /// CHECK found something other than what it should be.
    pub(crate) const DRIFT: i64 = 101;
    /// The thing to be made is there already.
    pub(crate) const CONFLICT: i64 = 102;
    /// No address is left.
    pub(crate) const EXHAUSTED: i64 = 103;
    /// A delegate is missing or does not answer as a CNI plugin.
    pub(crate) const DELEGATE: i64 = 104;
    /// The toy itself has a bug.
    pub(crate) const BUG: i64 = 105;
}

/// A CNI error object before it is written.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) details: Option<Value>,
}

impl Failure {
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: None,
        }
    }

    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(code::CONFIGURATION, message)
    }

    pub(crate) fn drift(message: impl Into<String>) -> Self {
        Self::new(code::DRIFT, message)
    }

    /// An error of a lower layer, its causes as details.
    pub(crate) fn caused(code: i64, error: &dyn Error) -> Self {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        let details = (!causes.is_empty()).then(|| causes.join(": ").into());
        Self {
            code,
            message: error.to_string(),
            details,
        }
    }

    /// Several failures of one clean-up as one: the first one's code, everybody's message.
    pub(crate) fn joined(failures: Vec<Self>) -> Option<Self> {
        let mut failures = failures.into_iter();
        let mut first = failures.next()?;
        for failure in failures {
            first.message = format!("{}; {}", first.message, failure.message);
        }
        Some(first)
    }
}

impl From<crate::kernel::KernelError> for Failure {
    fn from(error: crate::kernel::KernelError) -> Self {
        Self::caused(code::KERNEL, &error)
    }
}

impl From<crate::store::StoreError> for Failure {
    fn from(error: crate::store::StoreError) -> Self {
        Self::caused(code::IO, &error)
    }
}
