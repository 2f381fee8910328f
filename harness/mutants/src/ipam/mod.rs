//! `toy-ipam`: addresses out of subnets, one reservation per attachment, kept in files.

mod plugin;
mod pool;
mod requested;
mod settings;

pub(crate) use plugin::Ipam;
