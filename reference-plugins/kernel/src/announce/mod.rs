//! Telling the link which station has an address: gratuitous ARP and unsolicited neighbour advertisements.
//!
//! Called after an address came to a link, so that others do not go on sending to its former station.

mod arp;
mod error;
mod neighbour_advertisement;

use std::net::IpAddr;

pub use error::Error;

use crate::Mac;
use crate::link::LinkId;
use crate::netns::Netns;

/// Announces in `netns` that `address` is at `mac` on `link`. The link has to be up.
///
/// An IPv6 address that is still tentative cannot be announced ([`Error::Send`] with EADDRNOTAVAIL).
pub fn announce(netns: &Netns, link: &LinkId, mac: Mac, address: IpAddr) -> Result<(), Error> {
    let sent = netns.run_in(|| match address {
        IpAddr::V4(v4) => arp::announce(link.index, mac, v4),
        IpAddr::V6(v6) => neighbour_advertisement::announce(link.index, mac, v6),
    });
    let sent = sent.map_err(|source| Error::Namespace {
        address,
        link: link.name.clone(),
        source,
    })?;
    sent.map_err(|errno| Error::Send {
        address,
        link: link.name.clone(),
        errno,
    })
}
