//! The toys by name, and the way in: argv[0] selects the toy and its faults.
//!
//! No environment variable and no configuration key takes part, because those belong to the plugin under test.

use std::{ffi::OsStr, path::Path, process::ExitCode};

use crate::{
    chained::Chained,
    fault::{Faults, Mutant},
    interface::InterfaceToy,
    ipam::Ipam,
    loopback::Loopback,
    protocol::{Plugin, refuse, serve},
};

/// The kind of plugin that a toy stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Creates the container's interface and delegates addresses to an IPAM plugin.
    Interface,
    /// Adjusts an interface that a plugin before it in the list created.
    Chained,
    /// Hands out addresses.
    Ipam,
    /// Brings the loopback interface up.
    Loopback,
}

/// A correct plugin of one kind.
#[derive(Clone, Copy)]
pub struct Toy {
    /// The name that selects it, for example `toy-ipam`.
    pub name: &'static str,
    /// What it stands for.
    pub kind: Kind,
    pub(crate) plugin: &'static (dyn Plugin + Sync),
}

impl Toy {
    /// Returns the file name under which this toy runs with that mutant's defect.
    pub fn with(&self, mutant: &Mutant) -> String {
        format!("{}+{}", self.name, mutant.name)
    }
}

impl std::fmt::Debug for Toy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

/// Every toy, one of each kind.
pub const TOYS: &[Toy] = &[
    Toy {
        name: "toy-interface",
        kind: Kind::Interface,
        plugin: &InterfaceToy,
    },
    Toy {
        name: "toy-chained",
        kind: Kind::Chained,
        plugin: &Chained,
    },
    Toy {
        name: "toy-ipam",
        kind: Kind::Ipam,
        plugin: &Ipam,
    },
    Toy {
        name: "toy-loopback",
        kind: Kind::Loopback,
        plugin: &Loopback,
    },
];

/// The name of the process that `leaves-child-holding-stdout` leaves behind.
pub(crate) const LINGERER: &str = "toy-lingering-child";

/// Runs the toy that the file name of `argv0` selects ("toy-ipam", "toy-ipam+fault", "toy-ipam+one+two") and
/// returns its exit status; `None` when it names no toy. A toy with an unknown fault answers with a CNI error.
pub fn run(argv0: &OsStr) -> Option<ExitCode> {
    let file_name = Path::new(argv0).file_name()?.to_str()?;
    if file_name == LINGERER {
        std::thread::sleep(std::time::Duration::from_secs(20));
        return Some(ExitCode::SUCCESS);
    }
    let mut parts = file_name.split('+');
    let name = parts.next()?;
    let toy = TOYS.iter().find(|toy| toy.name == name)?;
    match Faults::named(parts) {
        Ok(faults) => Some(serve(toy, faults)),
        Err(unknown) => Some(refuse(&unknown.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_toy_runs_nothing() {
        for argv0 in ["cni-conform", "/opt/toy", "toy-bridge+del-noop", "", "/"] {
            assert!(run(OsStr::new(argv0)).is_none(), "{argv0}");
        }
    }

    #[test]
    fn toys_have_one_of_each_kind() {
        for kind in [Kind::Interface, Kind::Chained, Kind::Ipam, Kind::Loopback] {
            assert_eq!(
                TOYS.iter().filter(|toy| toy.kind == kind).count(),
                1,
                "{kind:?}"
            );
        }
    }
}
