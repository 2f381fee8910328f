//! The example plugin as a real process: streams, panics, delegates.
//!
//! Recording delegates are small scripts in a directory of their own, which is all of `CNI_PATH`.

#![expect(
    clippy::unwrap_used,
    reason = "a failed expectation of a test helper is a failed test"
)]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Held while an executable is written and while a process is started: a child that is forked in between keeps the
/// file open for writing until its exec, and whoever executes the file then gets ETXTBSY.
static FORK: Mutex<()> = Mutex::new(());

fn fork_lock() -> MutexGuard<'static, ()> {
    FORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A directory with the example under its names, and with scripted delegates.
struct Plugins {
    directory: TempDir,
}

impl Plugins {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let test = std::env::current_exe().unwrap();
        let built = test.ancestors().nth(2).unwrap().join("examples/minimal");
        assert!(
            built.exists(),
            "{} is missing: run `cargo test -p cni-protocol`, which builds examples",
            built.display()
        );
        symlink(&built, directory.path().join("minimal")).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A delegate that notes `CNI_COMMAND`, variables and stdin, and then runs `body`.
    fn script(self, name: &str, body: &str) -> Self {
        let log = self.path("log");
        let log = log.display();
        let text = format!(
            "#!/bin/sh\ncat > '{log}.stdin'\necho \"$CNI_COMMAND $EXTRA $CNI_ARGS\" >> '{log}'\n{body}\n"
        );
        let _writing = fork_lock();
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(self.path("minimal"));
        command
            .env_clear()
            .envs([
                ("PATH", "/usr/bin:/bin"),
                ("CNI_COMMAND", verb),
                ("CNI_CONTAINERID", "c1"),
                ("CNI_IFNAME", "eth0"),
            ])
            .envs([("CNI_NETNS", "/none"), ("CNI_ARGS", "A=1"), ("EXTRA", "x")])
            .env("CNI_PATH", self.directory.path());
        command
    }

    fn run(&self, verb: &str, stdin: &[u8]) -> Output {
        run(&mut self.command(verb), self.directory.path(), stdin)
    }

    fn run_json(&self, verb: &str, config: &Value) -> Output {
        self.run(verb, config.to_string().as_bytes())
    }
}

fn run(command: &mut Command, directory: &Path, stdin: &[u8]) -> Output {
    let file = directory.join("stdin");
    fs::write(&file, stdin).unwrap();
    start(
        command
            .stdin(File::open(file).unwrap())
            .stdout(Stdio::piped()),
    )
    .wait_with_output()
    .unwrap()
}

fn start(command: &mut Command) -> Child {
    let _starting = fork_lock();
    command.stderr(Stdio::piped()).spawn().unwrap()
}

fn config(ipam: &str) -> Value {
    json!({"cniVersion": "1.1.0", "name": "n", "type": "minimal", "unknown": [1], "ipam": {"type": ipam, "address": "10.0.0.2/24"}})
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The error object of a failed run.
fn failure(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let document = document(output);
    assert!(
        document["code"].is_u64() && document["msg"].is_string(),
        "{document}"
    );
    document
}

#[test]
fn a_panic_is_one_error_object_in_the_requests_version() {
    let plugins = Plugins::new();
    let output = plugins.run_json(
        "ADD",
        &json!({"cniVersion": "0.4.0", "name": "n", "panic": true}),
    );
    let error = failure(&output);
    assert_eq!(
        (&error["code"], &error["cniVersion"]),
        (&json!(101), &json!("0.4.0"))
    );
    assert!(
        error["details"]
            .as_str()
            .unwrap()
            .contains("asked to panic"),
        "{error}"
    );
}

#[rstest]
#[case("ADD")]
#[case("VERSION")]
fn an_answer_that_cannot_be_written_is_a_failure(#[case] verb: &str) {
    let plugins = Plugins::new();
    let mut command = plugins.command(verb);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let file = plugins.path("config");
    fs::write(&file, r#"{"cniVersion": "1.1.0", "name": "n"}"#).unwrap();
    let child = start(command.stdin(File::open(file).unwrap()).stdout(full));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("stdout"),
        "{output:?}"
    );
}

#[test]
fn a_stdin_that_cannot_be_read_is_an_io_failure() {
    let plugins = Plugins::new();
    let output = start(
        plugins
            .command("ADD")
            .stdin(File::open("/").unwrap())
            .stdout(Stdio::piped()),
    )
    .wait_with_output()
    .unwrap();
    assert_eq!(failure(&output)["code"], 5);
}

#[test]
fn without_a_command_the_plugin_says_what_it_is_and_fails() {
    let plugins = Plugins::new();
    let output = start(
        plugins
            .command("")
            .stdin(Stdio::null())
            .stdout(Stdio::piped()),
    )
    .wait_with_output()
    .unwrap();
    let error = failure(&output);
    assert_eq!(error["code"], 4);
    assert!(error["msg"].as_str().unwrap().contains("CNI_COMMAND"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("CNI plugin minimal") && text.contains("0.1.0, 0.2.0"),
        "{text}"
    );
}

#[test]
fn a_plugin_of_the_same_executable_is_called_without_a_new_process() {
    let plugins = Plugins::new();
    symlink(
        fs::canonicalize(plugins.path("minimal")).unwrap(),
        plugins.path("address"),
    )
    .unwrap();
    let mut command = plugins.command("ADD");
    let file = plugins.path("config");
    fs::write(&file, config("address").to_string()).unwrap();
    let child = start(
        command
            .stdin(File::open(file).unwrap())
            .stdout(Stdio::piped()),
    );
    let id = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        document(&output)["ips"],
        json!([{"address": "10.0.0.2/24", "interface": 0}])
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("address {id}\n")
    );
    let error = failure(&plugins.run_json("STATUS", &config("address")));
    assert_eq!(
        (&error["code"], &error["msg"]),
        (&json!(50), &json!("no addresses left"))
    );
}

#[test]
fn a_copy_of_the_executable_is_another_program() {
    let plugins = Plugins::new();
    let writing = fork_lock();
    fs::copy(plugins.path("minimal"), plugins.path("address")).unwrap();
    drop(writing);
    let output = plugins.run_json("ADD", &config("address"));
    assert_eq!(
        document(&output)["ips"][0]["address"],
        "10.0.0.2/24",
        "{output:?}"
    );
}

#[rstest]
#[case("ADD", "ADD x A=1\n")]
#[case("CHECK", "CHECK x A=1\n")]
#[case("DEL", "DEL x A=1\n")]
#[case("STATUS", "STATUS x A=1\n")]
#[case("GC", "GC x A=1\n")]
fn a_delegate_gets_the_whole_environment_and_configuration(#[case] verb: &str, #[case] log: &str) {
    let answer =
        r#"echo '{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.9/24"}]}'; echo note >&2"#;
    let plugins = Plugins::new().script("fake", answer);
    let mut request = config("fake");
    request["padding"] = json!("x".repeat(200_000));
    request["prevResult"] = json!({});
    let output = plugins.run_json(verb, &request);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(plugins.log(), log);
    assert_eq!(
        fs::read(plugins.path("log.stdin")).unwrap(),
        request.to_string().into_bytes()
    );
    assert_eq!(output.stderr, b"note\n");
    assert_eq!(output.stdout.is_empty(), verb != "ADD", "{output:?}");
}

#[rstest]
#[case::error_object(
    r#"[ $CNI_COMMAND = DEL ] || { echo '{"code":123,"msg":"m","details":"d"}'; exit 3; }"#,
    123,
    "m"
)]
#[case::garbage("echo nonsense", 102, "it is \"nonsense\\n\"")]
#[case::nothing("exit 0", 102, "it is empty")]
#[case::silent_exit("exit 3", 102, "exit status 3")]
#[case::signal("kill -9 $$", 102, "death by signal 9")]
#[case::no_address("echo '{}'", 102, "no IP address")]
#[case::other_shape(
    r#"echo '{"ip4":{"ip":"10.0.0.9/24"}}'"#,
    7,
    "result of delegate fake.ip4"
)]
fn a_failed_delegate_is_undone_and_its_error_told(
    #[case] body: &str,
    #[case] code: u64,
    #[case] text: &str,
) {
    let plugins = Plugins::new().script("fake", body);
    let error = failure(&plugins.run_json("ADD", &config("fake")));
    assert_eq!(error["code"], code, "{error}");
    assert!(error["msg"].as_str().unwrap().contains(text), "{error}");
    assert_eq!(plugins.log(), "ADD x A=1\nDEL x A=1\n");
}

#[test]
fn a_delegates_error_object_is_passed_on_unchanged() {
    let plugins = Plugins::new().script(
        "fake",
        r#"echo '{"code":11,"msg":"later","details":"why"}'; exit 1"#,
    );
    for verb in ["ADD", "DEL", "STATUS", "GC"] {
        let error = failure(&plugins.run_json(verb, &config("fake")));
        assert_eq!(
            error,
            json!({"cniVersion": "1.1.0", "code": 11, "msg": "later", "details": "why"}),
            "{verb}"
        );
    }
}

#[test]
fn a_plugin_that_fails_after_its_delegate_releases_it() {
    let plugins = Plugins::new().script("fake", r#"echo '{"ips":[{"address":"10.0.0.9/24"}]}'"#);
    let mut request = config("fake");
    request["failAfterDelegate"] = json!(true);
    let error = failure(&plugins.run_json("ADD", &request));
    assert_eq!(error["msg"], "create the interface");
    assert_eq!(plugins.log(), "ADD x A=1\nDEL x A=1\n");
}

#[rstest]
#[case(r#"{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.9/24"}}"#)]
#[case(r#"{"cniVersion":"0.3.1","ips":[{"version":"4","address":"10.0.0.9/24"}]}"#)]
#[case(r#"{"ips":[{"address":"10.0.0.9/24"}]}"#)]
fn a_delegates_result_of_another_version_is_converted(#[case] answer: &str) {
    let plugins = Plugins::new().script("fake", &format!("echo '{answer}'"));
    let output = plugins.run_json("ADD", &config("fake"));
    assert_eq!(
        document(&output)["ips"],
        json!([{"address": "10.0.0.9/24", "interface": 0}]),
        "{output:?}"
    );
}

#[rstest]
#[case("../trap")]
#[case("/bin/sh")]
#[case("..")]
fn a_delegate_that_is_no_plain_file_name_is_refused(#[case] name: &str) {
    let plugins = Plugins::new();
    let error = failure(&plugins.run_json("ADD", &config(name)));
    assert_eq!(error["code"], 7);
    assert!(error["msg"].as_str().unwrap().contains(name), "{error}");
}

#[test]
fn a_missing_delegate_is_named_with_the_directories() {
    let plugins = Plugins::new();
    let error = failure(&plugins.run_json("ADD", &config("absent")));
    let msg = error["msg"].as_str().unwrap();
    assert!(
        msg.contains("\"absent\"") && msg.contains(plugins.directory.path().to_str().unwrap()),
        "{msg}"
    );
    let without = run(
        plugins.command("ADD").env_remove("CNI_PATH"),
        plugins.directory.path(),
        config("x").to_string().as_bytes(),
    );
    let error = failure(&without);
    assert_eq!(error["code"], 4);
    assert!(
        error["msg"].as_str().unwrap().contains("CNI_PATH"),
        "{error}"
    );
}

#[test]
fn the_first_directory_of_cni_path_that_has_the_delegate_wins() {
    let plugins = Plugins::new().script("fake", r#"echo '{"ips":[{"address":"10.0.0.9/24"}]}'"#);
    let decoy = Plugins::new().script("fake", "exit 9");
    let path = format!(
        "/nowhere:{}:{}",
        plugins.directory.path().display(),
        decoy.directory.path().display()
    );
    let output = run(
        plugins.command("ADD").env("CNI_PATH", path),
        plugins.directory.path(),
        config("fake").to_string().as_bytes(),
    );
    assert!(output.status.success(), "{output:?}");
    assert_eq!(decoy.log(), "");
}
