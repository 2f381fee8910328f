//! The catalogue as it is written: `entry` is its vocabulary, `read` finds and parses the files, `check` refuses what
//! types cannot. Also included by `tests/catalogue_errors.rs`. What the entries mean is `src/requirement.rs`.

pub(crate) mod check;
pub(crate) mod entry;
pub(crate) mod read;
