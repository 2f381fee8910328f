//! What this machine can't do. Asked once, inside a sandbox, before the plan is laid.
//!
//! A lack makes what needs it "not applicable here", never "passed".

use std::path::Path;
use std::process::{Command, Stdio};

use rtnetlink::packet_route::link::InfoKind;

use crate::kernel::probe_link;
use crate::sandbox::Netns;

/// Link kinds that plugins create.
const KINDS: [(&str, InfoKind); 7] = [
    ("veth", InfoKind::Veth),
    ("bridge", InfoKind::Bridge),
    ("dummy", InfoKind::Dummy),
    ("ifb", InfoKind::Ifb),
    ("vrf", InfoKind::Vrf),
    ("vlan", InfoKind::Vlan),
    ("ipvlan", InfoKind::IpVlan),
];

/// Programs that plugins or the harness start.
const TOOLS: [(&str, &str); 3] = [
    (
        "iptables",
        "plugins with an iptables backend fail without it; install the package iptables",
    ),
    (
        "ip6tables",
        "plugins with an iptables backend fail without it; install the package iptables",
    ),
    (
        "nft",
        "nftables rules are not part of the evidence; install the package nftables",
    ),
];

/// Returns what is missing, each with the reason and what to do. Runs inside a sandbox.
pub(crate) fn lacks() -> Vec<(String, String)> {
    let mut lacks = Vec::new();
    match Netns::current() {
        Err(error) => lacks.push(("network namespaces".to_owned(), crate::chain(&error))),
        Ok(host) => {
            for (name, kind) in KINDS {
                if let Err(error) = probe_link(&host, &kind) {
                    lacks.push((
                        format!("link {name}"),
                        format!("{}; run on a kernel that has it", crate::chain(&error)),
                    ));
                }
            }
        }
    }
    if !Path::new("/proc/sys/net/ipv6").exists() {
        lacks.push((
            "IPv6".to_owned(),
            "the kernel is built or booted without it".to_owned(),
        ));
    }
    if std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .is_err()
    {
        lacks.push(("tap".to_owned(), "/dev/net/tun can't be opened".to_owned()));
    }
    for (tool, why) in TOOLS {
        let found = Command::new(tool)
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if found.is_err() {
            lacks.push((tool.to_owned(), why.to_owned()));
        }
    }
    lacks
}
