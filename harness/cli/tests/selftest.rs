//! The kill matrix: every check is killed by the mutants that it names and fires on no correct toy.

mod support;

use support::{cni_conform, cni_conform_unprivileged};

#[test]
fn every_check_catches_its_mutants_and_fires_on_no_toy() {
    let ran = cni_conform(&["selftest"]);
    assert_eq!(ran.status, 0, "{}", ran.stdout);
    assert!(ran.stdout.ends_with(" 0 defects\n"), "{}", ran.stdout);
}

/// A sample of each topic: the reproducers of all take a quarter of an hour; `cni-conform selftest --reproducers` does that.
#[test]
fn reproducers_tell_a_mutant_from_a_correct_plugin_without_root() {
    let only = [
        "del/netns-*",
        "add/two-*",
        "check/address-*",
        "chain/acts-*",
        "version/echoes",
        "error/on-stdout",
    ];
    let mut arguments = vec!["selftest", "--reproducers"];
    for glob in only {
        arguments.extend(["--only", glob]);
    }
    let ran = cni_conform_unprivileged(&arguments);
    assert_eq!(ran.status, 0, "{ran:?}");
}
