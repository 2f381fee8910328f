//! `toy-interface`: a veth pair between host and container, addresses from an IPAM delegate.
//!
//! The host end carries the gateway addresses, so that routes through the gateway work without a bridge.

mod add;
mod check;
mod clean_up;
mod names;
mod plugin;
mod report;
mod settings;

pub(crate) use plugin::InterfaceToy;
