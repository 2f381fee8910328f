//! Plugins that make or configure a network interface (upstream's `main`).

pub mod bridge;
mod container;
pub mod loopback;
