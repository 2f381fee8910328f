//! `bridge`: a virtual switch on the host, and for each container a cable to it.
//!
//! Keys of the configuration ("since": the release of upstream that first had it):
//!
//! | key | type | default | since | here, where it is not what the Go plugin does |
//! |---|---|---|---|---|
//! | `bridge` | string | `cni0` | 0.1 | |
//! | `isGateway` | bool | false | 0.1 | several IPv4 networks in one result are possible |
//! | `isDefaultGateway` | bool | false | 0.3 | a default route without `gw` from IPAM counts; upstream adds a second and fails |
//! | `forceAddress` | bool | false | 0.6 | |
//! | `ipMasq` | bool | false | 0.1 | DEL removes the rules whatever the key says then; CHECK looks for them |
//! | `ipMasqBackend` | `iptables`, `nftables` | iptables where it works | 1.6 | empty counts as absent |
//! | `mtu` | int | the kernel's | 0.1 | checked: 68 to 65535; on the bridge only when the plugin makes it, as upstream |
//! | `hairpinMode` | bool | false | 0.3 | |
//! | `promiscMode` | bool | false | 0.6 | |
//! | `portIsolation` | bool | false | 1.7 | |
//! | `enabledad` | bool | false | 1.1 | without it the gateway's IPv6 address needs no second to settle either |
//! | `disableContainerInterface` | bool | false | 1.4.1 | |
//! | `macspoofchk` | bool | false | 1.1 | DEL removes the rules whatever the key says then; CHECK looks for them |
//! | `vlan`, `vlanTrunk`, `preserveDefaultVlan` | int, list, bool | none | 0.8, 1.3, 1.3 | not supported: a VLAN is error 2 |
//! | `ipam` | object | none: layer 2 | 0.1 | without it no operation calls a delegate |
//! | `dns` | object | IPAM's | 0.1 | |
//! | `runtimeConfig.mac`, `args.cni.mac`, `MAC` in `CNI_ARGS` | MAC | random | 1.0 | in this order; a multicast address is refused |
//!
//! Otherwise different:
//!
//! * ADD: both ends and a new bridge get their hardware addresses from the plugin, so that neither udev nor the ports of the
//!   bridge change them afterwards. All attributes of routes reach the kernel (upstream leaves out `mtu` and `advmss`). The
//!   new addresses are announced once the port forwards. A failed ADD leaves nothing behind but the bridge.
//! * DEL finds what ADD made without `prevResult` and without the namespace, and releases addresses only after the link
//!   is gone. Two attachments of one container to one network don't share their fate.
//! * CHECK also looks at the ports' flags, MTU, route attributes, the gateway's address and the masquerading.
//! * STATUS says when the bridge's name is taken or masquerading has no backend. GC removes links and rules.
//!
//! State: see `host_link.rs` (the host's end is its own record), `masquerade.rs` and `spoof.rs` (rules carry comments).

mod add;
mod attachment;
mod bridge_link;
mod check;
mod config;
mod container_link;
mod gateway;
mod host_link;
mod masquerade;
mod plugin;
mod remove;
mod spoof;
mod status;
mod vlan;

pub use plugin::Bridge;
