//! Gratuitous ARP (RFC 5227 section 3): a request and a reply, as some stations only listen to one of them.
#![expect(
    unsafe_code,
    reason = "nix has no constructor for a packet socket's address"
)]

use std::mem;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::Mac;

const REQUEST: u8 = 1;
const REPLY: u8 = 2;

pub(super) fn announce(link_index: u32, mac: Mac, address: Ipv4Addr) -> Result<(), Errno> {
    // Protocol 0: the socket sends, and no received packet is queued for it.
    let socket = socket(
        AddressFamily::Packet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let target = broadcast_on(link_index);
    let length = libc::socklen_t::try_from(mem::size_of_val(&target)).map_err(|_| Errno::EINVAL)?;
    for operation in [REQUEST, REPLY] {
        let packet = packet(operation, mac, address);
        // SAFETY: the descriptor is open; the pointers and lengths are those of `packet` and `target`, which outlive the call.
        let sent = unsafe {
            libc::sendto(
                socket.as_raw_fd(),
                packet.as_ptr().cast(),
                packet.len(),
                0,
                std::ptr::from_ref(&target).cast(),
                length,
            )
        };
        Errno::result(sent)?;
    }
    Ok(())
}

/// The 28 bytes of RFC 826: sender and target are the same address.
fn packet(operation: u8, mac: Mac, address: Ipv4Addr) -> [u8; 28] {
    let target = if operation == REPLY {
        mac.octets()
    } else {
        [0; 6]
    };
    let mut packet = [0; 28];
    // Ethernet, IPv4, their address lengths, the operation.
    packet[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, operation]);
    packet[8..14].copy_from_slice(&mac.octets());
    packet[14..18].copy_from_slice(&address.octets());
    packet[18..24].copy_from_slice(&target);
    packet[24..28].copy_from_slice(&address.octets());
    packet
}

fn broadcast_on(link_index: u32) -> libc::sockaddr_ll {
    // SAFETY: sockaddr_ll consists of integers, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or_default();
    address.sll_protocol = u16::try_from(libc::ETH_P_ARP).unwrap_or_default().to_be();
    address.sll_ifindex = link_index.cast_signed();
    address.sll_halen = 6;
    address.sll_addr[..6].copy_from_slice(&Mac::BROADCAST.octets());
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_address_as_sender_and_target() {
        let packet = packet(
            REQUEST,
            Mac::new([2, 0, 0, 0, 0, 1]),
            Ipv4Addr::new(10, 9, 0, 5),
        );
        let expected = [
            0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 9, 0, 5, 0, 0, 0, 0, 0, 0, 10, 9, 0, 5,
        ];
        assert_eq!(packet, expected);
    }
}
