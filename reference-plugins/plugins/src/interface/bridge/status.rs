//! STATUS: whether ADD could be served now.

use cni_kernel::netlink::Netlink;
use cni_protocol::{Error, ErrorCode, StatusRequest};

use super::config::BridgeConfig;
use super::{bridge_link, masquerade, spoof};
use crate::failure::OrFailed;

/// Serves STATUS.
pub(super) fn status(request: &StatusRequest<'_>) -> Result<(), Error> {
    let config = BridgeConfig::read(request.config)?;
    let host = Netlink::open().or_code(ErrorCode::NotAvailable)?;
    bridge_link::find(&host, &config.bridge).map_err(unavailable)?;
    if let (Some(backend), Some(_)) = (config.masquerade, &config.ipam) {
        masquerade::usable(backend).map_err(unavailable)?;
    }
    if config.spoof_check {
        spoof::usable().map_err(unavailable)?;
    }
    match &config.ipam {
        Some(ipam) => request.delegates.status(ipam),
        None => Ok(()),
    }
}

fn unavailable(error: Error) -> Error {
    let same = Error::new(ErrorCode::NotAvailable, error.msg());
    match error.details() {
        Some(details) => same.with_details(details),
        None => same,
    }
}
