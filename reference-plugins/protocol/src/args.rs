//! `CNI_ARGS`: `KEY=VALUE` pairs joined by semicolons, as Go plugins read them.
//!
//! The pairs are read when a plugin asks for its keys, since which keys are known is the plugin's
//! business and a plugin that takes none must not fail over them. `args.cni` of the
//! configuration is [`crate::NetworkConfig::cni_args`].

use crate::error::{Error, ErrorCode};

/// The text of `CNI_ARGS`; empty when the variable is empty or not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Args(String);

/// The pairs that the plugin knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownArgs<'a> {
    pairs: Vec<(&'a str, &'a str)>,
}

/// What is wrong with `CNI_ARGS`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// A pair has no `=`, or more than one.
    #[error("CNI_ARGS: {pair:?} is no KEY=VALUE pair")]
    Malformed {
        /// The text between the semicolons.
        pair: String,
    },
    /// `IgnoreUnknown` is neither true nor false.
    #[error("CNI_ARGS: {pair:?}: expected 1, true, 0 or false")]
    NotABoolean {
        /// The pair as given.
        pair: String,
    },
    /// Keys that the plugin does not know, without `IgnoreUnknown`.
    #[error("CNI_ARGS: unknown {} (known: {}); remove it or add IgnoreUnknown=1", quoted(pairs), known.join(", "))]
    Unknown {
        /// The pairs as given.
        pairs: Vec<String>,
        /// The keys that the plugin knows.
        known: Vec<String>,
    },
}

impl Args {
    /// The text of the variable.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the pairs. Keys are matched in their exact spelling, as in Go.
    ///
    /// # Errors
    /// When a pair is malformed, or a key is not among `known` and `IgnoreUnknown` isn't true.
    pub fn read(&self, known: &[&str]) -> Result<KnownArgs<'_>, ArgsError> {
        let mut read = KnownArgs::default();
        let mut unknown = Vec::new();
        let mut ignore_unknown = false;
        for pair in self.0.split(';').filter(|_| !self.0.is_empty()) {
            let malformed = || ArgsError::Malformed {
                pair: pair.to_owned(),
            };
            let (key, value) = pair.split_once('=').ok_or_else(malformed)?;
            if value.contains('=') {
                return Err(malformed());
            }
            if key == "IgnoreUnknown" {
                ignore_unknown = boolean(value).ok_or_else(|| ArgsError::NotABoolean {
                    pair: pair.to_owned(),
                })?;
            } else if known.contains(&key) {
                read.pairs.push((key, value));
            } else {
                unknown.push(pair.to_owned());
            }
        }
        if unknown.is_empty() || ignore_unknown {
            return Ok(read);
        }
        let known = known
            .iter()
            .chain(&["IgnoreUnknown"])
            .map(|&key| key.to_owned())
            .collect();
        Err(ArgsError::Unknown {
            pairs: unknown,
            known,
        })
    }
}

impl<'a> KnownArgs<'a> {
    /// The value of a key; the last one wins. Empty counts as absent.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a str> {
        let last = self.pairs.iter().rev().find(|(name, _)| *name == key);
        last.map(|&(_, value)| value)
            .filter(|value| !value.is_empty())
    }
}

impl From<ArgsError> for Error {
    fn from(error: ArgsError) -> Self {
        Self::new(ErrorCode::InvalidEnvironment, error.to_string())
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn quoted(pairs: &[String]) -> String {
    pairs
        .iter()
        .map(|pair| format!("{pair:?}"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn what_podman_sends_is_read_whatever_the_order() {
        let args = Args::new("IgnoreUnknown=1;K8S_POD_NAME=b;MAC=02:00:00:00:00:01;IP=10.77.0.50");
        assert_eq!(args.read(&["IP"]).unwrap().get("IP"), Some("10.77.0.50"));
        assert_eq!(
            args.read(&["MAC"]).unwrap().get("MAC"),
            Some("02:00:00:00:00:01")
        );
        let last = Args::new("K8S_POD_NAME=b;IP=10.0.0.1;IgnoreUnknown=TRUE");
        assert_eq!(last.read(&["IP"]).unwrap().get("IP"), Some("10.0.0.1"));
    }

    #[test]
    fn an_empty_variable_has_no_pairs() {
        assert_eq!(Args::default().read(&["IP"]), Ok(KnownArgs::default()));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name_unless_it_may_be_ignored() {
        let error = Error::from(Args::new("A=1;IP=2").read(&["IP"]).unwrap_err());
        assert_eq!(error.code(), ErrorCode::InvalidEnvironment);
        assert!(
            error
                .msg()
                .starts_with("CNI_ARGS: unknown \"A=1\" (known: IP, IgnoreUnknown)"),
            "{error}"
        );
        assert!(Args::new("A=1;IgnoreUnknown=0").read(&[]).is_err());
        assert!(Args::new("A=1;ignoreunknown=1").read(&[]).is_err());
        assert!(Args::new("IgnoreUnknown=yes").read(&[]).is_err());
    }

    #[rstest]
    #[case("IP", "\"IP\"")]
    #[case("IP=1=2", "\"IP=1=2\"")]
    #[case("IP=1;", "\"\"")]
    #[case(";", "\"\"")]
    fn a_malformed_pair_is_quoted(#[case] text: &str, #[case] quoted: &str) {
        let error = Args::new(format!("IgnoreUnknown=1;{text}"))
            .read(&["IP"])
            .unwrap_err();
        assert!(error.to_string().contains(quoted), "{error}");
    }

    #[test]
    fn the_last_of_two_equal_keys_wins_and_empty_is_absent() {
        assert_eq!(
            Args::new("IP=1;IP=2").read(&["IP"]).unwrap().get("IP"),
            Some("2")
        );
        assert_eq!(Args::new("IP=").read(&["IP"]).unwrap().get("IP"), None);
    }

    proptest! {
        #[test]
        fn well_formed_pairs_come_back(pairs in proptest::collection::vec(("[A-Z]{1,4}", "[a-z0-9:.]{1,6}"), 0..5)) {
            let text = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(";");
            let keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
            let args = Args::new(text);
            let read = args.read(&keys).unwrap();
            for (key, _) in &pairs {
                let last = pairs.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
                prop_assert_eq!(read.get(key), last);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _result = Args::new(text).read(&["IP"]);
        }
    }
}
