//! What came back from one call of the plugin, as the checks look at it.

use cni_conform_report::{Exchange, Status};
use serde_json::Value;

/// One finished call.
#[derive(Clone, Debug)]
pub struct Call {
    index: usize,
    exchange: Exchange,
    stdout: Vec<u8>,
}

/// An error object as the spec draws it, with the types it has.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorObject {
    /// The whole object.
    pub object: serde_json::Map<String, Value>,
}

impl Call {
    pub(super) const fn new(index: usize, exchange: Exchange, stdout: Vec<u8>) -> Self {
        Self {
            index,
            exchange,
            stdout,
        }
    }

    /// Returns its number in the trial, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Returns everything that went in and came out.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Returns how it ended.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.exchange.status
    }

    /// Returns standard output, byte by byte.
    #[must_use]
    pub fn stdout(&self) -> &[u8] {
        &self.stdout
    }

    /// Tells whether the plugin exited with status 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.exchange.status == Status::Exit(0)
    }

    /// Tells whether the plugin exited by itself with a status other than 0.
    #[must_use]
    pub fn refused(&self) -> bool {
        matches!(self.exchange.status, Status::Exit(code) if code != 0)
    }

    /// Tells whether nothing but white space was printed on standard output.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.stdout.iter().all(u8::is_ascii_whitespace)
    }

    /// Returns standard output as JSON, if it is one document and nothing else.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.stdout).ok()
    }

    /// Returns standard output as an error object: one JSON object with a `code` or a `msg`.
    #[must_use]
    pub fn error(&self) -> Option<ErrorObject> {
        match self.json() {
            Some(Value::Object(object))
                if object.contains_key("code") || object.contains_key("msg") =>
            {
                Some(ErrorObject { object })
            }
            _ => None,
        }
    }

    /// Returns the status and what was printed, in one line that fits a report.
    #[must_use]
    pub fn brief(&self) -> String {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            match line.char_indices().nth(300) {
                Some((end, _)) => format!("{}…", &line[..end]),
                None => line,
            }
        };
        let (out, err) = (text(&self.stdout), text(self.exchange.stderr.as_bytes()));
        match (out.is_empty(), err.is_empty()) {
            (true, true) => format!("{}, nothing printed", self.status()),
            (false, _) => format!("{}, stdout {out}", self.status()),
            (true, false) => format!("{}, stdout empty, stderr {err}", self.status()),
        }
    }
}

impl ErrorObject {
    /// Returns the code, if it is a number.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.object.get("code").and_then(Value::as_i64)
    }

    /// Returns msg and details in one, for a look at whether something is named.
    #[must_use]
    pub fn text(&self) -> String {
        ["msg", "details"]
            .iter()
            .filter_map(|key| self.object.get(*key).and_then(Value::as_str))
            .collect::<Vec<_>>()
            .join(" ")
    }
}
