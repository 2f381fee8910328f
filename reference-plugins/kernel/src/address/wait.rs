//! Waiting for duplicate address detection.

use std::net::IpAddr;
use std::time::Duration;

use super::decode::{DadState, list};
use crate::link::LinkId;
use crate::netlink::{Error, Group, Netlink};

/// Waits until none of the link's addresses is tentative, woken by the kernel's notifications.
///
/// A duplicate is [`Error::DuplicateAddress`] at once; [`Error::Deadline`] after `limit`. Only the addresses in `of`
/// count; with none given, all of the link's do (its link-local one as well).
pub fn wait_until_settled(
    netlink: &Netlink,
    link: &LinkId,
    of: &[IpAddr],
    limit: Duration,
) -> Result<(), Error> {
    let operation = format!("wait for duplicate address detection on link {link}");
    netlink.wait_for(
        &[Group::Ipv6Address, Group::Ipv4Address],
        limit,
        &operation,
        || {
            let mut addresses = list(netlink, link)?;
            addresses.retain(|address| of.is_empty() || of.contains(&address.address.address()));
            if let Some(duplicate) = addresses
                .iter()
                .find(|address| address.dad == DadState::Failed)
            {
                return Err(Error::DuplicateAddress {
                    address: duplicate.address.address(),
                    link: link.name.clone(),
                });
            }
            let settled = addresses
                .iter()
                .all(|address| address.dad == DadState::Settled);
            Ok(settled.then_some(()))
        },
    )
}
