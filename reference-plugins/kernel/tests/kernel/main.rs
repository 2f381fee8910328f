//! The crate against the running kernel. Each test runs in namespaces of its own, see [`support::isolated`].

mod masquerade;
mod network;
mod support;
