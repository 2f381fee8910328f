//! Objects and values that know their path, with typed access to what is in them.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::document::{get_folded, kind_of, shortened};
use super::error::JsonError;

/// A JSON object and where it stands in its document.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

/// A JSON value other than null and where it stands in its document.
#[derive(Debug, Clone)]
pub struct Element<'a> {
    value: &'a Value,
    path: String,
}

/// Integer types that a JSON number can be read as.
pub trait Integer: TryFrom<i128> {
    /// The range in words, for error messages.
    const RANGE: &'static str;
}

macro_rules! integers {
    ($($type:ident $range:literal),* $(,)?) => { $(impl Integer for $type { const RANGE: &'static str = $range; })* };
}

integers! {
    u8 "expected 0 to 255",
    u16 "expected 0 to 65535",
    u32 "expected 0 to 4294967295",
    u64 "expected 0 to 18446744073709551615",
    i32 "expected -2147483648 to 2147483647",
    i64 "expected -9223372036854775808 to 9223372036854775807",
}

impl<'a> Object<'a> {
    /// The top of a document; paths begin with the key.
    #[must_use]
    pub const fn root(map: &'a Map<String, Value>) -> Self {
        Self {
            map,
            path: String::new(),
        }
    }

    /// An object below `path`, for documents that stand inside others.
    #[must_use]
    pub fn at(map: &'a Map<String, Value>, path: impl Into<String>) -> Self {
        Self {
            map,
            path: path.into(),
        }
    }

    /// The raw object.
    #[must_use]
    pub const fn map(&self) -> &'a Map<String, Value> {
        self.map
    }

    /// The path of this object; empty at the top.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path of a key in this object.
    #[must_use]
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The value of a key, whatever its case; `None` when absent or null.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Element<'a>> {
        get_folded(self.map, key).map(|value| Element {
            value,
            path: self.path_of(key),
        })
    }

    /// Whether the key is there, even as null.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.map.keys().any(|name| name.eq_ignore_ascii_case(key))
    }

    /// Keys and values in the order of the document's map, null left out.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, Element<'a>)> + '_ {
        let present = self.map.iter().filter(|(_, value)| !value.is_null());
        present.map(|(key, value)| {
            (
                key.as_str(),
                Element {
                    value,
                    path: self.path_of(key),
                },
            )
        })
    }

    /// An error about the value of `key`, with a reason.
    #[must_use]
    pub fn invalid(&self, key: &str, reason: impl fmt::Display) -> JsonError {
        match self.get(key) {
            Some(element) => element.invalid(reason),
            None => JsonError::Invalid {
                path: self.path_of(key),
                value: "null".to_owned(),
                reason: reason.to_string(),
            },
        }
    }

    /// An error about the absence of `key`; `expected` says what to give, for example `an address`.
    #[must_use]
    pub fn missing(&self, key: &str, expected: &'static str) -> JsonError {
        JsonError::Missing {
            path: self.path_of(key),
            expected,
        }
    }

    /// A string that must be there; it may be empty.
    ///
    /// # Errors
    /// When absent or of another type.
    pub fn string(&self, key: &str) -> Result<&'a str, JsonError> {
        self.optional_string(key)?
            .ok_or_else(|| self.missing(key, "a string"))
    }

    /// A string that may be absent.
    ///
    /// # Errors
    /// When of another type.
    pub fn optional_string(&self, key: &str) -> Result<Option<&'a str>, JsonError> {
        self.get(key).map(|element| element.string()).transpose()
    }

    /// A string that may be absent, where empty means absent, as for most keys that Go plugins read.
    ///
    /// # Errors
    /// When of another type.
    pub fn non_empty_string(&self, key: &str) -> Result<Option<&'a str>, JsonError> {
        Ok(self.optional_string(key)?.filter(|text| !text.is_empty()))
    }

    /// A list of strings; absent is empty.
    ///
    /// # Errors
    /// When no list, or an entry is no string.
    pub fn strings(&self, key: &str) -> Result<Vec<&'a str>, JsonError> {
        self.array(key)?.iter().map(Element::string).collect()
    }

    /// A boolean; absent is false.
    ///
    /// # Errors
    /// When of another type.
    pub fn bool(&self, key: &str) -> Result<bool, JsonError> {
        Ok(self.optional_bool(key)?.unwrap_or(false))
    }

    /// A boolean that may be absent.
    ///
    /// # Errors
    /// When of another type.
    pub fn optional_bool(&self, key: &str) -> Result<Option<bool>, JsonError> {
        self.get(key).map(|element| element.bool()).transpose()
    }

    /// An integer that must be there.
    ///
    /// # Errors
    /// When absent, no integer, or out of the type's range.
    pub fn integer<T: Integer>(&self, key: &str) -> Result<T, JsonError> {
        self.optional_integer(key)?
            .ok_or_else(|| self.missing(key, "an integer"))
    }

    /// An integer that may be absent.
    ///
    /// # Errors
    /// When no integer, or out of the type's range.
    pub fn optional_integer<T: Integer>(&self, key: &str) -> Result<Option<T>, JsonError> {
        self.get(key).map(|element| element.integer()).transpose()
    }

    /// A 32-bit unsigned integer that must be there.
    ///
    /// # Errors
    /// As [`Object::integer`].
    pub fn u32(&self, key: &str) -> Result<u32, JsonError> {
        self.integer(key)
    }

    /// A 32-bit unsigned integer that may be absent.
    ///
    /// # Errors
    /// As [`Object::optional_integer`].
    pub fn optional_u32(&self, key: &str) -> Result<Option<u32>, JsonError> {
        self.optional_integer(key)
    }

    /// A 64-bit integer that must be there.
    ///
    /// # Errors
    /// As [`Object::integer`].
    pub fn i64(&self, key: &str) -> Result<i64, JsonError> {
        self.integer(key)
    }

    /// A string of a type with rules, which must be there.
    ///
    /// # Errors
    /// When absent, no string, or refused by the type.
    pub fn parse<T: FromStr<Err: fmt::Display>>(&self, key: &str) -> Result<T, JsonError> {
        self.get(key)
            .ok_or_else(|| self.missing(key, "a string"))?
            .parse()
    }

    /// A string of a type with rules; absent and empty are `None`.
    ///
    /// # Errors
    /// When no string, or refused by the type.
    pub fn optional_parse<T: FromStr<Err: fmt::Display>>(
        &self,
        key: &str,
    ) -> Result<Option<T>, JsonError> {
        let Some(element) = self.get(key) else {
            return Ok(None);
        };
        if element.string()?.is_empty() {
            Ok(None)
        } else {
            element.parse().map(Some)
        }
    }

    /// An object that must be there.
    ///
    /// # Errors
    /// When absent or of another type.
    pub fn object(&self, key: &str) -> Result<Self, JsonError> {
        self.optional_object(key)?
            .ok_or_else(|| self.missing(key, "an object"))
    }

    /// An object that may be absent.
    ///
    /// # Errors
    /// When of another type.
    pub fn optional_object(&self, key: &str) -> Result<Option<Self>, JsonError> {
        self.get(key).map(|element| element.object()).transpose()
    }

    /// A list; absent is empty.
    ///
    /// # Errors
    /// When of another type.
    pub fn array(&self, key: &str) -> Result<Vec<Element<'a>>, JsonError> {
        Ok(self
            .get(key)
            .map(|element| element.array())
            .transpose()?
            .unwrap_or_default())
    }

    /// A list of objects; absent is empty.
    ///
    /// # Errors
    /// When no list, or an entry is no object.
    pub fn objects(&self, key: &str) -> Result<Vec<Self>, JsonError> {
        self.array(key)?.iter().map(Element::object).collect()
    }
}

impl<'a> Element<'a> {
    /// A value below `path`.
    #[must_use]
    pub fn at(value: &'a Value, path: impl Into<String>) -> Self {
        Self {
            value,
            path: path.into(),
        }
    }

    /// The raw value.
    #[must_use]
    pub const fn value(&self) -> &'a Value {
        self.value
    }

    /// The path of this value.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// An error about this value, with a reason.
    #[must_use]
    pub fn invalid(&self, reason: impl fmt::Display) -> JsonError {
        JsonError::Invalid {
            path: self.path.clone(),
            value: shortened(self.value),
            reason: reason.to_string(),
        }
    }

    /// The value as a string.
    ///
    /// # Errors
    /// When of another type.
    pub fn string(&self) -> Result<&'a str, JsonError> {
        self.value.as_str().ok_or_else(|| self.expected("a string"))
    }

    /// The value as a boolean.
    ///
    /// # Errors
    /// When of another type.
    pub fn bool(&self) -> Result<bool, JsonError> {
        self.value
            .as_bool()
            .ok_or_else(|| self.expected("a boolean"))
    }

    /// The value as an integer of the type's range.
    ///
    /// # Errors
    /// When no number, with a fraction or an exponent, or out of range.
    pub fn integer<T: Integer>(&self) -> Result<T, JsonError> {
        let number = self
            .value
            .as_i64()
            .map(i128::from)
            .or_else(|| self.value.as_u64().map(i128::from));
        let number = number.ok_or_else(|| self.expected("an integer"))?;
        T::try_from(number).map_err(|_| self.invalid(T::RANGE))
    }

    /// The value as a string of a type with rules.
    ///
    /// # Errors
    /// When no string, or refused by the type.
    pub fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Result<T, JsonError> {
        self.string()?
            .parse()
            .map_err(|error: T::Err| self.invalid(error))
    }

    /// The value as an object.
    ///
    /// # Errors
    /// When of another type.
    pub fn object(&self) -> Result<Object<'a>, JsonError> {
        let map = self
            .value
            .as_object()
            .ok_or_else(|| self.expected("an object"))?;
        Ok(Object {
            map,
            path: self.path.clone(),
        })
    }

    /// The value as a list.
    ///
    /// # Errors
    /// When of another type.
    pub fn array(&self) -> Result<Vec<Self>, JsonError> {
        let list = self
            .value
            .as_array()
            .ok_or_else(|| self.expected("a list"))?;
        let entry = |(index, value)| Self {
            value,
            path: format!("{}[{index}]", self.path),
        };
        Ok(list.iter().enumerate().map(entry).collect())
    }

    fn expected(&self, expected: &'static str) -> JsonError {
        JsonError::Type {
            path: self.path.clone(),
            expected,
            found: kind_of(self.value),
        }
    }
}
