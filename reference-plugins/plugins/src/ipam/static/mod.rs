//! `static`: hands the addresses, routes and name servers of its configuration on. It keeps no state.
//!
//! # Keys
//!
//! | key | type | default | since | what the Go plugin does differently |
//! |---|---|---|---|---|
//! | `ipam.addresses` | list | empty | 0.3.0 | takes the same address twice |
//! | `ipam.addresses[].address` | address with prefix length | required | | takes 0.0.0.0, multicast and IPv4-mapped IPv6 addresses |
//! | `ipam.addresses[].gateway` | address of the same family | none | | takes the other family |
//! | `ipam.routes` | list of `dst`, `gw`, `mtu`, `advmss`, `priority`, `table`, `scope` | empty | 0.3.0 | |
//! | `ipam.dns` | `nameservers`, `domain`, `search`, `options` | empty | 0.3.0 | |
//! | `CNI_ARGS` `IP` | addresses with prefix length, joined by commas; after `ipam.addresses` | none | 0.3.0 | |
//! | `CNI_ARGS` `GATEWAY` | gateways of the addresses in `IP` whose subnets they are in, joined by commas | none | 0.3.0 | |
//! | `args.cni.ips` | list of addresses with prefix length, instead of all above | none | 0.3.0 | |
//! | `runtimeConfig.ips` | the same, instead of all above | none | capability | |
//!
//! # Behaviour
//!
//! | | here | the Go plugin |
//! |---|---|---|
//! | ADD without any address | succeeds from 0.3.0 on, for routes and name servers alone | the same |
//! | CHECK | each address and its gateway is in `prevResult` | passes if the address is missing |
//! | DEL | succeeds whatever the configuration is | the same |
//! | STATUS | the configuration can be served | not served |
//! | GC | served: there is nothing to leak | not served |

mod addresses;
mod plugin;

pub use plugin::Static;
