//! What can be wrong with a JSON document, and the error code that it becomes.

use crate::error::{Error, ErrorCode};

/// What is wrong with a JSON document or with a value in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The input is no JSON document.
    #[error("decode {document}: {reason}")]
    Syntax {
        /// Which document.
        document: &'static str,
        /// The decoder's complaint with line and column.
        reason: String,
    },
    /// A value has another type than the key asks for.
    #[error("{path}: expected {expected}, got {found}")]
    Type {
        /// For example `ipam.ranges[0][1].subnet`.
        path: String,
        /// For example `a string`.
        expected: &'static str,
        /// For example `number 7`.
        found: String,
    },
    /// A key that must be there is absent or null.
    #[error("{path}: missing; give {expected}")]
    Missing {
        /// The path of the key.
        path: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// The type is right and the value is not.
    #[error("{path}: invalid value {value}: {reason}")]
    Invalid {
        /// The path of the key.
        path: String,
        /// The value as JSON.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl JsonError {
    /// The code of the error object: 6 for what can't be decoded, 7 for what makes no sense.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Syntax { .. } | Self::Type { .. } => ErrorCode::DecodingFailure,
            Self::Missing { .. } | Self::Invalid { .. } => ErrorCode::InvalidConfig,
        }
    }
}

impl From<JsonError> for Error {
    fn from(error: JsonError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
