//! Waiting until a link carries packets.

use std::time::Duration;

use super::decode::{Link, LinkId, OperState};
use super::query::by_index;
use crate::netlink::{Error, Group, Netlink};

/// Waits until the link is operationally up, woken by the kernel's notifications.
///
/// A link whose driver does not tell its state counts as up when it is administratively up.
/// Fails with [`Error::Deadline`] after `limit`, at once when the link does not exist.
pub fn wait_until_up(netlink: &Netlink, link: &LinkId, limit: Duration) -> Result<Link, Error> {
    let operation = format!("wait until link {link} is up");
    netlink.wait_for(&[Group::Link], limit, &operation, || {
        let now = by_index(netlink, link.index)?;
        let usable = match now.oper_state {
            OperState::Up => true,
            OperState::Unknown => now.is_up,
            _ => false,
        };
        Ok(usable.then_some(now))
    })
}
