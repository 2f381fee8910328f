//! CHECK: silent while all is well, an error as soon as something that ADD made is not as prevResult says.
//!
//! [`list`] has the checks as data, the other modules what they do, by what CHECK meets.

mod expected;
mod healthy;
mod list;
mod missing;
mod request;
mod wrong;

pub(super) use list::CHECKS;
