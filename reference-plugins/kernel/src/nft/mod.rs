//! nftables over nfnetlink, in process: transactions of tables, chains and rules; listing and deleting rules by handle.
//!
//! A transaction is committed whole or not at all. One that only adds takes some 0.05 ms; one that deletes or declares
//! anything anew costs an RCU grace period (about 15 ms) when its socket is closed, hence one socket per operation.
//! What the rules mean is the caller's business.

mod expression;
mod listing;
mod object;
mod socket;
mod transaction;

pub use expression::{
    AddressKind, ByteRange, Comparison, ConntrackKey, Expression, MasqueradeFlags, MetaKey,
    NatKind, PayloadBase, Register, Verdict,
};
pub use listing::ListedRule;
pub use object::{Base, Chain, ChainKind, ChainRef, Family, Hook, Policy, Rule, Table, priority};
pub use socket::Nft;
pub use transaction::Transaction;
