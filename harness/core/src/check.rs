//! What a check is. A check is data plus one function; whether it applies is data, settled before it runs.

use cni_spec_fixtures::{Requirement, SpecVersion};
use serde::{Deserialize, Serialize};

use crate::trial::{Stop, Trial};

/// One judgement that the harness can pass on a plugin.
#[derive(Debug)]
pub struct Check {
    /// Permanent id, `topic/what-holds`; never a number, never reused.
    pub id: &'static str,
    /// What holds when the check passes, as a sentence.
    pub title: &'static str,
    /// Requirements that it judges. Only those in force in the version under test count.
    pub proves: &'static [Requirement],
    /// Spec versions in which it makes sense.
    pub versions: Versions,
    /// Features without which it makes no sense; all of them.
    pub needs: &'static [Feature],
    /// Mutants that it catches, at least one; the kill matrix runs them.
    pub caught: &'static [&'static str],
    /// The check itself. It records findings through the trial and stops early only when it can't go on.
    pub run: fn(&mut Trial) -> Result<(), Stop>,
}

/// A range of spec versions, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The first.
    pub first: SpecVersion,
    /// The last.
    pub last: SpecVersion,
}

/// What a plugin does, as its profile declares it. Checks name the features they need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// Creates CNI_IFNAME in the container. Given by `kind = "interface"`.
    CreatesInterface,
    /// Changes the interface that an earlier plugin of the list created. Given by `kind = "chained"`.
    Chained,
    /// Allocates addresses for the plugin that calls it. Given by `kind = "ipam"`.
    Ipam,
    /// Brings up the container's loopback device. Given by `kind = "loopback"`.
    Loopback,
    /// Works on an interface inside the container. Given by every kind but `ipam`.
    EntersContainer,
    /// Its result lists addresses. Given by `kind = "ipam"`, declared by the others.
    Addresses,
    /// Its result lists routes with the profile's configuration.
    Routes,
    /// Delegates to the IPAM plugin that its configuration names.
    Delegates,
    /// Works without another plugin. Given where `delegates` is not declared.
    WorksAlone,
    /// Has a configuration of its own. Given where the profile's configuration has keys that it alone defines.
    Configurable,
    /// Creates the host's end of the attachment as well.
    HostInterface,
    /// CHECK compares what prevResult lists with what is there.
    ChecksState,
    /// Every attachment gets addresses of its own out of a pool, and gives them back.
    Allocates,
    /// An IPAM plugin that lives on its own records: neither the namespace nor the interface need exist.
    Database,
    /// With the profile's configuration ADD changes something that the kernel shows.
    ChangesKernel,
    /// Masquerades on the host when its configuration says `ipMasq = true`.
    Masquerades,
    /// Acts on runtimeConfig. Given by a configuration with `capabilities`.
    Capabilities,
    /// Leaves something on the host for an attachment: an interface, rules, a reservation, a file.
    /// Given by every kind but `loopback`.
    HostState,
    /// Keeps files of its own for each attachment on the host. Declared by IPAM plugins.
    FilePerAttachment,
    /// Hands out the addresses that `runtimeConfig.ips`, `args.cni.ips` or `IP` in CNI_ARGS ask for.
    RequestedAddresses,
    /// Sets the hardware address that `runtimeConfig.mac` asks for.
    MacCapability,
    /// Takes `runtimeConfig.portMappings`.
    PortMappings,
}

impl Feature {
    /// Returns the tool, as the probe names it, without which the harness can neither see nor change what the
    /// feature makes.
    #[must_use]
    pub const fn tool(self) -> Option<&'static str> {
        match self {
            Self::Masquerades => Some("nft"),
            _ => None,
        }
    }
}

impl Versions {
    /// All seven.
    pub const ALL: Self = Self {
        first: SpecVersion::V0_1_0,
        last: SpecVersion::V1_1_0,
    };
    /// From 0.2.0, which brought VERSION.
    pub const WITH_VERSION: Self = Self {
        first: SpecVersion::V0_2_0,
        last: SpecVersion::V1_1_0,
    };
    /// From 0.3.0, which brought lists, prevResult and the result of interfaces and addresses.
    pub const WITH_INTERFACES: Self = Self {
        first: SpecVersion::V0_3_0,
        last: SpecVersion::V1_1_0,
    };
    /// From 0.4.0, which brought CHECK.
    pub const WITH_CHECK: Self = Self {
        first: SpecVersion::V0_4_0,
        last: SpecVersion::V1_1_0,
    };
    /// From 1.0.0.
    pub const SINCE_1_0: Self = Self {
        first: SpecVersion::V1_0_0,
        last: SpecVersion::V1_1_0,
    };
    /// From 1.1.0, which brought STATUS and GC.
    pub const WITH_GC: Self = Self {
        first: SpecVersion::V1_1_0,
        last: SpecVersion::V1_1_0,
    };

    /// Returns the range that ends with `last`.
    #[must_use]
    pub const fn until(last: SpecVersion) -> Self {
        Self {
            first: SpecVersion::V0_1_0,
            last,
        }
    }

    /// Tells whether the range holds a version.
    #[must_use]
    pub fn contains(self, version: SpecVersion) -> bool {
        self.first <= version && version <= self.last
    }
}

impl Check {
    /// Returns the requirements that the check judges in a version: those in force there whose violation counts.
    pub fn judged_in(&self, version: SpecVersion) -> impl Iterator<Item = &'static Requirement> {
        self.proves.iter().filter(move |requirement| {
            requirement.in_force(version)
                && requirement.verdict_in(version) != cni_spec_fixtures::Verdict::Info
        })
    }

    /// Returns the topic: the part of the id before the slash.
    #[must_use]
    pub fn topic(&self) -> &'static str {
        self.id.split_once('/').map_or(self.id, |(topic, _)| topic)
    }
}
