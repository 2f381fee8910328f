//! The configuration of `host-local`, read as far as an operation needs it.
//!
//! DEL and GC only need to know the directory, so that a range that is wrong by now does not keep an address reserved.

use std::path::{Path, PathBuf};

use cni_protocol::{Dns, Error, JsonError, NetworkConfig, Route};

use super::range_set::{RangeSet, RangeSets};
use super::resolv_conf;
use crate::ipam::{address_families, routes};

const DEFAULT_DATA_DIR: &str = "/var/lib/cni/networks";

/// What ADD, CHECK and STATUS need.
#[derive(Debug)]
pub(super) struct Settings {
    /// One address is given from each.
    pub(super) sets: RangeSets,
    /// Handed on in the result.
    pub(super) routes: Vec<Route>,
    resolv_conf: Option<PathBuf>,
}

impl Settings {
    /// Reads and checks the whole configuration.
    ///
    /// # Errors
    /// Names the key and its value.
    pub(super) fn read(config: &NetworkConfig) -> Result<Self, Error> {
        let ipam = config
            .ipam()?
            .ok_or_else(|| config.root().missing("ipam", "an object"))?;
        let sets = RangeSets::read(config, &ipam)?;
        let families = sets.iter().map(RangeSet::is_ipv4);
        address_families::fit_version(config.version(), "ipam.ranges", families)?;
        Ok(Self {
            sets,
            routes: routes::read(&ipam)?,
            resolv_conf: ipam.non_empty_string("resolvConf")?.map(PathBuf::from),
        })
    }

    /// Reads the file that `resolvConf` names.
    ///
    /// # Errors
    /// When it can't be read.
    pub(super) fn dns(&self) -> Result<Dns, Error> {
        match &self.resolv_conf {
            Some(path) => Ok(resolv_conf::read(path)?),
            None => Ok(Dns::default()),
        }
    }
}

/// The directory of the network's reservations. The network's name is one path component by its type.
///
/// # Errors
/// When `ipam` is no object or `dataDir` no string.
pub(super) fn directory(config: &NetworkConfig) -> Result<PathBuf, JsonError> {
    let given = match config.ipam()? {
        Some(ipam) => ipam.non_empty_string("dataDir")?,
        None => None,
    };
    Ok(Path::new(given.unwrap_or(DEFAULT_DATA_DIR)).join(config.name().as_str()))
}

#[cfg(test)]
mod tests {
    use cni_protocol::Version;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn config(version: &str, ipam: &Value) -> NetworkConfig {
        let document = json!({"cniVersion": version, "name": "net", "ipam": ipam});
        NetworkConfig::parse(document.to_string().into_bytes(), &Version::ALL).unwrap()
    }

    #[rstest]
    #[case(json!(null), "/var/lib/cni/networks/net")]
    #[case(json!({"dataDir": ""}), "/var/lib/cni/networks/net")]
    #[case(json!({"datadir": "/x", "ranges": "wrong"}), "/x/net")]
    fn the_directory_is_known_without_ranges(#[case] ipam: Value, #[case] expected: &str) {
        let found = directory(&config("1.1.0", &ipam)).unwrap();
        assert_eq!(found, Path::new(expected));
    }

    #[test]
    fn route_attributes_are_kept_and_unknown_keys_are_not() {
        let ipam = json!({"subnet": "10.0.0.0/24", "routes": [
            {"dst": "0.0.0.0/0"}, {"dst": "fd01::/16", "gw": "fd00::1", "mtu": 1400, "priority": 7, "x": 1},
        ]});
        let settings = Settings::read(&config("1.1.0", &ipam)).unwrap();
        let mut second = Route::new("fd01::/16".parse().unwrap());
        second.gw = Some("fd00::1".parse().unwrap());
        (second.mtu, second.priority) = (Some(1400), Some(7));
        let expected = [Route::new("0.0.0.0/0".parse().unwrap()), second];
        assert_eq!(settings.routes, expected);
    }

    #[rstest]
    #[case("1.1.0", json!(null), "ipam: missing")]
    #[case("1.1.0", json!({"subnet": "10.0.0.0/24", "routes": [{"gw": "10.0.0.1"}]}), "ipam.routes[0].dst: missing")]
    #[case("1.1.0", json!({"subnet": "10.0.0.0/24", "resolvConf": 7}), "ipam.resolvConf: expected a string, got number 7")]
    #[case("0.2.0", json!({"subnet": "10.0.0.0/24", "ranges": [[{"subnet": "10.0.1.0/24"}]]}), "ipam.ranges: 2 IPv4 addresses, and cniVersion 0.2.0")]
    fn wrong_settings_are_refused_with_their_key(
        #[case] version: &str,
        #[case] ipam: Value,
        #[case] text: &str,
    ) {
        let error = Settings::read(&config(version, &ipam)).unwrap_err();
        assert!(error.msg().contains(text), "{error}");
    }
}
