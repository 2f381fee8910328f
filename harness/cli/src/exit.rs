//! Exit statuses, and the one place where an error is shown.

use std::error::Error;
use std::process::ExitCode;

/// The documented exit statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Everything that was judged conforms.
    Conforms = 0,
    /// Something does not conform, or a selftest found a defect.
    Violates = 1,
    /// The arguments, or a file that they name, are unusable.
    Usage = 2,
    /// No verdict: sandbox, kernel, canary, or a report could not be written.
    CouldNotJudge = 3,
    /// Nothing ran.
    NothingRan = 4,
}

/// A message for the user and the status to end with.
#[derive(Debug)]
pub(crate) struct Failure {
    status: Status,
    message: String,
}

impl Failure {
    /// Returns a failure of the user's input.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            status: Status::Usage,
            message: message.into(),
        }
    }

    /// Returns a failure to judge.
    pub(crate) fn could_not_judge(message: impl Into<String>) -> Self {
        Self {
            status: Status::CouldNotJudge,
            message: message.into(),
        }
    }

    /// Returns a failure of the user's input, from an error and its causes.
    pub(crate) fn usage_error(error: &dyn Error) -> Self {
        Self::usage(cni_conform_core::chain(error))
    }

    /// Shows the message and returns the status.
    pub(crate) fn report(self) -> ExitCode {
        anstream::eprintln!("cni-conform: {}", self.message);
        self.status.into()
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// Shows help, version or a usage error as clap words it; help and version are no error.
pub(crate) fn from_clap(error: &clap::Error) -> ExitCode {
    // A closed pipe is the reader's choice.
    let _shown = error.print();
    if error.use_stderr() {
        Status::Usage.into()
    } else {
        ExitCode::SUCCESS
    }
}
