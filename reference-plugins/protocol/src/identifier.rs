//! Names that come from outside and end up in paths, rules and kernel objects.
//!
//! Each type can only hold a valid name. The grammar of the specification 1.0.0 is
//! applied to all versions, as Go plugins do.

use std::fmt;
use std::str::FromStr;

/// Why a name was refused. The text begins with the value; the caller names the variable or key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// The name is empty.
    #[error("is empty")]
    Empty,
    /// The first character is not a letter or digit, or a later one is out of place.
    #[error(
        "{value:?} has {character:?} at byte {position}; allowed are letters, digits, '_', '.' and '-', first a letter or digit"
    )]
    Character {
        /// The name as given.
        value: String,
        /// The character out of place.
        character: char,
        /// Where it stands.
        position: usize,
    },
    /// An interface name is longer than the kernel allows.
    #[error("{value:?} has {length} bytes; an interface name has at most 15")]
    TooLong {
        /// The name as given.
        value: String,
        /// Its length in bytes.
        length: usize,
    },
    /// An interface name that the kernel reserves.
    #[error("{value:?} is no interface name")]
    Reserved {
        /// `.` or `..`.
        value: String,
    },
    /// An interface name with a character that the kernel refuses.
    #[error(
        "{value:?} has {character:?}; an interface name has no '/', no ':', no white space and no control character"
    )]
    InterfaceCharacter {
        /// The name as given.
        value: String,
        /// The character out of place.
        character: char,
    },
}

macro_rules! text_type {
    ($(#[$meta:meta])* $name:ident, $check:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdentifierError;

            fn from_str(text: &str) -> Result<Self, IdentifierError> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text_type!(
    /// The container ID of an attachment: `^[A-Za-z0-9][A-Za-z0-9_.-]*$`.
    ContainerId,
    check_identifier
);
text_type!(
    /// The name of a network: the same grammar as a container ID, so it is safe as a file name.
    NetworkName,
    check_identifier
);
text_type!(
    /// The name of a network interface: 1 to 15 bytes, see `dev_valid_name` in the kernel.
    IfName,
    check_interface_name
);

/// An attachment: one interface of one container. Together with the network's name it is the key of all state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attachment {
    /// `CNI_CONTAINERID`.
    pub container_id: ContainerId,
    /// `CNI_IFNAME`.
    pub ifname: IfName,
}

impl fmt::Display for Attachment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.container_id, self.ifname)
    }
}

fn check_identifier(text: &str) -> Result<(), IdentifierError> {
    if text.is_empty() {
        return Err(IdentifierError::Empty);
    }
    let wrong = text.char_indices().find(|&(position, character)| {
        !(character.is_ascii_alphanumeric() || position > 0 && matches!(character, '_' | '.' | '-'))
    });
    match wrong {
        None => Ok(()),
        Some((position, character)) => Err(IdentifierError::Character {
            value: text.to_owned(),
            character,
            position,
        }),
    }
}

fn check_interface_name(text: &str) -> Result<(), IdentifierError> {
    const IFNAMSIZ: usize = 16;
    let value = || text.to_owned();
    if text.is_empty() {
        return Err(IdentifierError::Empty);
    }
    if text.len() >= IFNAMSIZ {
        return Err(IdentifierError::TooLong {
            value: value(),
            length: text.len(),
        });
    }
    if matches!(text, "." | "..") {
        return Err(IdentifierError::Reserved { value: value() });
    }
    // The kernel takes control characters; they only serve to confuse logs and rules.
    match text.chars().find(|&character| {
        matches!(character, '/' | ':') || character.is_whitespace() || character.is_control()
    }) {
        None => Ok(()),
        Some(character) => Err(IdentifierError::InterfaceCharacter {
            value: value(),
            character,
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a")]
    #[case("0")]
    #[case("default-c1")]
    #[case("a_b.c-d")]
    fn a_name_of_the_grammar_is_accepted(#[case] text: &str) {
        assert_eq!(text.parse::<ContainerId>().unwrap().as_str(), text);
        assert_eq!(text.parse::<NetworkName>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("")]
    #[case("-a")]
    #[case(".")]
    #[case("..")]
    #[case("_a")]
    #[case("a/b")]
    #[case("a b")]
    #[case("a\n")]
    #[case("ä")]
    #[case("a;b")]
    #[case("a\0")]
    fn a_name_outside_the_grammar_is_refused(#[case] text: &str) {
        assert!(text.parse::<ContainerId>().is_err());
        assert!(text.parse::<NetworkName>().is_err());
    }

    #[rstest]
    #[case("eth0")]
    #[case("lo")]
    #[case("a23456789012345")]
    #[case("...")]
    #[case("-")]
    fn a_name_that_the_kernel_takes_is_an_interface_name(#[case] text: &str) {
        assert_eq!(text.parse::<IfName>().unwrap().as_str(), text);
    }

    #[rstest]
    #[case("", IdentifierError::Empty)]
    #[case("a234567890123456", IdentifierError::TooLong { value: "a234567890123456".into(), length: 16 })]
    #[case(".", IdentifierError::Reserved { value: ".".into() })]
    #[case("..", IdentifierError::Reserved { value: "..".into() })]
    #[case("a/b", IdentifierError::InterfaceCharacter { value: "a/b".into(), character: '/' })]
    #[case("a:1", IdentifierError::InterfaceCharacter { value: "a:1".into(), character: ':' })]
    #[case("a\u{a0}b", IdentifierError::InterfaceCharacter { value: "a\u{a0}b".into(), character: '\u{a0}' })]
    fn an_unusable_interface_name_is_refused_with_its_reason(
        #[case] text: &str,
        #[case] error: IdentifierError,
    ) {
        assert_eq!(text.parse::<IfName>(), Err(error));
    }

    proptest! {
        #[test]
        fn an_accepted_network_name_is_one_path_component(text in "\\PC{0,8}") {
            if let Ok(name) = text.parse::<NetworkName>() {
                prop_assert_eq!(std::path::Path::new(name.as_str()).components().count(), 1);
                prop_assert!(!matches!(name.as_str(), "." | ".."));
            }
        }
    }
}
