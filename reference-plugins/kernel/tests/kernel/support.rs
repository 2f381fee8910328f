//! Runs a test in network and mount namespaces of its own, as root or as an ordinary user, so that nothing outside changes.

use std::process::Command;

use cni_kernel::link::{self, Endpoint, Link, LinkState, NewKind, NewLink};
use cni_kernel::netlink::Netlink;
use cni_kernel::netns::Netns;
use cni_kernel::{InterfaceName, IpPrefix};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

const INSIDE: &str = "CNI_KERNEL_TEST_INSIDE";

/// Runs `test` in a child process with fresh namespaces. `name` is the test's own name.
///
/// Where namespaces cannot be made the test fails: it has not been run.
pub(crate) fn isolated(name: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        // iptables keeps its lock there.
        mount(
            Some("none"),
            "/run",
            Some("tmpfs"),
            MsFlags::empty(),
            None::<&str>,
        )
        .expect("a private /run");
        return test();
    }
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--net", "--mount", "--propagation", "private", "--"]);
    command.arg(std::env::current_exe().unwrap());
    command
        .args([name, "--include-ignored", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1");
    let output = command
        .output()
        .expect("this test needs unshare(1) of util-linux");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{text}");
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{name} failed in its namespaces, or network and user namespaces cannot be made here"
    );
}

/// A new network namespace, which lives as long as the value.
pub(crate) fn new_netns() -> Netns {
    let made = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("a new network namespace");
        Netns::current().unwrap()
    });
    made.join().unwrap()
}

pub(crate) fn name(text: &str) -> InterfaceName {
    InterfaceName::new(text).unwrap()
}

pub(crate) fn prefix(text: &str) -> IpPrefix {
    text.parse().unwrap()
}

/// A veth pair: `host0`, up, here, and `eth0` in `container`.
pub(crate) fn veth(host: &Netlink, container: &Netns) -> Link {
    let (host_name, container_name) = (name("host0"), name("eth0"));
    let new = NewLink {
        endpoint: Endpoint::named(&host_name),
        master: None,
        state: LinkState::Up,
        kind: NewKind::Veth {
            peer: Endpoint {
                netns: Some(container),
                ..Endpoint::named(&container_name)
            },
        },
    };
    link::create(host, &new).unwrap()
}

/// What a program prints.
pub(crate) fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output
        .unwrap_or_else(|error| panic!("this test compares with what {program} says: {error}"));
    let (text, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{program}: {text}{errors}");
    String::from_utf8(output.stdout).unwrap()
}
