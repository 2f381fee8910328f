//! The released versions of the specification and what each has.

use std::fmt;

/// A released version that the toys speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SpecVersion {
    V010,
    V020,
    V030,
    V031,
    V040,
    V100,
    V110,
}

impl SpecVersion {
    pub(crate) const ALL: [Self; 7] = [
        Self::V010,
        Self::V020,
        Self::V030,
        Self::V031,
        Self::V040,
        Self::V100,
        Self::V110,
    ];
    pub(crate) const NEWEST: Self = Self::V110;

    /// The version of exactly that spelling.
    pub(crate) fn named(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| version.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V010 => "0.1.0",
            Self::V020 => "0.2.0",
            Self::V030 => "0.3.0",
            Self::V031 => "0.3.1",
            Self::V040 => "0.4.0",
            Self::V100 => "1.0.0",
            Self::V110 => "1.1.0",
        }
    }

    /// How a result of this version is laid out.
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::V010 | Self::V020 => Shape::PerFamily,
            Self::V030 | Self::V031 | Self::V040 => Shape::ListsWithVersion,
            Self::V100 | Self::V110 => Shape::Lists,
        }
    }
}

impl fmt::Display for SpecVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The three layouts of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `ip4` and `ip6`, up to 0.2.0.
    PerFamily,
    /// `interfaces`, `ips` with a `version` each, `routes`; 0.3.0 to 0.4.0.
    ListsWithVersion,
    /// The same without `version`, from 1.0.0.
    Lists,
}
