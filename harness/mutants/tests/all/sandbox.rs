//! A throwaway host for a test: the test starts itself again in namespaces of its own, with nothing of the outside in reach.
//!
//! Works as root and, where user namespaces are allowed, as anybody; where neither is, the test fails and says so.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::{fs::symlink, process::ExitStatusExt},
    path::Path,
    process::{Command, Output, Stdio},
    sync::mpsc,
    time::Duration,
};

use nix::mount::{MsFlags, mount};
use serde_json::{Map, Value, json};

const INSIDE: &str = "CNI_MUTANTS_TEST_INSIDE";
const TOYS: &str = "/run/toys";

/// Runs `test` on a host of its own. `name` is the path of the calling test as the test runner knows it.
pub(crate) fn on_a_fresh_host(name: &str, test: impl FnOnce(&Host)) {
    if std::env::var_os(INSIDE).is_some() {
        test(&Host::set_up());
        return;
    }
    let mut command = Command::new("unshare");
    command.args([
        "--net",
        "--mount",
        "--pid",
        "--ipc",
        "--uts",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]);
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.arg(std::env::current_exe().expect("the test knows its executable"));
    command
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1");
    let output = command.output().expect("unshare is installed");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "inside the namespaces:\n{text}");
    assert!(
        text.contains("1 passed"),
        "the test {name:?} did not run inside the namespaces:\n{text}"
    );
}

/// What a toy answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `exit N`, `signal N` or that it did not end.
    pub(crate) end: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// Asserts success and returns the document, null when nothing was printed.
    pub(crate) fn succeeded(&self) -> Value {
        assert_eq!(self.end, "exit 0", "{self:?}");
        if self.stdout.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&self.stdout).expect("a JSON document")
        }
    }

    /// Asserts failure with that code and returns the error object.
    pub(crate) fn failed_with(&self, code: i64) -> Value {
        assert_eq!(self.end, "exit 1", "{self:?}");
        let error: Value = serde_json::from_str(&self.stdout).expect("an error object");
        assert_eq!(error["code"], code, "{self:?}");
        error
    }
}

/// One start of a toy: the program, the environment, stdin.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) program: String,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) stdin: Vec<u8>,
}

impl Request {
    /// A complete request about container `c1`.
    pub(crate) fn new(program: &str, verb: &str, configuration: &Value) -> Self {
        let ifname = if program.starts_with("toy-loopback") {
            "lo"
        } else {
            "eth0"
        };
        let environment = [
            ("CNI_COMMAND", verb),
            ("CNI_CONTAINERID", "c1"),
            ("CNI_NETNS", "/run/netns/c1"),
            ("CNI_IFNAME", ifname),
            ("CNI_PATH", TOYS),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            program: program.to_owned(),
            environment: environment.into(),
            stdin: configuration.to_string().into_bytes(),
        }
    }

    /// The same with another value of the variable; an empty one unsets it.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.remove(name);
        if !value.is_empty() {
            self.environment.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// The same for another container, whose namespace has its name.
    pub(crate) fn of(self, container: &str) -> Self {
        self.with("CNI_CONTAINERID", container)
            .with("CNI_NETNS", &format!("/run/netns/{container}"))
    }

    /// The same with other bytes on stdin.
    pub(crate) fn saying(mut self, stdin: &[u8]) -> Self {
        self.stdin = stdin.to_vec();
        self
    }

    /// Runs it. A process that holds its output open for five seconds counts as one that does not end.
    pub(crate) fn run(&self) -> Answer {
        let mut child = self
            .command(Stdio::piped())
            .spawn()
            .expect("the toy starts");
        let id = i32::try_from(child.id()).expect("process ids are small");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // A toy that refuses the environment does not read.
        drop(stdin.write_all(&self.stdin));
        drop(stdin);
        let (sender, receiver) = mpsc::channel();
        drop(std::thread::spawn(move || {
            sender.send(child.wait_with_output())
        }));
        match receiver.recv_timeout(Duration::from_secs(5)) {
            Ok(output) => answer(&output.expect("the output can be read")),
            Err(_) => {
                nix::sys::signal::kill(
                    nix::unistd::Pid::from_raw(id),
                    nix::sys::signal::Signal::SIGKILL,
                )
                .unwrap_or_default();
                Answer {
                    end: "does not end".to_owned(),
                    stdout: String::new(),
                    stderr: String::new(),
                }
            }
        }
    }

    /// Runs it with this file as its stdin and that one as its stdout.
    pub(crate) fn run_between(&self, stdin: &str, stdout: &str) -> Answer {
        let mut command = self.command(fs::File::open(stdin).expect("stdin exists").into());
        if !stdout.is_empty() {
            command.stdout(
                fs::OpenOptions::new()
                    .write(true)
                    .open(stdout)
                    .expect("stdout exists"),
            );
        }
        answer(&command.output().expect("the toy starts"))
    }

    fn command(&self, stdin: Stdio) -> Command {
        let mut command = Command::new(Path::new(TOYS).join(&self.program));
        command
            .env_clear()
            .envs(&self.environment)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

fn answer(output: &Output) -> Answer {
    let end = match (output.status.code(), output.status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Answer {
        end,
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// The throwaway host.
pub(crate) struct Host(());

impl Host {
    fn set_up() -> Self {
        let nothing: Option<&str> = None;
        mount(
            nothing,
            "/",
            nothing,
            MsFlags::MS_REC | MsFlags::MS_PRIVATE,
            nothing,
        )
        .expect("mounts become private");
        for directory in ["/run", "/var/lib"] {
            mount(
                Some("tmpfs"),
                directory,
                Some("tmpfs"),
                MsFlags::empty(),
                nothing,
            )
            .expect("a tmpfs can be mounted");
        }
        fs::create_dir(TOYS).expect("an empty /run");
        let host = Self(());
        for toy in cni_mutants::TOYS {
            host.install(toy.name);
        }
        host.ip("link set lo up");
        host
    }

    /// Makes a toy, or a mutant of it, available by name.
    pub(crate) fn install(&self, name: &str) {
        let link = Path::new(TOYS).join(name);
        if !link.exists() {
            symlink(env!("CARGO_BIN_EXE_cni-mutants"), link).expect("a symlink can be made");
        }
    }

    /// Writes an executable shell script into the directory.
    pub(crate) fn install_script(&self, path: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let parent = Path::new(path).parent().expect("a path in a directory");
        fs::create_dir_all(parent).expect("the directory can be made");
        fs::write(path, script).expect("the script can be written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
            .expect("it can be made executable");
    }

    /// Runs `ip` and asserts that it succeeds.
    pub(crate) fn ip(&self, arguments: &str) -> Value {
        let output = run_ip(arguments);
        assert!(
            output.status.success(),
            "ip {arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Runs `ip` for a change that need not succeed.
    pub(crate) fn try_ip(&self, arguments: &str) -> bool {
        run_ip(arguments).status.success()
    }

    /// Makes a container's namespace.
    pub(crate) fn container(&self, name: &str) {
        self.ip(&format!("netns add {name}"));
    }

    /// What the link looks like, null when there is none; `place` is "" for the host or "-n NAME".
    pub(crate) fn link(&self, place: &str, name: &str) -> Value {
        let links = self.ip(&format!("{place} -j -d addr"));
        let found = links
            .as_array()
            .into_iter()
            .flatten()
            .find(|link| link["ifname"] == name)
            .cloned();
        found.unwrap_or_default()
    }

    /// The addresses of the link but for link-local ones, which the kernel adds when it likes.
    pub(crate) fn addresses(&self, place: &str, name: &str) -> Vec<String> {
        addresses_of(&self.link(place, name))
    }

    /// The routes that somebody other than the kernel made, in all tables.
    pub(crate) fn routes(&self, place: &str) -> Vec<String> {
        let mut found = Vec::new();
        for family in ["-4", "-6"] {
            for route in self
                .ip(&format!("{place} {family} -j route show table all"))
                .as_array()
                .into_iter()
                .flatten()
            {
                if route["protocol"] != "kernel" {
                    let mut route: Map<String, Value> =
                        route.as_object().cloned().unwrap_or_default();
                    route.remove("flags");
                    found.push(Value::Object(route).to_string());
                }
            }
        }
        found
    }

    /// Everything that a toy may have changed, as comparable text.
    pub(crate) fn state(&self) -> String {
        let mut places = vec![String::new()];
        let containers = self.ip("-j netns list");
        places.extend(
            containers
                .as_array()
                .into_iter()
                .flatten()
                .map(|entry| format!("-n {}", entry["name"].as_str().unwrap_or_default())),
        );
        places.sort();
        let mut lines = Vec::new();
        for place in places {
            for link in self
                .ip(&format!("{place} -j addr"))
                .as_array()
                .into_iter()
                .flatten()
            {
                let name = link["ifname"].as_str().unwrap_or_default();
                let up = link["flags"]
                    .as_array()
                    .is_some_and(|flags| flags.contains(&json!("UP")));
                let addresses = addresses_of(link);
                lines.push(format!(
                    "{place} {name} {} {} {up} {addresses:?}",
                    link["address"], link["mtu"]
                ));
            }
            lines.extend(
                self.routes(&place)
                    .into_iter()
                    .map(|route| format!("{place} {route}")),
            );
        }
        lines.extend(masquerade_rules());
        lines.extend(files_below(Path::new("/var/lib/cni")));
        lines.join("\n")
    }

    /// Removes all rules of both families.
    pub(crate) fn flush_rules(&self) {
        for program in ["iptables", "ip6tables"] {
            drop(Command::new(program).args(["-t", "nat", "-F"]).output());
        }
    }

    /// Puts the host back as it was, between two mutants.
    pub(crate) fn reset(&self) {
        self.try_ip("-all netns delete");
        for link in self.ip("-j link").as_array().into_iter().flatten() {
            let name = link["ifname"].as_str().unwrap_or_default();
            if name != "lo" {
                self.try_ip(&format!("link delete {name}"));
            }
        }
        self.try_ip("addr del 192.0.2.254/32 dev lo");
        self.flush_rules();
        drop(fs::remove_dir_all("/var/lib/cni"));
        drop(fs::remove_dir_all("/run/netns"));
    }
}

fn run_ip(arguments: &str) -> Output {
    Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .expect("ip is installed")
}

/// The addresses in what `ip -j addr` says about a link, but for link-local ones.
fn addresses_of(link: &Value) -> Vec<String> {
    let text = |entry: &Value| {
        format!(
            "{}/{}",
            entry["local"].as_str().unwrap_or_default(),
            entry["prefixlen"]
        )
    };
    let entries = link["addr_info"].as_array().into_iter().flatten();
    entries
        .map(text)
        .filter(|address| !address.starts_with("fe80"))
        .collect()
}

fn masquerade_rules() -> Vec<String> {
    let mut rules = Vec::new();
    for program in ["iptables", "ip6tables"] {
        let output = Command::new(program)
            .args(["-t", "nat", "-S"])
            .output()
            .expect("iptables is installed");
        rules.extend(
            String::from_utf8_lossy(&output.stdout)
                .lines()
                .filter(|line| line.starts_with("-A"))
                .map(str::to_owned),
        );
    }
    rules
}

fn files_below(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found.sort();
    found
}

/// Every released version of the specification.
pub(crate) const VERSIONS: [&str; 7] = [
    "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
];

/// The document with further keys.
pub(crate) fn extended(document: &Value, with: &Value) -> Value {
    let mut document = document.as_object().cloned().unwrap_or_default();
    document.extend(with.as_object().cloned().unwrap_or_default());
    document.into()
}
