//! Guards on what the kill matrix rests on, without a trial: checks name mutants that exist, and every requirement
//! that a trial can judge has a check or a reason why it has none. `cni-conform selftest` runs the matrix itself.

use std::collections::BTreeSet;

use cni_conform_core::checks;
use cni_mutants::MUTANTS;
use cni_spec_fixtures::{ALL, Method, Requirement, SpecVersion, Subject, Verdict};

/// Requirements that a trial could judge and no check does, each with the reason.
const OPEN: &[(&str, &str)] = &[
    (
        "cap.port-mappings",
        "needs a plugin whose mappings reach the container: no profile declares that they carry traffic, \
         and the toy only records them",
    ),
    (
        "conf.ipam-routes-01",
        "ipam.routes is a key of the IPAM plugin, and no profile says that its IPAM plugin reads it; \
         delegation/routes-are-installed judges the routes that an IPAM plugin answers",
    ),
    (
        "del.noncritical-errors",
        "needs a plugin whose release step expires by itself, as a DHCP lease does, and a server to stop",
    ),
    (
        "status.external-dependency",
        "needs a service to stop, and no profile names one",
    ),
];

#[test]
fn every_mutant_that_a_check_names_exists() {
    let existing: BTreeSet<&str> = MUTANTS.iter().map(|mutant| mutant.name).collect();
    let unknown: Vec<(&str, &str)> = checks::all()
        .flat_map(|check| check.caught.iter().map(|name| (check.id, *name)))
        .filter(|(_, name)| !existing.contains(name))
        .collect();
    assert!(
        unknown.is_empty(),
        "no mutant of harness/mutants has these names: {unknown:?}"
    );
}

#[test]
fn every_requirement_that_a_trial_can_judge_has_a_check_or_a_reason() {
    let open: BTreeSet<&str> = OPEN.iter().map(|(id, _)| *id).collect();
    let unchecked: Vec<&str> = ALL
        .iter()
        .filter(|requirement| judgeable(requirement) && !has_a_check(requirement))
        .map(|requirement| requirement.id)
        .filter(|id| !open.contains(id))
        .collect();
    assert!(
        unchecked.is_empty(),
        "write a check for these, or add them to OPEN with the reason: {unchecked:?}"
    );
}

#[test]
fn what_stands_open_is_a_judgeable_requirement_without_a_check() {
    let mut seen = BTreeSet::new();
    for (id, reason) in OPEN {
        assert!(seen.insert(id), "{id} stands twice in OPEN");
        assert!(!reason.is_empty(), "{id} has no reason");
        let requirement = cni_spec_fixtures::find(id);
        let requirement = requirement.unwrap_or_else(|| panic!("no requirement is called {id}"));
        assert!(
            judgeable(&requirement),
            "{id} does not need a check; take it out of OPEN"
        );
        assert!(
            !has_a_check(&requirement),
            "{id} has got a check; take it out of OPEN"
        );
    }
}

/// Whether it binds plugins, a trial can observe its violation, and the violation counts in some version.
fn judgeable(requirement: &Requirement) -> bool {
    let binds_plugins = matches!(requirement.subject, Subject::Plugin | Subject::IpamPlugin);
    let observable = match requirement.method {
        Method::Exec | Method::Netns | Method::Tamper | Method::FakeIpam | Method::Chain => true,
        Method::Runtime | Method::Static => false,
    };
    let counts = SpecVersion::ALL.into_iter().any(|version| {
        requirement.in_force(version) && requirement.verdict_in(version) != Verdict::Info
    });
    binds_plugins && observable && counts
}

/// Whether some check judges it in a version in which it counts.
fn has_a_check(requirement: &Requirement) -> bool {
    checks::all().any(|check| {
        SpecVersion::ALL.into_iter().any(|version| {
            check.versions.contains(version)
                && check
                    .judged_in(version)
                    .any(|judged| judged.id == requirement.id)
        })
    })
}
