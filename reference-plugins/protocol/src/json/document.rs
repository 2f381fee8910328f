//! Whole documents: strict decoding of one object, key look-up as in Go, and Go's way of writing.

use serde_json::{Map, Value};

use super::error::JsonError;

/// Decodes exactly one JSON object, with nothing but white space around it.
///
/// # Errors
/// When the bytes are empty, no JSON, nested deeper than 127 levels, or no object.
pub fn parse_object(document: &'static str, bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let blank = bytes.iter().all(u8::is_ascii_whitespace);
        let reason = if blank {
            "it is empty; expected a JSON object".to_owned()
        } else {
            error.to_string()
        };
        JsonError::Syntax { document, reason }
    })?;
    match value {
        Value::Object(map) => Ok(map),
        other => Err(JsonError::Type {
            path: document.to_owned(),
            expected: "an object",
            found: kind_of(&other),
        }),
    }
}

/// Writes a value as Go's `MarshalIndent` with four spaces does: no newline at the end.
#[must_use]
pub fn to_indented(value: &Value) -> String {
    let mut out = String::new();
    write_indented(&mut out, value, 0);
    out
}

/// Looks a key up: the exact spelling first, then any case. Null counts as absent.
#[must_use]
pub fn get_folded<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    let exact = map.get(key);
    let found = exact.or_else(|| {
        map.iter()
            .rev()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, value)| value)
    });
    found.filter(|value| !value.is_null())
}

/// Names the type of a value, and the value when it is short.
pub(crate) fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("boolean {value}"),
        Value::Number(number) => format!("number {number}"),
        Value::String(_) => format!("string {}", shortened(value)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

pub(super) fn shortened(value: &Value) -> String {
    const LONGEST: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn write_indented(out: &mut String, value: &Value, depth: usize) {
    let mut block =
        |open: char, close: char, entries: &mut dyn Iterator<Item = (Option<&String>, &Value)>| {
            out.push(open);
            let mut separator = "\n";
            for (key, entry) in entries {
                out.push_str(separator);
                separator = ",\n";
                out.push_str(&"    ".repeat(depth + 1));
                if let Some(key) = key {
                    out.push_str(&Value::from(key.as_str()).to_string());
                    out.push_str(": ");
                }
                write_indented(out, entry, depth + 1);
            }
            if separator == ",\n" {
                out.push('\n');
                out.push_str(&"    ".repeat(depth));
            }
            out.push(close);
        };
    match value {
        Value::Object(map) => block(
            '{',
            '}',
            &mut map.iter().map(|(key, value)| (Some(key), value)),
        ),
        Value::Array(list) => block('[', ']', &mut list.iter().map(|value| (None, value))),
        other => out.push_str(&other.to_string()),
    }
}
