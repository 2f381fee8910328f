//! Unsolicited neighbour advertisement (RFC 4861 section 7.2.6). The kernel fills in the ICMPv6 checksum.
#![expect(unsafe_code, reason = "nix has no way to make a raw ICMPv6 socket")]

use std::net::{Ipv6Addr, SocketAddrV6};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockaddrIn6, bind, sendto, setsockopt, sockopt};

use crate::Mac;

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Receivers drop neighbour discovery that a router may have forwarded (RFC 4861 section 7.1.2).
const HOP_LIMIT: i32 = 255;

pub(super) fn announce(link_index: u32, mac: Mac, address: Ipv6Addr) -> Result<(), Errno> {
    let socket = open()?;
    setsockopt(&socket, sockopt::Ipv6MulticastHops, &HOP_LIMIT)?;
    // The source has to be the announced address, which fails with EADDRNOTAVAIL while that is tentative.
    bind(
        socket.as_raw_fd(),
        &SockaddrIn6::from(SocketAddrV6::new(address, 0, 0, link_index)),
    )?;
    let target = SockaddrIn6::from(SocketAddrV6::new(ALL_NODES, 0, 0, link_index));
    sendto(
        socket.as_raw_fd(),
        &packet(mac, address),
        &target,
        MsgFlags::empty(),
    )
    .map(drop)
}

fn open() -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes no pointers.
    let descriptor = unsafe {
        libc::socket(
            libc::AF_INET6,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC,
            libc::IPPROTO_ICMPV6,
        )
    };
    let descriptor = Errno::result(descriptor)?;
    // SAFETY: the kernel has just made this descriptor and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn packet(mac: Mac, address: Ipv6Addr) -> [u8; 32] {
    const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
    const OVERRIDE: u8 = 0x20;
    const TARGET_LINK_LAYER_ADDRESS: [u8; 2] = [2, 1];
    let mut packet = [0; 32];
    packet[0] = NEIGHBOUR_ADVERTISEMENT;
    packet[4] = OVERRIDE;
    packet[8..24].copy_from_slice(&address.octets());
    packet[24..26].copy_from_slice(&TARGET_LINK_LAYER_ADDRESS);
    packet[26..32].copy_from_slice(&mac.octets());
    packet
}
