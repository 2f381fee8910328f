//! What names an attachment, checked so that it can be part of a comment.

use thiserror::Error;

use crate::InterfaceName;

/// An attachment: network, container and interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttachmentKey {
    network: String,
    container_id: String,
    interface: InterfaceName,
}

/// A network name or container id that CNI does not allow.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{what} {value:?} is not valid: a letter or digit, then letters, digits, '_', '.' and '-' are possible"
)]
pub struct InvalidKey {
    what: &'static str,
    value: String,
}

impl AttachmentKey {
    /// Checks the names by the rules of the specification (section 2, "Parameters", and section 1).
    pub fn new(
        network: impl Into<String>,
        container_id: impl Into<String>,
        interface: InterfaceName,
    ) -> Result<Self, InvalidKey> {
        Ok(Self {
            network: checked("network name", network.into())?,
            container_id: checked("container id", container_id.into())?,
            interface,
        })
    }

    /// The name of the network.
    #[must_use]
    pub fn network(&self) -> &str {
        &self.network
    }

    /// The container id.
    #[must_use]
    pub fn container_id(&self) -> &str {
        &self.container_id
    }

    /// The name of the interface in the container.
    #[must_use]
    pub fn interface(&self) -> &InterfaceName {
        &self.interface
    }
}

fn checked(what: &'static str, value: String) -> Result<String, InvalidKey> {
    let starts_well = value
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    let goes_on_well = value
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if starts_well && goes_on_well {
        Ok(value)
    } else {
        Err(InvalidKey { what, value })
    }
}
