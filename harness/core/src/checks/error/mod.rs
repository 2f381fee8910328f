//! How a plugin reports failure and success: exit status, the error object, and what else is on standard output.

mod codes;
mod failure;
mod object;
mod outcome;

use crate::check::Check;

/// The lists of this topic's subjects.
pub(super) const LISTS: [&[Check]; 3] = [outcome::CHECKS, object::CHECKS, codes::CHECKS];
