//! A rule as iptables-save writes it, in words.

use std::fmt;

use super::error::Error;

/// The words of a rule without its chain, e.g. `-s 10.9.0.5/32 -j ACCEPT`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule(Vec<String>);

impl Rule {
    /// A rule from its words. None of them may have a line end in it: that would begin another rule.
    pub fn new<I>(words: I) -> Result<Self, Error>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let words: Vec<String> = words.into_iter().map(Into::into).collect();
        match words.iter().find(|word| word.contains(['\n', '\r', '\0'])) {
            Some(word) => Err(Error::Word { word: word.clone() }),
            None => Ok(Self(words)),
        }
    }

    /// Its words.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }

    /// The word after `option`, e.g. the chain after `-j`; none when the option is not there or negated.
    #[must_use]
    pub fn value_of(&self, option: &str) -> Option<&str> {
        let position = self.0.iter().position(|word| word == option)?;
        let is_negated = position > 0 && self.0[position - 1] == "!";
        if is_negated {
            None
        } else {
            self.0.get(position + 1).map(String::as_str)
        }
    }

    /// Reads a line of `iptables -S`: `-A CHAIN …`. None for other lines and for unbalanced quotes.
    pub(super) fn parse(line: &str, chain: &str) -> Option<Self> {
        let mut words = split(line)?.into_iter();
        if words.next()? != "-A" || words.next()? != chain {
            return None;
        }
        Some(Self(words.collect()))
    }
}

impl fmt::Display for Rule {
    /// As a line of iptables-restore has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, word) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(" ")?;
            }
            write_word(f, word)?;
        }
        Ok(())
    }
}

fn write_word(f: &mut fmt::Formatter<'_>, word: &str) -> fmt::Result {
    let is_plain = !word.is_empty()
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-./:,!=+%".contains(&b));
    if is_plain {
        return f.write_str(word);
    }
    f.write_str("\"")?;
    for character in word.chars() {
        if matches!(character, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{character}")?;
    }
    f.write_str("\"")
}

/// Splits as iptables-restore does: double quotes group, a backslash inside of them keeps the next character.
fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word.get_or_insert_default().push(characters.next()?),
            ' ' | '\t' if !quoted => words.extend(word.take()),
            character => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    (!quoted).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_of_a_listing_is_read() {
        let line = r#"-A POSTROUTING -s 10.9.0.5/32 -m comment --comment "name: \"mynet\" id: \"cont-1\"" -j CNI-x"#;
        let rule = Rule::parse(line, "POSTROUTING").unwrap();
        assert_eq!(
            rule.value_of("--comment"),
            Some(r#"name: "mynet" id: "cont-1""#)
        );
        assert_eq!(format!("-A POSTROUTING {rule}"), line);
        assert_eq!(Rule::parse(line, "OUTPUT"), None);
    }

    #[test]
    fn a_negated_option_has_no_value() {
        let rule = Rule::parse("-A C ! -d 224.0.0.0/4 -j MASQUERADE", "C").unwrap();
        assert_eq!(
            (rule.value_of("-d"), rule.value_of("-j")),
            (None, Some("MASQUERADE"))
        );
    }

    #[test]
    fn a_line_end_is_refused() {
        assert!(matches!(
            Rule::new(["--comment", "a\n-F"]),
            Err(Error::Word { .. })
        ));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(words in prop::collection::vec("[ -~]{0,12}", 0..6)) {
            let rule = Rule::new(words).unwrap();
            prop_assert_eq!(Rule::parse(&format!("-A C {rule}"), "C"), Some(rule));
        }
    }
}
