//! Access to decoded JSON by key, with the full path of the key in every error.
//!
//! The meaning is that of Go's decoder, which every runtime was tested against: the case of
//! keys does not matter, null is the same as absent, integers have no fraction. What the keys
//! mean is left to [`crate::config`], [`crate::result`] and the plugins.

mod document;
mod error;
mod object;

pub(crate) use document::kind_of;
pub use document::{get_folded, parse_object, to_indented};
pub use error::JsonError;
pub use object::{Element, Integer, Object};

#[cfg(test)]
pub(crate) mod tests;
