//! How a check takes away or adds what a plugin or an administrator would, and how it is written down.

use std::net::IpAddr;
use std::path::Path;

use super::{Stop, Trial};
use crate::kernel::{KernelError, alter};
use crate::sandbox::Netns;

/// Which network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// The host's.
    Host,
    /// That of the container of this name.
    Container(&'a str),
}

impl Place<'_> {
    /// Returns the words that run a command there, in a reproducer.
    fn prefix(self) -> String {
        match self {
            Self::Host => String::new(),
            Self::Container(name) => format!("ns {name} "),
        }
    }
}

impl Trial {
    /// Takes a container's network namespace away, as when the container died.
    ///
    /// # Errors
    /// Fails when there is no such container, or its namespace can't be removed.
    pub fn remove_netns(&mut self, container: &str) -> Result<(), Stop> {
        let netns = self
            .containers
            .remove(container)
            .ok_or_else(|| unknown(container))?;
        netns.remove().map_err(|error| Stop::trouble(&error))?;
        self.script.step(&format!("ip netns delete {container}"));
        Ok(())
    }

    /// Makes a symbolic link to a container's network namespace.
    ///
    /// # Errors
    /// Fails when the link can't be made.
    pub fn link_netns(&mut self, container: &str, link: &str) -> Result<(), Stop> {
        let netns = format!("/run/netns/{container}");
        std::os::unix::fs::symlink(&netns, link)
            .map_err(|error| Stop::Trouble(format!("link {link} to {netns}: {error}")))?;
        self.script.step(&format!("ln -s {netns} {link}"));
        Ok(())
    }

    /// Deletes an interface.
    ///
    /// # Errors
    /// Fails when it is not there.
    pub fn delete_link(&mut self, place: Place<'_>, name: &str) -> Result<(), Stop> {
        self.alter(place, &format!("ip link delete {name}"), |netns| {
            alter::delete_link(netns, name)
        })
    }

    /// Adds a veth pair that stays in the namespace.
    ///
    /// # Errors
    /// Fails when the kernel refuses it.
    pub fn add_veth(&mut self, place: Place<'_>, name: &str, peer: &str) -> Result<(), Stop> {
        let step = format!("ip link add {name} type veth peer name {peer}");
        self.alter(place, &step, |netns| alter::add_veth(netns, name, peer))
    }

    /// Brings an interface up or down.
    ///
    /// # Errors
    /// Fails when it is not there.
    pub fn set_link(&mut self, place: Place<'_>, name: &str, up: bool) -> Result<(), Stop> {
        let step = format!("ip link set {name} {}", if up { "up" } else { "down" });
        self.alter(place, &step, |netns| alter::set_link(netns, name, up))
    }

    /// Changes an interface's MAC address.
    ///
    /// # Errors
    /// Fails when it is not there, or the kernel refuses the address.
    pub fn set_mac(&mut self, place: Place<'_>, name: &str, mac: [u8; 6]) -> Result<(), Stop> {
        let text = mac
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<Vec<_>>()
            .join(":");
        self.alter(
            place,
            &format!("ip link set {name} address {text}"),
            |netns| alter::set_mac(netns, name, mac),
        )
    }

    /// Changes an interface's MTU.
    ///
    /// # Errors
    /// Fails when it is not there, or the kernel refuses the MTU.
    pub fn set_mtu(&mut self, place: Place<'_>, name: &str, mtu: u32) -> Result<(), Stop> {
        let step = format!("ip link set {name} mtu {mtu}");
        self.alter(place, &step, |netns| alter::set_mtu(netns, name, mtu))
    }

    /// Adds an address.
    ///
    /// # Errors
    /// Fails when the kernel refuses it.
    pub fn add_address(
        &mut self,
        place: Place<'_>,
        link: &str,
        (ip, prefix): (IpAddr, u8),
    ) -> Result<(), Stop> {
        let step = format!("ip address add {ip}/{prefix} dev {link}");
        self.alter(place, &step, |netns| {
            alter::add_address(netns, link, ip, prefix)
        })
    }

    /// Deletes an address.
    ///
    /// # Errors
    /// Fails when it is not there.
    pub fn delete_address(
        &mut self,
        place: Place<'_>,
        link: &str,
        (ip, prefix): (IpAddr, u8),
    ) -> Result<(), Stop> {
        let step = format!("ip address delete {ip}/{prefix} dev {link}");
        self.alter(place, &step, |netns| {
            alter::delete_address(netns, link, ip, prefix)
        })
    }

    /// Adds a route.
    ///
    /// # Errors
    /// Fails when the kernel refuses it.
    pub fn add_route(
        &mut self,
        place: Place<'_>,
        (ip, prefix): (IpAddr, u8),
        gateway: Option<IpAddr>,
        link: &str,
    ) -> Result<(), Stop> {
        let via = gateway
            .map(|gateway| format!("via {gateway} "))
            .unwrap_or_default();
        let step = format!("ip {}route add {ip}/{prefix} {via}dev {link}", family(ip));
        self.alter(place, &step, |netns| {
            alter::add_route(netns, (ip, prefix), gateway, link)
        })
    }

    /// Deletes a route.
    ///
    /// # Errors
    /// Fails when it is not there.
    pub fn delete_route(
        &mut self,
        place: Place<'_>,
        (ip, prefix): (IpAddr, u8),
        link: &str,
    ) -> Result<(), Stop> {
        let step = format!("ip {}route delete {ip}/{prefix} dev {link}", family(ip));
        self.alter(place, &step, |netns| {
            alter::delete_route(netns, (ip, prefix), link)
        })
    }

    /// Removes everything under a directory of the host, as a reboot or an administrator would.
    ///
    /// # Errors
    /// Fails when an entry can't be removed.
    pub fn empty_directory(&mut self, directory: &str) -> Result<(), Stop> {
        let trouble = |error: std::io::Error| Stop::Trouble(format!("empty {directory}: {error}"));
        for entry in std::fs::read_dir(directory).map_err(trouble)? {
            let path = entry.map_err(trouble)?.path();
            if path.is_dir() {
                std::fs::remove_dir_all(&path)
            } else {
                std::fs::remove_file(&path)
            }
            .map_err(trouble)?;
        }
        self.script.step(&format!("rm -rf {directory}/*"));
        Ok(())
    }

    /// Writes a file on the host.
    ///
    /// # Errors
    /// Fails when it can't be written.
    pub fn write_file(&mut self, path: &str, content: &str) -> Result<(), Stop> {
        let trouble = |error: std::io::Error| Stop::Trouble(format!("write {path}: {error}"));
        if let Some(parent) = Path::new(path).parent() {
            std::fs::create_dir_all(parent).map_err(trouble)?;
            self.script.step(&format!("mkdir -p {}", parent.display()));
        }
        std::fs::write(path, content).map_err(trouble)?;
        self.script.write(path, content.as_bytes());
        Ok(())
    }

    /// Makes a file of the host impossible to remove or to replace, root or not: it becomes a mount point.
    ///
    /// # Errors
    /// Fails when the kernel refuses the mount.
    pub fn pin_file(&mut self, path: &Path) -> Result<(), Stop> {
        crate::sandbox::pin(path).map_err(|error| Stop::trouble(&error))?;
        let word = path.display();
        self.script.step(&format!("mount --bind '{word}' '{word}'"));
        Ok(())
    }

    /// Undoes [`Trial::pin_file`].
    ///
    /// # Errors
    /// Fails when the file is not pinned.
    pub fn unpin_file(&mut self, path: &Path) -> Result<(), Stop> {
        crate::sandbox::unpin(path).map_err(|error| Stop::trouble(&error))?;
        self.script.step(&format!("umount '{}'", path.display()));
        Ok(())
    }

    fn alter(
        &mut self,
        place: Place<'_>,
        step: &str,
        change: impl FnOnce(&Netns) -> Result<(), KernelError>,
    ) -> Result<(), Stop> {
        let netns = match place {
            Place::Host => &self.host,
            Place::Container(name) => self.containers.get(name).ok_or_else(|| unknown(name))?,
        };
        change(netns).map_err(|error| Stop::trouble(&error))?;
        self.script.step(&format!("{}{step}", place.prefix()));
        Ok(())
    }
}

pub(super) fn unknown(container: &str) -> Stop {
    Stop::Trouble(format!("this trial has no container {container}"))
}

const fn family(ip: IpAddr) -> &'static str {
    match ip {
        IpAddr::V4(_) => "",
        IpAddr::V6(_) => "-6 ",
    }
}
