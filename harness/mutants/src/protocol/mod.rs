//! The wire that all toys share: environment, stdin, spec versions, results, errors, delegation, dispatch.
//!
//! It is strict where the specification lets a plugin choose, so that a check that only strict plugins pass has
//! something to pass on.

mod configuration;
mod delegate;
mod environment;
mod failure;
mod previous;
mod reply;
mod result;
mod result_reading;
mod serve;
mod supported;
mod valid_attachments;
mod version;

pub(crate) use configuration::{flag, number, object, text};
pub(crate) use delegate::Delegate;
pub(crate) use environment::{Attachment, Verb};
pub(crate) use failure::{Failure, code};
pub(crate) use previous::{Previous, previous_result};
pub(crate) use result::{Address, AttachmentResult, Interface, Route};
pub(crate) use serve::{Call, Outcome, Plugin, refuse, serve};
pub(crate) use valid_attachments::valid_attachments;
pub(crate) use version::SpecVersion;
