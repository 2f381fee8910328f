//! What befalls a host between ADD and DEL: containers die, somebody flushes the rules, a reboot empties /var/lib.
//!
//! Single objects are taken away in `sabotage`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::attachment::Attached;
use super::sabotage::{Place, unknown};
use super::{Stop, Trial};
use crate::kernel::alter;

/// Where plugins keep what has to outlive a call; a profile may name more.
const STATE: &str = "/var/lib/cni";

impl Trial {
    /// Lets a container die: its veths go, and the host's ends with them, then its network namespace.
    ///
    /// The kernel does the same some time after the last process of a namespace; here it is done at once, so
    /// that nothing depends on when. Other kinds have no end on the host that could be seen to linger.
    ///
    /// # Errors
    /// Fails when there is no such container, or the kernel refuses.
    pub fn container_dies(&mut self, container: &str) -> Result<(), Stop> {
        // Deleting one end of a pair takes the other with it, hence the fresh look each time.
        while let Some(link) = self
            .look(container)?
            .links
            .into_iter()
            .find(|link| link.kind == "veth")
        {
            self.delete_link(Place::Container(container), &link.name)?;
        }
        self.remove_netns(container)
    }

    /// Flushes every packet filter rule of the host, as a firewall that is reloaded does.
    ///
    /// # Errors
    /// Fails when nft can't be run, and when the host has no rule that could be flushed.
    pub fn flush_rules(&mut self) -> Result<(), Stop> {
        let before = self.snapshot("before the rules are flushed")?;
        if before.nftables.is_empty() && before.legacy_iptables.is_empty() {
            return Err(Stop::Trouble(
                "flush the host's rules: neither nft nor iptables-legacy shows any".to_owned(),
            ));
        }
        command("nft", &["flush", "ruleset"])?;
        self.script.step("nft flush ruleset");
        for (names, tool) in [
            ("/proc/net/ip_tables_names", "iptables-legacy"),
            ("/proc/net/ip6_tables_names", "ip6tables-legacy"),
        ] {
            for table in fs::read_to_string(names).unwrap_or_default().lines() {
                command(tool, &["-w", "-t", table, "-F"])?;
                self.script.step(&format!("{tool} -w -t {table} -F"));
            }
        }
        Ok(())
    }

    /// Empties the directories in which plugins keep state, as a reboot of a host with a volatile /var does.
    ///
    /// # Errors
    /// Fails when an entry can't be removed.
    pub fn lose_state(&mut self) -> Result<(), Stop> {
        let own = self.profile.state.clone();
        let own = own.iter().map(|path| path.display().to_string());
        for directory in std::iter::once(STATE.to_owned()).chain(own) {
            if Path::new(&directory).is_dir() {
                self.empty_directory(&directory)?;
            }
        }
        Ok(())
    }

    /// Returns the host's ends of an attachment: veths that its result lists outside the container.
    ///
    /// # Errors
    /// Fails when the kernel can't be asked.
    pub fn host_ends(&self, attached: &Attached) -> Result<Vec<String>, Stop> {
        let host = self.look_at_host()?;
        let listed = attached.result.get("interfaces").and_then(Value::as_array);
        let is_host = |interface: &&Value| {
            interface
                .get("sandbox")
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
        };
        Ok(listed
            .into_iter()
            .flatten()
            .filter(is_host)
            .filter_map(|interface| interface.get("name")?.as_str())
            .filter(|name| host.link(name).is_some_and(|link| link.kind == "veth"))
            .map(str::to_owned)
            .collect())
    }

    /// Keeps an interface's MAC address in the script's variable `mac`, for [`Request::previous_edited`].
    ///
    /// [`Request::previous_edited`]: super::Request::previous_edited
    pub fn note_mac(&mut self, container: &str, name: &str) {
        self.script.step(&format!(
            "mac=$(ns {container} ip -o link show {name} | sed 's/.*link.ether \\([0-9a-f:]*\\).*/\\1/')"
        ));
    }

    /// Brings the host's end of an attachment up or down.
    ///
    /// # Errors
    /// Fails when it is not there.
    pub fn set_host_end(&mut self, end: &str, of: &Attached, up: bool) -> Result<(), Stop> {
        alter::set_link(&self.host, end, up).map_err(|error| Stop::trouble(&error))?;
        let peer = format!("\"$(peer {})\"", of.attachment.container);
        let state = if up { "up" } else { "down" };
        self.script.step(&format!("ip link set {peer} {state}"));
        Ok(())
    }

    /// Moves the host's end of an attachment into another container.
    ///
    /// # Errors
    /// Fails when either is not there, or the kernel refuses.
    pub fn abduct_host_end(&mut self, end: &str, of: &Attached, into: &str) -> Result<(), Stop> {
        let to = self.containers.get(into).ok_or_else(|| unknown(into))?;
        alter::move_link(&self.host, end, to).map_err(|error| Stop::trouble(&error))?;
        // The name may be a random one, so that the script has to find it by its peer.
        let peer = format!("\"$(peer {})\"", of.attachment.container);
        self.script
            .step(&format!("ip link set {peer} netns {into}"));
        Ok(())
    }

    /// Takes the host's end of an attachment out of its bridge.
    ///
    /// # Errors
    /// Fails when it is not there, or the kernel refuses.
    pub fn detach_host_end(&mut self, end: &str, of: &Attached) -> Result<(), Stop> {
        alter::release_port(&self.host, end).map_err(|error| Stop::trouble(&error))?;
        let peer = format!("\"$(peer {})\"", of.attachment.container);
        self.script.step(&format!("ip link set {peer} nomaster"));
        Ok(())
    }
}

/// Runs a tool on the host.
fn command(tool: &str, arguments: &[&str]) -> Result<(), Stop> {
    let what = || format!("run {tool} {}", arguments.join(" "));
    let output = Command::new(tool)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Stop::Trouble(format!("{}: {error}", what())))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(Stop::Trouble(format!(
        "{}: {}",
        what(),
        complaint.trim().replace('\n', "; ")
    )))
}
