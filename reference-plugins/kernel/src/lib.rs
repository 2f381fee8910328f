//! What CNI plugins ask of the kernel: namespaces, links, addresses, routes, sysctls, nftables, iptables.
//!
//! Everything is synchronous and runs on the calling thread. A mutation is built as a value
//! ([`netlink::Request`], [`nft::Transaction`]) and then sent, so that several travel in one message.
//! Nothing here knows CNI's configuration or result: that is `cni-protocol`'s.
//! The types of the netlink crates stay inside: they break every few weeks.

pub mod address;
pub mod announce;
pub mod file;
pub mod forward;
pub mod iptables;
pub mod link;
pub mod masquerade;
pub mod neighbour;
pub mod netlink;
pub mod netns;
pub mod nft;
pub mod route;
pub mod rule;
pub mod sysctl;

mod interface_name;
mod ip_prefix;
mod mac;

pub use interface_name::{InterfaceName, InvalidInterfaceName};
pub use ip_prefix::{InvalidIpPrefix, IpFamily, IpPrefix};
pub use mac::{InvalidMac, Mac};
