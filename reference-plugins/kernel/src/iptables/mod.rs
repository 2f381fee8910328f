//! The iptables programs, for hosts whose rules live there: one `iptables-restore --noflush` per family and operation.
//!
//! No shell, no rule of a caller becomes an option or a second line. What the rules mean is the caller's business.

mod error;
mod presence;
mod program;
mod rule;
mod script;

pub use error::Error;
pub use presence::{Presence, chain_presence};
pub use program::{Iptables, is_installed};
pub use rule::Rule;
pub use script::Script;
