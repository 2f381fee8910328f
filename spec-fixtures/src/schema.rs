//! JSON Schemas (draft 2020-12) of what plugins print and read, as text. Keys that no version defines are allowed
//! everywhere; what a schema cannot say, such as an index that is out of range, is in the requirements.

use crate::version::SpecVersion;

/// Which kind of plugin printed a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An interface or chained plugin: the full result.
    Interface,
    /// An IPAM plugin: no interfaces and, up to 0.4.0 only by recommendation, no index in the addresses.
    Ipam,
}

/// The schema of the result of ADD.
pub const fn result(version: SpecVersion, kind: Kind) -> &'static str {
    macro_rules! schemas {
        ($version:literal) => {
            match kind {
                Kind::Interface => {
                    include_str!(concat!("../schemas/", $version, "/result.interface.json"))
                }
                Kind::Ipam => include_str!(concat!("../schemas/", $version, "/result.ipam.json")),
            }
        };
    }
    match version {
        SpecVersion::V0_1_0 => schemas!("0.1.0"),
        SpecVersion::V0_2_0 => schemas!("0.2.0"),
        SpecVersion::V0_3_0 => schemas!("0.3.0"),
        SpecVersion::V0_3_1 => schemas!("0.3.1"),
        SpecVersion::V0_4_0 => schemas!("0.4.0"),
        SpecVersion::V1_0_0 => schemas!("1.0.0"),
        SpecVersion::V1_1_0 => schemas!("1.1.0"),
    }
}

/// The schema of an error object; all versions share it.
pub const fn error() -> &'static str {
    include_str!("../schemas/error.json")
}

/// The schema of the reply to VERSION; all versions that have the verb share it.
pub const fn version_reply() -> &'static str {
    include_str!("../schemas/version-reply.json")
}

/// The schema of the configuration of a single plugin, on disk or on stdin.
pub const fn configuration() -> &'static str {
    include_str!("../schemas/configuration.json")
}

/// The schema of a network configuration list.
pub const fn configuration_list() -> &'static str {
    include_str!("../schemas/configuration-list.json")
}
