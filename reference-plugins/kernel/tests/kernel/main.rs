//! The crate against the running kernel. Each test runs in namespaces of its own, see [`support::isolated`].
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helper functions as well"
)]

mod addressing;
mod link;
mod masquerade;
mod support;
mod transport;
