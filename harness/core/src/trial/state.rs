//! Looking at the throwaway host: the kernel's objects, files and processes.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::judge::Proof;
use super::sabotage::{Place, unknown};
use super::{Stop, Trial};
use crate::kernel::{NamespaceState, Snapshot, difference, growth, read};
use crate::world;
use cni_spec_fixtures::Requirement;

/// How long a packet may take to come back. Nothing in a sandbox is further away than a few microseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Directories in which plugins keep state.
const STATE: [&str; 3] = ["/run", "/var/lib/cni", "/tmp"];

/// What the harness itself keeps there.
const OWN: [&str; 4] = [
    "/run/cni-conform",
    "/run/netns",
    "/run/.machine",
    "/run/xtables.lock",
];

/// Sysctls that plugins write for the whole host.
const SYSCTLS: [&str; 3] = [
    "net/ipv4/ip_forward",
    "net/ipv6/conf/all/forwarding",
    "net/ipv4/conf/all/route_localnet",
];

impl Trial {
    /// Returns the state of a container's network namespace.
    ///
    /// # Errors
    /// Fails when the trial has no such container, or the kernel can't be asked.
    pub fn look(&self, container: &str) -> Result<NamespaceState, Stop> {
        let netns = self
            .containers
            .get(container)
            .ok_or_else(|| unknown(container))?;
        read(netns).map_err(|error| Stop::trouble(&error))
    }

    /// Tells whether a container's network namespace is where the harness put it.
    ///
    /// # Errors
    /// Fails when the trial has no such container.
    pub fn netns_is_in_place(&self, container: &str) -> Result<bool, Stop> {
        let netns = self.containers.get(container);
        Ok(netns.ok_or_else(|| unknown(container))?.is_in_place())
    }

    /// Tells whether the host has something at a path.
    #[must_use]
    pub fn path_exists(&self, path: &Path) -> bool {
        path.symlink_metadata().is_ok()
    }

    /// Returns the state of the host's network namespace.
    ///
    /// # Errors
    /// Fails when the kernel can't be asked.
    pub fn look_at_host(&self) -> Result<NamespaceState, Stop> {
        read(&self.host).map_err(|error| Stop::trouble(&error))
    }

    /// Returns everything that a plugin may have changed, and names the moment for [`Proof::Differs`].
    ///
    /// # Errors
    /// Fails when the kernel can't be asked.
    pub fn snapshot(&mut self, moment: &'static str) -> Result<Snapshot, Stop> {
        let mut containers = BTreeMap::new();
        for name in self.containers.keys() {
            // A plugin that unmounted the namespace leaves a plain file behind; the snapshot shows it absent.
            if is_namespace(&Path::new("/run/netns").join(name)) {
                containers.insert(name.clone(), self.look(name)?);
            }
        }
        let mut files = BTreeMap::new();
        let own_state = self.profile.state.clone();
        for directory in STATE.iter().map(PathBuf::from).chain(own_state) {
            list_files(&directory, &mut files);
        }
        let sysctls = SYSCTLS
            .iter()
            .filter_map(|key| {
                Some((
                    key.replace('/', "."),
                    fs::read_to_string(format!("/proc/sys/{key}"))
                        .ok()?
                        .trim()
                        .to_owned(),
                ))
            })
            .collect();
        self.script.record_state(moment);
        Ok(Snapshot {
            host: self.look_at_host()?,
            containers,
            nftables: output_lines("nft", &["--stateless", "list", "ruleset"]),
            legacy_iptables: legacy_iptables(),
            files,
            sysctls,
            processes: processes(),
        })
    }

    /// Returns the host's rules that masquerade, nftables and iptables alike.
    ///
    /// # Errors
    /// Fails when `nft` is not installed: without it there is nothing to see, which proves nothing.
    pub fn masquerading_rules(&self) -> Result<Vec<String>, Stop> {
        let listed = Command::new("nft")
            .args(["--stateless", "list", "ruleset"])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| {
                Stop::Trouble(format!("run nft: {error}; install the package nftables"))
            })?;
        let mut rules: Vec<String> = String::from_utf8_lossy(&listed.stdout)
            .lines()
            .map(|line| line.trim().to_owned())
            .collect();
        rules.extend(legacy_iptables());
        rules.retain(|rule| rule.to_lowercase().contains("masquerade"));
        Ok(rules)
    }

    /// Expects that nothing changed between two moments.
    pub fn expect_unchanged(
        &mut self,
        requirement: &Requirement,
        (before, then): (&Snapshot, &'static str),
        (after, now): (&Snapshot, &'static str),
        what: &str,
    ) -> bool {
        let lines = difference(before, after);
        let actual = format!(
            "{} objects differ: {}",
            lines.len(),
            lines.first().cloned().unwrap_or_default()
        );
        let held = lines.is_empty();
        if !held && requirement.in_force(self.version) && self.difference.is_none() {
            self.difference = Some(lines);
        }
        self.expect(requirement, held, what, actual, Proof::Differs(then, now))
    }

    /// Expects that nothing is there at the second moment that was not there at the first.
    pub fn expect_no_growth(
        &mut self,
        requirement: &Requirement,
        (before, then): (&Snapshot, &'static str),
        (after, now): (&Snapshot, &'static str),
        what: &str,
    ) -> bool {
        let lines = growth(before, after);
        let actual = format!(
            "{} objects more: {}",
            lines.len(),
            lines.first().cloned().unwrap_or_default()
        );
        let held = lines.is_empty();
        if !held && requirement.in_force(self.version) && self.difference.is_none() {
            self.difference = Some(lines);
        }
        self.expect(requirement, held, what, actual, Proof::Grows(then, now))
    }

    /// Expects that everything there was at one moment is still there at another; what is new does not matter.
    pub fn expect_nothing_lost(
        &mut self,
        requirement: &Requirement,
        (before, then): (&Snapshot, &'static str),
        (after, now): (&Snapshot, &'static str),
        what: &str,
    ) -> bool {
        let lines = difference(before, after);
        let lost: Vec<&String> = lines.iter().filter(|line| line.starts_with('-')).collect();
        let held = lost.is_empty();
        let actual = format!(
            "{} objects are gone or changed: {}",
            lost.len(),
            lost.first().copied().cloned().unwrap_or_default()
        );
        if !held && requirement.in_force(self.version) && self.difference.is_none() {
            self.difference = Some(lines);
        }
        let proof = Proof::Shell(format!(
            "diff $work/state-{} $work/state-{} | grep -q '^<'",
            then.replace(' ', "-"),
            now.replace(' ', "-")
        ));
        self.expect(requirement, held, what, actual, proof)
    }

    /// Asks a server, from a place, which source address it sees. `None` when no answer comes.
    ///
    /// # Errors
    /// Fails when the namespace can't be entered.
    pub fn ask(&self, from: Place<'_>, server: IpAddr) -> Result<Option<String>, Stop> {
        let netns = match from {
            Place::Host => &self.host,
            Place::Container(name) => self.containers.get(name).ok_or_else(|| unknown(name))?,
        };
        netns
            .run(|| world::ask(server, PATIENCE).ok())
            .map_err(|error| Stop::trouble(&error))
    }

    /// Starts the answering servers in a container or on the host.
    ///
    /// # Errors
    /// Fails when the namespace can't be entered or the port is taken.
    pub fn serve(&self, at: Place<'_>) -> Result<(), Stop> {
        let netns = match at {
            Place::Host => &self.host,
            Place::Container(name) => self.containers.get(name).ok_or_else(|| unknown(name))?,
        };
        netns
            .run(world::serve)
            .map_err(|error| Stop::trouble(&error))?
            .map_err(|error| Stop::Trouble(format!("listen in {at:?}: {error}")))
    }
}

/// Tells whether a path is a mounted namespace and not a leftover file.
fn is_namespace(path: &Path) -> bool {
    nix::sys::statfs::statfs(path)
        .is_ok_and(|found| found.filesystem_type() == nix::sys::statfs::NSFS_MAGIC)
}

fn list_files(directory: &Path, files: &mut BTreeMap<PathBuf, u64>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if OWN.iter().any(|own| path.starts_with(own)) {
            continue;
        }
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => list_files(&path, files),
            Ok(metadata) => drop(files.insert(path, metadata.len())),
            Err(_) => {}
        }
    }
}

/// Returns what a tool prints, or nothing where it is not installed; the probe names that.
fn output_lines(tool: &str, arguments: &[&str]) -> Vec<String> {
    Command::new(tool)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map(|output| {
            String::from_utf8_lossy(&output.stdout)
                .lines()
                .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default()
}

/// The legacy tables are asked only where the kernel says that there are any: asking would create them.
fn legacy_iptables() -> Vec<String> {
    let mut lines = Vec::new();
    for (names, tool) in [
        ("ip_tables_names", "iptables-legacy-save"),
        ("ip6_tables_names", "ip6tables-legacy-save"),
    ] {
        let tables = fs::read_to_string(format!("/proc/net/{names}")).unwrap_or_default();
        if !tables.trim().is_empty() {
            lines.extend(output_lines(tool, &[]));
        }
    }
    lines
}

/// Returns the commands of the sandbox's processes other than the harness (PID 1) and its tools.
fn processes() -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // Field 3, after the parenthesised command, is the state; a zombie is not a process that runs.
        let zombie = stat
            .rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'));
        if pid != 1 && !zombie {
            let command = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            found.push(command.trim().to_owned());
        }
    }
    found.sort();
    found
}
