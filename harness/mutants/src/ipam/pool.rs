//! Choosing addresses: requested ones if they can be had, else the lowest free one of each subnet.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::Value;

use crate::{
    address::Cidr,
    catalogue::Fault,
    fault::Faults,
    protocol::{Failure, code},
    store::Record,
};

/// The addresses that the records hold.
pub(super) fn held_by<'a>(records: impl IntoIterator<Item = &'a Record>) -> BTreeSet<IpAddr> {
    records
        .into_iter()
        .flat_map(addresses_of)
        .map(|cidr| cidr.address)
        .collect()
}

/// The addresses of one reservation.
pub(super) fn addresses_of(record: &Record) -> Vec<Cidr> {
    let entries = record
        .content
        .get("ips")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    entries
        .filter_map(Value::as_str)
        .filter_map(|text| text.parse().ok())
        .collect()
}

/// Chooses one address of each subnet.
pub(super) fn choose(
    subnets: &[Cidr],
    requested: &[IpAddr],
    held: &BTreeSet<IpAddr>,
    faults: Faults,
) -> Result<Vec<Cidr>, Failure> {
    for ip in requested {
        let subnet = subnets.iter().find(|subnet| subnet.contains(*ip));
        let subnet = subnet.ok_or_else(|| {
            Failure::new(
                code::CONFLICT,
                format!("requested address {ip} is in no subnet"),
            )
        })?;
        if !is_host(*subnet, *ip) || held.contains(ip) {
            return Err(Failure::new(
                code::CONFLICT,
                format!("requested address {ip} of {subnet} is not free"),
            ));
        }
    }
    let mut chosen: Vec<Cidr> = Vec::new();
    for subnet in subnets {
        let asked = requested
            .iter()
            .copied()
            .filter(|ip| subnet.contains(*ip))
            .find(|ip| !is_in(&chosen, *ip));
        let is_free = |ip: &IpAddr| !held.contains(ip) && !is_in(&chosen, *ip);
        let free = asked.or_else(|| {
            if faults.has(Fault::HandsOutGateway) {
                Some(subnet.gateway()).filter(is_free)
            } else {
                None
            }
        });
        let free = free.or_else(|| subnet.hosts().find(is_free));
        let free = free.ok_or_else(|| {
            Failure::new(code::EXHAUSTED, format!("no address of {subnet} is free"))
        })?;
        chosen.push(Cidr {
            address: free,
            prefix: subnet.prefix,
        });
    }
    Ok(chosen)
}

fn is_in(chosen: &[Cidr], ip: IpAddr) -> bool {
    chosen.iter().any(|cidr| cidr.address == ip)
}

/// Neither network, gateway nor broadcast.
fn is_host(subnet: Cidr, ip: IpAddr) -> bool {
    ip != subnet.address && ip != subnet.gateway() && (!subnet.is_ipv4() || ip != subnet.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnets() -> Vec<Cidr> {
        ["10.1.0.0/29", "fd00::/64"]
            .iter()
            .map(|text| text.parse().expect("a subnet"))
            .collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn chosen(requested: &[&str], held: &[&str]) -> Result<Vec<String>, i64> {
        let requested: Vec<IpAddr> = requested.iter().map(|text| ip(text)).collect();
        let held = held.iter().map(|text| ip(text)).collect();
        let chosen = choose(&subnets(), &requested, &held, Faults::default());
        chosen
            .map(|chosen| chosen.iter().map(Cidr::to_string).collect())
            .map_err(|failure| failure.code)
    }

    #[test]
    fn the_lowest_free_address_of_each_subnet_is_chosen() {
        assert_eq!(
            chosen(&[], &[]),
            Ok(vec!["10.1.0.2/29".to_owned(), "fd00::2/64".to_owned()])
        );
        assert_eq!(
            chosen(&[], &["10.1.0.2", "fd00::2"]),
            Ok(vec!["10.1.0.3/29".to_owned(), "fd00::3/64".to_owned()])
        );
    }

    #[test]
    fn a_requested_address_is_chosen_if_it_can_be_had() {
        assert_eq!(
            chosen(&["10.1.0.5"], &[]),
            Ok(vec!["10.1.0.5/29".to_owned(), "fd00::2/64".to_owned()])
        );
        for refused in ["10.1.0.0", "10.1.0.1", "10.1.0.7", "10.2.0.5", "fd00::1"] {
            assert_eq!(chosen(&[refused], &[]), Err(code::CONFLICT), "{refused}");
        }
        assert_eq!(chosen(&["10.1.0.5"], &["10.1.0.5"]), Err(code::CONFLICT));
    }

    #[test]
    fn a_full_subnet_is_exhausted() {
        let held = ["10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"];
        assert_eq!(chosen(&[], &held), Err(code::EXHAUSTED));
    }
}
