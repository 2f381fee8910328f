//! Arguments and files that are no use: one clear message, exit status 2 (or as documented), nothing written.

mod support;

use std::fs;

use rstest::rstest;
use support::{cni_conform, plugin, readable_directory};

#[rstest]
#[case::unknown_check(&["run", "loopback", "--only", "del/no-such-check"], "--only del/no-such-check matches no check")]
#[case::unknown_skip(&["run", "loopback", "--skip", "nonsense"], "--skip nonsense matches no check")]
#[case::filters_that_leave_nothing(&["run", "loopback", "--only", "del/*", "--skip", "del/*"], "leave no check")]
#[case::unwritable_report(&["run", "loopback", "--report", "json=/no/such/dir/report.json"], "create the report file /no/such/dir/report.json")]
#[case::unknown_format(&["run", "loopback", "--report", "pdf=x.pdf"], "pdf")]
#[case::report_without_file(&["run", "loopback", "--report", "json="], "no file follows json=")]
#[case::unknown_version(&["run", "loopback", "--spec", "1.2.0"], "1.2.0")]
#[case::no_such_plugin(&["run", "/no/such/plugin"], "plugin /no/such/plugin: No such file")]
#[case::directory(&["run", "/usr"], "plugin /usr is a directory")]
#[case::special_file(&["run", "/dev/null"], "plugin /dev/null is no regular file")]
#[case::not_executable(&["run", "/etc/passwd"], "plugin /etc/passwd is not executable")]
#[case::no_profile(&["run", "/bin/sh"], "there is no built-in profile for sh")]
#[case::unknown_profile(&["run", "/bin/sh", "--profile", "nothing"], "there is no profile nothing")]
#[case::config_for_two(&["run", "bridge", "loopback", "--profile", "bridge"], "name exactly one")]
#[case::bad_partition(&["run", "loopback", "--partition", "3/2"], "K/N")]
#[case::unknown_explanation(&["explain", "no.such-thing"], "there is no check and no requirement no.such-thing")]
#[case::missing_report(&["report", "/no/such/report.json", "--format", "tap"], "read the report /no/such/report.json")]
fn an_unusable_argument_is_one_message_and_status_2(
    #[case] arguments: &[&str],
    #[case] says: &str,
) {
    let ran = cni_conform(arguments);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.stderr.contains(says), "{ran:?}");
    assert_eq!(ran.stdout, "");
}

#[rstest]
#[case::empty("", "the file is empty")]
#[case::not_json("bridge = cni0", "it is no JSON")]
#[case::array("[]", "it is JSON but no object")]
#[case::no_name(r#"{"type":"sh"}"#, "it lacks the key `name`")]
#[case::no_type(r#"{"name":"net"}"#, "it lacks the key `type`")]
#[case::list(r#"{"name":"net","plugins":[]}"#, "it is a list")]
fn an_unusable_configuration_is_one_message_and_status_2(
    #[case] content: &str,
    #[case] says: &str,
) {
    let directory = readable_directory();
    let config = directory.path().join("x.conf");
    fs::write(&config, content).unwrap();
    let ran = cni_conform(&["run", "/bin/sh", "--config", config.to_str().unwrap()]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.stderr.contains(says), "{ran:?}");
}

#[test]
fn a_configuration_that_is_not_utf8_names_the_byte() {
    let directory = readable_directory();
    let config = directory.path().join("x.conf");
    fs::write(&config, b"{\"name\":\"\xff\"}").unwrap();
    let ran = cni_conform(&["run", "/bin/sh", "--config", config.to_str().unwrap()]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.stderr.contains("byte 9 is not UTF-8"), "{ran:?}");
}

#[test]
fn a_script_without_an_interpreter_line_is_named_as_such() {
    let directory = readable_directory();
    let path = plugin(directory.path(), "loopback", "echo '{}'\n");
    let ran = cni_conform(&["run", path.to_str().unwrap()]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(
        ran.stderr
            .contains("neither a binary of this machine nor a script with a #! line"),
        "{ran:?}"
    );
}

#[test]
fn a_profile_with_an_unknown_key_names_line_and_key() {
    let directory = readable_directory();
    let profile = directory.path().join("mine.toml");
    fs::write(
        &profile,
        "kind = \"interface\"\nfeature = []\n[config]\ntype = \"x\"\n",
    )
    .unwrap();
    let ran = cni_conform(&["run", "/bin/sh", "--profile", profile.to_str().unwrap()]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(
        ran.stderr.contains("line 2") && ran.stderr.contains("feature"),
        "{ran:?}"
    );
}

#[test]
fn help_and_version_are_no_error() {
    for arguments in [["--help"], ["--version"]] {
        let ran = cni_conform(&arguments);
        assert_eq!(ran.status, 0, "{ran:?}");
        assert!(ran.stdout.contains("cni-conform"), "{ran:?}");
    }
    assert!(
        cni_conform(&["run", "--help"])
            .stdout
            .contains("Exit status")
    );
}

#[test]
fn a_version_that_the_plugin_does_not_claim_runs_nothing_and_ends_with_4() {
    let directory = readable_directory();
    let reply = r#"{"cniVersion":"0.4.0","supportedVersions":["0.4.0"]}"#;
    let path = plugin(
        directory.path(),
        "loopback",
        &format!("#!/bin/sh\necho '{reply}'\n"),
    );
    let ran = cni_conform(&["run", path.to_str().unwrap(), "--spec", "1.1.0"]);
    assert_eq!(ran.status, 4, "{ran:?}");
}

#[rstest]
#[case("bash")]
#[case("zsh")]
#[case("fish")]
#[case("man")]
fn completions_and_the_man_page_come_from_the_definitions(#[case] what: &str) {
    let ran = cni_conform(&["generate", what]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stdout.contains("selftest"), "{ran:?}");
}
