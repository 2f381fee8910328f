//! Makes a plugin's output safe to print and short enough to read: a plugin under test must not be
//! able to clear the reader's screen, forge a line of a report or drown it.
//!
//! What a format needs beyond that (XML, Markdown, annotations) is that format's subject.

/// Returns the text with everything but newlines and tabs made visible that is not plain text:
/// control characters, bidirectional overrides, and what XML 1.0 section 2.2 forbids.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => safe.push(character),
            '\r' => safe.push_str("\\r"),
            _ if is_plain(character) => safe.push(character),
            _ => safe.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
        }
    }
    safe
}

/// Returns the text on one line: printable, runs of white space as one space.
pub(crate) fn one_line(text: &str) -> String {
    let safe = printable(text);
    safe.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the text on one line of at most `width` characters, an ellipsis where it was cut.
pub(crate) fn short(text: &str, width: usize) -> String {
    let line = one_line(text);
    if line.chars().count() <= width {
        return line;
    }
    let mut cut: String = line.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Breaks prose between words; a line that fits stays as it is, indented or not. A word longer than the width is broken, unless it is a link.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for paragraph in printable(text).lines() {
        if paragraph.chars().count() <= width {
            lines.push(paragraph.trim_end().to_owned());
            continue;
        }
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let room = width.saturating_sub(line.chars().count() + 1);
            if !line.is_empty() && word.chars().count() <= room {
                line.push(' ');
                line.push_str(word);
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            let mut pieces = if word.contains("://") {
                vec![word.to_owned()]
            } else {
                break_hard(word, width)
            };
            line = pieces.pop().unwrap_or_default();
            lines.append(&mut pieces);
        }
        lines.push(line);
    }
    lines
}

/// Breaks a line after exactly `width` characters; for output, where white space counts.
pub(crate) fn break_hard(line: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = line.chars().collect();
    if characters.is_empty() {
        return vec![String::new()];
    }
    let pieces = characters.chunks(width.max(1));
    pieces.map(|piece| piece.iter().collect()).collect()
}

/// Returns the beginning of a plugin's output: at most `lines` lines of at most `width` characters,
/// then a line that says how much there was. `total` is how many bytes came in all.
pub(crate) fn excerpt(text: &str, total: u64, lines: usize, width: usize) -> Vec<String> {
    let safe = printable(text);
    let all: Vec<String> = safe
        .lines()
        .flat_map(|line| break_hard(&line.replace('\t', "    "), width))
        .collect();
    let kept = u64::try_from(text.len()).unwrap_or(u64::MAX);
    if all.len() <= lines && total <= kept {
        return all;
    }
    let mut shown: Vec<String> = all.into_iter().take(lines).collect();
    shown.push(format!("… {} in all", size(total.max(kept))));
    shown
}

/// Returns a number of bytes as people read it.
fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} bytes"),
        10_000..=9_999_999 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

fn is_plain(character: char) -> bool {
    let overrides_direction = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    // The line and paragraph separators end a line for some readers and not for others.
    let breaks_line = matches!(character, '\u{2028}' | '\u{2029}');
    let forbidden_in_xml = matches!(character, '\u{fffe}' | '\u{ffff}');
    let invisible = matches!(character, '\u{200b}' | '\u{feff}');
    !(character.is_control() || overrides_direction || breaks_line || forbidden_in_xml || invisible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_on_a_terminal_is_made_visible() {
        assert_eq!(
            printable("a\u{1b}[2J\u{0}\u{9b}31m\rb\u{202e}\u{7f}\u{ffff}\u{2028}\tü\n"),
            "a\\u{1b}[2J\\u{0}\\u{9b}31m\\rb\\u{202e}\\u{7f}\\u{ffff}\\u{2028}\tü\n"
        );
    }

    #[test]
    fn one_line_has_no_line_break_left() {
        assert_eq!(one_line("  a\n\tb \r\n c "), "a b \\r c");
        assert_eq!(short("abcdef", 6), "abcdef");
        assert_eq!(short("abcdefg", 6), "abcde…");
    }

    #[test]
    fn prose_is_broken_between_words_and_links_never() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(
            wrap("see https://example.org/long now", 8),
            ["see", "https://example.org/long", "now"]
        );
        assert_eq!(wrap("a\n\n  b", 8), ["a", "", "  b"]);
        assert!(wrap("", 8).is_empty());
    }

    #[test]
    fn an_excerpt_says_how_much_there_was() {
        assert_eq!(excerpt("a\nb\n", 4, 2, 10), ["a", "b"]);
        assert_eq!(
            excerpt("a\nb\nc\n", 6, 2, 10),
            ["a", "b", "… 6 bytes in all"]
        );
        assert_eq!(excerpt("a\n", 1_048_576, 2, 10), ["a", "… 1048 kB in all"]);
        assert_eq!(excerpt("abcdef", 6, 2, 3), ["abc", "def"]);
        assert!(excerpt("", 0, 2, 10).is_empty());
    }
}
