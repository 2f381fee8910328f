//! Masquerading against the running kernel, compared with what upstream 1.9.1 makes of the same attachment.

use std::time::Instant;

use crate::support::{isolated, name, output_of, prefix};
use cni_kernel::IpPrefix;
use cni_kernel::masquerade::{self, AttachmentKey, Backend, Error, Installed, Masquerade};

/// `nft list ruleset` after upstream's ADD.
const NFTABLES: &str = r#"table inet cni_plugins_masquerade {
	comment "Masquerading for plugins from github.com/containernetworking/plugins"
	chain masq_checks {
		comment "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet"
		ip saddr 10.9.0.5 ip daddr != 10.9.0.0/24 masquerade comment "d23676b4f2d9fe04-effb04a634f4b2e0, net: mynet, if: enftables, id: cont-1"
		ip6 saddr fd00:9::5 ip6 daddr != fd00:9::/64 masquerade comment "d23676b4f2d9fe04-effb04a634f4b2e0, net: mynet, if: enftables, id: cont-1"
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip daddr 224.0.0.0/4 return
		ip6 daddr ff00::/8 return
		goto masq_checks
	}
}
"#;

/// The rules and user chains of `iptables-save` after upstream's ADD.
const IPTABLES: &str = r#":CNI-614a50ffd65a839382c07304 - [0:0]
-A POSTROUTING -s 10.9.0.5/32 -m comment --comment "name: \"mynet\" id: \"cont-1\"" -j CNI-614a50ffd65a839382c07304
-A CNI-614a50ffd65a839382c07304 -d 10.9.0.0/24 -m comment --comment "name: \"mynet\" id: \"cont-1\"" -j ACCEPT
-A CNI-614a50ffd65a839382c07304 ! -d 224.0.0.0/4 -m comment --comment "name: \"mynet\" id: \"cont-1\"" -j MASQUERADE
"#;

/// The same of `ip6tables-save`.
const IP6TABLES: &str = r#":CNI-614a50ffd65a839382c07304 - [0:0]
-A POSTROUTING -s fd00:9::5/128 -m comment --comment "name: \"mynet\" id: \"cont-1\"" -j CNI-614a50ffd65a839382c07304
-A CNI-614a50ffd65a839382c07304 -d fd00:9::/64 -m comment --comment "name: \"mynet\" id: \"cont-1\"" -j ACCEPT
-A CNI-614a50ffd65a839382c07304 ! -d ff00::/8 -m comment --comment "name: \"mynet\" id: \"cont-1\"" -j MASQUERADE
"#;

fn key(container_id: &str, interface: &str) -> AttachmentKey {
    AttachmentKey::new("mynet", container_id, name(interface)).unwrap()
}

fn addresses() -> [IpPrefix; 2] {
    [prefix("10.9.0.5/24"), prefix("fd00:9::5/64")]
}

fn install(key: &AttachmentKey, addresses: &[IpPrefix], backend: Backend) {
    let start = Instant::now();
    masquerade::install(
        &Masquerade {
            attachment: key,
            addresses,
        },
        Some(backend),
    )
    .unwrap();
    println!("{backend}: installed in {:?}", start.elapsed());
}

fn check(key: &AttachmentKey, addresses: &[IpPrefix], backend: Backend) -> Result<(), Error> {
    masquerade::check(
        &Masquerade {
            attachment: key,
            addresses,
        },
        Some(backend),
    )
}

/// Rules and user chains.
fn saved(program: &str) -> String {
    let text = output_of(program, &["-t", "nat"]);
    let lines = text
        .lines()
        .filter(|line| line.starts_with("-A") || (line.starts_with(':') && line.contains(" - ")));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn nftables_rules_are_upstreams() {
    isolated("nftables_rules_are_upstreams", || {
        let key = key("cont-1", "enftables");
        install(&key, &addresses(), Backend::Nftables);
        assert_eq!(output_of("nft", &["list", "ruleset"]), NFTABLES);
        check(&key, &addresses(), Backend::Nftables).unwrap();
        let start = Instant::now();
        masquerade::remove(&key, &[]).unwrap();
        println!("nftables: removed in {:?}", start.elapsed());
        masquerade::remove(&key, &[]).unwrap();
        assert!(!output_of("nft", &["list", "ruleset"]).contains("saddr"));
        let error = check(&key, &addresses(), Backend::Nftables).unwrap_err();
        assert_eq!(
            error.to_string(),
            "masquerading of 10.9.0.5/24 is missing from nftables"
        );
    });
}

#[test]
fn iptables_rules_are_upstreams() {
    isolated("iptables_rules_are_upstreams", || {
        let key = key("cont-1", "eth0");
        install(&key, &addresses(), Backend::Iptables);
        assert_eq!(saved("iptables-save"), IPTABLES);
        assert_eq!(saved("ip6tables-save"), IP6TABLES);
        install(&key, &addresses(), Backend::Iptables);
        assert_eq!(
            saved("iptables-save"),
            IPTABLES,
            "a second ADD adds nothing"
        );
        check(&key, &addresses(), Backend::Iptables).unwrap();
        let start = Instant::now();
        masquerade::remove(&key, &addresses()).unwrap();
        println!("iptables: removed in {:?}", start.elapsed());
        assert_eq!(
            (saved("iptables-save"), saved("ip6tables-save")),
            (String::new(), String::new())
        );
        let start = Instant::now();
        masquerade::remove(&key, &[]).unwrap();
        println!("iptables: nothing removed in {:?}", start.elapsed());
        assert!(matches!(
            check(&key, &addresses(), Backend::Iptables),
            Err(Error::Missing { .. })
        ));
    });
}

#[test]
fn the_container_id_is_enough_to_remove_iptables_rules() {
    isolated(
        "the_container_id_is_enough_to_remove_iptables_rules",
        || {
            install(&key("cont-1", "eth0"), &addresses(), Backend::Iptables);
            masquerade::remove(&key("cont-1", "eth0"), &[]).unwrap();
            assert_eq!(
                (saved("iptables-save"), saved("ip6tables-save")),
                (String::new(), String::new())
            );
        },
    );
}

#[test]
fn a_second_attachment_of_the_container_keeps_its_iptables_rules() {
    isolated(
        "a_second_attachment_of_the_container_keeps_its_iptables_rules",
        || {
            let first = [prefix("10.9.0.5/24")];
            let second = [prefix("10.10.0.6/24")];
            install(&key("cont-1", "eth0"), &first, Backend::Iptables);
            install(&key("cont-1", "eth1"), &second, Backend::Iptables);
            masquerade::remove(&key("cont-1", "eth0"), &first).unwrap();
            check(&key("cont-1", "eth1"), &second, Backend::Iptables).unwrap();
            assert!(!saved("iptables-save").contains("10.9.0."));
            masquerade::remove(&key("cont-1", "eth1"), &second).unwrap();
            assert_eq!(saved("iptables-save"), "");
        },
    );
}

#[test]
fn legacy_iptables_rules_are_removed_as_well() {
    isolated("legacy_iptables_rules_are_removed_as_well", || {
        // The programs are found by PATH, so a directory of links chooses the kind.
        let directory = tempfile::tempdir().unwrap();
        for program in [
            "iptables",
            "iptables-restore",
            "ip6tables",
            "ip6tables-restore",
        ] {
            let legacy = format!(
                "/usr/sbin/{}",
                program.replacen("tables", "tables-legacy", 1)
            );
            assert!(
                std::path::Path::new(&legacy).exists(),
                "this test needs {legacy}"
            );
            std::os::unix::fs::symlink(legacy, directory.path().join(program)).unwrap();
        }
        let with_legacy = |arguments: &[&str]| {
            let path = format!("{}:/usr/sbin:/usr/bin", directory.path().display());
            let output = std::process::Command::new("env")
                .arg(format!("PATH={path}"))
                .args(arguments)
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        };
        let executable = std::env::current_exe().unwrap();
        let inner = [
            "legacy_steps",
            "--include-ignored",
            "--nocapture",
            "--test-threads=1",
        ];
        with_legacy(&[&[executable.to_str().unwrap()], &inner[..]].concat());
    });
}

#[test]
#[ignore = "the steps of legacy_iptables_rules_are_removed_as_well, which runs them with another PATH"]
fn legacy_steps() {
    let key = key("cont-1", "eth0");
    install(&key, &addresses(), Backend::Iptables);
    assert_eq!(saved("iptables-legacy-save"), IPTABLES);
    install(&key, &addresses(), Backend::Iptables);
    assert_eq!(saved("iptables-legacy-save"), IPTABLES);
    check(&key, &addresses(), Backend::Iptables).unwrap();
    masquerade::remove(&key, &addresses()).unwrap();
    masquerade::remove(&key, &addresses()).unwrap();
    assert_eq!(
        (
            saved("iptables-legacy-save"),
            saved("ip6tables-legacy-save")
        ),
        (String::new(), String::new())
    );
}

#[test]
fn removal_does_not_depend_on_the_backend() {
    isolated("removal_does_not_depend_on_the_backend", || {
        let key = key("cont-1", "eth0");
        install(&key, &addresses(), Backend::Iptables);
        install(&key, &addresses(), Backend::Nftables);
        masquerade::remove(&key, &[]).unwrap();
        assert_eq!(masquerade::list("mynet").unwrap(), []);
        assert_eq!(saved("iptables-save"), "");
    });
}

#[test]
fn collection_keeps_what_is_valid_and_what_is_of_others() {
    isolated(
        "collection_keeps_what_is_valid_and_what_is_of_others",
        || {
            for backend in [Backend::Nftables, Backend::Iptables] {
                let keys = [key("stale", "eth0"), key("kept", "eth0")];
                let foreign = AttachmentKey::new("othernet", "stale", name("eth0")).unwrap();
                install(
                    &keys[0],
                    &[prefix("10.9.0.5/24"), prefix("fd00:9::5/64")],
                    backend,
                );
                install(&keys[1], &[prefix("10.9.0.6/24")], backend);
                install(&foreign, &[prefix("10.10.0.5/24")], backend);
                masquerade::remove_all_except("mynet", &keys[1..]).unwrap();
                masquerade::remove_all_except("mynet", &keys[1..]).unwrap();
                let interface = (backend == Backend::Nftables).then(|| "eth0".to_owned());
                let kept = Installed {
                    backend,
                    container_id: Some("kept".to_owned()),
                    interface,
                };
                assert_eq!(masquerade::list("mynet").unwrap(), [kept]);
                assert_eq!(masquerade::list("othernet").unwrap().len(), 1);
                masquerade::remove_all_except("mynet", &[]).unwrap();
                masquerade::remove_all_except("othernet", &[]).unwrap();
                assert_eq!(masquerade::list("mynet").unwrap(), []);
            }
        },
    );
}

#[test]
fn many_attachments_share_one_table() {
    isolated("many_attachments_share_one_table", || {
        let keys: Vec<AttachmentKey> = (0..200)
            .map(|number| key(&format!("cont-{number}"), "eth0"))
            .collect();
        for (key, number) in keys.iter().zip(1..) {
            install(
                key,
                &[prefix(&format!("10.9.0.{number}/24"))],
                Backend::Nftables,
            );
        }
        let listing = output_of("nft", &["list", "ruleset"]);
        assert_eq!(listing.matches("masquerade comment").count(), 200);
        assert_eq!(listing.matches("goto masq_checks").count(), 1);
        masquerade::remove(&keys[77], &[]).unwrap();
        assert_eq!(masquerade::list("mynet").unwrap().len(), 199);
    });
}

#[test]
#[ignore = "needs upstream's plugins: set CNI_UPSTREAM to their directory"]
fn upstream_and_we_remove_each_others_rules() {
    isolated("upstream_and_we_remove_each_others_rules", || {
        let directory = std::env::var("CNI_UPSTREAM")
            .expect("CNI_UPSTREAM names the directory of upstream's plugins");
        for backend in [Backend::Nftables, Backend::Iptables] {
            let key = key("cont-1", "eth0");
            upstream(&directory, "ADD", backend);
            check(&key, &[prefix("10.9.0.5/24")], backend).unwrap();
            masquerade::remove(&key, &[]).unwrap();
            assert_eq!(masquerade::list("mynet").unwrap(), []);
            install(&key, &[prefix("10.9.0.5/24")], backend);
            upstream(&directory, "DEL", backend);
            assert_eq!(masquerade::list("mynet").unwrap(), []);
        }
    });
}

fn upstream(directory: &str, command: &str, backend: Backend) {
    let configuration = format!(
        r#"{{"cniVersion":"1.0.0","name":"mynet","type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,
            "ipMasqBackend":"{backend}","ipam":{{"type":"static","addresses":[{{"address":"10.9.0.5/24"}}]}}}}"#
    );
    let script = format!(
        "mkdir -p /run/netns; test -e /run/netns/c1 || ip netns add c1; printf '%s' '{configuration}' | CNI_COMMAND={command} \
         CNI_CONTAINERID=cont-1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 CNI_PATH={directory} {directory}/bridge"
    );
    // With iptables 1.8.9 upstream's DEL reports a missing iptables chain as an error, but cleans up nftables all the same.
    let output = std::process::Command::new("sh")
        .args(["-ec", &script])
        .output()
        .unwrap();
    println!("{command}: {}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success() || command == "DEL");
}
