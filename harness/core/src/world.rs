//! The outside: a namespace behind the host's uplink, with servers that answer with the address they saw.
//!
//! A packet that reaches the world proves forwarding; the answer tells whether it was masqueraded.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::thread;
use std::time::Duration;

use thiserror::Error;

use crate::kernel::{KernelError, alter};
use crate::sandbox::{Netns, NetnsError};

/// The world's addresses (documentation prefixes, RFC 5737 and RFC 3849), on which its servers listen.
pub(crate) const WORLD: [(IpAddr, u8); 2] = [
    (IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)), 24),
    (
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1)),
        64,
    ),
];
/// The host's addresses on its uplink.
pub(crate) const UPLINK: [(IpAddr, u8); 2] = [
    (IpAddr::V4(Ipv4Addr::new(203, 0, 113, 2)), 24),
    (
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 2)),
        64,
    ),
];
/// Port of the servers, TCP and UDP.
pub(crate) const PORT: u16 = 7;
/// Name of the host's interface towards the world.
const UPLINK_NAME: &str = "uplink0";
/// Name of the world's interface towards the host.
const WORLD_NAME: &str = "world0";

/// The world could not be made.
#[derive(Debug, Error)]
pub(crate) enum WorldError {
    /// Its namespace could not be made.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// A link, an address or a route was refused.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// A server could not listen.
    #[error("listen on port {PORT}")]
    Listen(#[source] std::io::Error),
}

/// Makes the outside network and the uplink of the host (the calling thread's namespace) into it. The network stays
/// for as long as it is mounted at `path`.
///
/// # Errors
/// Fails when the kernel refuses a namespace, a link, an address or a socket.
pub(crate) fn create(path: &Path) -> Result<(), WorldError> {
    let world = Netns::create(path)?;
    let host = Netns::current()?;
    for side in [&host, &world] {
        side.run(without_address_detection)?;
    }
    alter::set_link(&host, "lo", true)?;
    alter::set_link(&world, "lo", true)?;
    alter::add_veth_to_host(&world, WORLD_NAME, UPLINK_NAME)?;
    for (netns, link, addresses) in [(&world, WORLD_NAME, WORLD), (&host, UPLINK_NAME, UPLINK)] {
        alter::set_link(netns, link, true)?;
        for (ip, prefix) in addresses {
            alter::add_address(netns, link, ip, prefix)?;
        }
    }
    for (gateway, _) in WORLD {
        alter::add_route(&host, (unspecified(gateway), 0), Some(gateway), UPLINK_NAME)?;
    }
    world.run(serve)?.map_err(WorldError::Listen)?;
    Ok(())
}

/// Starts, in the calling thread's namespace, servers that answer with the text of the peer's address.
///
/// # Errors
/// Fails when the port is taken.
pub(crate) fn serve() -> std::io::Result<()> {
    // Linux lets a socket on the unspecified IPv6 address serve IPv4 as well.
    let at = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), PORT);
    let udp = UdpSocket::bind(at)?;
    let tcp = TcpListener::bind(at)?;
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((_, peer)) = udp.recv_from(&mut buffer) {
            drop(udp.send_to(peer.ip().to_canonical().to_string().as_bytes(), peer));
        }
    });
    thread::spawn(move || {
        for mut stream in tcp.incoming().flatten() {
            if let Ok(peer) = stream.peer_addr() {
                drop(stream.write_all(peer.ip().to_canonical().to_string().as_bytes()));
            }
        }
    });
    Ok(())
}

/// Asks a server, from the calling thread's namespace, which source address it sees.
///
/// # Errors
/// Fails when no answer comes within `patience`.
pub(crate) fn ask(server: IpAddr, patience: Duration) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(server, PORT), patience)?;
    stream.set_read_timeout(Some(patience))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Duplicate address detection would hold the uplink's addresses back for a second or two.
fn without_address_detection() {
    for key in ["all", "default"] {
        // A kernel without IPv6 has no such file, and no such wait.
        drop(std::fs::write(
            format!("/proc/sys/net/ipv6/conf/{key}/accept_dad"),
            "0",
        ));
    }
}

const fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}
