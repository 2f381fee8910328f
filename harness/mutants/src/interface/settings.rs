//! The configuration keys of `toy-interface`: `mtu`, `ipMasq`, `dns`. The `ipam` section belongs to the delegate.

use serde_json::{Map, Value};

use crate::{
    catalogue::Fault,
    protocol::{Call, Failure, flag, number, object},
};

/// What the configuration asks of the interface.
pub(super) struct Settings {
    /// Of both ends, in bytes.
    pub(super) mtu: Option<u32>,
    pub(super) masquerade: bool,
    /// Used when the delegate has none.
    pub(super) dns: Map<String, Value>,
}

impl Settings {
    /// Reads and checks the keys.
    pub(super) fn read(call: &Call) -> Result<Self, Failure> {
        let dns = object(&call.document, "dns")?.cloned().unwrap_or_default();
        if call.faults.has(Fault::BadConfigIgnored) {
            let mtu = number(&call.document, "mtu", 68..=65535).unwrap_or_default();
            return Ok(Self {
                mtu,
                masquerade: flag(&call.document, "ipMasq").unwrap_or_default(),
                dns,
            });
        }
        Ok(Self {
            // Less than 68 is no IPv4, more does not fit a veth.
            mtu: number(&call.document, "mtu", 68..=65535)?,
            masquerade: flag(&call.document, "ipMasq")?,
            dns,
        })
    }
}
