//! Namespaces, sysctls, batches and error texts against the running kernel.

use std::time::Instant;

use crate::support::{isolated, new_netns, prefix, veth};
use cni_kernel::address::{self, NewAddress};
use cni_kernel::link::{self};
use cni_kernel::netlink::Netlink;
use cni_kernel::netns::Netns;
use cni_kernel::route::{self, Route};
use cni_kernel::sysctl::Sysctl;
use cni_kernel::{IpFamily, forward};

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
