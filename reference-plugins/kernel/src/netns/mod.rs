//! Network namespaces: opening them by whatever path the runtime gives, and working inside of them.
//!
//! Creating, naming and removing namespaces is the runtime's work, not a plugin's.

mod enter;
mod error;
mod open;

pub use error::Error;
pub use open::{Identity, Netns};
