//! What a toy does in a scenario, step by step, and whether a mutant does the same.
//!
//! The correct toy's steps are recorded first. A mutant's scenario is over at its first step that differs.

use std::{fs, path::Path};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::Value;

use crate::sandbox::{Answer, Host, Request};

const FAKE: &str = "/run/toys/fake-ipam";
const FAKE_LOG: &str = "/run/fake.log";

/// Records steps, or compares them with recorded ones.
pub(crate) struct Observer<'a> {
    pub(crate) host: &'a Host,
    /// The toy or the mutant of it.
    pub(crate) program: String,
    expected: Option<&'a [String]>,
    steps: Vec<String>,
    deviated: bool,
}

impl<'a> Observer<'a> {
    /// Runs the scenario with the correct toy and returns its steps.
    pub(crate) fn record(host: &'a Host, program: &str, scenario: fn(&mut Self)) -> Vec<String> {
        Self::run(host, program, None, scenario).steps
    }

    /// Says whether the program does the same as was recorded; if not, how it differs.
    pub(crate) fn deviation(
        host: &'a Host,
        program: &str,
        expected: &'a [String],
        scenario: fn(&mut Self),
    ) -> Option<String> {
        host.install(program);
        let observer = Self::run(host, program, Some(expected), scenario);
        observer
            .deviated
            .then(|| observer.steps.last().cloned().unwrap_or_default())
    }

    fn run(
        host: &'a Host,
        program: &str,
        expected: Option<&'a [String]>,
        scenario: fn(&mut Self),
    ) -> Self {
        let mut observer = Self {
            host,
            program: program.to_owned(),
            expected,
            steps: Vec::new(),
            deviated: false,
        };
        observer.install_fake();
        observer.fresh();
        scenario(&mut observer);
        observer
    }

    /// Starts over with nothing but two containers.
    pub(crate) fn fresh(&mut self) {
        if self.deviated {
            return;
        }
        self.host.reset();
        for container in ["c1", "c2"] {
            self.host.container(container);
        }
        for verb in ["ADD", "DEL", "CHECK", "STATUS", "GC", "VERSION"] {
            self.fake(verb, "", Fake::Succeeds);
        }
    }

    /// A request to the program.
    pub(crate) fn request(&self, verb: &str, configuration: &Value) -> Request {
        Request::new(&self.program, verb, configuration)
    }

    /// Makes one call a step and returns its document, null when there is none.
    pub(crate) fn call(&mut self, request: &Request) -> Value {
        if self.deviated {
            return Value::Null;
        }
        let answer = request.run();
        self.note(&answer)
    }

    /// Makes a call with other files at its standard input and output a step.
    pub(crate) fn call_between(&mut self, request: &Request, stdin: &str, stdout: &str) {
        if !self.deviated {
            let answer = request.run_between(stdin, stdout);
            self.note(&answer);
        }
    }

    fn note(&mut self, answer: &Answer) -> Value {
        let delegated = fs::read_to_string(FAKE_LOG).unwrap_or_default();
        fs::write(FAKE_LOG, "").expect("the log can be emptied");
        let heard = answer.stderr.contains("fake-ipam speaks");
        self.step(format!(
            "{}\n{}\nheard: {heard}\n{delegated}",
            answer.end, answer.stdout
        ));
        serde_json::from_str(&answer.stdout).unwrap_or_default()
    }

    /// Makes a call and what it did to the host a step each.
    pub(crate) fn call_and_look(&mut self, request: &Request) -> Value {
        let document = self.call(request);
        self.look();
        document
    }

    /// Makes the state of the host a step.
    pub(crate) fn look(&mut self) {
        if !self.deviated {
            let state = self.host.state();
            self.step(state);
        }
    }

    /// Makes the number of toys that still run a step.
    pub(crate) fn count_toys(&mut self) {
        if self.deviated {
            return;
        }
        let processes = fs::read_dir("/proc").expect("/proc is mounted").flatten();
        let toys = processes
            .filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok())
            .filter(|command| command.contains("toy-"))
            .count();
        self.step(format!("{toys} toys run"));
    }

    /// Changes the host as somebody else would; no step.
    pub(crate) fn ip(&self, arguments: &str) {
        if !self.deviated {
            self.host.ip(arguments);
        }
    }

    /// Sets what the fake delegate answers to the verb.
    pub(crate) fn fake(&self, verb: &str, answer: &str, fake: Fake) {
        if self.deviated {
            return;
        }
        fs::write(format!("/run/fake.{verb}"), answer).expect("the answer can be written");
        fs::write(
            format!("/run/fake.status.{verb}"),
            if fake == Fake::Fails { "1" } else { "0" },
        )
        .expect("the status can be written");
    }

    /// Runs `action` while the program is not to be had.
    pub(crate) fn without(&mut self, program: &str, action: impl FnOnce(&mut Self)) {
        let nothing: Option<&str> = None;
        let found = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
            .iter()
            .map(|directory| Path::new(directory).join(program))
            .find(|path| path.exists());
        let path = found
            .and_then(|path| path.canonicalize().ok())
            .expect("the program is installed");
        mount(Some("/dev/null"), &path, nothing, MsFlags::MS_BIND, nothing)
            .expect("a bind mount is possible");
        action(self);
        umount2(&path, MntFlags::MNT_DETACH).expect("it can be unmounted");
    }

    /// Flushes all rules, as a firewall's restart does.
    pub(crate) fn without_rules(&self) {
        if !self.deviated {
            self.host.flush_rules();
        }
    }

    /// Runs `action` while the file can't be removed.
    pub(crate) fn hold_reservation(&mut self, path: &str, action: impl FnOnce(&mut Self)) {
        if self.deviated {
            return;
        }
        let nothing: Option<&str> = None;
        let held = Path::new(path).exists();
        if held {
            // A mount point can't be unlinked.
            mount(Some(path), path, nothing, MsFlags::MS_BIND, nothing)
                .expect("a bind mount is possible");
        }
        action(self);
        if held {
            umount2(path, MntFlags::MNT_DETACH).expect("it can be unmounted");
        }
    }

    /// Makes several calls at the same time one step: the addresses that were handed out, sorted.
    pub(crate) fn call_at_once(&mut self, requests: &[Request]) {
        if self.deviated {
            return;
        }
        let mut documents: Vec<String> = std::thread::scope(|scope| {
            let running: Vec<_> = requests
                .iter()
                .map(|request| scope.spawn(|| request.run().stdout))
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().expect("no panic"))
                .collect()
        });
        documents.sort();
        self.step(documents.join("\n"));
    }

    fn step(&mut self, step: String) {
        if let Some(expected) = self.expected {
            self.deviated = expected.get(self.steps.len()) != Some(&step);
        }
        self.steps.push(step);
    }

    /// A delegate that logs how it is called and answers what it is told to.
    fn install_fake(&self) {
        let script = "#!/bin/sh\n/bin/cat > /run/fake.stdin\n\
            { echo \"$CNI_COMMAND $CNI_CONTAINERID $CNI_ARGS\"; /bin/cat /run/fake.stdin; echo; } >> /run/fake.log\n\
            echo 'fake-ipam speaks' >&2\n/bin/cat /run/fake.$CNI_COMMAND\nread status < /run/fake.status.$CNI_COMMAND\nexit $status\n";
        self.host.install_script(FAKE, script);
    }
}

/// How the fake delegate ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fake {
    Succeeds,
    Fails,
}
