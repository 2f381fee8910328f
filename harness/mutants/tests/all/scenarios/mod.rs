//! What the toys are put through, so that a mutant has the occasion to deviate.

pub(crate) mod chained;
pub(crate) mod interface;
pub(crate) mod ipam;
