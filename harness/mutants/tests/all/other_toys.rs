//! The other toys without a fault, and what all toys refuse.

use crate::sandbox::{Request, VERSIONS, extended, on_a_fresh_host};
use serde_json::json;

const DUAL: &[&str] = &["10.1.0.0/24", "fd00:1::/64"];

#[test]
fn ipam_hands_out_each_address_once_even_at_the_same_time() {
    on_a_fresh_host(
        "other_toys::ipam_hands_out_each_address_once_even_at_the_same_time",
        |_host| {
            let config = json!({"cniVersion": "1.1.0", "name": "net", "type": "x", "ipam": {"type": "toy-ipam", "subnet": "10.1.0.0/27"}});
            let mut addresses: Vec<String> = std::thread::scope(|scope| {
                let add = |number: usize| {
                    Request::new("toy-ipam", "ADD", &config)
                        .with("CNI_CONTAINERID", &format!("c{number}"))
                };
                let running: Vec<_> = (0..29)
                    .map(|number| scope.spawn(move || add(number).run().succeeded()))
                    .collect();
                running
                    .into_iter()
                    .map(|thread| thread.join().expect("no panic")["ips"][0]["address"].to_string())
                    .collect()
            });
            addresses.sort();
            addresses.dedup();
            assert_eq!(addresses.len(), 29);
            Request::new("toy-ipam", "STATUS", &config)
                .run()
                .failed_with(50);
            Request::new("toy-ipam", "ADD", &config)
                .with("CNI_CONTAINERID", "one-more")
                .run()
                .failed_with(103);
            Request::new("toy-ipam", "DEL", &config)
                .with("CNI_NETNS", "")
                .run()
                .succeeded();
            Request::new("toy-ipam", "STATUS", &config)
                .run()
                .succeeded();
        },
    );
}

#[test]
fn ipam_answers_in_every_version_and_checks_its_reservation() {
    on_a_fresh_host(
        "other_toys::ipam_answers_in_every_version_and_checks_its_reservation",
        |_host| {
            for version in VERSIONS {
                let config = json!({"cniVersion": version, "name": "net", "ipam": {"type": "toy-ipam", "subnets": DUAL}});
                let result = Request::new("toy-ipam", "ADD", &config).run().succeeded();
                assert_eq!(result["cniVersion"], version);
                assert!(result.get("interfaces").is_none());
                Request::new("toy-ipam", "ADD", &config)
                    .run()
                    .failed_with(102);
                let check = Request::new(
                    "toy-ipam",
                    "CHECK",
                    &extended(&config, &json!({"prevResult": result})),
                );
                if version >= "0.4.0" {
                    check.run().succeeded();
                }
                Request::new("toy-ipam", "DEL", &config).run().succeeded();
                if version >= "0.4.0" {
                    check.run().failed_with(101);
                }
            }
        },
    );
}

#[test]
fn chained_changes_one_interface_and_passes_the_rest_on() {
    on_a_fresh_host(
        "other_toys::chained_changes_one_interface_and_passes_the_rest_on",
        |host| {
            for version in VERSIONS {
                host.container("c1");
                host.ip("-n c1 link add eth0 type veth peer name other");
                let before = host.state();
                let previous = if version < "0.3.0" {
                    json!({"cniVersion": version, "ip4": {"ip": "10.1.0.2/24"}, "vendor": {"x": 1}})
                } else {
                    json!({"interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/c1", "vendor": 1}, {"name": "h"}], "vendor": {"x": 1}})
                };
                let runtime = json!({"mac": "02:00:00:00:00:42", "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]});
                let config = json!({"cniVersion": version, "name": "net", "type": "toy-chained", "mtu": 1300, "runtimeConfig": runtime});
                Request::new("toy-chained", "ADD", &config)
                    .run()
                    .failed_with(7);
                let with_previous = extended(&config, &json!({"prevResult": previous}));
                let result = Request::new("toy-chained", "ADD", &with_previous)
                    .run()
                    .succeeded();
                let link = host.link("-n c1", "eth0");
                assert_eq!(
                    (&link["address"], &link["mtu"]),
                    (&json!("02:00:00:00:00:42"), &json!(1300))
                );
                let mut expected = extended(&previous, &json!({"cniVersion": version}));
                if version >= "0.3.0" {
                    expected["interfaces"][0]["mac"] = json!("02:00:00:00:00:42");
                }
                if version == "1.1.0" {
                    expected["interfaces"][0]["mtu"] = json!(1300);
                }
                assert_eq!(result, expected, "{version}");
                if version >= "0.4.0" {
                    let check = Request::new(
                        "toy-chained",
                        "CHECK",
                        &extended(&config, &json!({"prevResult": result})),
                    );
                    check.run().succeeded();
                    host.ip("-n c1 link set eth0 mtu 1299");
                    check.run().failed_with(101);
                }
                Request::new("toy-chained", "DEL", &config)
                    .run()
                    .succeeded();
                assert_eq!(host.state(), before, "{version}");
                Request::new("toy-chained", "DEL", &config)
                    .run()
                    .succeeded();
                host.reset();
            }
        },
    );
}

#[test]
fn loopback_is_up_on_every_version() {
    on_a_fresh_host("other_toys::loopback_is_up_on_every_version", |host| {
        for version in VERSIONS {
            host.container("c1");
            let config = json!({"cniVersion": version, "name": "net", "type": "toy-loopback"});
            let result = Request::new("toy-loopback", "ADD", &config)
                .run()
                .succeeded();
            assert_eq!(host.addresses("-n c1", "lo"), ["127.0.0.1/8", "::1/128"]);
            let first = if version < "0.3.0" {
                &result["ip4"]["ip"]
            } else {
                &result["ips"][0]["address"]
            };
            assert_eq!(first, "127.0.0.1/8");
            if version >= "0.4.0" {
                let check = Request::new(
                    "toy-loopback",
                    "CHECK",
                    &extended(&config, &json!({"prevResult": result})),
                );
                check.run().succeeded();
                host.ip("-n c1 link set lo down");
                check.run().failed_with(101);
            }
            Request::new("toy-loopback", "DEL", &config)
                .run()
                .succeeded();
            Request::new("toy-loopback", "ADD", &config)
                .with("CNI_IFNAME", "eth0")
                .run()
                .failed_with(4);
            Request::new("toy-loopback", "DEL", &config)
                .with("CNI_NETNS", "/run/netns/gone")
                .run()
                .succeeded();
            host.reset();
        }
    });
}

#[test]
fn every_toy_refuses_what_no_plugin_can_take() {
    on_a_fresh_host(
        "other_toys::every_toy_refuses_what_no_plugin_can_take",
        |host| {
            host.container("c1");
            let before = host.state();
            for toy in cni_mutants::TOYS {
                let config = json!({"cniVersion": "1.1.0", "name": "net", "type": toy.name});
                let add = Request::new(toy.name, "ADD", &config);
                let error = add
                    .clone()
                    .with("CNI_CONTAINERID", "")
                    .with("CNI_NETNS", "")
                    .with("CNI_IFNAME", "a/b")
                    .run()
                    .failed_with(4);
                for variable in ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"] {
                    assert!(
                        error["msg"]
                            .as_str()
                            .is_some_and(|message| message.contains(variable)),
                        "{error}"
                    );
                }
                assert_eq!(error["cniVersion"], "1.1.0");
                add.clone().with("CNI_COMMAND", "").run().failed_with(4);
                add.clone().with("CNI_COMMAND", "add").run().failed_with(4);
                for bytes in ["", "{{{", "null", "[]", "{} x", "\u{feff}{}"] {
                    add.clone().saying(bytes.as_bytes()).run().failed_with(6);
                }
                for version in ["9.9.9", "1.1", "v1.1.0", "1.1.0-rc1", " 1.1.0"] {
                    add.clone()
                        .saying(
                            extended(&config, &json!({"cniVersion": version}))
                                .to_string()
                                .as_bytes(),
                        )
                        .run()
                        .failed_with(1);
                }
                for name in [
                    json!(null),
                    json!(""),
                    json!(5),
                    json!("../x"),
                    json!("a\n"),
                ] {
                    add.clone()
                        .saying(
                            extended(&config, &json!({"name": name}))
                                .to_string()
                                .as_bytes(),
                        )
                        .run()
                        .failed_with(7);
                }
                let old = extended(&config, &json!({"cniVersion": "0.3.1"}));
                for verb in ["CHECK", "STATUS", "GC"] {
                    Request::new(toy.name, verb, &old).run().failed_with(1);
                }
                for stdin in ["", "{}", "nonsense", "{\"cniVersion\":\"9.9.9\"}"] {
                    let reply = add
                        .clone()
                        .with("CNI_COMMAND", "VERSION")
                        .with("CNI_IFNAME", "a/b")
                        .saying(stdin.as_bytes())
                        .run()
                        .succeeded();
                    assert_eq!(
                        reply,
                        json!({"cniVersion": "1.1.0", "supportedVersions": VERSIONS})
                    );
                }
            }
            assert_eq!(host.state(), before);
        },
    );
}
