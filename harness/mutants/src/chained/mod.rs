//! `toy-chained`: changes MTU and hardware address of an interface that an earlier plugin made, records port mappings.

mod passage;
mod plugin;
mod port_mappings;
mod settings;

pub(crate) use plugin::Chained;
