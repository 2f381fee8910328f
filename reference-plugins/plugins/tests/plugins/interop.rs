//! Either side removes what the other one made: our plugin, and upstream's where it is installed.
//!
//! `CNI_UPSTREAM` names the directory of upstream's plugins; else the usual ones are tried. Without them these tests
//! have to be asked for (`--ignored`) and say what is missing; they never pass without having compared anything.

use std::path::{Path, PathBuf};

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    At, Host, bridge_config, container, ipam_result, links, on_host, run, with_prev,
};

/// The directory of upstream's plugins, with a release that knows the nftables backend.
pub(crate) fn upstream() -> PathBuf {
    let given = std::env::var_os("CNI_UPSTREAM").map(PathBuf::from);
    let usual = ["/opt/cni/bin", "/usr/lib/cni"].map(PathBuf::from);
    let found = given
        .into_iter()
        .chain(usual)
        .find(|directory| directory.join("bridge").exists());
    found.expect("upstream's plugins are in none of CNI_UPSTREAM, /opt/cni/bin, /usr/lib/cni")
}

fn config(backend: &str) -> Value {
    let keys = json!({
        "isDefaultGateway": true, "ipMasq": true, "ipMasqBackend": backend, "macspoofchk": true,
    });
    bridge_config("1.0.0", &keys)
}

fn assert_clean() {
    assert_eq!(links("veth"), [""; 0]);
    let rules = run("nft", "list ruleset") + &run("iptables-save", "");
    assert!(
        !rules.contains("testnet") && !rules.contains("c1-eth0"),
        "{rules}"
    );
}

/// ADD and CHECK by one, CHECK and DEL by the other.
fn handed_over(host: &Host, backend: &str, (maker, remover): (&Path, &Path)) {
    let at: At = container("c1");
    host.addresses("c1", &ipam_result(&["10.1.0.2/24", "fd00::2/64"]));
    let result = host.call_file(maker, "ADD", &at, &config(backend)).ok();
    let checked = with_prev(&config(backend), &result);
    host.call_file(maker, "CHECK", &at, &checked).silent();
    host.call_file(remover, "CHECK", &at, &checked).silent();
    let removed = host.call_file(remover, "DEL", &at, &checked);
    // Upstream 1.9.1 removes everything and then reports that the iptables chain, which never was, does not exist.
    if !(backend == "nftables" && removed.stdout.contains("does not exist")) {
        removed.silent();
    }
    assert_clean();
}

#[rstest]
#[ignore = "needs upstream's plugins of 1.9 or later, see CNI_UPSTREAM"]
fn upstream_removes_what_ours_has_made(#[values("iptables", "nftables")] backend: &str) {
    let theirs = upstream().join("bridge");
    on_host(|host| handed_over(host, backend, (&host.file("bridge"), &theirs)));
}

#[rstest]
#[ignore = "needs upstream's plugins of 1.9 or later, see CNI_UPSTREAM"]
fn ours_removes_what_upstream_has_made(#[values("iptables", "nftables")] backend: &str) {
    let theirs = upstream().join("bridge");
    on_host(|host| handed_over(host, backend, (&theirs, &host.file("bridge"))));
}

/// Below 1.0.0 upstream's loopback prints the shape of 1.0.0 under the older version's number.
#[test]
#[ignore = "needs upstream's plugins of 1.9 or later, see CNI_UPSTREAM"]
fn loopback_prints_the_same_on_both_sides() {
    let theirs = upstream().join("loopback");
    on_host(|host| {
        let (one, other) = (container("c1"), container("c2"));
        let config = json!({"cniVersion": "1.0.0", "name": "lo", "type": "loopback"});
        let ours = host.call("loopback", "ADD", &one, &config).ok();
        let theirs = host.call_file(&theirs, "ADD", &other, &config).ok();
        let text = theirs.to_string().replace("netns/c2", "netns/c1");
        assert_eq!(ours.to_string(), text);
    });
}
