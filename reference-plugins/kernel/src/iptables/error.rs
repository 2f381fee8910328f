//! What can go wrong with an iptables program.

use std::io;

use thiserror::Error;

use crate::IpFamily;

/// An iptables operation that did not succeed.
#[derive(Debug, Error)]
pub enum Error {
    /// The program is not there.
    #[error(
        "{program} is not installed: it is neither in PATH nor in /usr/sbin or /sbin; install iptables or use the nftables backend"
    )]
    NotInstalled {
        /// The name of the program.
        program: &'static str,
    },
    /// The program could not be started.
    #[error("cannot run {program}")]
    Start {
        /// The name of the program.
        program: &'static str,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
    /// The program refused; nothing of this table was changed.
    #[error("cannot {operation}: {program} says: {message}")]
    Refused {
        /// What was attempted on what.
        operation: String,
        /// The name of the program.
        program: &'static str,
        /// Its standard error.
        message: String,
    },
    /// A rule that cannot be written in iptables' format.
    #[error("{word:?} cannot be part of an iptables rule: it has a line end or NUL in it")]
    Word {
        /// The word.
        word: String,
    },
}

pub(super) fn program_name(family: IpFamily) -> (&'static str, &'static str) {
    match family {
        IpFamily::V4 => ("iptables", "iptables-restore"),
        IpFamily::V6 => ("ip6tables", "ip6tables-restore"),
    }
}
