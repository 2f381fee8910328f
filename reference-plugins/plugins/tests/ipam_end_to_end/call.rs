//! Calls a plugin, in this process or as an executable, and looks at the directory of reservations.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use cni_plugins::find;
use cni_protocol::{Process, Streams, Variables, serve};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A request without its configuration.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) verb: &'a str,
    pub(crate) container_id: &'a str,
    pub(crate) ifname: &'a str,
    pub(crate) cni_args: &'a str,
}

/// What a plugin answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) success: bool,
    pub(crate) stdout: String,
}

/// A network with a directory of its own, in memory where the system has that.
pub(crate) struct Network {
    directory: TempDir,
    pub(crate) config: Value,
}

impl<'a> Call<'a> {
    pub(crate) const fn new(verb: &'a str, container_id: &'a str) -> Self {
        Self {
            verb,
            container_id,
            ifname: "eth0",
            cni_args: "",
        }
    }

    pub(crate) fn variables(&self) -> [(&'static str, String); 6] {
        [
            ("CNI_COMMAND", self.verb.to_owned()),
            ("CNI_CONTAINERID", self.container_id.to_owned()),
            ("CNI_NETNS", "/nonexistent/netns".to_owned()),
            ("CNI_IFNAME", self.ifname.to_owned()),
            ("CNI_ARGS", self.cni_args.to_owned()),
            ("CNI_PATH", "/nonexistent".to_owned()),
        ]
    }

    /// Calls the plugin in this process.
    pub(crate) fn run(&self, plugin: &str, config: &Value) -> Answer {
        let variables: Variables = self.variables().into_iter().collect();
        let process = Process {
            variables,
            registry: None,
        };
        let mut stdout = Vec::new();
        let mut config = config.clone();
        if self.verb == "CHECK" && plugin == "host-local" && config.get("prevResult").is_none() {
            config["prevResult"] = self.result_as_reserved(&config);
        }
        let config = config.to_string();
        let streams = Streams {
            stdin: &mut config.as_bytes(),
            stdout: &mut stdout,
            stderr: &mut Vec::new(),
        };
        let status = serve(find(plugin).unwrap(), &process, streams);
        Answer {
            success: format!("{status:?}") == format!("{:?}", ExitCode::SUCCESS),
            stdout: String::from_utf8(stdout).unwrap(),
        }
    }

    /// The result that ADD gave, by the reservations that are there: as a runtime would hand it to CHECK.
    fn result_as_reserved(&self, config: &Value) -> Value {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let directory = Path::new(&text(&config["ipam"]["dataDir"])).join(text(&config["name"]));
        let mut ips = Vec::new();
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let content = std::fs::read_to_string(entry.path()).unwrap_or_default();
            let mut lines = content.lines();
            let is_own = lines.next().map(str::trim) == Some(self.container_id)
                && lines.next().is_none_or(|ifname| ifname == self.ifname);
            let name = entry.file_name().into_string().unwrap();
            if is_own && name.parse::<std::net::IpAddr>().is_ok() {
                let length = if name.contains(':') { 64 } else { 24 };
                ips.push(json!({"address": format!("{name}/{length}")}));
            }
        }
        json!({"cniVersion": config["cniVersion"], "ips": ips})
    }

    /// Starts `host-local` as a process; it has its whole configuration.
    pub(crate) fn start(&self, command: &mut Command, config: &Value) -> Child {
        let mut child = command
            .env_clear()
            .envs(self.variables())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let written = child
            .stdin
            .take()
            .unwrap()
            .write_all(config.to_string().as_bytes());
        // A plugin that was killed reads nothing.
        written.ok();
        child
    }

    /// Runs an executable to its end.
    pub(crate) fn execute(&self, command: &mut Command, config: &Value) -> Answer {
        let output = self.start(command, config).wait_with_output().unwrap();
        Answer {
            success: output.status.success(),
            stdout: String::from_utf8(output.stdout).unwrap(),
        }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The addresses of a result of 0.3.0 or later.
    pub(crate) fn addresses(&self) -> Vec<String> {
        assert!(self.success, "{self:?}");
        let result = self.json();
        let ips = result["ips"].as_array().unwrap();
        ips.iter()
            .map(|ip| ip["address"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The code and the text of an error object.
    pub(crate) fn error(&self) -> (u64, String) {
        assert!(!self.success, "{self:?}");
        let object = self.json();
        let text = format!("{} {}", object["msg"], object["details"]);
        (object["code"].as_u64().unwrap(), text)
    }

    #[track_caller]
    pub(crate) fn assert_success(&self) {
        assert!(self.success && self.stdout.is_empty(), "{self:?}");
    }

    #[track_caller]
    pub(crate) fn assert_error(&self, code: u64, text: &str) {
        let (found, msg) = self.error();
        // Quotation marks of the message are escaped in JSON.
        assert!(msg.replace('\\', "").contains(text), "{msg}");
        assert_eq!(found, code, "{msg}");
    }
}

impl Network {
    /// A network of 1.1.0 with these keys in `ipam`.
    pub(crate) fn new(ipam: &Value) -> Self {
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let directory = directory.unwrap();
        let mut config =
            json!({"cniVersion": "1.1.0", "name": "net", "type": "bridge", "ipam": ipam});
        config["ipam"]["type"] = json!("host-local");
        config["ipam"]["dataDir"] = json!(directory.path());
        Self { directory, config }
    }

    /// A network of one subnet.
    pub(crate) fn of(subnet: &str) -> Self {
        Self::new(&json!({"ranges": [[{"subnet": subnet}]]}))
    }

    pub(crate) fn with(&self, key: &str, value: Value) -> Value {
        let mut config = self.config.clone();
        config[key] = value;
        config
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("net")
    }

    pub(crate) fn call(&self, verb: &str, container_id: &str) -> Answer {
        Call::new(verb, container_id).run("host-local", &self.config)
    }

    pub(crate) fn gc(&self, valid: &[(&str, &str)]) -> Answer {
        let valid: Vec<Value> = valid
            .iter()
            .map(|(id, ifname)| json!({"containerID": id, "ifname": ifname}))
            .collect();
        let config = self.with("cni.dev/valid-attachments", json!(valid));
        Call::new("GC", "").run("host-local", &config)
    }

    /// Writes a file into the directory of reservations.
    pub(crate) fn put(&self, name: &str, content: &[u8]) {
        std::fs::create_dir_all(self.path()).unwrap();
        std::fs::write(self.path().join(name), content).unwrap();
    }

    /// All files except the lock and `last_reserved_ip.N`, with their content.
    pub(crate) fn reservations(&self) -> BTreeMap<String, String> {
        let Ok(entries) = std::fs::read_dir(self.path()) else {
            return BTreeMap::new();
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name != "lock" && !name.starts_with("last_reserved_ip."))
            .map(|name| {
                let content = std::fs::read(self.path().join(&name)).unwrap();
                (name, String::from_utf8_lossy(&content).into_owned())
            })
            .collect()
    }

    #[track_caller]
    pub(crate) fn assert_reserved(&self, expected: &[(&str, &str)]) {
        let expected: BTreeMap<String, String> = expected
            .iter()
            .map(|&(name, content)| (name.to_owned(), content.to_owned()))
            .collect();
        assert_eq!(self.reservations(), expected);
    }
}

/// Our executable under the name `host-local`.
pub(crate) fn ours() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cni-plugins"));
    command.arg0("host-local");
    command
}
