//! Checks × subjects × versions → what is run and what does not apply. Pure: no I/O, no clock.

use cni_conform_report::Lack;
use cni_spec_fixtures::SpecVersion;

use crate::check::{Check, Feature};
use crate::subject::Subject;

/// One cell of the matrix.
#[derive(Debug)]
pub(crate) struct Cell {
    /// Index of the subject.
    pub(crate) subject: usize,
    /// The check.
    pub(crate) check: &'static Check,
    /// The version.
    pub(crate) version: SpecVersion,
    /// Why it does not apply; `None` when it is to be run.
    pub(crate) inapplicable: Option<String>,
}

/// A subject with what is known of it before any check.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    /// The plugin.
    pub(crate) subject: &'a Subject,
    /// The versions that its VERSION reply claims.
    pub(crate) claims: &'a [SpecVersion],
    /// What the machine lacks of what its profile asks for.
    pub(crate) lacks: Vec<String>,
    /// What the machine lacks altogether.
    pub(crate) machine_lacks: &'a [Lack],
}

/// Lays out every cell in a fixed order: subjects as given, checks by id, versions ascending.
/// A check and version that judge nothing together are no cell at all.
pub(crate) fn plan(
    candidates: &[Candidate<'_>],
    checks: &[&'static Check],
    versions: &[SpecVersion],
) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (subject, candidate) in candidates.iter().enumerate() {
        for check in checks {
            for version in versions {
                if !check.versions.contains(*version) || check.judged_in(*version).next().is_none()
                {
                    continue;
                }
                let inapplicable = inapplicable(candidate, check, *version);
                cells.push(Cell {
                    subject,
                    check,
                    version: *version,
                    inapplicable,
                });
            }
        }
    }
    cells
}

fn inapplicable(candidate: &Candidate<'_>, check: &Check, version: SpecVersion) -> Option<String> {
    if let Some(lack) = candidate.lacks.first() {
        return Some(format!("this machine lacks {lack}, which the plugin needs"));
    }
    if !candidate.claims.contains(&version) {
        return Some(format!(
            "the plugin's VERSION reply does not list {version}"
        ));
    }
    if let Some(feature) = check
        .needs
        .iter()
        .find(|feature| !candidate.subject.profile.has(**feature))
    {
        return Some(missing_feature(*feature).to_owned());
    }
    check
        .needs
        .iter()
        .filter_map(|feature| feature.tool())
        .find(|tool| {
            candidate
                .machine_lacks
                .iter()
                .any(|lack| lack.what == *tool)
        })
        .map(|tool| format!("this machine lacks {tool}, without which the check sees nothing"))
}

const fn missing_feature(feature: Feature) -> &'static str {
    match feature {
        Feature::CreatesInterface => "the plugin does not create the container's interface",
        Feature::Chained => "the plugin does not change what an earlier plugin made",
        Feature::Ipam => "the plugin does not allocate addresses for others",
        Feature::Loopback => "the plugin is not a loopback plugin",
        Feature::EntersContainer => "the plugin does not work inside the container",
        Feature::Addresses => "the profile does not say that results list addresses",
        Feature::Routes => "the profile does not say that results list routes",
        Feature::Delegates => "the profile does not say that the plugin delegates",
        Feature::WorksAlone => "the profile says that the plugin delegates",
        Feature::Configurable => "the profile's configuration has no key of the plugin's own",
        Feature::HostInterface => "the profile does not say that the plugin makes a host interface",
        Feature::ChecksState => {
            "the profile does not say that CHECK compares prevResult with what is there"
        }
        Feature::Allocates => "the profile does not say that addresses come out of a pool",
        Feature::Database => {
            "the profile does not say that the plugin needs neither namespace nor interface"
        }
        Feature::ChangesKernel => {
            "the profile does not say that its configuration changes what the kernel shows"
        }
        Feature::Masquerades => "the profile does not say that the plugin masquerades",
        Feature::Capabilities => "the profile's configuration has no capabilities",
        Feature::HostState => "the plugin leaves nothing on the host",
        Feature::FilePerAttachment => {
            "the profile does not say that the plugin keeps files for each attachment"
        }
        Feature::RequestedAddresses => {
            "the profile does not say that the plugin hands out the addresses it is asked for"
        }
        Feature::MacCapability => "the profile does not say that the plugin has the mac capability",
        Feature::PortMappings => {
            "the profile does not say that the plugin has the portMappings capability"
        }
    }
}
