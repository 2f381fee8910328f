//! A throwaway host with containers, a scripted IPAM plugin, and the calls of a runtime.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use serde_json::{Value, json};
use tempfile::TempDir;

const INSIDE: &str = "CNI_PLUGINS_TEST_INSIDE";

/// Says what it was asked, whether host links were left when it was asked, and answers ADD with the file of the container.
const SCRIPTED_IPAM: &str = r#"#!/bin/sh
here=$(dirname "$0")
links=$(ip -o link show type veth | wc -l)
echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME veths=$links" >> "$here/calls"
if [ -e "$here/fail.$CNI_COMMAND" ]; then cat "$here/fail.$CNI_COMMAND"; exit 1; fi
[ "$CNI_COMMAND" = ADD ] && cat "$here/result.$CNI_CONTAINERID"
exit 0
"#;

/// A host of its own: network and mount namespace, empty /run and /var/lib.
pub(crate) struct Host {
    directory: TempDir,
}

/// One interface of one container, as a runtime names it.
#[derive(Clone)]
pub(crate) struct At {
    pub(crate) id: String,
    pub(crate) ifname: String,
    /// `CNI_NETNS`.
    pub(crate) netns: String,
    /// `CNI_ARGS`.
    pub(crate) args: String,
}

/// What a plugin answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `test` on a throwaway host. Where namespaces can't be made the test fails: it has not been run.
pub(crate) fn on_host(test: impl FnOnce(&Host)) {
    if std::env::var_os(INSIDE).is_none() && !nix::unistd::geteuid().is_root() {
        return again_as_root();
    }
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("namespaces of its own");
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none).expect("private mounts");
    for directory in ["/run", "/var/lib"] {
        mount(none, directory, Some("tmpfs"), MsFlags::empty(), none).expect("a private tmpfs");
    }
    let host = Host {
        directory: tempfile::tempdir().expect("a directory for the plugins"),
    };
    let ipam = host.file("scripted-ipam");
    fs::write(&ipam, SCRIPTED_IPAM).unwrap();
    fs::set_permissions(&ipam, fs::Permissions::from_mode(0o755)).unwrap();
    for name in cni_plugins::NAMES {
        symlink(env!("CARGO_BIN_EXE_cni-plugins"), host.file(name)).unwrap();
    }
    ip("link set lo up");
    test(&host);
}

/// An ordinary user is root in a user namespace, which a thread alone can't enter.
fn again_as_root() {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("main");
    assert_ne!(
        name, "main",
        "run the tests with more than one thread, or as root"
    );
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "--mount", "--"])
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--include-ignored", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("this test needs unshare(1) of util-linux");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{text}{errors}");
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{name} failed in its namespaces, or user and network namespaces can't be made here"
    );
}

impl Host {
    /// A file in `CNI_PATH`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Calls one of our plugins.
    pub(crate) fn call(&self, plugin: &str, verb: &str, at: &At, config: &Value) -> Answer {
        self.call_file(&self.file(plugin), verb, at, config)
    }

    /// Calls a plugin by its file.
    pub(crate) fn call_file(&self, plugin: &Path, verb: &str, at: &At, config: &Value) -> Answer {
        let mut child = Command::new(plugin)
            .env("CNI_COMMAND", verb)
            .env("CNI_CONTAINERID", &at.id)
            .env("CNI_NETNS", &at.netns)
            .env("CNI_IFNAME", &at.ifname)
            .env("CNI_ARGS", &at.args)
            .env("CNI_PATH", self.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("start {}: {error}", plugin.display()));
        child
            .stdin
            .take()
            .unwrap()
            .write_all(config.to_string().as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        Answer {
            succeeded: output.status.success(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What the scripted IPAM plugin answers for a container, in the shape of `version`.
    pub(crate) fn addresses(&self, id: &str, result: &Value) {
        fs::write(self.file(&format!("result.{id}")), result.to_string()).unwrap();
    }

    /// Makes the scripted IPAM plugin fail with code 142.
    pub(crate) fn fail_ipam(&self, verb: &str) {
        let error = json!({"code": 142, "msg": "scripted failure"});
        fs::write(self.file(&format!("fail.{verb}")), error.to_string()).unwrap();
    }

    /// The calls of the scripted IPAM plugin since the last question.
    pub(crate) fn ipam_calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.file("calls")).unwrap_or_default();
        fs::remove_file(self.file("calls")).ok();
        text.lines().map(str::to_owned).collect()
    }
}

impl Answer {
    /// The document of a success; null when there is none.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert!(self.succeeded, "{}{}", self.stdout, self.stderr);
        if self.stdout.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// A success that prints nothing.
    #[track_caller]
    pub(crate) fn silent(&self) {
        assert_eq!(self.ok(), Value::Null);
    }

    /// Code and text of an error object.
    #[track_caller]
    pub(crate) fn error(&self) -> (u64, String) {
        assert!(!self.succeeded, "expected a failure: {}", self.stdout);
        let object: Value = serde_json::from_str(&self.stdout).unwrap();
        let details = object["details"].as_str().unwrap_or_default();
        let text = format!("{}: {details}", object["msg"].as_str().unwrap());
        (object["code"].as_u64().unwrap(), text)
    }
}

/// Makes a container and names its `eth0`.
pub(crate) fn container(id: &str) -> At {
    ip(&format!("netns add {id}"));
    At {
        id: id.to_owned(),
        ifname: "eth0".to_owned(),
        netns: format!("/run/netns/{id}"),
        args: String::new(),
    }
}

impl At {
    /// No attachment, for the operations that have none.
    pub(crate) fn nowhere() -> Self {
        let none = String::new;
        Self {
            id: none(),
            ifname: none(),
            netns: none(),
            args: none(),
        }
    }

    /// Another interface of the same container.
    pub(crate) fn named(&self, ifname: &str) -> Self {
        Self {
            ifname: ifname.to_owned(),
            ..self.clone()
        }
    }

    /// Without its namespace.
    pub(crate) fn without_netns(&self) -> Self {
        Self {
            netns: String::new(),
            ..self.clone()
        }
    }

    /// `ip` in the container, as JSON.
    pub(crate) fn ip(&self, arguments: &str) -> Value {
        ip_json(&format!("-n {} {arguments}", self.id))
    }
}

/// Runs a command line of plain words and returns what it prints.
#[track_caller]
pub(crate) fn run(program: &str, arguments: &str) -> String {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .output()
        .unwrap_or_else(|error| panic!("this test needs {program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
pub(crate) fn ip(arguments: &str) {
    run("ip", arguments);
}

/// What `ip -j -d` prints.
#[track_caller]
pub(crate) fn ip_json(arguments: &str) -> Value {
    let text = run("ip", &format!("-j -d {arguments}"));
    if text.trim().is_empty() {
        return json!([]);
    }
    serde_json::from_str(&text).unwrap()
}

/// The names of the host's links of a kind.
pub(crate) fn links(kind: &str) -> Vec<String> {
    let list = ip_json(&format!("link show type {kind}"));
    let names = list.as_array().unwrap().iter();
    names
        .filter_map(|link| link["ifname"].as_str())
        .map(str::to_owned)
        .collect()
}

/// Address and prefix of each address of a link that is not link-local.
pub(crate) fn addresses_in(list: &Value) -> Vec<String> {
    let infos = list[0]["addr_info"].as_array().cloned().unwrap_or_default();
    infos
        .iter()
        .map(|info| {
            let local = info["local"].as_str().unwrap();
            format!("{local}/{}", info["prefixlen"])
        })
        .filter(|text| !text.starts_with("fe80"))
        .collect()
}

/// Runs `work` on a thread inside a namespace.
pub(crate) fn inside<T: Send + 'static>(
    netns: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let file = fs::File::open(netns).unwrap_or_else(|error| panic!("{netns}: {error}"));
    let thread = std::thread::spawn(move || {
        setns(file, CloneFlags::CLONE_NEWNET).unwrap();
        work()
    });
    thread.join().unwrap()
}

/// Connects from `from` to a server in `to` and returns the client's address as the server sees it.
pub(crate) fn source_seen(from: &str, to: &str, address: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match address {
        IpAddr::V4(_) => "0.0.0.0".parse().unwrap(),
        IpAddr::V6(_) => "::".parse().unwrap(),
    };
    let listener = inside(to, move || TcpListener::bind((any, 0)).unwrap());
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, peer) = listener.accept().unwrap();
        stream.write_all(peer.ip().to_string().as_bytes()).ok();
    });
    let seen = inside(from, move || {
        let to = SocketAddr::new(address, port);
        let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(3)).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.parse().ok()
    });
    // Without a connection the server would wait for ever; the process ends it.
    if seen.is_some() {
        server.join().unwrap();
    }
    seen
}

/// The namespace of the throwaway host, for the functions that take a path.
pub(crate) fn own_netns() -> String {
    format!(
        "/proc/{}/task/{}/ns/net",
        std::process::id(),
        nix::unistd::gettid()
    )
}

/// A network `world` behind an uplink of the host, which it knows as 198.51.100.1 and 2001:db8::1; it has no route to containers.
pub(crate) fn world() -> String {
    ip("netns add world");
    ip("link add uplink type veth peer name wan netns world");
    for (address, at) in [("198.51.100.1/24", ""), ("2001:db8::1/64", "nodad")] {
        ip(&format!("addr add {address} dev uplink {at}"));
    }
    ip("link set uplink up");
    for (address, at) in [("198.51.100.9/24", ""), ("2001:db8::9/64", "nodad")] {
        ip(&format!("-n world addr add {address} dev wan {at}"));
    }
    ip("-n world link set wan up");
    "/run/netns/world".to_owned()
}

/// A configuration of the bridge plugin with the scripted IPAM plugin.
pub(crate) fn bridge_config(version: &str, keys: &Value) -> Value {
    let mut config = json!({
        "cniVersion": version, "name": "testnet", "type": "bridge", "bridge": "br-test",
        "ipam": {"type": "scripted-ipam"},
    });
    for (key, value) in keys.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

/// The configuration with a result of ADD as `prevResult`.
pub(crate) fn with_prev(config: &Value, result: &Value) -> Value {
    let mut config = config.clone();
    config["prevResult"] = result.clone();
    config
}

/// An IPAM result of 1.1.0 with these addresses.
pub(crate) fn ipam_result(addresses: &[&str]) -> Value {
    let ips: Vec<Value> = addresses
        .iter()
        .map(|address| json!({"address": address}))
        .collect();
    json!({"cniVersion": "1.1.0", "ips": ips})
}
