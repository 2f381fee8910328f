//! The reservations of one network on disk: `DATA_DIR/NETWORK/ADDRESS`, in upstream's format.
//!
//! Every change of a reservation is atomic and durable, so that after a crash an address is either reserved for
//! somebody who can DEL it, or free. Which address to reserve is [`super::allocation`]'s.

mod directory;
mod error;
mod index;
mod listing;
mod lock;
mod reservation;

pub(super) use directory::{Place, Store};
pub(super) use error::StoreError;
pub(super) use listing::Listing;
pub(super) use lock::Access;
pub(super) use reservation::Owner;
