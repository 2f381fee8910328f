//! Sample documents, each valid or broken in one way that its file name tells. What the fault is, where it is and
//! which requirement it breaks is in the `expect.toml` beside the broken ones.

/// One file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document {
    /// File name, unique in its list.
    pub name: &'static str,
    /// Content; broken ones need not be UTF-8.
    pub bytes: &'static [u8],
}

/// Valid network configurations: `.conf` for a single plugin, `.conflist` for a list.
pub const CONFIGURATIONS: &[Document] = lists::CONFIGURATIONS;
/// Network configurations with one fault each.
pub const BROKEN_CONFIGURATIONS: &[Document] = lists::BROKEN_CONFIGURATIONS;
/// What is wrong with each of [`BROKEN_CONFIGURATIONS`], as TOML; its head says how to read it.
pub const CONFIGURATION_FAULTS: &str = include_str!("../configs/invalid/expect.toml");
/// Valid results, named `what.version.json`, or `what.version.ipam.json` for those of IPAM plugins.
pub const RESULTS: &[Document] = lists::RESULTS;
/// Results with one fault each, named like the valid ones.
pub const BROKEN_RESULTS: &[Document] = lists::BROKEN_RESULTS;
/// Valid error objects.
pub const ERRORS: &[Document] = lists::ERRORS;
/// Error objects with one fault each.
pub const BROKEN_ERRORS: &[Document] = lists::BROKEN_ERRORS;
/// Valid replies to VERSION.
pub const VERSION_REPLIES: &[Document] = lists::VERSION_REPLIES;
/// Replies to VERSION with one fault each.
pub const BROKEN_VERSION_REPLIES: &[Document] = lists::BROKEN_VERSION_REPLIES;

/// The document of this name in one of the lists.
pub fn find(list: &[Document], name: &str) -> Option<Document> {
    list.iter().find(|document| document.name == name).copied()
}

mod lists {
    use super::Document;

    include!(concat!(env!("OUT_DIR"), "/documents.rs"));
}
