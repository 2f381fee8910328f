//! DEL: everything that ADD made goes away, however often and whatever has already gone, and nothing else goes.
//!
//! [`list`] has the checks as data, the other modules what they do, by what DEL meets.

mod list;
mod missing;
mod ordinary;
mod others;
mod previous;

pub(super) use list::CHECKS;
