//! IP addresses of a link: adding, removing, listing, and waiting until IPv6 has checked them for duplicates.

mod change;
mod decode;
mod wait;

pub use change::{Dad, NewAddress, PrefixRoute, add, delete, replace};
pub use decode::{Address, DadState, list, list_all};
pub use wait::wait_until_settled;
