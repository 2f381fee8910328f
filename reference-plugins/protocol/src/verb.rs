//! The operations that a runtime asks for, and the specification version that introduced each.
//!
//! Only names live here; what an operation needs is the subject of [`crate::environment`].

use std::fmt;
use std::str::FromStr;

use crate::version::Version;

/// An operation, the value of `CNI_COMMAND`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Attaches a container to the network.
    Add,
    /// Removes an attachment.
    Del,
    /// Compares an attachment with what ADD reported.
    Check,
    /// Says whether the plugin could serve ADD now.
    Status,
    /// Removes what belongs to no valid attachment.
    Gc,
    /// Lists the supported versions.
    Version,
}

/// A value of `CNI_COMMAND` that is no operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an operation (ADD, DEL, CHECK, STATUS, GC, VERSION; upper case)")]
pub struct UnknownVerb(pub String);

impl Verb {
    /// All operations.
    pub const ALL: [Self; 6] = [
        Self::Add,
        Self::Del,
        Self::Check,
        Self::Status,
        Self::Gc,
        Self::Version,
    ];

    /// The operation as it is written in `CNI_COMMAND`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Status => "STATUS",
            Self::Gc => "GC",
            Self::Version => "VERSION",
        }
    }

    /// The first version that knows the operation.
    #[must_use]
    pub const fn introduced_in(self) -> Version {
        match self {
            Self::Add | Self::Del => Version::V0_1_0,
            Self::Version => Version::V0_2_0,
            Self::Check => Version::V0_4_0,
            Self::Status | Self::Gc => Version::V1_1_0,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Verb {
    type Err = UnknownVerb;

    fn from_str(text: &str) -> Result<Self, UnknownVerb> {
        Self::ALL
            .into_iter()
            .find(|verb| verb.as_str() == text)
            .ok_or_else(|| UnknownVerb(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_upper_case_word_is_an_operation() {
        for verb in Verb::ALL {
            assert_eq!(verb.to_string().parse(), Ok(verb));
            assert!(verb.to_string().to_lowercase().parse::<Verb>().is_err());
            assert!(format!("{verb} ").parse::<Verb>().is_err());
        }
        let error = "add".parse::<Verb>().unwrap_err();
        assert!(error.to_string().contains("\"add\""));
    }
}
