//! Shards of a run, put together again as if it had been one.
//!
//! Nothing is guessed: shards that judged different builds, on different machines, or of which one is
//! missing, don't make a report.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::fold::{count, sort};
use crate::model::{Environment, Footer, Partition, Report, SCHEMA, Subject};

/// A part of a run, and how to call it in an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Shard {
    /// Its file, for the user.
    pub name: String,
    /// What it found.
    pub report: Report,
}

/// Shards that don't make a report.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MergeError {
    /// There is nothing to merge.
    #[error("no report was given to merge; name at least one")]
    NoShards,
    /// A shard has another schema.
    #[error("{shard} has schema {schema}; this cni-conform merges schema {SCHEMA}")]
    Schema {
        /// The shard.
        shard: String,
        /// Its schema.
        schema: u32,
    },
    /// A shard did not reach its end.
    #[error("{shard} has no footer: its run did not reach its end; run that shard again")]
    NoFooter {
        /// The shard.
        shard: String,
    },
    /// Two shards were not made under the same conditions.
    #[error(
        "{shard} has {} {}, {} has {}; run every shard under the same conditions",
        .difference.what, .difference.found, .difference.first, .difference.expected
    )]
    Conditions {
        /// The shard that differs.
        shard: String,
        /// In what: `seed`, `kernel`.
        difference: Box<Difference>,
    },
    /// Two shards judged different plugins under one name.
    #[error(
        "{shard} judged subject {subject} with {} {}, {} with {}; judge one build in every shard",
        .difference.what, .difference.found, .difference.first, .difference.expected
    )]
    SubjectDiffers {
        /// The shard that differs.
        shard: String,
        /// Name of the subject.
        subject: String,
        /// In what: `sha256`, `profile`, `versions`.
        difference: Box<Difference>,
    },
    /// Two shards hold a result for the same thing.
    #[error(
        "{shard} and {first} both hold check {check} on {subject} in spec {spec}; merge each shard once"
    )]
    Overlap {
        /// The later shard.
        shard: String,
        /// The earlier shard.
        first: String,
        /// The check.
        check: String,
        /// The subject.
        subject: String,
        /// The spec version.
        spec: String,
    },
    /// Some shards say of how many they are one, and the others don't, or say otherwise.
    #[error("{shard} is {found}, {first} is {expected}; merge the shards of one run only")]
    Partitions {
        /// The shard that differs.
        shard: String,
        /// What it says it is.
        found: String,
        /// The shard it differs from.
        first: String,
        /// What that one says it is.
        expected: String,
    },
    /// A shard was not given.
    #[error("shard {missing} is missing; merge all shards of the run")]
    Missing {
        /// Which one.
        missing: Partition,
    },
}

/// In what a shard differs from an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub what: &'static str,
    /// Its value.
    pub found: String,
    /// The shard it differs from.
    pub first: String,
    /// That one's value.
    pub expected: String,
}

/// Returns the report of the whole run. Its wall time is that of the longest shard, its lacks those of every machine.
///
/// # Errors
/// Fails when a shard is incomplete, missing, given twice or made under other conditions than the first.
pub fn merge(shards: Vec<Shard>) -> Result<Report, MergeError> {
    let mut shards = shards;
    // Subjects and lacks come in the order of the first shard, whatever order the files were given in.
    shards.sort_by_key(|shard| shard.report.partition);
    let Some(first) = shards.first() else {
        return Err(MergeError::NoShards);
    };
    for shard in &shards {
        complete(shard)?;
        same_conditions(shard, first)?;
    }
    all_there(&shards)?;
    let subjects = subjects(&shards)?;
    no_overlap(&shards)?;

    let tool = first.report.tool.clone();
    let environment = environment(&shards, &first.report.environment);
    let footers = shards.iter().filter_map(|shard| shard.report.footer);
    let longest = footers.map(|footer| footer.duration_ms).max();
    let mut results: Vec<_> = shards
        .into_iter()
        .flat_map(|shard| shard.report.results)
        .collect();
    sort(&mut results, &subjects);
    Ok(Report {
        schema: SCHEMA,
        tool,
        environment,
        partition: None,
        subjects,
        summary: count(&results),
        footer: longest.map(|duration_ms| Footer {
            results: results.len(),
            duration_ms,
        }),
        results,
    })
}

fn complete(shard: &Shard) -> Result<(), MergeError> {
    if shard.report.schema != SCHEMA {
        return Err(MergeError::Schema {
            shard: shard.name.clone(),
            schema: shard.report.schema,
        });
    }
    if shard.report.footer.is_none() {
        return Err(MergeError::NoFooter {
            shard: shard.name.clone(),
        });
    }
    Ok(())
}

fn same_conditions(shard: &Shard, first: &Shard) -> Result<(), MergeError> {
    fn conditions(report: &Report) -> [(&'static str, String); 5] {
        let Environment {
            kernel,
            arch,
            privilege,
            seed,
            lacks: _,
            jobs: _,
        } = &report.environment;
        [
            (
                "tool",
                format!("{} {}", report.tool.name, report.tool.version),
            ),
            ("kernel", kernel.clone()),
            ("architecture", arch.clone()),
            ("privilege", privilege.to_string()),
            ("seed", seed.to_string()),
        ]
    }
    let expected = conditions(&first.report).into_iter();
    for ((what, found), (_, expected)) in conditions(&shard.report).into_iter().zip(expected) {
        if found != expected {
            return Err(MergeError::Conditions {
                shard: shard.name.clone(),
                difference: Box::new(Difference {
                    what,
                    found,
                    first: first.name.clone(),
                    expected,
                }),
            });
        }
    }
    Ok(())
}

/// Shards without a partition were cut by hand (by plugin, by filter); nothing says whether they are all.
fn all_there(shards: &[Shard]) -> Result<(), MergeError> {
    let Some(first) = shards.first() else {
        return Ok(());
    };
    let of = |shard: &Shard| shard.report.partition.map(|partition| partition.count);
    let said = |shard: &Shard| {
        let partition = shard.report.partition;
        partition.map_or("no shard".to_owned(), |partition| {
            format!("shard {partition}")
        })
    };
    if let Some(other) = shards.iter().find(|shard| of(shard) != of(first)) {
        return Err(MergeError::Partitions {
            shard: other.name.clone(),
            found: said(other),
            first: first.name.clone(),
            expected: said(first),
        });
    }
    let given: BTreeSet<usize> = shards
        .iter()
        .filter_map(|shard| shard.report.partition)
        .map(|partition| partition.index)
        .collect();
    let count = of(first).unwrap_or(0);
    match (1..=count).find(|index| !given.contains(index)) {
        None => Ok(()),
        Some(index) => Err(MergeError::Missing {
            missing: Partition { index, count },
        }),
    }
}

fn subjects(shards: &[Shard]) -> Result<Vec<Subject>, MergeError> {
    let mut known: Vec<(&Subject, &str)> = Vec::new();
    for shard in shards {
        for subject in &shard.report.subjects {
            match known.iter().find(|(other, _)| other.name == subject.name) {
                None => known.push((subject, &shard.name)),
                Some((other, first)) => same_subject(subject, &shard.name, other, first)?,
            }
        }
    }
    Ok(known
        .into_iter()
        .map(|(subject, _)| subject.clone())
        .collect())
}

/// The path may differ from machine to machine; what was judged may not.
fn same_subject(
    subject: &Subject,
    shard: &str,
    other: &Subject,
    first: &str,
) -> Result<(), MergeError> {
    let facts = |subject: &Subject| {
        [
            ("sha256", subject.sha256.clone()),
            ("profile", subject.profile.clone()),
            ("versions", subject.versions.join(" ")),
        ]
    };
    for ((what, found), (_, expected)) in facts(subject).into_iter().zip(facts(other)) {
        if found != expected {
            return Err(MergeError::SubjectDiffers {
                shard: shard.to_owned(),
                subject: subject.name.clone(),
                difference: Box::new(Difference {
                    what,
                    found,
                    first: first.to_owned(),
                    expected,
                }),
            });
        }
    }
    Ok(())
}

fn no_overlap(shards: &[Shard]) -> Result<(), MergeError> {
    let mut seen = BTreeMap::new();
    for shard in shards {
        for result in &shard.report.results {
            let place = (&result.subject, &result.check, &result.spec);
            if let Some(first) = seen.insert(place, &shard.name) {
                return Err(MergeError::Overlap {
                    shard: shard.name.clone(),
                    first: first.clone(),
                    check: result.check.clone(),
                    subject: result.subject.clone(),
                    spec: result.spec.clone(),
                });
            }
        }
    }
    Ok(())
}

fn environment(shards: &[Shard], first: &Environment) -> Environment {
    let mut environment = first.clone();
    for shard in shards {
        for lack in &shard.report.environment.lacks {
            if !environment.lacks.contains(lack) {
                environment.lacks.push(lack.clone());
            }
        }
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    /// Deals the fixture's results out to so many shards, as `--partition` does.
    fn shards(count: usize) -> Vec<Shard> {
        let whole = fixture::report();
        let shard = |index: usize| {
            let results = whole.results.iter().skip(index).step_by(count);
            let results: Vec<_> = results.cloned().collect();
            Shard {
                name: format!("{}.json", index + 1),
                report: Report {
                    partition: Some(Partition {
                        index: index + 1,
                        count,
                    }),
                    summary: crate::fold::count(&results),
                    footer: Some(Footer {
                        results: results.len(),
                        duration_ms: 12_345,
                    }),
                    results,
                    ..whole.clone()
                },
            }
        };
        (0..count).map(shard).collect()
    }

    #[test]
    fn shards_make_the_report_of_the_unsharded_run_in_whatever_order_they_come() {
        for count in [1, 2, 3, 13, 20] {
            let mut all = shards(count);
            assert_eq!(merge(all.clone()).unwrap(), fixture::report());
            all.reverse();
            assert_eq!(merge(all).unwrap(), fixture::report());
        }
    }

    #[test]
    fn shards_cut_by_subject_are_unified() {
        let whole = fixture::report();
        let cut = |name: &str| {
            let mut report = whole.clone();
            report.subjects.retain(|subject| subject.name == name);
            report.results.retain(|result| result.subject == name);
            Shard {
                name: name.to_owned(),
                report,
            }
        };
        assert_eq!(
            merge(vec![cut("bridge"), cut("host-local")]).unwrap(),
            whole
        );
    }

    #[test]
    fn the_wall_time_is_that_of_the_longest_and_lacks_are_gathered() {
        let mut all = shards(2);
        all[1].report.footer.as_mut().unwrap().duration_ms = 99_999;
        all[1].report.environment.lacks[0].what = "tap".to_owned();
        let merged = merge(all).unwrap();
        assert_eq!(merged.footer.unwrap().duration_ms, 99_999);
        let lacks: Vec<_> = merged.environment.lacks.iter().map(|l| &*l.what).collect();
        assert_eq!(lacks, ["link-kind ipvlan", "tap"]);
    }

    #[test]
    fn shards_that_make_no_report_are_refused_with_the_reason() {
        type Spoil = fn(&mut Vec<Shard>);
        let cases: [(Spoil, &str); 10] = [
            (
                |all| all.clear(),
                "no report was given to merge; name at least one",
            ),
            (
                |all| all[1].report.schema = 2,
                "2.json has schema 2; this cni-conform merges schema 1",
            ),
            (
                |all| all[1].report.footer = None,
                "2.json has no footer: its run did not reach its end; run that shard again",
            ),
            (
                |all| all[1].report.tool.version = "0.2.0".to_owned(),
                "2.json has tool cni-conform 0.2.0, 1.json has cni-conform 0.1.0; run every shard under the same conditions",
            ),
            (
                |all| all[2].report.environment.seed = 7,
                "3.json has seed 7, 1.json has 42; run every shard under the same conditions",
            ),
            (
                |all| all[1].report.subjects[1].sha256 = "00".to_owned(),
                "2.json judged subject host-local with sha256 00, 1.json with \
                 cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd; judge one build in every shard",
            ),
            (
                |all| all.push(all[0].clone()),
                "1.json and 1.json both hold check add/over-ipvlan on bridge in spec 1.0.0; merge each shard once",
            ),
            (
                |all| drop(all.remove(1)),
                "shard 2/3 is missing; merge all shards of the run",
            ),
            (
                |all| all[1].report.partition = Some(Partition { index: 2, count: 4 }),
                "2.json is shard 2/4, 1.json is shard 1/3; merge the shards of one run only",
            ),
            (
                |all| all[1].report.partition = None,
                "1.json is shard 1/3, 2.json is no shard; merge the shards of one run only",
            ),
        ];
        for (spoil, reason) in cases {
            let mut all = shards(3);
            spoil(&mut all);
            assert_eq!(merge(all).unwrap_err().to_string(), reason);
        }
    }
}
