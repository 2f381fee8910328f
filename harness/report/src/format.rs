//! The formats by name, for `--report FORMAT=FILE` and `report --format`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::gate::Gate;
use crate::model::Report;
use crate::terminal::Layout;
use crate::{github, json, junit, markdown, tap, terminal};

/// A form that a report can be drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// All of it; the only one that can be read back.
    Json,
    /// JUnit XML.
    Junit,
    /// GitHub-flavoured Markdown.
    Markdown,
    /// Annotations of GitHub Actions.
    Github,
    /// TAP 14.
    Tap,
    /// What a person reads, with styles embedded.
    Terminal,
}

/// A name that no format has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown report format {name:?}; use one of {}", Format::names())]
pub struct UnknownFormat {
    /// The name.
    pub name: String,
}

impl Format {
    /// Every format, in the order in which help lists them.
    pub const ALL: [Self; 6] = [
        Self::Json,
        Self::Junit,
        Self::Markdown,
        Self::Github,
        Self::Tap,
        Self::Terminal,
    ];

    /// Returns the name that the command line uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
            Self::Github => "github",
            Self::Tap => "tap",
            Self::Terminal => "terminal",
        }
    }

    fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let mut all = Self::ALL.into_iter();
        all.find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat {
                name: name.to_owned(),
            })
    }
}

/// Returns the report in a format, with the verdict of a gate; the terminal's in its default width.
#[must_use]
pub fn render(report: &Report, format: Format, gate: Gate) -> String {
    match format {
        Format::Json => json::write(report),
        Format::Junit => junit::render(report, gate),
        Format::Markdown => markdown::render(report, gate),
        Format::Github => github::render(report, gate),
        Format::Tap => tap::render(report, gate),
        Format::Terminal => {
            let layout = Layout {
                gate,
                ..Layout::default()
            };
            terminal::render(report, layout)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn every_format_is_known_by_its_name() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
    }

    #[test]
    fn an_unknown_format_is_answered_with_the_known_ones() {
        let error = "JSON".parse::<Format>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown report format \"JSON\"; use one of json, junit, markdown, github, tap, terminal"
        );
    }

    #[test]
    fn no_format_lets_a_plugins_control_characters_through() {
        for format in Format::ALL {
            let text = render(&fixture::report(), format, Gate::default());
            let text = if format == Format::Terminal {
                anstream::adapter::strip_str(&text).to_string()
            } else {
                text
            };
            let control = text.chars().find(|c| c.is_control() && *c != '\n');
            assert_eq!(control, None, "{format}");
            assert!(text.ends_with('\n'), "{format}");
        }
    }
}
