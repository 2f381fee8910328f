//! Sysctls by typed paths: no key from a configuration ever becomes a path that leads elsewhere.
//!
//! `/proc/sys/net` is resolved in the namespace of the opening thread, so reading and writing in a container is
//! done by a short visit there.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::str::FromStr;

use nix::errno::Errno;
use thiserror::Error;

use crate::netns::{self, Netns};
use crate::{InterfaceName, IpFamily};

/// A sysctl: the components of its path under `/proc/sys`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sysctl(Vec<String>);

/// A sysctl that cannot be named, read or written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// The text names no sysctl.
    #[error("{key:?} is not the name of a sysctl: {reason}")]
    Name {
        /// The text.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The kernel has no such sysctl, here or for this interface.
    #[error("sysctl {key} does not exist in this kernel or network namespace")]
    Absent {
        /// The sysctl.
        key: Sysctl,
    },
    /// It could not be read.
    #[error("cannot read sysctl {key}")]
    Read {
        /// The sysctl.
        key: Sysctl,
        /// What the system answered.
        #[source]
        errno: Errno,
    },
    /// It could not be written.
    #[error("cannot set sysctl {key} to {value:?}")]
    Write {
        /// The sysctl.
        key: Sysctl,
        /// The value.
        value: String,
        /// What the system answered.
        #[source]
        errno: Errno,
    },
    /// The namespace could not be entered.
    #[error("cannot reach sysctl {key} in the network namespace")]
    Namespace {
        /// The sysctl.
        key: Sysctl,
        /// Why not.
        #[source]
        source: netns::Error,
    },
}

impl Sysctl {
    /// A sysctl from its components, e.g. `["net", "ipv4", "conf", "eth0.100", "arp_notify"]`.
    pub fn new<I>(components: I) -> Result<Self, Error>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let components: Vec<String> = components.into_iter().map(Into::into).collect();
        let reason = if components.is_empty() {
            Some("it is empty")
        } else {
            components.iter().find_map(|component| fault(component))
        };
        match reason {
            Some(reason) => Err(Error::Name {
                key: components.join("/"),
                reason,
            }),
            None => Ok(Self(components)),
        }
    }

    /// `net.ipv4.conf.<link>.<key>` or `net.ipv6.conf.<link>.<key>`; dots in the link's name stay where they are.
    pub fn of_interface(family: IpFamily, link: &InterfaceName, key: &str) -> Result<Self, Error> {
        Self::new(["net", directory(family), "conf", link.as_str(), key])
    }

    /// The components of the path under `/proc/sys`.
    #[must_use]
    pub fn components(&self) -> &[String] {
        &self.0
    }

    /// Whether it belongs to the network namespace (`net.…`), not to the whole host.
    #[must_use]
    pub fn is_network(&self) -> bool {
        self.0.first().is_some_and(|first| first == "net")
    }

    /// The value without the trailing line end, in the namespace of the calling thread.
    pub fn read(&self) -> Result<String, Error> {
        let mut value = String::new();
        let opened = OpenOptions::new().read(true).open(self.path());
        opened
            .and_then(|mut file| file.read_to_string(&mut value))
            .map_err(|error| self.failure(&error, |key, errno| Error::Read { key, errno }))?;
        value.truncate(value.trim_end_matches('\n').len());
        Ok(value)
    }

    /// Sets the value in the namespace of the calling thread, in one write, as the kernel wants it.
    pub fn write(&self, value: &str) -> Result<(), Error> {
        // O_CREAT must not be set: procfs answers it with a misleading EACCES.
        let opened = OpenOptions::new().write(true).open(self.path());
        opened
            .and_then(|mut file| file.write_all(value.as_bytes()))
            .map_err(|error| {
                self.failure(&error, |key, errno| Error::Write {
                    key,
                    value: value.to_owned(),
                    errno,
                })
            })
    }

    /// Sets the value unless it is set already: a read is possible where `/proc/sys` is mounted read-only.
    pub fn ensure(&self, value: &str) -> Result<(), Error> {
        if self.read()? == value {
            Ok(())
        } else {
            self.write(value)
        }
    }

    /// [`Self::read`] in `netns`.
    pub fn read_in(&self, netns: &Netns) -> Result<String, Error> {
        netns
            .run_in(|| self.read())
            .map_err(|source| Error::Namespace {
                key: self.clone(),
                source,
            })?
    }

    /// [`Self::write`] in `netns`.
    pub fn write_in(&self, netns: &Netns, value: &str) -> Result<(), Error> {
        netns
            .run_in(|| self.write(value))
            .map_err(|source| Error::Namespace {
                key: self.clone(),
                source,
            })?
    }

    fn path(&self) -> PathBuf {
        let mut path = PathBuf::from("/proc/sys");
        path.extend(&self.0);
        path
    }

    fn failure(&self, error: &std::io::Error, other: impl FnOnce(Self, Errno) -> Error) -> Error {
        match Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)) {
            Errno::ENOENT | Errno::ENOTDIR => Error::Absent { key: self.clone() },
            errno => other(self.clone(), errno),
        }
    }
}

impl fmt::Display for Sysctl {
    /// With slashes where a component has a dot, as sysctl(8) writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.0.iter().any(|component| component.contains('.')) {
            "/"
        } else {
            "."
        };
        f.write_str(&self.0.join(separator))
    }
}

impl FromStr for Sysctl {
    type Err = Error;

    /// Reads `net.ipv4.ip_forward` and `net/ipv4/conf/eth0.100/arp_notify`.
    ///
    /// As in sysctl(8), the first separator decides, and the other one stands for itself: in the form with dots a slash
    /// is the dot of a name.
    fn from_str(key: &str) -> Result<Self, Error> {
        let with_dots = match (key.find('.'), key.find('/')) {
            (Some(dot), Some(slash)) => dot < slash,
            (dot, _) => dot.is_some(),
        };
        let parsed = if with_dots {
            Self::new(key.split('.').map(|component| component.replace('/', ".")))
        } else {
            Self::new(key.split('/'))
        };
        parsed.map_err(|error| match error {
            Error::Name { reason, .. } => Error::Name {
                key: key.to_owned(),
                reason,
            },
            other => other,
        })
    }
}

fn directory(family: IpFamily) -> &'static str {
    match family {
        IpFamily::V4 => "ipv4",
        IpFamily::V6 => "ipv6",
    }
}

fn fault(component: &str) -> Option<&'static str> {
    match component {
        "" => Some("a component is empty"),
        "." | ".." => Some("it leads out of /proc/sys"),
        _ if component.contains(['/', '\0']) => Some("a component has a '/' or NUL in it"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward")]
    #[case(
        "net/ipv4/conf/eth0.100/arp_notify",
        "/proc/sys/net/ipv4/conf/eth0.100/arp_notify"
    )]
    #[case(
        "net.ipv4.conf.eth0/100.arp_notify",
        "/proc/sys/net/ipv4/conf/eth0.100/arp_notify"
    )]
    #[case("kernel/hostname", "/proc/sys/kernel/hostname")]
    fn both_notations_lead_to_the_file(#[case] key: &str, #[case] path: &str) {
        assert_eq!(key.parse::<Sysctl>().unwrap().path(), PathBuf::from(path));
    }

    #[rstest]
    #[case("")]
    #[case("net..ip_forward")]
    #[case("net/../../etc/passwd")]
    #[case("/etc/passwd")]
    #[case("net.//.kernel")]
    #[case("net.ipv4.\0")]
    fn nothing_leads_out_of_the_tree(#[case] key: &str) {
        assert!(
            matches!(key.parse::<Sysctl>(), Err(Error::Name { .. })),
            "{key:?}"
        );
    }

    #[test]
    fn a_dotted_interface_is_one_component() {
        let link = InterfaceName::new("eth0.100").unwrap();
        let sysctl = Sysctl::of_interface(IpFamily::V6, &link, "accept_dad").unwrap();
        assert_eq!(
            sysctl.components(),
            ["net", "ipv6", "conf", "eth0.100", "accept_dad"]
        );
        assert_eq!(sysctl.to_string(), "net/ipv6/conf/eth0.100/accept_dad");
        assert_eq!(sysctl.to_string().parse::<Sysctl>().unwrap(), sysctl);
    }

    #[test]
    fn a_missing_sysctl_is_told_apart() {
        let sysctl: Sysctl = "net.ipv4.no_such_key".parse().unwrap();
        assert_eq!(
            sysctl.read(),
            Err(Error::Absent {
                key: sysctl.clone()
            })
        );
    }

    proptest! {
        #[test]
        fn every_accepted_key_stays_below_proc_sys(key in "[a-z./]{0,24}") {
            if let Ok(sysctl) = key.parse::<Sysctl>() {
                let path = sysctl.path();
                prop_assert!(path.starts_with("/proc/sys"));
                prop_assert!(path.components().all(|part| part.as_os_str() != ".."));
            }
        }
    }
}
