//! Routes of both families in all tables.

mod change;
mod decode;
mod types;

pub use change::{add, add_beside, delete, replace};
pub use decode::list;
pub use types::{
    Filter, NextHop, OnLink, Origin, Route, RouteKind, Scope, TABLE_LOCAL, TABLE_MAIN,
};
