//! The configurations that every CNI tutorial begins with: bridge, masquerading, host-local.

use rstest::rstest;
use serde_json::json;

use crate::support::{container, links, on_host, source_seen, with_prev, world};

#[rstest]
fn two_containers_get_addresses_reach_each_other_and_the_world(
    #[values("0.2.0", "0.4.0", "1.0.0")] version: &str,
) {
    on_host(|host| {
        let world = world();
        let config = json!({
            "cniVersion": version, "name": "mynet", "type": "bridge", "bridge": "cni0",
            "isGateway": true, "ipMasq": true,
            "ipam": {"type": "host-local", "subnet": "10.22.0.0/16", "routes": [{"dst": "0.0.0.0/0"}]},
        });
        let mut attached = Vec::new();
        for (id, address) in [("c1", "10.22.0.2"), ("c2", "10.22.0.3")] {
            let at = container(id);
            let result = host.call("bridge", "ADD", &at, &config).ok();
            let given = match version {
                "0.2.0" => &result["ip4"]["ip"],
                _ => &result["ips"][0]["address"],
            };
            assert_eq!(*given, format!("{address}/16"));
            if version >= "0.4.0" {
                let checked = with_prev(&config, &result);
                host.call("bridge", "CHECK", &at, &checked).silent();
            }
            attached.push((at, address.parse().unwrap()));
        }
        let [(first, own), (second, other)] = &attached[..] else {
            unreachable!("two were attached");
        };
        assert_eq!(source_seen(&first.netns, &second.netns, *other), Some(*own));
        let outside = "198.51.100.9".parse().unwrap();
        let uplink = "198.51.100.1".parse().unwrap();
        assert_eq!(source_seen(&first.netns, &world, outside), Some(uplink));
        for (at, address) in &attached {
            let reserved = format!("/var/lib/cni/networks/mynet/{address}");
            assert!(std::path::Path::new(&reserved).exists());
            host.call("bridge", "DEL", at, &config).silent();
            assert!(!std::path::Path::new(&reserved).exists());
        }
        assert_eq!(links("veth"), ["uplink"]);
    });
}
