//! The released versions of the CNI specification and the result shapes that they share.
//!
//! A version is matched exactly: no prefix, no `v`, no pre-release. What a request
//! may do in a version is asked of [`crate::Verb`]; what a result looks like, of [`crate::result`].

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::error::{Error, ErrorCode};
use crate::json::kind_of;

/// A released version of the CNI specification, ordered by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 0.1.0: ADD and DEL, result with `ip4` and `ip6`.
    V0_1_0,
    /// 0.2.0: adds VERSION.
    V0_2_0,
    /// 0.3.0: adds chaining, result with `interfaces` and `ips`.
    V0_3_0,
    /// 0.3.1: the list form of `ips` everywhere.
    V0_3_1,
    /// 0.4.0: adds CHECK.
    V0_4_0,
    /// 1.0.0: `ips` lose their `version`.
    V1_0_0,
    /// 1.1.0: adds STATUS, GC and attributes of interfaces and routes.
    V1_1_0,
}

/// Versions whose results have the same shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// 0.1.0 and 0.2.0: one `ip4` and one `ip6` object.
    F1,
    /// 0.3.0, 0.3.1 and 0.4.0: `interfaces`, `ips` with `version`, `routes`.
    F2,
    /// 1.0.0 and 1.1.0: as F2, and `ips` have no `version`.
    F3,
}

/// A `cniVersion` that can't be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// The value is not a JSON string.
    #[error("cniVersion: expected a string, got {found}")]
    NotAString {
        /// What stands there, for example `number 1.1`.
        found: String,
    },
    /// The string is no released version, or not one that the plugin supports.
    #[error(
        "cniVersion: {found:?} is not supported (supported: {})",
        join(supported)
    )]
    Unsupported {
        /// The string as it was given.
        found: String,
        /// What could have been asked for.
        supported: Vec<Version>,
    },
}

impl Version {
    /// All released versions, oldest first.
    pub const ALL: [Self; 7] = [
        Self::V0_1_0,
        Self::V0_2_0,
        Self::V0_3_0,
        Self::V0_3_1,
        Self::V0_4_0,
        Self::V1_0_0,
        Self::V1_1_0,
    ];

    /// The newest version that this crate speaks.
    pub const LATEST: Self = Self::V1_1_0;

    /// The version as it is written in `cniVersion`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_3_0 => "0.3.0",
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }

    /// The shape of a result in this version.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::V0_1_0 | Self::V0_2_0 => Family::F1,
            Self::V0_3_0 | Self::V0_3_1 | Self::V0_4_0 => Family::F2,
            Self::V1_0_0 | Self::V1_1_0 => Family::F3,
        }
    }

    /// The versions from `oldest` on.
    #[must_use]
    pub fn since(oldest: Self) -> &'static [Self] {
        const ALL: &[Version] = &Version::ALL;
        &ALL[oldest as usize..]
    }

    /// Reads the value of a `cniVersion` key. Missing, null and empty mean 0.1.0, as in every Go plugin.
    ///
    /// # Errors
    /// When the value is not a string, or is no version out of `supported`.
    pub fn from_value(value: Option<&Value>, supported: &[Self]) -> Result<Self, VersionError> {
        let text = match value {
            None | Some(Value::Null) => "",
            Some(Value::String(text)) => text,
            Some(other) => {
                return Err(VersionError::NotAString {
                    found: kind_of(other),
                });
            }
        };
        let version = if text.is_empty() {
            Some(Self::V0_1_0)
        } else {
            text.parse().ok()
        };
        version
            .filter(|version| supported.contains(version))
            .ok_or_else(|| VersionError::Unsupported {
                found: text.to_owned(),
                supported: supported.to_vec(),
            })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        Self::ALL
            .into_iter()
            .find(|version| version.as_str() == text)
            .ok_or_else(|| VersionError::Unsupported {
                found: text.to_owned(),
                supported: Self::ALL.to_vec(),
            })
    }
}

impl From<VersionError> for Error {
    fn from(error: VersionError) -> Self {
        let code = match error {
            VersionError::NotAString { .. } => ErrorCode::DecodingFailure,
            VersionError::Unsupported { .. } => ErrorCode::IncompatibleVersion,
        };
        Self::new(code, error.to_string())
    }
}

/// Writes versions as `0.1.0, 0.2.0`.
pub(crate) fn join(versions: &[Version]) -> String {
    versions
        .iter()
        .map(|version| version.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_version_round_trips_and_is_newer_than_the_one_before() {
        for pair in Version::ALL.windows(2) {
            assert!(pair[0] < pair[1]);
        }
        for version in Version::ALL {
            assert_eq!(version.to_string().parse(), Ok(version));
        }
    }

    #[rstest]
    #[case("1.1")]
    #[case("v1.1.0")]
    #[case("1.1.0-rc1")]
    #[case(" 1.1.0")]
    #[case("01.1.0")]
    #[case("")]
    #[case("9.9.9")]
    fn a_string_that_is_no_released_version_is_refused(#[case] text: &str) {
        assert!(text.parse::<Version>().is_err());
    }

    #[rstest]
    #[case(None)]
    #[case(Some(json!(null)))]
    #[case(Some(json!("")))]
    fn a_missing_version_is_the_oldest(#[case] value: Option<Value>) {
        assert_eq!(
            Version::from_value(value.as_ref(), &Version::ALL),
            Ok(Version::V0_1_0)
        );
        assert!(Version::from_value(value.as_ref(), Version::since(Version::V0_3_0)).is_err());
    }

    #[test]
    fn a_number_is_a_decoding_failure_and_an_unknown_version_is_incompatible() {
        let number =
            Error::from(Version::from_value(Some(&json!(1.1)), &Version::ALL).unwrap_err());
        assert_eq!(
            (number.code(), number.msg()),
            (
                ErrorCode::DecodingFailure,
                "cniVersion: expected a string, got number 1.1"
            )
        );
        let unknown =
            Error::from(Version::from_value(Some(&json!("9.9.9")), &Version::ALL).unwrap_err());
        assert_eq!(unknown.code(), ErrorCode::IncompatibleVersion);
        assert!(
            unknown.msg().contains("\"9.9.9\"") && unknown.msg().contains("0.1.0, 0.2.0"),
            "{}",
            unknown.msg()
        );
    }

    #[test]
    fn since_leaves_the_older_versions_out() {
        assert_eq!(
            Version::since(Version::V1_0_0),
            [Version::V1_0_0, Version::V1_1_0]
        );
        assert_eq!(Version::since(Version::V0_1_0), Version::ALL);
    }
}
