//! Waiting for a state of the kernel: woken by its notifications, never by a clock.

use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::error::Error;
use super::route::Netlink;

/// The rtnetlink multicast groups (`RTNLGRP_*`) that tell about a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Link = 1,
    Ipv4Address = 5,
    Ipv6Address = 9,
}

impl Netlink {
    /// Calls `probe` now and after each notification in `groups` until it returns a value.
    ///
    /// The groups are joined before the first probe, so no change can slip through between looking and waiting.
    pub(crate) fn wait_for<T>(
        &self,
        groups: &[Group],
        limit: Duration,
        operation: &str,
        mut probe: impl FnMut() -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let transport = |errno: Errno| Error::Transport {
            operation: operation.to_owned(),
            errno,
        };
        for group in groups {
            self.socket.join(*group as u32).map_err(transport)?;
        }
        let outcome = self.probe_until(limit, operation, &mut probe);
        for group in groups {
            self.socket.leave(*group as u32);
        }
        outcome
    }

    fn probe_until<T>(
        &self,
        limit: Duration,
        operation: &str,
        probe: &mut impl FnMut() -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let start = Instant::now();
        loop {
            if let Some(value) = probe()? {
                return Ok(value);
            }
            // A notification that came in between the answers of the probe may be newer than what the probe saw.
            if self.socket.take_notified() {
                continue;
            }
            let waited = start.elapsed();
            let Some(left) = limit.checked_sub(waited).filter(|left| !left.is_zero()) else {
                return Err(Error::Deadline {
                    operation: operation.to_owned(),
                    waited,
                });
            };
            let failed = |errno| Error::Transport {
                operation: operation.to_owned(),
                errno,
            };
            self.socket.wait_for_notification(left).map_err(failed)?;
        }
    }
}
