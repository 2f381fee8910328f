//! `ipam.routes`, which both plugins hand on in their results.

use cni_protocol::{JsonError, Object, Route};

/// Reads the routes with their attributes, in order.
///
/// # Errors
/// When a route has no `dst`, or a key is of the wrong type or out of range.
pub(super) fn read(ipam: &Object<'_>) -> Result<Vec<Route>, JsonError> {
    let route = |object: &Object<'_>| {
        let mut route = Route::from_object(object)?;
        // Results carry what the specification defines, not every key that somebody wrote here.
        route.extra.clear();
        Ok(route)
    };
    ipam.objects("routes")?.iter().map(route).collect()
}
