//! The six operations of `static`.

use cni_protocol::{
    AddRequest, AddResult, Args, CheckRequest, DelRequest, Dns, Error, GcRequest, JsonError,
    NetworkConfig, Plugin, Route, StatusRequest,
};

use super::addresses;
use crate::ipam::routes;

/// The plugin.
#[derive(Debug)]
pub struct Static;

impl Plugin for Static {
    fn name(&self) -> &'static str {
        "static"
    }

    fn add(&self, request: &AddRequest<'_>) -> Result<AddResult, Error> {
        result(request.config, request.args)
    }

    /// Other plugins may have added addresses and gateways; what is configured has to be there.
    fn check(&self, request: &CheckRequest<'_>) -> Result<(), Error> {
        let expected = addresses::read(request.config, request.args)?;
        let listed = &request.prev_result()?.ips;
        for ip in expected {
            let Some(found) = listed.iter().find(|other| other.address == ip.address) else {
                let msg = format!("prevResult.ips: {} is missing", ip.address);
                return Err(Error::failed(msg));
            };
            let Some(gateway) = ip.gateway else { continue };
            if found.gateway.map(|other| other.to_canonical()) != Some(gateway) {
                let other = found
                    .gateway
                    .map_or("none".to_owned(), |other| other.to_string());
                let msg = format!(
                    "prevResult.ips: {} has gateway {other}; {gateway} is configured",
                    ip.address
                );
                return Err(Error::failed(msg));
            }
        }
        Ok(())
    }

    fn del(&self, _: &DelRequest<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// `CNI_ARGS` belong to attachments, so STATUS has none.
    fn status(&self, request: &StatusRequest<'_>) -> Result<(), Error> {
        result(request.config, &Args::default()).map(drop)
    }

    fn gc(&self, _: &GcRequest<'_>) -> Result<(), Error> {
        Ok(())
    }
}

fn result(config: &NetworkConfig, args: &Args) -> Result<AddResult, Error> {
    let ips = addresses::read(config, args)?;
    let (routes, dns) = routes_and_dns(config)?;
    Ok(AddResult {
        ips,
        routes,
        dns,
        ..AddResult::default()
    })
}

fn routes_and_dns(config: &NetworkConfig) -> Result<(Vec<Route>, Dns), JsonError> {
    let Some(ipam) = config.ipam()? else {
        return Ok((Vec::new(), Dns::default()));
    };
    let mut dns = match ipam.optional_object("dns")? {
        Some(object) => Dns::from_object(&object)?,
        None => Dns::default(),
    };
    // Results carry what the specification defines, not every key that somebody wrote here.
    dns.extra.clear();
    Ok((routes::read(&ipam)?, dns))
}
