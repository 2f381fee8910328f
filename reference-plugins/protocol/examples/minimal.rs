//! The smallest multi-call executable: an interface plugin and an address plugin, chosen by file name.
//!
//! It touches no kernel object. The integration tests run it as a real process.

use std::path::Path;
use std::process::ExitCode;

use cni_protocol::{
    AddRequest, AddResult, CheckRequest, DelRequest, Error, ErrorCode, GcRequest, Interface,
    IpConfig, Plugin, StatusRequest, main_for,
};

/// Reports an interface with the addresses of its delegate.
struct Minimal;

/// Answers with the address in `ipam.address`.
struct Address;

impl Plugin for Minimal {
    fn name(&self) -> &'static str {
        "minimal"
    }

    fn add(&self, request: &AddRequest<'_>) -> Result<AddResult, Error> {
        let root = request.config.root();
        assert!(!root.bool("panic")?, "asked to panic");
        let mut result = AddResult::default();
        let index = result.push_interface(Interface::new(request.attachment.ifname.as_str()));
        if let Some(ipam) = request.config.ipam_type()? {
            let addresses = request.delegates.add(ipam)?.require_addresses()?;
            if root.bool("failAfterDelegate")? {
                return Err(Error::failed("create the interface"));
            }
            result.ips = addresses.commit().ips;
            result
                .ips
                .iter_mut()
                .for_each(|ip| ip.interface = Some(index));
        }
        Ok(result)
    }

    fn check(&self, request: &CheckRequest<'_>) -> Result<(), Error> {
        request
            .config
            .ipam_type()?
            .map_or(Ok(()), |ipam| request.delegates.check(ipam))
    }

    fn del(&self, request: &DelRequest<'_>) -> Result<(), Error> {
        request
            .config
            .ipam_type()?
            .map_or(Ok(()), |ipam| request.delegates.del(ipam))
    }

    fn status(&self, request: &StatusRequest<'_>) -> Result<(), Error> {
        request
            .config
            .ipam_type()?
            .map_or(Ok(()), |ipam| request.delegates.status(ipam))
    }

    fn gc(&self, request: &GcRequest<'_>) -> Result<(), Error> {
        request
            .config
            .ipam_type()?
            .map_or(Ok(()), |ipam| request.delegates.gc(ipam))
    }
}

impl Plugin for Address {
    fn name(&self) -> &'static str {
        "address"
    }

    fn add(&self, request: &AddRequest<'_>) -> Result<AddResult, Error> {
        let ip = IpConfig::new(request.config.root().object("ipam")?.parse("address")?);
        // Which process answers is of interest to the tests.
        eprintln!("address {}", std::process::id());
        Ok(AddResult {
            ips: vec![ip],
            ..AddResult::default()
        })
    }

    fn check(&self, _: &CheckRequest<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn del(&self, _: &DelRequest<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn status(&self, _: &StatusRequest<'_>) -> Result<(), Error> {
        Err(Error::new(ErrorCode::NotAvailable, "no addresses left"))
    }

    fn gc(&self, _: &GcRequest<'_>) -> Result<(), Error> {
        Ok(())
    }
}

fn plugin(name: &str) -> Option<&'static dyn Plugin> {
    match name {
        "minimal" => Some(&Minimal),
        "address" => Some(&Address),
        _ => None,
    }
}

fn main() -> ExitCode {
    let called = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&called)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    main_for(plugin(name).unwrap_or(&Minimal), Some(plugin))
}
