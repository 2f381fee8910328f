//! Every mutant deviates from its toy: the same scenario, another step.
//!
//! Which check of the harness notices is the kill matrix's business; here it is proved that there is something to notice.

use cni_mutants::{Kind, MUTANTS, Mutant};

use crate::{
    observer::Observer,
    sandbox::{Host, on_a_fresh_host},
    scenarios,
};

/// The mutants of that kind whose first violated requirement is of one of these areas all deviate in the scenario.
fn all_deviate(host: &Host, kind: Kind, areas: &[&str], scenario: fn(&mut Observer<'_>)) {
    let toy = cni_mutants::TOYS
        .iter()
        .find(|toy| toy.kind == kind)
        .expect("a toy of each kind");
    let expected = Observer::record(host, toy.name, scenario);
    let again = Observer::record(host, toy.name, scenario);
    for (step, (once, twice)) in expected.iter().zip(&again).enumerate() {
        assert_eq!(
            once, twice,
            "step {step} of the correct toy is not the same every time"
        );
    }
    let chosen: Vec<&Mutant> = MUTANTS
        .iter()
        .filter(|mutant| belongs(mutant, kind, areas))
        .collect();
    assert!(!chosen.is_empty(), "no mutant of {kind:?} for {areas:?}");
    let same: Vec<&str> = chosen
        .iter()
        .filter(|mutant| {
            Observer::deviation(host, &toy.with(mutant), &expected, scenario).is_none()
        })
        .map(|mutant| mutant.name)
        .collect();
    assert!(
        same.is_empty(),
        "these mutants behave like {}: {same:?}",
        toy.name
    );
}

fn belongs(mutant: &Mutant, kind: Kind, areas: &[&str]) -> bool {
    let area = mutant
        .violates
        .first()
        .and_then(|slug| slug.split('.').next())
        .unwrap_or_default();
    let kinds = [Kind::Interface, Kind::Ipam, Kind::Chained, Kind::Loopback];
    let tested = kinds.into_iter().find(|kind| mutant.base.includes(*kind));
    tested == Some(kind) && areas.contains(&area)
}

macro_rules! deviating {
    ($($test:ident $kind:ident $areas:expr, $scenario:path;)*) => {
        $(
            #[test]
            fn $test() {
                on_a_fresh_host(concat!("mutants::", stringify!($test)), |host| all_deviate(host, Kind::$kind, &$areas, $scenario));
            }
        )*

        #[test]
        fn every_mutant_is_in_one_of_these_tests() {
            for mutant in MUTANTS {
                let tests = [$(belongs(mutant, Kind::$kind, &$areas)),*];
                assert_eq!(tests.iter().filter(|belongs| **belongs).count(), 1, "{}", mutant.name);
            }
        }
    };
}

deviating! {
    interface_mutants_deviate_in_the_environment Interface ["param"], scenarios::interface::environment;
    interface_mutants_deviate_in_the_configuration Interface ["conf"], scenarios::interface::configuration;
    interface_mutants_deviate_in_errors Interface ["err", "cap", "chain"], scenarios::interface::errors;
    interface_mutants_deviate_in_processes Interface ["process"], scenarios::interface::processes;
    interface_mutants_deviate_in_version Interface ["ver"], scenarios::interface::version;
    interface_mutants_deviate_in_add Interface ["add"], scenarios::interface::add;
    interface_mutants_deviate_in_del Interface ["del"], scenarios::interface::del;
    interface_mutants_deviate_in_check Interface ["check"], scenarios::interface::check;
    interface_mutants_deviate_in_status Interface ["status"], scenarios::interface::status;
    interface_mutants_deviate_in_gc Interface ["gc"], scenarios::interface::gc;
    interface_mutants_deviate_in_delegation Interface ["deleg"], scenarios::interface::delegation;
    interface_mutants_deviate_in_results Interface ["res"], scenarios::interface::results;
    chained_mutants_deviate Chained ["add", "chain", "cap"], scenarios::chained::everything;
    chained_mutants_deviate_in_del Chained ["del"], scenarios::chained::del;
    ipam_mutants_deviate_in_what_they_accept Ipam ["param", "conf"], scenarios::ipam::requests;
    ipam_mutants_deviate_in_results Ipam ["res"], scenarios::ipam::results;
    ipam_mutants_deviate Ipam ["add", "del", "check", "status", "gc", "cap", "conv", "deleg", "err"], scenarios::ipam::everything;
}
