//! The `portMappings` capability as far as a toy has it: checked, kept free of conflicts, recorded. No packet is touched.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::{catalogue::Fault, fault::Faults, protocol::Failure};

/// One port of the host that is meant for the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PortMapping {
    host_port: u16,
    container_port: u16,
    protocol: String,
    host_ip: Option<IpAddr>,
}

impl PortMapping {
    /// The form in which it is recorded, which is that of the capability.
    pub(super) fn record(&self) -> Value {
        json!({"hostPort": self.host_port, "containerPort": self.container_port, "protocol": self.protocol, "hostIP": self.host_ip.map(|ip| ip.to_string())})
    }

    /// Says whether both want the same port of the host.
    pub(super) fn conflicts_with(&self, other: &Self) -> bool {
        let apart = matches!((self.host_ip, other.host_ip), (Some(one), Some(two)) if one != two);
        self.host_port == other.host_port && self.protocol == other.protocol && !apart
    }
}

/// Reads and checks the list under `portMappings`.
pub(super) fn read(
    runtime: &Map<String, Value>,
    faults: Faults,
) -> Result<Vec<PortMapping>, Failure> {
    match runtime.get("portMappings") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(entries)) => entries
            .iter()
            .map(|entry| read_entry(entry, faults))
            .collect(),
        Some(other) => Err(Failure::configuration(format!(
            "runtimeConfig.portMappings {other} is not a list"
        ))),
    }
}

fn read_entry(entry: &Value, faults: Faults) -> Result<PortMapping, Failure> {
    let refuse = |what: &str| {
        Failure::configuration(format!("runtimeConfig.portMappings has {entry}: {what}"))
    };
    let port = |key: &str| {
        let number = entry.get(key).and_then(Value::as_u64);
        let number = number.map(|number| {
            if faults.has(Fault::CapUnchecked) {
                number % 65536
            } else {
                number
            }
        });
        number
            .and_then(|number| u16::try_from(number).ok())
            .filter(|number| *number != 0)
    };
    let protocol = match entry.get("protocol") {
        None | Some(Value::Null) => "tcp".to_owned(),
        Some(protocol) => protocol.as_str().unwrap_or_default().to_ascii_lowercase(),
    };
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(refuse("protocol is none of tcp, udp, sctp"));
    }
    let host_ip = match entry.get("hostIP") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(other) => Some(
            other
                .as_str()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| refuse("hostIP is no address"))?,
        ),
    };
    Ok(PortMapping {
        host_port: port("hostPort").ok_or_else(|| refuse("hostPort is not from 1 to 65535"))?,
        container_port: port("containerPort")
            .ok_or_else(|| refuse("containerPort is not from 1 to 65535"))?,
        protocol,
        host_ip,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(entry: Value) -> Result<Vec<PortMapping>, Failure> {
        read(
            &Map::from_iter([("portMappings".to_owned(), json!([entry]))]),
            Faults::default(),
        )
    }

    #[test]
    fn mappings_that_make_no_sense_are_refused() {
        for entry in [
            json!("x"),
            json!({"hostPort": 0, "containerPort": 80}),
            json!({"hostPort": 70000, "containerPort": 80}),
            json!({"hostPort": -1, "containerPort": 80}),
            json!({"hostPort": "80", "containerPort": 80}),
            json!({"hostPort": 80}),
            json!({"hostPort": 80, "containerPort": 80, "protocol": "xyz"}),
            json!({"hostPort": 80, "containerPort": 80, "hostIP": "x"}),
        ] {
            assert!(read_one(entry.clone()).is_err(), "{entry}");
        }
    }

    #[test]
    fn a_record_reads_back_as_the_same_mapping() {
        let mappings = read_one(
            json!({"hostPort": 8080, "containerPort": 80, "protocol": "UDP", "hostIP": "::1"}),
        )
        .expect("valid");
        assert_eq!(
            read_one(mappings[0].record()).expect("our own record"),
            mappings
        );
        assert!(mappings[0].conflicts_with(&mappings[0]));
    }
}
