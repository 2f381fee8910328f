//! Network interfaces: making, finding, changing, deleting them, and waiting until they work.
//!
//! The functions that return a [`Request`](crate::netlink::Request) only build it; addresses and routes have modules of their own.

mod bridge_port;
mod change;
mod create;
mod decode;
mod query;
mod wait;

pub use bridge_port::{BridgePort, set_bridge_port};
pub use change::{
    Promiscuous, delete, move_to_netns, set_alias, set_down, set_mac, set_master, set_mtu,
    set_name, set_promiscuous, set_tx_queue_length, set_up,
};
pub use create::{
    BridgeOptions, Endpoint, IpvlanFlag, IpvlanMode, LinkState, MacvlanMode, NewKind, NewLink, Stp,
    VlanFiltering, create,
};
pub use decode::{Kind, Link, LinkId, OperState};
pub use query::{by_index, by_name, list, peer_of};
pub use wait::wait_until_up;
