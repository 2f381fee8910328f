//! The bridge itself: made by the first ADD, shared by all, removed by none.
//!
//! Its gateway addresses are [`super::gateway`]'s.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use cni_kernel::link::{
    self, BridgeOptions, Endpoint, Kind, Link, LinkState, NewKind, NewLink, Promiscuous,
};
use cni_kernel::netlink::{Error as NetlinkError, Netlink};
use cni_kernel::sysctl::Sysctl;
use cni_kernel::{InterfaceName, IpFamily, Mac};
use cni_protocol::{Error, ErrorCode};

use super::config::BridgeConfig;
use crate::failure::OrFailed;

/// The bridge, up and as the configuration wants it.
pub(super) fn ensure(host: &Netlink, config: &BridgeConfig) -> Result<Link, Error> {
    let bridge = match find(host, &config.bridge)? {
        Some(bridge) => bridge,
        None => create(host, config)?,
    };
    let mut changes = Vec::new();
    if !bridge.is_up {
        changes.push(link::set_up(&bridge.id));
    }
    if config.promiscuous && !bridge.is_promiscuous {
        changes.push(link::set_promiscuous(&bridge.id, Promiscuous::On));
    }
    if !changes.is_empty() {
        host.run_all(changes).or_failed()?;
    }
    refuse_router_advertisements(&config.bridge);
    Ok(bridge)
}

/// The bridge, if there is one; another kind of link under its name is an error.
pub(super) fn find(host: &Netlink, name: &InterfaceName) -> Result<Option<Link>, Error> {
    match link::by_name(host, name) {
        Ok(link) if matches!(link.kind, Kind::Bridge { .. }) => Ok(Some(link)),
        Ok(link) => {
            let msg = format!(
                "bridge: {:?} exists and is not a bridge; give another name",
                link.id.name
            );
            Err(Error::new(ErrorCode::OPERATION_FAILED, msg))
        }
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error).or_failed(),
    }
}

/// A locally administered address that nobody else has. It need not be secret, only different.
pub(super) fn random_mac() -> Mac {
    let random = RandomState::new().build_hasher().finish().to_ne_bytes();
    let [first, b, c, d, e, f, ..] = random;
    Mac::new([(first | 0b10) & !1, b, c, d, e, f])
}

/// The host's routes are its own, not those of whoever sends advertisements from a container. A host without IPv6 has no such sysctl.
pub(super) fn refuse_router_advertisements(name: &InterfaceName) {
    if let Ok(sysctl) = Sysctl::of_interface(IpFamily::V6, name, "accept_ra") {
        let _ignored = sysctl.write("0");
    }
}

fn create(host: &Netlink, config: &BridgeConfig) -> Result<Link, Error> {
    let new = NewLink {
        endpoint: Endpoint {
            // Without an address of its own it takes the lowest of its ports, and changes it as they come and go (cni#285).
            mac: Some(random_mac()),
            mtu: config.mtu,
            ..Endpoint::named(&config.bridge)
        },
        master: None,
        state: LinkState::Up,
        kind: NewKind::Bridge(BridgeOptions::default()),
    };
    match link::create(host, &new) {
        // Another ADD was quicker.
        Err(error) if error.is_present() => {
            find(host, &config.bridge)?.ok_or_else(|| vanished(&config.bridge, &error))
        }
        other => other.or_failed(),
    }
}

fn vanished(name: &InterfaceName, error: &NetlinkError) -> Error {
    let msg = format!("the bridge {name} is made and removed by others at this moment; try again");
    Error::new(ErrorCode::TryAgainLater, msg).with_details(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_mac_is_local_unicast_and_never_the_same() {
        let (one, other) = (random_mac(), random_mac());
        assert_ne!(one, other);
        assert!(one.is_unicast());
        assert_eq!(one.octets()[0] & 0b11, 0b10);
    }
}
