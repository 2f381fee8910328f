//! Whether iptables holds a chain, asked of the kernel: a DEL need not start a program to learn that there is nothing.

use std::fs;

use crate::IpFamily;
use crate::netlink;
use crate::nft::{ChainRef, Family, Nft};

/// Whether iptables holds a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// iptables-nft has it.
    Present,
    /// Neither kind has it.
    Absent,
    /// Legacy iptables uses the table; only its program can tell.
    Unknown,
}

/// Looks for a chain in the tables of iptables-nft, then at whether legacy iptables uses the table at all.
///
/// `nft` is none when the kernel has no nftables.
pub fn chain_presence(
    nft: Option<&Nft>,
    family: IpFamily,
    table: &str,
    chain: &str,
) -> Result<Presence, netlink::Error> {
    let nft_family = match family {
        IpFamily::V4 => Family::Ipv4,
        IpFamily::V6 => Family::Ipv6,
    };
    if let Some(nft) = nft
        && nft.has_chain(ChainRef {
            family: nft_family,
            table,
            name: chain,
        })?
    {
        return Ok(Presence::Present);
    }
    Ok(if legacy_may_use(family, table) {
        Presence::Unknown
    } else {
        Presence::Absent
    })
}

/// The file lists the tables that legacy iptables has loaded in this namespace; without the module there is no file.
fn legacy_may_use(family: IpFamily, table: &str) -> bool {
    let path = match family {
        IpFamily::V4 => "/proc/thread-self/net/ip_tables_names",
        IpFamily::V6 => "/proc/thread-self/net/ip6_tables_names",
    };
    match fs::read_to_string(path) {
        Ok(names) => names.lines().any(|name| name == table),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}
