//! From the kernel crate's errors to the error object that a plugin prints.
//!
//! Errors of the protocol crate convert by themselves; which code an error deserves beyond these is the plugin's to say.

use std::error::Error as StdError;

use cni_protocol::{Error, ErrorCode};

/// Turns the failure of an operation on the system into an error object.
pub(crate) trait OrFailed<T> {
    /// With code 100, the error's text as message, and its sources as details.
    fn or_failed(self) -> Result<T, Error>;

    /// As [`OrFailed::or_failed`] with a code of its own.
    fn or_code(self, code: ErrorCode) -> Result<T, Error>;
}

impl<T, E: StdError + 'static> OrFailed<T> for Result<T, E> {
    fn or_failed(self) -> Result<T, Error> {
        self.or_code(ErrorCode::OPERATION_FAILED)
    }

    fn or_code(self, code: ErrorCode) -> Result<T, Error> {
        self.map_err(|error| Error::from_chain(code, &error))
    }
}
