//! Colours, words and glyphs of the outcomes, the same wherever the terminal shows one.

use anstyle::{AnsiColor, Style};

use crate::model::Outcome;

/// What may be read last.
pub(super) const DIM: Style = Style::new().dimmed();
/// What is read first.
pub(super) const STRONG: Style = Style::new().bold();
/// A line that was expected.
pub(super) const REMOVED: Style = AnsiColor::Red.on_default();
/// A line that was found instead.
pub(super) const ADDED: Style = AnsiColor::Green.on_default();

/// The order in which counts are told and in which one cell stands for many results.
pub(super) const GRAVEST_FIRST: [Outcome; 6] = [
    Outcome::Fail,
    Outcome::Inconclusive,
    Outcome::Warn,
    Outcome::Blocked,
    Outcome::Pass,
    Outcome::NotApplicable,
];

/// Returns the text in a style. Pad before, lest the escapes count as columns.
pub(super) fn paint(style: Style, text: &str) -> String {
    if text.trim().is_empty() {
        return text.to_owned();
    }
    format!("{style}{text}{style:#}")
}

/// Returns the style of an outcome.
pub(super) const fn of_outcome(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Pass => AnsiColor::Green.on_default(),
        Outcome::Fail => AnsiColor::Red.on_default().bold(),
        Outcome::Warn => AnsiColor::Yellow.on_default(),
        Outcome::Inconclusive => AnsiColor::Magenta.on_default(),
        Outcome::NotApplicable | Outcome::Blocked => DIM,
    }
}

/// Returns the word that opens a block.
pub(super) const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "PASS",
        Outcome::Fail => "FAIL",
        Outcome::Warn => "WARN",
        Outcome::NotApplicable => "NOT APPLICABLE",
        Outcome::Blocked => "BLOCKED",
        Outcome::Inconclusive => "INCONCLUSIVE",
    }
}

/// Returns the glyph of an outcome; one column, in every font that knows more than ASCII.
pub(super) const fn glyph(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✓",
        Outcome::Fail => "✗",
        Outcome::Warn => "!",
        Outcome::NotApplicable => "-",
        Outcome::Blocked => "=",
        Outcome::Inconclusive => "?",
    }
}
