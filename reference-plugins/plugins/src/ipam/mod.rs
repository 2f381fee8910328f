//! The IPAM plugins: they choose addresses and touch no interface.
//!
//! An interface plugin starts them with its own environment and configuration, and applies their result.

mod address_families;
pub mod host_local;
mod routes;
pub mod r#static;
