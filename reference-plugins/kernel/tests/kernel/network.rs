//! Links, addresses, routes, rules, neighbours and sysctls against the running kernel.

use std::time::{Duration, Instant};

use crate::support::{isolated, name, new_netns, output_of, prefix, veth};
use cni_kernel::address::{self, Dad, DadState, NewAddress, PrefixRoute};
use cni_kernel::link::{
    self, BridgeOptions, BridgePort, Endpoint, Kind, LinkState, MacvlanMode, NewKind, NewLink,
    OperState, Promiscuous,
};
use cni_kernel::netlink::{Netlink, absent_is_done};
use cni_kernel::netns::Netns;
use cni_kernel::route::{self, Filter, NextHop, OnLink, Route};
use cni_kernel::rule::{self, Rule};
use cni_kernel::sysctl::Sysctl;
use cni_kernel::{IpFamily, Mac, announce, forward, neighbour};

#[test]
fn a_veth_is_made_whole_in_one_message() {
    isolated("a_veth_is_made_whole_in_one_message", || {
        let host = Netlink::open().unwrap();
        let container = new_netns();
        let inside = Netlink::open_in(&container).unwrap();
        let bridge_name = name("cni0");
        let bridge = link::create(
            &host,
            &NewLink {
                endpoint: Endpoint {
                    mtu: Some(1450),
                    ..Endpoint::named(&bridge_name)
                },
                master: None,
                state: LinkState::Up,
                kind: NewKind::Bridge(BridgeOptions::default()),
            },
        )
        .unwrap();
        assert_eq!(
            bridge.kind,
            Kind::Bridge {
                vlan_filtering: false
            }
        );
        let (host_mac, mac) = (Mac::new([2, 0, 0, 0, 0, 1]), Mac::new([2, 0, 0, 0, 0, 2]));
        let (host_name, container_name) = (name("veth12ab"), name("eth0"));
        let start = Instant::now();
        let end = link::create(
            &host,
            &NewLink {
                endpoint: Endpoint {
                    mac: Some(host_mac),
                    mtu: Some(1400),
                    ..Endpoint::named(&host_name)
                },
                master: Some(&bridge.id),
                state: LinkState::Up,
                kind: NewKind::Veth {
                    peer: Endpoint {
                        mac: Some(mac),
                        mtu: Some(1400),
                        netns: Some(&container),
                        ..Endpoint::named(&container_name)
                    },
                },
            },
        )
        .unwrap();
        println!("veth created in {:?}", start.elapsed());
        assert_eq!(
            (end.mac, end.mtu, end.master, end.is_up),
            (Some(host_mac), 1400, Some(bridge.id.index), true)
        );
        let peer = link::peer_of(&inside, &end).unwrap();
        assert_eq!(
            (peer.id.name.as_str(), peer.mac, peer.mtu, peer.is_up),
            ("eth0", Some(mac), 1400, false)
        );
        assert_eq!(link::by_name(&inside, &container_name).unwrap(), peer);

        let start = Instant::now();
        let address = NewAddress::new(prefix("10.9.0.5/24")).with_network_broadcast();
        let default = Route {
            gateway: Some("10.9.0.1".parse().unwrap()),
            link_index: Some(peer.id.index),
            ..Route::to(prefix("0.0.0.0/0"))
        };
        let requests = vec![
            link::set_up(&peer.id),
            address::add(&peer.id, &address),
            address::add(
                &peer.id,
                &NewAddress::new(prefix("fd00:9::5/64")).without_dad(),
            ),
            route::add(&default),
        ];
        inside.run_all(requests).unwrap();
        println!("container configured in {:?}", start.elapsed());
        let up = link::wait_until_up(&host, &end.id, Duration::from_secs(5)).unwrap();
        assert_eq!(up.oper_state, OperState::Up);

        host.run(link::set_bridge_port(
            &end.id,
            BridgePort {
                hairpin: true,
                isolated: true,
            },
        ))
        .unwrap();
        let port = link::by_index(&host, end.id.index).unwrap().bridge_port;
        assert_eq!(
            port,
            Some(BridgePort {
                hairpin: true,
                isolated: true
            })
        );

        let start = Instant::now();
        host.run(link::delete(&end.id)).unwrap();
        println!("veth deleted in {:?}", start.elapsed());
        let again = host.run(link::delete(&end.id)).unwrap_err();
        assert!(again.is_absent(), "{again}");
        absent_is_done(Err(again)).unwrap();
        assert!(
            link::by_name(&inside, &container_name)
                .unwrap_err()
                .is_absent()
        );
    });
}

#[test]
fn a_taken_name_is_told_apart() {
    isolated("a_taken_name_is_told_apart", || {
        let host = Netlink::open().unwrap();
        let container = new_netns();
        veth(&host, &container);
        let (other, taken) = (name("other0"), name("eth0"));
        let new = NewLink {
            endpoint: Endpoint::named(&other),
            master: None,
            state: LinkState::Down,
            kind: NewKind::Veth {
                peer: Endpoint {
                    netns: Some(&container),
                    ..Endpoint::named(&taken)
                },
            },
        };
        let error = link::create(&host, &new).unwrap_err();
        assert!(error.is_present(), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("cannot create veth other0 with peer eth0 in network namespace "),
            "{error}"
        );
    });
}

#[test]
fn properties_of_a_link_can_be_changed() {
    isolated("properties_of_a_link_can_be_changed", || {
        let host = Netlink::open().unwrap();
        let container = new_netns();
        let end = veth(&host, &container);
        let mac = Mac::new([2, 0, 0, 0, 0, 9]);
        let requests = vec![
            link::set_down(&end.id),
            link::set_name(&end.id, &name("renamed0")),
            link::set_mac(&end.id, mac),
            link::set_mtu(&end.id, 1300),
            link::set_alias(&end.id, "an alias"),
            link::set_tx_queue_length(&end.id, 77),
            link::set_promiscuous(&end.id, Promiscuous::On),
        ];
        host.run_all(requests).unwrap();
        let link = link::by_name(&host, &name("renamed0")).unwrap();
        assert_eq!(
            (link.mac, link.mtu, link.tx_queue_length),
            (Some(mac), 1300, 77)
        );
        assert_eq!(
            (link.alias.as_deref(), link.is_promiscuous, link.is_up),
            (Some("an alias"), true, false)
        );

        let elsewhere = new_netns();
        link::move_to_netns(&host, &link.id, &elsewhere, Some(&name("moved0"))).unwrap();
        let there = Netlink::open_in(&elsewhere).unwrap();
        assert_eq!(link::by_name(&there, &name("moved0")).unwrap().mtu, 1300);
        assert!(
            link::by_name(&host, &name("renamed0"))
                .unwrap_err()
                .is_absent()
        );
        assert_eq!(link::list(&host).unwrap().len(), 1);
    });
}

#[test]
fn a_macvlan_is_made_in_the_container() {
    isolated("a_macvlan_is_made_in_the_container", || {
        let host = Netlink::open().unwrap();
        let (first, container) = (new_netns(), new_netns());
        let parent = veth(&host, &first);
        let container_name = name("eth0");
        let new = NewLink {
            endpoint: Endpoint {
                netns: Some(&container),
                ..Endpoint::named(&container_name)
            },
            master: None,
            state: LinkState::Down,
            kind: NewKind::Macvlan {
                parent: &parent.id,
                mode: MacvlanMode::Bridge,
                broadcast_queue_length: None,
            },
        };
        link::create(&host, &new).unwrap();
        let inside = Netlink::open_in(&container).unwrap();
        let link = link::by_name(&inside, &container_name).unwrap();
        assert_eq!(
            link.kind,
            Kind::Macvlan {
                mode: Some(MacvlanMode::Bridge)
            }
        );
    });
}

#[test]
fn ipv6_addresses_settle_by_event_or_at_once() {
    isolated("ipv6_addresses_settle_by_event_or_at_once", || {
        let host = Netlink::open().unwrap();
        let container = new_netns();
        let end = veth(&host, &container);
        let inside = Netlink::open_in(&container).unwrap();
        let eth0 = link::peer_of(&inside, &end).unwrap().id;
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
        let eth0 = link::peer_of(&inside, &end).unwrap().id;
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
            assert_eq!(route::list(&host, filter).unwrap(), [wanted.clone()]);
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
fn sysctls_are_those_of_the_namespace() {
    isolated("sysctls_are_those_of_the_namespace", || {
        let container = new_netns();
        let sysctl: Sysctl = "net.ipv4.ip_forward".parse().unwrap();
        sysctl.write("0").unwrap();
        sysctl.write_in(&container, "1").unwrap();
        assert_eq!(
            (sysctl.read().unwrap(), sysctl.read_in(&container).unwrap()),
            ("0".to_owned(), "1".to_owned())
        );
        for family in [IpFamily::V4, IpFamily::V6] {
            forward::enable(family).unwrap();
            assert!(forward::is_enabled(family).unwrap());
        }
        let error = sysctl.write("nonsense").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot set sysctl net.ipv4.ip_forward to \"nonsense\""
        );
    });
}

#[test]
fn work_in_a_namespace_returns_even_after_a_panic() {
    isolated("work_in_a_namespace_returns_even_after_a_panic", || {
        let home = Netns::current().unwrap();
        let container = new_netns();
        assert!(
            container
                .run_in(|| container.is_current().unwrap())
                .unwrap()
        );
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            container.run_in(|| panic!("on purpose"))
        }));
        assert!(panic.is_err());
        assert!(home.is_current().unwrap());
    });
}

#[test]
fn the_kernels_explanation_is_in_the_error() {
    isolated("the_kernels_explanation_is_in_the_error", || {
        let host = Netlink::open().unwrap();
        let container = new_netns();
        let end = veth(&host, &container).id;
        let unreachable = Route {
            gateway: Some("10.200.0.1".parse().unwrap()),
            link_index: Some(end.index),
            ..Route::to(prefix("10.77.0.0/16"))
        };
        let results = host.run_each(&[
            address::add(&end, &NewAddress::new(prefix("10.9.0.1/24"))),
            address::add(&end, &NewAddress::new(prefix("10.9.0.1/24"))),
            route::add(&unreachable),
            link::set_mtu(&end, 1400),
        ]);
        let texts: Vec<String> = results
            .iter()
            .map(|result| {
                result
                    .as_ref()
                    .err()
                    .map_or(String::new(), ToString::to_string)
            })
            .collect();
        println!("{texts:?}");
        assert!(texts[0].is_empty() && texts[3].is_empty());
        assert_eq!(
            texts[1],
            "cannot add address 10.9.0.1/24 to link host0: ipv4: Address already assigned (EEXIST: File exists)"
        );
        assert!(
            texts[2].contains("Nexthop has invalid gateway (ENETUNREACH"),
            "{}",
            texts[2]
        );
    });
}

#[test]
fn a_large_batch_gets_every_answer() {
    isolated("a_large_batch_gets_every_answer", || {
        let host = Netlink::open().unwrap();
        let container = new_netns();
        let end = veth(&host, &container).id;
        let addresses = (0..1000_u32)
            .map(|number| prefix(&format!("10.9.{}.{}/32", number / 250, number % 250)));
        let requests: Vec<_> = addresses
            .map(|ip| address::add(&end, &NewAddress::new(ip)))
            .collect();
        let start = Instant::now();
        assert!(host.run_each(&requests).iter().all(Result::is_ok));
        println!("1000 addresses added in {:?}", start.elapsed());
        assert!(
            host.run_each(&requests)
                .iter()
                .all(|result| result.as_ref().is_err_and(|error| error.is_present()))
        );
        let listed = address::list(&host, &end).unwrap();
        assert_eq!(
            listed
                .iter()
                .filter(|address| address.address.family() == IpFamily::V4)
                .count(),
            1000
        );
    });
}

#[test]
fn an_announcement_reaches_the_other_end() {
    isolated("an_announcement_reaches_the_other_end", || {
        let host = Netlink::open().unwrap();
        let container = new_netns();
        let end = veth(&host, &container);
        let inside = Netlink::open_in(&container).unwrap();
        let eth0 = link::peer_of(&inside, &end).unwrap();
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
