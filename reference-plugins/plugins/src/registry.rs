//! Which plugins there are, by the name under which a runtime starts them.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use cni_protocol::{Plugin, main_for};

use crate::ipam;

/// Every plugin: interface plugins, then IPAM plugins.
static PLUGINS: &[&'static dyn Plugin] = &[&ipam::host_local::HostLocal, &ipam::r#static::Static];

/// Names of the plugins, in the order of [`find`]'s table.
pub const NAMES: &[&str] = &["host-local", "static"];

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
