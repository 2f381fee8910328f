//! GC and STATUS of the bridge plugin.

use nix::mount::{MsFlags, mount};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    At, Host, bridge_config, container, ip, ip_json, ipam_result, links, on_host, run,
};

/// Attaches a container under `ifname` to a network, and returns the name of the host's end.
fn attach(host: &Host, at: &At, network: &str, address: &str, backend: &str) -> String {
    host.addresses(&at.id, &ipam_result(&[address]));
    let keys = json!({"name": network, "ipMasq": true, "ipMasqBackend": backend});
    let result = host
        .call("bridge", "ADD", at, &bridge_config("1.1.0", &keys))
        .ok();
    result["interfaces"][1]["name"].as_str().unwrap().to_owned()
}

fn collect(host: &Host, keys: &Value) -> crate::support::Answer {
    host.ipam_calls();
    let nowhere = At::nowhere();
    host.call("bridge", "GC", &nowhere, &bridge_config("1.1.0", keys))
}

fn rules() -> String {
    run("nft", "list ruleset") + &run("iptables-save", "")
}

#[rstest]
fn what_is_not_listed_goes_and_nothing_else(#[values("iptables", "nftables")] backend: &str) {
    on_host(|host| {
        let (first, second) = (container("c1"), container("c11"));
        let kept = [
            attach(host, &first, "testnet", "10.1.0.2/24", backend),
            attach(
                host,
                &second.named("net1"),
                "testnet2",
                "10.1.0.5/24",
                backend,
            ),
        ];
        attach(
            host,
            &first.named("net1"),
            "testnet",
            "10.1.0.3/24",
            backend,
        );
        attach(host, &second, "testnet", "10.1.0.4/24", backend);
        let foreign = json!([{"containerID": "c1", "ifname": "eth0"}]);
        collect(host, &json!({"cni.dev/valid-attachments": foreign})).silent();
        let mut left = links("veth");
        left.sort();
        let mut expected = kept.to_vec();
        expected.sort();
        assert_eq!(left, expected);
        let rules = rules();
        for (address, stays) in [
            ("10.1.0.2", true),
            ("10.1.0.3", false),
            ("10.1.0.4", false),
            ("10.1.0.5", true),
        ] {
            assert_eq!(rules.contains(address), stays, "{address}: {rules}");
        }
        let calls = host.ipam_calls();
        assert_eq!(
            (calls.len(), calls[0].starts_with("GC ")),
            (1, true),
            "{calls:?}"
        );
    });
}

#[rstest]
#[case(json!({}))]
#[case(json!({"cni.dev/valid-attachments": null}))]
fn without_a_list_only_the_delegate_is_asked(#[case] keys: Value) {
    on_host(|host| {
        attach(host, &container("c1"), "testnet", "10.1.0.2/24", "nftables");
        collect(host, &keys).silent();
        assert_eq!(links("veth").len(), 1);
        assert!(rules().contains("10.1.0.2"));
        assert_eq!(host.ipam_calls().len(), 1);
    });
}

#[test]
fn a_wrong_entry_stops_gc_before_anything_is_removed() {
    on_host(|host| {
        attach(host, &container("c1"), "testnet", "10.1.0.2/24", "nftables");
        let wrong = json!({"cni.dev/valid-attachments": [{"containerID": "c1"}]});
        let (_, text) = collect(host, &wrong).error();
        assert!(text.contains("ifname"), "{text}");
        assert_eq!(links("veth").len(), 1);
    });
}

#[test]
fn a_failing_delegate_is_reported_after_the_own_work() {
    on_host(|host| {
        attach(host, &container("c1"), "testnet", "10.1.0.2/24", "nftables");
        host.fail_ipam("GC");
        let (code, _) = collect(host, &json!({"cni.dev/valid-attachments": []})).error();
        assert_eq!(code, 142);
        assert_eq!(links("veth"), [""; 0]);
        assert!(!rules().contains("10.1.0.2"));
    });
}

#[test]
fn gc_needs_neither_state_nor_bridge() {
    on_host(|host| {
        collect(host, &json!({"cni.dev/valid-attachments": []})).silent();
    });
}

fn status(host: &Host, keys: &Value) -> crate::support::Answer {
    let nowhere = At::nowhere();
    host.call("bridge", "STATUS", &nowhere, &bridge_config("1.1.0", keys))
}

#[rstest]
fn a_ready_host_has_status_ok(#[values("iptables", "nftables")] backend: &str) {
    on_host(|host| {
        status(host, &json!({"ipMasq": true, "ipMasqBackend": backend})).silent();
        assert_eq!(ip_json("link show type bridge"), json!([]));
        assert_eq!(host.ipam_calls().len(), 1);
    });
}

#[test]
fn a_bridge_name_that_is_taken_is_status_50() {
    on_host(|host| {
        ip("link add br-test type veth peer name other");
        let (code, text) = status(host, &json!({})).error();
        assert_eq!(code, 50);
        assert!(text.contains("br-test"), "{text}");
    });
}

#[test]
fn a_backend_that_the_host_does_not_have_is_status_50() {
    on_host(|host| {
        hide("iptables");
        let keys = json!({"ipMasq": true, "ipMasqBackend": "iptables"});
        let (code, text) = status(host, &keys).error();
        assert_eq!(code, 50);
        assert!(text.contains("iptables"), "{text}");
        status(host, &json!({"ipMasq": true})).silent();
    });
}

/// Covers each directory that has the program.
fn hide(program: &str) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
    for directory in std::env::split_paths(&path).chain(usual) {
        if directory.join(program).exists() {
            mount(
                None::<&str>,
                &directory,
                Some("tmpfs"),
                MsFlags::empty(),
                None::<&str>,
            )
            .unwrap();
        }
    }
}

#[test]
fn a_failing_delegate_is_the_status() {
    on_host(|host| {
        host.fail_ipam("STATUS");
        assert_eq!(status(host, &json!({})).error().0, 142);
        let missing = status(host, &json!({"ipam": {"type": "absent"}})).error();
        assert!(missing.1.contains("absent"), "{missing:?}");
    });
}
