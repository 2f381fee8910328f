//! The result of ADD, also known as `prevResult`, in one canonical form: the shape of 1.1.0.
//!
//! Reading and writing convert from and to the shape of any version. Choices:
//!
//! - Keys that the document's version does not define are kept in `extra` and written again.
//! - An interface's `mtu`, `socketPath` and `pciID` are fields of 1.1.0 results only. In older
//!   documents they are such unknown keys: passed through when given, never created.
//! - Route attributes are read and written from 0.3.0 on, though only 1.1.0 defines them: they
//!   exist only because somebody configured them, and a delegate's answer must not lose them.
//! - 0.1.0 and 0.2.0 carry the first address of each family, and routes with `dst` and `gw`; no
//!   address at all is an error.
//! - A document that has the lists of another family is refused, not read as empty.

mod decode;
mod encode;

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::address::{Cidr, Mac};
use crate::error::{Error, ErrorCode};
use crate::json::JsonError;
use crate::version::{Version, VersionError};

/// The result of ADD.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AddResult {
    /// The interfaces of the attachment, on the host and in the container.
    pub interfaces: Vec<Interface>,
    /// The addresses.
    pub ips: Vec<IpConfig>,
    /// The routes.
    pub routes: Vec<Route>,
    /// Name resolution.
    pub dns: Dns,
    /// Keys that no version defines.
    pub extra: Map<String, Value>,
}

/// An entry of `interfaces`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Interface {
    /// The name inside its namespace.
    pub name: String,
    /// The hardware address.
    pub mac: Option<Mac>,
    /// The MTU in bytes; written from 1.1.0 on.
    pub mtu: Option<u32>,
    /// The namespace, as in `CNI_NETNS`; `None` on the host.
    pub sandbox: Option<String>,
    /// An absolute path of a socket; written from 1.1.0 on.
    pub socket_path: Option<String>,
    /// The PCI address of the device; written from 1.1.0 on.
    pub pci_id: Option<String>,
    /// Other keys.
    pub extra: Map<String, Value>,
}

/// An entry of `ips`.
#[derive(Debug, Clone, PartialEq)]
pub struct IpConfig {
    /// The address with the length of its prefix.
    pub address: Cidr,
    /// The gateway of the address's subnet.
    pub gateway: Option<IpAddr>,
    /// The index in `interfaces`.
    pub interface: Option<u32>,
    /// Other keys.
    pub extra: Map<String, Value>,
}

/// An entry of `routes`.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The destination.
    pub dst: Cidr,
    /// The next hop.
    pub gw: Option<IpAddr>,
    /// The MTU of the path in bytes.
    pub mtu: Option<u32>,
    /// The TCP maximum segment size to advertise, in bytes.
    pub advmss: Option<u32>,
    /// The metric.
    pub priority: Option<u32>,
    /// The routing table.
    pub table: Option<u32>,
    /// The scope, see rtnetlink(7): 0 universe, 253 link, 254 host.
    pub scope: Option<u8>,
    /// Other keys.
    pub extra: Map<String, Value>,
}

/// Name resolution: `dns` of a result and of a configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dns {
    /// Addresses of name servers, by priority.
    pub nameservers: Vec<String>,
    /// The local domain.
    pub domain: Option<String>,
    /// Search domains, by priority.
    pub search: Vec<String>,
    /// Options of resolv.conf(5).
    pub options: Vec<String>,
    /// Other keys.
    pub extra: Map<String, Value>,
}

/// Why a document is no result, or a result can't be written in a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResultError {
    /// A key is missing or wrong.
    #[error("{document}: {reason}")]
    Content {
        /// `prevResult`, or which delegate's result.
        document: String,
        /// The key and what is wrong with it.
        reason: JsonError,
    },
    /// `cniVersion` of the result is unknown.
    #[error("{document}: {reason}")]
    Version {
        /// `prevResult`, or which delegate's result.
        document: String,
        /// What is wrong with it.
        reason: VersionError,
    },
    /// A `prevResult` of a version with another shape than the request's.
    #[error(
        "{document}.cniVersion: {found} is of another shape than the request's {expected}; chain plugins of one version"
    )]
    OtherFamily {
        /// `prevResult`.
        document: String,
        /// The version of the result.
        found: Version,
        /// The version of the request.
        expected: Version,
    },
    /// The document has lists that belong to another version.
    #[error(
        "{document}.{key}: no such key in a result of {version}; the result is of another version"
    )]
    OtherShape {
        /// `prevResult`, or which delegate's result.
        document: String,
        /// The key out of place.
        key: &'static str,
        /// The version that the document claims, or inherits from the request.
        version: Version,
    },
    /// 0.1.0 and 0.2.0 need an address.
    #[error(
        "write the result in {0}: it has no IP address, and results of {0} need one; use cniVersion 0.3.0 or later"
    )]
    NoAddress(Version),
}

impl AddResult {
    /// Reads a result in the shape of its own `cniVersion`, or of `default` when it has none.
    /// `document` names it in errors, for example `prevResult`.
    ///
    /// # Errors
    /// When the version is unknown, or a key is missing, of the wrong type or out of range.
    pub fn from_json(document: &str, value: &Value, default: Version) -> Result<Self, ResultError> {
        decode::result(document, value, default).map(|(_, result)| result)
    }

    /// Reads `prevResult` of a request in `version`: a result of another family is refused.
    ///
    /// # Errors
    /// As [`AddResult::from_json`], and when the result's version has another shape than `version`.
    pub fn from_prev_result(value: &Value, version: Version) -> Result<Self, ResultError> {
        let document = "prevResult";
        let found = decode::version(document, value, version)?;
        if found.family() != version.family() {
            return Err(ResultError::OtherFamily {
                document: document.to_owned(),
                found,
                expected: version,
            });
        }
        Self::from_json(document, value, version)
    }

    /// Writes the result in the shape of `version`.
    ///
    /// # Errors
    /// When the version needs an address and there is none.
    pub fn to_json(&self, version: Version) -> Result<Value, ResultError> {
        encode::result(self, version)
    }

    /// The interface that an address belongs to.
    #[must_use]
    pub fn interface_of(&self, ip: &IpConfig) -> Option<&Interface> {
        self.interfaces.get(usize::try_from(ip.interface?).ok()?)
    }

    /// The index of the interface `name` in `sandbox`, for [`IpConfig::interface`].
    #[must_use]
    pub fn index_of(&self, name: &str, sandbox: Option<&str>) -> Option<u32> {
        let found = |interface: &Interface| {
            interface.name == name && interface.sandbox.as_deref() == sandbox
        };
        self.interfaces
            .iter()
            .position(found)
            .and_then(|index| u32::try_from(index).ok())
    }

    /// Adds an interface and returns its index, for [`IpConfig::interface`].
    pub fn push_interface(&mut self, interface: Interface) -> u32 {
        self.interfaces.push(interface);
        u32::try_from(self.interfaces.len() - 1).unwrap_or(u32::MAX)
    }
}

impl Interface {
    /// An interface of this name on the host.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

impl IpConfig {
    /// An address without gateway and interface.
    #[must_use]
    pub fn new(address: Cidr) -> Self {
        Self {
            address,
            gateway: None,
            interface: None,
            extra: Map::new(),
        }
    }
}

impl Route {
    /// A route without next hop and attributes.
    #[must_use]
    pub fn new(dst: Cidr) -> Self {
        Self {
            dst,
            gw: None,
            mtu: None,
            advmss: None,
            priority: None,
            table: None,
            scope: None,
            extra: Map::new(),
        }
    }

    /// Reads a route as results and IPAM configurations write it.
    ///
    /// # Errors
    /// When `dst` is missing, or a key is of the wrong type or out of range.
    pub fn from_object(object: &crate::json::Object<'_>) -> Result<Self, JsonError> {
        decode::route(object)
    }
}

impl Dns {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads `dns` as results and configurations write it.
    ///
    /// # Errors
    /// When a key is of the wrong type.
    pub fn from_object(object: &crate::json::Object<'_>) -> Result<Self, JsonError> {
        decode::dns(object)
    }
}

impl From<ResultError> for Error {
    fn from(error: ResultError) -> Self {
        let code = match &error {
            ResultError::Content { reason, .. } => reason.code(),
            _ => ErrorCode::InvalidConfig,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests;
