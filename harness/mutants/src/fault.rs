//! What a mutant is, and the set of faults that one process runs with.
//!
//! The mutants themselves are in `catalogue`; the place where each deviates is the one `faults.has(…)` that names it.

use crate::{
    catalogue::{Fault, MUTANTS},
    toy::{Kind, TOYS, Toy},
};

/// The toys that a fault can be switched on for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The fault is in the protocol code that all toys share.
    Any,
    /// Only `toy-interface`.
    Interface,
    /// Only `toy-chained`.
    Chained,
    /// Only `toy-ipam`.
    Ipam,
    /// Only `toy-loopback`.
    Loopback,
    /// The toys of these kinds.
    Several(&'static [Kind]),
}

impl Base {
    /// Says whether the fault makes a difference in the toy of that kind.
    pub fn includes(self, kind: Kind) -> bool {
        match self {
            Self::Any => true,
            Self::Interface => kind == Kind::Interface,
            Self::Chained => kind == Kind::Chained,
            Self::Ipam => kind == Kind::Ipam,
            Self::Loopback => kind == Kind::Loopback,
            Self::Several(kinds) => kinds.contains(&kind),
        }
    }
}

/// A correct toy with one defect.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The fault's name, as it follows the `+` in argv[0].
    pub name: &'static str,
    /// The toys that have this fault.
    pub base: Base,
    /// What it does wrong.
    pub defect: &'static str,
    /// The requirements that it violates, by slug.
    pub violates: &'static [&'static str],
    pub(crate) fault: Fault,
}

impl Mutant {
    /// Returns the toys that have this fault.
    pub fn toys(&self) -> impl Iterator<Item = &'static Toy> {
        let base = self.base;
        TOYS.iter().filter(move |toy| base.includes(toy.kind))
    }
}

/// A fault name that no mutant has.
#[derive(Debug, thiserror::Error)]
#[error("no mutant is called {name:?}; the program cni-mutants lists them all")]
pub(crate) struct UnknownFault {
    name: String,
}

/// The faults that this process runs with; none for a correct toy.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    switched_on: [u64; 4],
}

impl Faults {
    /// Switches on the faults of these names.
    pub(crate) fn named<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, UnknownFault> {
        let mut faults = Self::default();
        for name in names {
            let mutant = MUTANTS.iter().find(|mutant| mutant.name == name);
            let mutant = mutant.ok_or_else(|| UnknownFault {
                name: name.to_owned(),
            })?;
            let (word, bit) = place(mutant.fault);
            faults.switched_on[word] |= bit;
        }
        Ok(faults)
    }

    /// Says whether the fault is switched on.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        let (word, bit) = place(fault);
        self.switched_on[word] & bit != 0
    }
}

fn place(fault: Fault) -> (usize, u64) {
    let number = fault as usize;
    (number / 64, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_mutant_has_a_name_of_its_own_that_fits_a_file_name() {
        let mut names = BTreeSet::new();
        for mutant in MUTANTS {
            assert!(names.insert(mutant.name), "{} occurs twice", mutant.name);
            assert!(
                mutant
                    .name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
                "{}",
                mutant.name
            );
        }
    }

    #[test]
    fn every_mutant_violates_requirements_that_the_catalogue_has() {
        for mutant in MUTANTS {
            assert!(!mutant.violates.is_empty(), "{}", mutant.name);
            for slug in mutant.violates {
                assert!(
                    cni_spec_fixtures::find(slug).is_some(),
                    "{} violates {slug:?}, which no requirement is called",
                    mutant.name
                );
            }
        }
    }

    #[test]
    fn a_set_of_faults_holds_what_was_named_and_nothing_else() {
        assert!(MUTANTS.len() <= 256, "the set holds 256 faults");
        for mutant in MUTANTS {
            let faults = Faults::named([mutant.name].into_iter()).expect("a known name");
            for other in MUTANTS {
                assert_eq!(
                    faults.has(other.fault),
                    other.name == mutant.name,
                    "{} {}",
                    mutant.name,
                    other.name
                );
            }
        }
    }

    #[test]
    fn an_unknown_fault_is_refused_by_name() {
        let refused = Faults::named(["no-such-fault"].into_iter()).expect_err("unknown");
        assert!(refused.to_string().contains("no-such-fault"));
    }
}
