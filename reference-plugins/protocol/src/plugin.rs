//! What a plugin implements, and the requests that it gets.
//!
//! Each operation has a request of its own, so that what can't be absent is not optional. Nothing
//! has a default that does nothing: a plugin that has nothing to do for an operation says so itself.

use std::cell::OnceCell;
use std::path::PathBuf;

use crate::args::Args;
use crate::config::{NetworkConfig, ValidAttachments};
use crate::delegate::Delegates;
use crate::environment::Variables;
use crate::error::{Error, ErrorCode};
use crate::identifier::Attachment;
use crate::result::AddResult;
use crate::version::Version;

/// A CNI plugin.
pub trait Plugin: Sync {
    /// The upstream name of the plugin, as in `type`.
    fn name(&self) -> &'static str;

    /// One line about the plugin, printed on stderr when `CNI_COMMAND` is missing.
    fn about(&self) -> String {
        format!("CNI plugin {} v{}", self.name(), env!("CARGO_PKG_VERSION"))
    }

    /// The versions that the plugin serves, oldest first, never empty.
    fn supported_versions(&self) -> &'static [Version] {
        &Version::ALL
    }

    /// Whether CHECK is refused when the runtime sends no `prevResult`.
    fn prev_result_on_check(&self) -> PrevResultOnCheck {
        PrevResultOnCheck::Required
    }

    /// Attaches the container.
    ///
    /// # Errors
    /// The error object to print.
    fn add(&self, request: &AddRequest<'_>) -> Result<AddResult, Error>;

    /// Compares the attachment with `prevResult`.
    ///
    /// # Errors
    /// The error object to print.
    fn check(&self, request: &CheckRequest<'_>) -> Result<(), Error>;

    /// Removes the attachment, as far as there is anything of it.
    ///
    /// # Errors
    /// The error object to print; gather several in [`crate::Errors`].
    fn del(&self, request: &DelRequest<'_>) -> Result<(), Error>;

    /// Says whether ADD could be served now.
    ///
    /// # Errors
    /// The error object to print, with code 50 or 51 when ADD could not.
    fn status(&self, request: &StatusRequest<'_>) -> Result<(), Error>;

    /// Removes what belongs to no valid attachment.
    ///
    /// # Errors
    /// The error object to print; gather several in [`crate::Errors`].
    fn gc(&self, request: &GcRequest<'_>) -> Result<(), Error>;
}

/// What CHECK without `prevResult` means to a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrevResultOnCheck {
    /// It is refused with code 7.
    Required,
    /// The plugin can check without, as loopback and IPAM plugins do.
    Optional,
}

/// Finds the plugins that live in this executable, by name.
pub type Registry = fn(&str) -> Option<&'static dyn Plugin>;

/// A request to attach.
#[derive(Debug)]
#[non_exhaustive]
pub struct AddRequest<'a> {
    /// The attachment to make.
    pub attachment: &'a Attachment,
    /// `CNI_NETNS`, to be opened as it is.
    pub netns: PathBuf,
    /// The configuration.
    pub config: &'a NetworkConfig,
    /// `CNI_ARGS`.
    pub args: &'a Args,
    /// The environment, for variables that only this plugin knows.
    pub variables: &'a Variables,
    /// Runs other plugins.
    pub delegates: Delegates<'a>,
    /// `prevResult`; `None` for the first plugin of a chain.
    pub prev_result: Option<AddResult>,
}

/// A request to check.
#[derive(Debug)]
#[non_exhaustive]
pub struct CheckRequest<'a> {
    /// The attachment to check.
    pub attachment: &'a Attachment,
    /// `CNI_NETNS`, to be opened as it is.
    pub netns: PathBuf,
    /// The configuration.
    pub config: &'a NetworkConfig,
    /// `CNI_ARGS`.
    pub args: &'a Args,
    /// The environment, for variables that only this plugin knows.
    pub variables: &'a Variables,
    /// Runs other plugins.
    pub delegates: Delegates<'a>,
    /// `prevResult`; use [`CheckRequest::prev_result`] when it is required.
    pub optional_prev_result: Option<AddResult>,
}

/// A request to remove an attachment.
#[derive(Debug)]
#[non_exhaustive]
pub struct DelRequest<'a> {
    /// The attachment to remove.
    pub attachment: &'a Attachment,
    /// `CNI_NETNS`; `None` when the namespace is already gone.
    pub netns: Option<PathBuf>,
    /// The configuration.
    pub config: &'a NetworkConfig,
    /// `CNI_ARGS`.
    pub args: &'a Args,
    /// The environment, for variables that only this plugin knows.
    pub variables: &'a Variables,
    /// Runs other plugins.
    pub delegates: Delegates<'a>,
    prev_result: OnceCell<Result<Option<AddResult>, Error>>,
}

/// A question for the plugin's state.
#[derive(Debug)]
#[non_exhaustive]
pub struct StatusRequest<'a> {
    /// The configuration.
    pub config: &'a NetworkConfig,
    /// The environment, for variables that only this plugin knows.
    pub variables: &'a Variables,
    /// Runs other plugins.
    pub delegates: Delegates<'a>,
}

/// A request to remove what is left over.
#[derive(Debug)]
#[non_exhaustive]
pub struct GcRequest<'a> {
    /// What has to stay.
    pub valid_attachments: ValidAttachments,
    /// The configuration.
    pub config: &'a NetworkConfig,
    /// The environment, for variables that only this plugin knows.
    pub variables: &'a Variables,
    /// Runs other plugins.
    pub delegates: Delegates<'a>,
}

impl AddRequest<'_> {
    /// `prevResult`, for a plugin that only works behind another one.
    ///
    /// # Errors
    /// With code 7 when there is none.
    pub fn required_prev_result(&self) -> Result<&AddResult, Error> {
        let hint = "prevResult: missing; this plugin only works behind another one in a chain";
        self.prev_result
            .as_ref()
            .ok_or_else(|| Error::new(ErrorCode::InvalidConfig, hint))
    }
}

impl CheckRequest<'_> {
    /// `prevResult`.
    ///
    /// # Errors
    /// With code 7 when there is none.
    pub fn prev_result(&self) -> Result<&AddResult, Error> {
        let hint = "prevResult: missing; CHECK needs the result of ADD";
        self.optional_prev_result
            .as_ref()
            .ok_or_else(|| Error::new(ErrorCode::InvalidConfig, hint))
    }
}

impl<'a> DelRequest<'a> {
    pub(crate) fn new(
        call: (&'a Attachment, Option<PathBuf>),
        config: &'a NetworkConfig,
        (args, variables): (&'a Args, &'a Variables),
        delegates: Delegates<'a>,
    ) -> Self {
        Self {
            attachment: call.0,
            netns: call.1,
            config,
            args,
            variables,
            delegates,
            prev_result: OnceCell::new(),
        }
    }

    /// `prevResult`, if there is a usable one. An unusable one never stops the clean-up: it counts as
    /// absent here, and is reported when the plugin has asked for it and is done.
    #[must_use]
    pub fn prev_result(&self) -> Option<&AddResult> {
        let read = self
            .prev_result
            .get_or_init(|| self.config.prev_result().map_err(Error::from));
        read.as_ref().ok().and_then(Option::as_ref)
    }

    pub(crate) fn into_prev_result_error(self) -> Option<Error> {
        self.prev_result.into_inner().and_then(Result::err)
    }
}
