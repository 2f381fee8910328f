//! The operations of the bridge plugin, each in a module of its own.

use cni_protocol::{
    AddRequest, AddResult, CheckRequest, DelRequest, Error, GcRequest, Plugin, StatusRequest,
};

use super::{add, check, remove, status};

/// The plugin.
#[derive(Debug)]
pub struct Bridge;

impl Plugin for Bridge {
    fn name(&self) -> &'static str {
        "bridge"
    }

    fn add(&self, request: &AddRequest<'_>) -> Result<AddResult, Error> {
        add::add(request)
    }

    fn check(&self, request: &CheckRequest<'_>) -> Result<(), Error> {
        check::check(request)
    }

    fn del(&self, request: &DelRequest<'_>) -> Result<(), Error> {
        remove::del(request)
    }

    fn status(&self, request: &StatusRequest<'_>) -> Result<(), Error> {
        status::status(request)
    }

    fn gc(&self, request: &GcRequest<'_>) -> Result<(), Error> {
        remove::gc(request)
    }
}
