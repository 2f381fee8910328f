//! Links against the running kernel.

use std::time::{Duration, Instant};

use crate::support::{isolated, name, new_netns, prefix, veth};
use cni_kernel::Mac;
use cni_kernel::address::{self, NewAddress};
use cni_kernel::link::{
    self, BridgeOptions, BridgePort, Endpoint, Kind, LinkState, MacvlanMode, NewKind, NewLink,
    OperState, Promiscuous,
};
use cni_kernel::netlink::{Netlink, absent_is_done};
use cni_kernel::netns::Netns;
use cni_kernel::route::{self, Route};

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
        let peer = link::peer_of(&inside, &end, &Netns::current().unwrap()).unwrap();
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

/// `cni-conform` caught this as a DEL that took the host's uplink: same indices, another namespace.
#[test]
fn a_pair_that_stays_in_its_namespace_has_no_peer_elsewhere_whatever_the_indices() {
    isolated(
        "a_pair_that_stays_in_its_namespace_has_no_peer_elsewhere_whatever_the_indices",
        || {
            let host = Netlink::open().unwrap();
            let container = new_netns();
            let inside = Netlink::open_in(&container).unwrap();
            // A fresh namespace numbers its links from 2, so both pairs get the same indices.
            let pair = |netlink: &Netlink| {
                let (one, other) = (name("one"), name("other"));
                let kind = NewKind::Veth {
                    peer: Endpoint::named(&other),
                };
                let new = NewLink {
                    endpoint: Endpoint::named(&one),
                    master: None,
                    state: LinkState::Down,
                    kind,
                };
                link::create(netlink, &new).unwrap()
            };
            let (on_host, in_container) = (pair(&host), pair(&inside));
            assert_eq!(
                (on_host.id.index, on_host.lower),
                (in_container.id.index, in_container.lower)
            );
            let peer = link::peer_of(&host, &in_container, &container);
            assert!(peer.unwrap_err().is_absent());
        },
    );
}
