//! Addresses, routes, rules, neighbours and announcements against the running kernel.

use std::time::{Duration, Instant};

use crate::support::{isolated, name, new_netns, output_of, prefix, veth};
use cni_kernel::address::{self, Dad, DadState, NewAddress, PrefixRoute};
use cni_kernel::link::{self};
use cni_kernel::netlink::Netlink;
use cni_kernel::netns::Netns;
use cni_kernel::route::{self, Filter, NextHop, OnLink, Route};
use cni_kernel::rule::{self, Rule};
use cni_kernel::{Mac, announce, neighbour};

#[test]
fn ipv6_addresses_settle_by_event_or_at_once() {
    isolated("ipv6_addresses_settle_by_event_or_at_once", || {
        let host = Netlink::open().unwrap();
        let container = new_netns();
        let end = veth(&host, &container);
        let inside = Netlink::open_in(&container).unwrap();
        let eth0 = link::peer_of(&inside, &end, &Netns::current().unwrap())
            .unwrap()
            .id;
        let (skipped, checked) = (prefix("fd00:9::5/64"), prefix("fd00:9::6/64"));
        let without_route = NewAddress {
            prefix_route: PrefixRoute::Omit,
            ..NewAddress::new(checked)
        };
        inside
            .run_all(vec![
                link::set_up(&eth0),
                address::add(
                    &eth0,
                    &NewAddress {
                        dad: Dad::Skip,
                        ..NewAddress::new(skipped)
                    },
                ),
                address::add(&eth0, &without_route),
            ])
            .unwrap();
        let state = |wanted| {
            let addresses = address::list(&inside, &eth0).unwrap();
            addresses
                .into_iter()
                .find(|address| address.address == wanted)
                .map(|address| address.dad)
        };
        assert_eq!(state(skipped), Some(DadState::Settled));
        assert_eq!(state(checked), Some(DadState::Tentative));
        let ips = [checked.address()];
        let error = address::wait_until_settled(&inside, &eth0, &ips, Duration::from_millis(1))
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("wait for duplicate address detection on link eth0"),
            "{error}"
        );
        address::wait_until_settled(&inside, &eth0, &ips, Duration::from_secs(10)).unwrap();
        assert_eq!(state(checked), Some(DadState::Settled));
        inside.run(address::delete(&eth0, checked)).unwrap();
        assert_eq!(state(checked), None);
        assert!(
            inside
                .run(address::delete(&eth0, checked))
                .unwrap_err()
                .is_absent()
        );
    });
}

#[test]
fn a_duplicate_address_is_an_error() {
    isolated("a_duplicate_address_is_an_error", || {
        let host = Netlink::open().unwrap();
        let container = new_netns();
        let end = veth(&host, &container);
        let inside = Netlink::open_in(&container).unwrap();
        let eth0 = link::peer_of(&inside, &end, &Netns::current().unwrap())
            .unwrap()
            .id;
        let taken = prefix("fd00:9::7/64");
        host.run(address::add(&end.id, &NewAddress::new(taken).without_dad()))
            .unwrap();
        inside.run(link::set_up(&eth0)).unwrap();
        link::wait_until_up(&inside, &eth0, Duration::from_secs(5)).unwrap();
        inside
            .run(address::add(&eth0, &NewAddress::new(taken)))
            .unwrap();
        let error = address::wait_until_settled(
            &inside,
            &eth0,
            &[taken.address()],
            Duration::from_secs(10),
        )
        .unwrap_err();
        let expected = "address fd00:9::7 on eth0 is in use by another station: duplicate address detection failed";
        assert_eq!(error.to_string(), expected);
    });
}

#[test]
fn routes_keep_their_attributes() {
    isolated("routes_keep_their_attributes", || {
        let host = Netlink::open().unwrap();
        let container = new_netns();
        let end = veth(&host, &container).id;
        let inside = Netlink::open_in(&container).unwrap();
        inside
            .run(link::set_up(
                &link::by_name(&inside, &name("eth0")).unwrap().id,
            ))
            .unwrap();
        host.run_all(vec![
            address::add(&end, &NewAddress::new(prefix("10.9.0.1/24"))),
            address::add(&end, &NewAddress::new(prefix("fd00:9::1/64")).without_dad()),
        ])
        .unwrap();
        for (destination, gateway, source) in [
            ("10.77.0.0/16", "10.9.0.5", "10.9.0.1"),
            ("fd00:77::/48", "fd00:9::5", "fd00:9::1"),
        ] {
            let wanted = Route {
                gateway: Some(gateway.parse().unwrap()),
                link_index: Some(end.index),
                source: Some(source.parse().unwrap()),
                table: 1234,
                priority: Some(50),
                mtu: Some(1350),
                advertised_mss: Some(1200),
                on_link: OnLink::Assume,
                scope: Some(route::Scope::Universe),
                ..Route::to(prefix(destination))
            };
            host.run(route::add(&wanted)).unwrap();
            assert!(host.run(route::add(&wanted)).unwrap_err().is_present());
            host.run(route::replace(&wanted)).unwrap();
            let filter = Filter {
                family: Some(wanted.destination.family()),
                table: Some(1234),
                ..Filter::default()
            };
            assert_eq!(
                route::list(&host, filter).unwrap(),
                std::slice::from_ref(&wanted)
            );
            host.run(route::delete(&wanted)).unwrap();
            assert!(host.run(route::delete(&wanted)).unwrap_err().is_absent());
            assert_eq!(route::list(&host, filter).unwrap(), []);
        }
        let hop = |gateway: &str, weight| NextHop {
            gateway: Some(gateway.parse().unwrap()),
            link_index: end.index,
            weight,
            on_link: OnLink::Check,
        };
        let multipath = Route {
            next_hops: vec![hop("10.9.0.7", 1), hop("10.9.0.8", 3)],
            ..Route::to(prefix("10.78.0.0/16"))
        };
        host.run(route::add(&multipath)).unwrap();
        let listed = route::list(
            &host,
            Filter {
                link_index: Some(end.index),
                ..Filter::default()
            },
        )
        .unwrap();
        let found = listed
            .iter()
            .find(|route| route.destination == multipath.destination)
            .unwrap();
        assert_eq!(found.next_hops, multipath.next_hops);
    });
}

#[test]
fn rules_and_neighbours_are_listed_as_they_were_set() {
    isolated("rules_and_neighbours_are_listed_as_they_were_set", || {
        let host = Netlink::open().unwrap();
        let container = new_netns();
        let end = veth(&host, &container).id;
        for source in ["10.9.0.5/32", "fd00:9::5/128"] {
            let wanted = Rule {
                priority: Some(100),
                ..Rule::from_source(prefix(source), 1234)
            };
            host.run(rule::add(&wanted)).unwrap();
            assert!(rule::list(&host, wanted.family).unwrap().contains(&wanted));
            host.run(rule::delete(&wanted)).unwrap();
            assert!(host.run(rule::delete(&wanted)).unwrap_err().is_absent());
        }
        let mac = Mac::new([2, 0, 0, 0, 0, 3]);
        for ip in ["10.9.0.5", "fd00:9::5"] {
            let ip = ip.parse().unwrap();
            host.run(neighbour::set_permanent(&end, ip, mac)).unwrap();
            let found = neighbour::list(&host, &end).unwrap();
            assert!(
                found.iter().any(|entry| entry.address == ip
                    && entry.mac == Some(mac)
                    && entry.is_permanent)
            );
            host.run(neighbour::delete(&end, ip)).unwrap();
            assert!(
                host.run(neighbour::delete(&end, ip))
                    .unwrap_err()
                    .is_absent()
            );
        }
    });
}

#[test]
fn an_announcement_reaches_the_other_end() {
    isolated("an_announcement_reaches_the_other_end", || {
        let host = Netlink::open().unwrap();
        let container = new_netns();
        let end = veth(&host, &container);
        let inside = Netlink::open_in(&container).unwrap();
        let eth0 = link::peer_of(&inside, &end, &Netns::current().unwrap()).unwrap();
        let ips = ["10.9.0.5/24", "fd00:9::5/64"].map(prefix);
        host.run_all(vec![
            address::add(&end.id, &NewAddress::new(prefix("10.9.0.1/24"))),
            address::add(
                &end.id,
                &NewAddress::new(prefix("fd00:9::1/64")).without_dad(),
            ),
        ])
        .unwrap();
        inside.run(link::set_up(&eth0.id)).unwrap();
        link::wait_until_up(&inside, &eth0.id, Duration::from_secs(5)).unwrap();
        let former = Mac::new([2, 0, 0, 0, 0, 0x77]);
        for ip in ips {
            inside
                .run(address::add(&eth0.id, &NewAddress::new(ip).without_dad()))
                .unwrap();
            // A learned entry of the former station: an announcement replaces its address.
            let (mac, text) = (former.to_string(), ip.address().to_string());
            output_of(
                "ip",
                &[
                    "neigh", "replace", &text, "lladdr", &mac, "nud", "stale", "dev", "host0",
                ],
            );
            // The kernel guards a fresh entry against changes for locktime, one second by default.
            announce::announce(&container, &eth0.id, eth0.mac.unwrap(), ip.address()).unwrap();
            let limit = Instant::now() + Duration::from_secs(10);
            loop {
                let entries = neighbour::list(&host, &end.id).unwrap();
                if entries
                    .iter()
                    .any(|entry| entry.address == ip.address() && entry.mac == eth0.mac)
                {
                    break;
                }
                assert!(
                    Instant::now() < limit,
                    "{ip} was not announced: {entries:?}"
                );
                announce::announce(&container, &eth0.id, eth0.mac.unwrap(), ip.address()).unwrap();
            }
        }
    });
}
