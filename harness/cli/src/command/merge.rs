//! `merge`: the shards of a partitioned run become one report.

use cni_conform_report::{Shard, json, merge};

use crate::args::{FailOn, Merge};
use crate::exit::{Failure, Status};
use crate::output::{gate, read_report};

/// Writes the joined report; ends with the status of the whole run.
pub(crate) fn run(arguments: &Merge) -> Result<Status, Failure> {
    let shards = arguments
        .files
        .iter()
        .map(|path| {
            Ok(Shard {
                name: path.display().to_string(),
                report: read_report(path)?,
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let report = merge(shards).map_err(|error| Failure::usage_error(&error))?;
    std::fs::write(&arguments.output, json::write(&report)).map_err(|error| {
        Failure::could_not_judge(format!("write {}: {error}", arguments.output.display()))
    })?;
    Ok(super::run::status(gate(FailOn::Must), &report))
}
