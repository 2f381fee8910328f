//! The CNI reference plugins, sorted as upstream sorts them, and the one binary that holds them.
//!
//! The library is what other executables embed (`cni-conform` carries the plugins as rustc carries its
//! linker); each plugin's page says its keys, defaults and where it differs from the Go plugin on purpose.

mod command;
mod conversion;
mod failure;
mod install;
pub mod interface;
pub mod ipam;
mod registry;

pub use command::run;
pub use registry::{NAMES, find, run_as};
