//! `list`: the checks, with what they prove and where they apply.

use std::fmt::Write;

use crate::args::List;
use crate::exit::{Failure, Status};
use crate::output::print;
use crate::selection;

/// Prints one line for each check.
pub(crate) fn run(arguments: &List) -> Result<Status, Failure> {
    let checks = selection::select(&arguments.selection)?;
    let wide = checks
        .iter()
        .map(|check| check.id.len())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for check in &checks {
        let _infallible = writeln!(
            text,
            "{:wide$}  {} to {}  {}",
            check.id, check.versions.first, check.versions.last, check.title
        );
    }
    print(&text)?;
    Ok(Status::Conforms)
}
