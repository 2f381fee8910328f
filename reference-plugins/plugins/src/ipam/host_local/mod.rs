//! `host-local`: gives each attachment an address of each range set, and keeps the reservations in files.
//!
//! The files are upstream's, and so is the lock: Go's plugin and this one may serve a network in turns, and
//! either releases what the other reserved.
//!
//! # Keys
//!
//! | key | type | default | since | what the Go plugin does differently |
//! |---|---|---|---|---|
//! | `ipam.ranges` | list of sets, a set is a list of ranges | required, unless `ipam.subnet` or `runtimeConfig.ipRanges` | 0.3.0 | |
//! | `ipam.ranges[][].subnet` | subnet | required | | refuses subnets of one or two addresses; here they serve (RFC 3021) |
//! | `ipam.ranges[][].rangeStart` | address in `subnet` | the first host | | gives out IPv4's network address and IPv6's subnet-router anycast address if it is in the bounds |
//! | `ipam.ranges[][].rangeEnd` | address in `subnet`, not before `rangeStart` | the last host | | gives out IPv4's broadcast address if it is in the bounds |
//! | `ipam.ranges[][].gateway` | address of the same family | the first host, the second of two, none of one | | accepts the network and broadcast address; may give out another range's gateway |
//! | `ipam.subnet`, `rangeStart`, `rangeEnd`, `gateway` | one range, as a first set | none | 0.1.0 | |
//! | `ipam.routes` | list of `dst`, `gw`, `mtu`, `advmss`, `priority`, `table`, `scope` | empty | 0.1.0 | |
//! | `ipam.resolvConf` | path of a resolv.conf(5), for `dns` of the result | none | 0.1.0 | |
//! | `ipam.dataDir` | directory; relative to the runtime's own if not absolute | `/var/lib/cni/networks` | 0.1.0 | makes it with mode 0755; here 0700 |
//! | `runtimeConfig.ipRanges` | as `ipam.ranges`, before them | none | capability | |
//! | `runtimeConfig.ips` | list of addresses, prefix length ignored | none | capability | |
//! | `args.cni.ips` | the same | none | 0.2.0 | |
//! | `CNI_ARGS` `IP` | one address, prefix length ignored | none | 0.1.0 | asks for it beside `args.cni.ips`; here `args` outranks it (CONVENTIONS.md) |
//!
//! A gateway outside the subnet is taken as it is. Requests of all sources add up, one address a set.
//!
//! # Behaviour
//!
//! | | here | the Go plugin |
//! |---|---|---|
//! | order | round robin from behind `last_reserved_ip.N` | the same |
//! | second ADD of an attachment | refused, the first stays | gets one more if it requests an address |
//! | failed ADD | releases what this ADD reserved | releases all that the attachment has; leaks if `last_reserved_ip.N` can't be written |
//! | crash or full disk | whole files or none | empty files, which stay reserved for ever |
//! | empty or zeroed file | given out again when no other address is left; GC removes it | reserved for ever |
//! | other unreadable file | named when the set is exhausted; GC removes it | reserved for ever |
//! | DEL | needs only `dataDir`; reports what it can't remove | fails if the ranges are wrong, hides what it can't remove |
//! | CHECK | reservations are there and agree with `prevResult` | some reservation is there |
//! | STATUS | 50 if a set is full, or the directory or `resolvConf` is unusable | not served |
//! | GC | removes the reservations of other attachments, and what an interrupted write left | not served |
//! | cost of ADD, CHECK, DEL | does not grow with the reservations: from 128 on there is an index, `DATA_DIR/.NETWORK.index` | reads every reservation |
//! | `ipam` missing | DEL and GC use the default directory | all operations fail |

mod allocation;
mod plugin;
mod range;
mod range_set;
mod requested;
mod resolv_conf;
mod settings;
mod store;

pub use plugin::HostLocal;
