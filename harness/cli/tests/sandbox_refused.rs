//! Where no namespaces are to be had: status 3, and the message says what to do.

mod support;

use std::process::Command;

use support::Ran;

#[test]
fn without_namespaces_the_message_says_what_to_do() {
    // A user namespace in which no further namespaces may be made stands for a locked-down machine.
    let script = r#"echo 0 >/proc/sys/user/max_net_namespaces && exec "$0" run loopback"#;
    let ran: Ran = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            script,
            env!("CARGO_BIN_EXE_cni-conform"),
        ])
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(
        ran.stderr.contains("no sandbox can be made here"),
        "{ran:?}"
    );
    assert!(
        ran.stderr
            .contains("raise /proc/sys/user/max_user_namespaces"),
        "{ran:?}"
    );
}

#[test]
fn a_hidden_proc_is_named_with_its_remedy() {
    // Something mounted over a part of /proc, as container engines do, forbids a fresh /proc to everyone inside who is
    // root only there.
    let script = r#"mount -t tmpfs tmpfs /proc/sys && exec unshare --user --map-root-user --mount "$0" run loopback"#;
    let ran: Ran = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "--pid",
            "--fork",
            "sh",
            "-c",
            script,
            env!("CARGO_BIN_EXE_cni-conform"),
        ])
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(ran.stderr.contains("systempaths=unconfined"), "{ran:?}");
}
