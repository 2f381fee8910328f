//! The CNI wire for plugins: environment, stdin, versions, results, errors, dispatch, delegation.
//!
//! A plugin implements [`Plugin`] and hands it to [`main_for`]. It sees only checked requests
//! and returns typed results; which version the runtime speaks is this crate's concern.
//!
//! ```
//! use cni_protocol::{
//!     AddRequest, AddResult, CheckRequest, DelRequest, Error, ErrorCode, Errors, GcRequest, Interface, Plugin,
//!     StatusRequest,
//! };
//!
//! struct Example;
//!
//! impl Plugin for Example {
//!     fn name(&self) -> &'static str {
//!         "example"
//!     }
//!
//!     fn add(&self, request: &AddRequest<'_>) -> Result<AddResult, Error> {
//!         let mtu = request.config.root().optional_u32("mtu")?;
//!         let ipam = request.config.ipam_type()?.ok_or_else(|| request.config.root().missing("ipam.type", "a plugin"))?;
//!         // Until it is committed, every early return below undoes the delegate's ADD.
//!         let addresses = request.delegates.add(ipam)?.require_addresses()?;
//!         let mut interface = Interface::new(request.attachment.ifname.as_str());
//!         interface.sandbox = Some(request.netns.display().to_string());
//!         interface.mtu = mtu;
//!         let mut result = request.prev_result.clone().unwrap_or_default();
//!         let index = result.push_interface(interface);
//!         for mut ip in addresses.commit().ips {
//!             ip.interface = Some(index);
//!             result.ips.push(ip);
//!         }
//!         Ok(result)
//!     }
//!
//!     fn check(&self, request: &CheckRequest<'_>) -> Result<(), Error> {
//!         let ifname = &request.attachment.ifname;
//!         let listed = request.prev_result()?.interfaces.iter().any(|interface| interface.name == ifname.as_str());
//!         if listed { Ok(()) } else { Err(Error::failed(format!("prevResult has no interface {ifname}"))) }
//!     }
//!
//!     fn del(&self, request: &DelRequest<'_>) -> Result<(), Error> {
//!         let mut errors = Errors::new();
//!         // Own resources first, then the delegate; both even when one of them fails.
//!         if let Some(Some(ipam)) = errors.attempt(request.config.ipam_type()) {
//!             errors.attempt(request.delegates.del(ipam));
//!         }
//!         errors.finish()
//!     }
//!
//!     fn status(&self, request: &StatusRequest<'_>) -> Result<(), Error> {
//!         request.config.ipam_type()?.map_or(Ok(()), |ipam| request.delegates.status(ipam))
//!     }
//!
//!     fn gc(&self, request: &GcRequest<'_>) -> Result<(), Error> {
//!         request.config.ipam_type()?.map_or(Ok(()), |ipam| request.delegates.gc(ipam))
//!     }
//! }
//!
//! // fn main() -> std::process::ExitCode { cni_protocol::main_for(&Example, None) }
//! # let _ = (Example.about(), ErrorCode::InvalidConfig);
//! ```

pub mod address;
pub mod args;
pub mod config;
pub mod delegate;
pub mod dispatch;
pub mod environment;
pub mod error;
pub mod identifier;
pub mod json;
pub mod plugin;
pub mod result;
pub mod verb;
pub mod version;

pub use address::{Cidr, Mac};
pub use args::{Args, KnownArgs};
pub use config::{NetworkConfig, ValidAttachments};
pub use delegate::{DelegatedAdd, Delegates};
pub use dispatch::{Process, Streams, main_for, serve};
pub use environment::{Environment, Variables};
pub use error::{Error, ErrorCode, Errors, SpecificCode};
pub use identifier::{Attachment, ContainerId, IfName, NetworkName};
pub use json::{Element, JsonError, Object};
pub use plugin::{
    AddRequest, CheckRequest, DelRequest, GcRequest, Plugin, PrevResultOnCheck, Registry,
    StatusRequest,
};
pub use result::{AddResult, Dns, Interface, IpConfig, Route};
pub use verb::Verb;
pub use version::{Family, Version};
