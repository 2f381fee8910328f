//! Places in the specification and links to them. Which requirement is said where is `requirement`.

use crate::catalogue::COMMIT;
use crate::version::SpecVersion;

/// One place in the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Section {
    /// The text that it is in.
    pub text: SpecText,
    /// The anchor of its heading.
    pub anchor: &'static str,
    /// The heading.
    pub heading: &'static str,
}

/// A text of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpecText {
    /// SPEC.md of a release.
    Tag(SpecVersion),
    /// SPEC.md on main.
    Main,
    /// CONVENTIONS.md on main.
    Conventions,
}

impl Section {
    /// A link to the section, on the tag or, for what is not released, on one commit.
    pub fn url(&self) -> String {
        let (reference, file) = match self.text {
            SpecText::Tag(version) => (format!("spec-v{version}"), "SPEC.md"),
            SpecText::Main => (COMMIT.to_owned(), "SPEC.md"),
            SpecText::Conventions => (COMMIT.to_owned(), "CONVENTIONS.md"),
        };
        format!(
            "https://github.com/containernetworking/cni/blob/{reference}/{file}#{}",
            self.anchor
        )
    }
}
