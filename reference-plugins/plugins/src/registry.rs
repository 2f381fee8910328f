//! Which plugins there are, by the name under which a runtime starts them.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use cni_protocol::{Plugin, main_for};

use crate::{interface, ipam};

/// Every plugin: interface plugins, then IPAM plugins.
static PLUGINS: &[&'static dyn Plugin] = &[
    &interface::bridge::Bridge,
    &interface::loopback::Loopback,
    &ipam::host_local::HostLocal,
    &ipam::r#static::Static,
];

/// Names of the plugins, in the order of [`find`]'s table.
pub const NAMES: &[&str] = &["bridge", "loopback", "host-local", "static"];

/// Returns the plugin of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Plugin> {
    PLUGINS.iter().copied().find(|plugin| plugin.name() == name)
}

/// Runs the plugin whose name is the last part of `argv0`, on the process's environment and streams.
/// `None` when there is no such plugin.
#[must_use]
pub fn run_as(argv0: &OsStr) -> Option<ExitCode> {
    let name = Path::new(argv0).file_name()?.to_str()?;
    find(name).map(|plugin| main_for(plugin, Some(find)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_table() {
        let table: Vec<&str> = PLUGINS.iter().map(|plugin| plugin.name()).collect();
        assert_eq!(table, NAMES);
    }

    #[test]
    fn the_directory_of_argv0_does_not_matter() {
        assert!(find("bridge").is_some());
        assert!(find("/opt/cni/bin/bridge").is_none());
        assert!(run_as(OsStr::new("/opt/cni/bin/cni-plugins")).is_none());
    }
}
