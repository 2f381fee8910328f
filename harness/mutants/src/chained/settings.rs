//! What `toy-chained` is asked to change: `mtu`, `mac`, and `runtimeConfig` for `mac` and `portMappings`.

use serde_json::Map;

use crate::{
    catalogue::Fault,
    chained::port_mappings::{self, PortMapping},
    protocol::{Call, Failure, number, object, text},
};

/// The changes, all of them optional.
pub(super) struct Settings {
    /// In bytes.
    pub(super) mtu: Option<u32>,
    pub(super) mac: Option<[u8; 6]>,
    pub(super) port_mappings: Vec<PortMapping>,
}

impl Settings {
    /// Reads and checks them. What the runtime says at run time outranks the configuration file.
    pub(super) fn read(call: &Call) -> Result<Self, Failure> {
        let nothing = Map::new();
        let runtime = object(&call.document, "runtimeConfig")?.unwrap_or(&nothing);
        if call.faults.has(Fault::CapUnknownRejected)
            && let Some(unknown) = runtime
                .keys()
                .find(|key| !matches!(key.as_str(), "mac" | "portMappings"))
        {
            return Err(Failure::configuration(format!(
                "runtimeConfig has {unknown}, which is unknown"
            )));
        }
        let runtime = if call.faults.has(Fault::CapIgnored) {
            &nothing
        } else {
            runtime
        };
        let mac = text(runtime, "mac")?.or(text(&call.document, "mac")?);
        let mac = mac.map(parse_mac).transpose()?;
        let mtu = match number(&call.document, "mtu", 68..=65535) {
            Err(_) if call.faults.has(Fault::BadConfigIgnored) => None,
            outcome => outcome?,
        };
        Ok(Self {
            mtu,
            mac,
            port_mappings: port_mappings::read(runtime, call.faults)?,
        })
    }
}

fn parse_mac(text: &str) -> Result<[u8; 6], Failure> {
    let refuse = || {
        Failure::configuration(format!(
            "mac {text:?} is not six octets in hexadecimal with colons, of one station"
        ))
    };
    let mut mac = [0; 6];
    let mut octets = text.split(':');
    for octet in &mut mac {
        let digits = octets.next().filter(|digits| {
            digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
        *octet = digits
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or_else(refuse)?;
    }
    // The kernel takes neither a group address nor all zeros, but only says "invalid argument".
    let is_station = mac[0] & 1 == 0 && mac != [0; 6];
    if octets.next().is_some() || !is_station {
        Err(refuse())
    } else {
        Ok(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_are_of_one_station() {
        assert_eq!(
            parse_mac("02:00:00:aB:Cd:ef").ok(),
            Some([2, 0, 0, 0xab, 0xcd, 0xef])
        );
        for bad in [
            "",
            "zz",
            "02:00:00:00:00",
            "02:00:00:00:00:00:00",
            "2:0:0:0:0:0",
            "01:00:00:00:00:00",
            "00:00:00:00:00:00",
            "02-00-00-00-00-00",
        ] {
            assert!(parse_mac(bad).is_err(), "{bad}");
        }
    }
}
