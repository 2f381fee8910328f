//! The plugins as a runtime sees them: the built executable, started in namespaces of its own.
//!
//! Runs as root and as an ordinary user. Needs unshare(1), ip(8), nft(8) and iptables(8); without them tests fail.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes the helpers of an integration test for production code"
)]

mod bridge_add;
mod bridge_check;
mod bridge_failure;
mod bridge_gc_status;
mod bridge_masquerade;
mod bridge_remove;
mod bridge_result;
mod bridge_spoof;
mod command;
mod interop;
mod loopback;
mod support;
mod tutorial;
