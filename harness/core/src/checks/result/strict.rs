//! JSON read strictly: keys that stand twice in one object, and keys of the specification in another spelling.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Every key that a result has in any version.
const KEYS: [&str; 27] = [
    "cniVersion",
    "interfaces",
    "ips",
    "routes",
    "dns",
    "ip4",
    "ip6",
    "name",
    "mac",
    "sandbox",
    "mtu",
    "socketPath",
    "pciID",
    "address",
    "gateway",
    "interface",
    "version",
    "dst",
    "gw",
    "nameservers",
    "domain",
    "search",
    "options",
    "advmss",
    "priority",
    "table",
    "scope",
];

/// What is odd about the keys of a document, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Oddities {
    /// Keys that one object has twice.
    pub(super) twice: Vec<String>,
    /// Keys that differ from one of the specification only in case.
    pub(super) misspelt: Vec<String>,
}

/// Returns what is odd about the keys of a JSON document; nothing when it is none.
pub(super) fn oddities(document: &[u8]) -> Oddities {
    let mut found = Oddities::default();
    let mut reader = serde_json::Deserializer::from_slice(document);
    match (Walk { found: &mut found }).deserialize(&mut reader) {
        Ok(()) => found,
        Err(_) => Oddities::default(),
    }
}

struct Walk<'a> {
    found: &'a mut Oddities,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if let Some(known) = KEYS.iter().find(|known| known.eq_ignore_ascii_case(&key))
                && *known != key
            {
                self.found.misspelt.push(key.clone());
            }
            if !keys.insert(key.clone()) {
                self.found.twice.push(key);
            }
            map.next_value_seed(Walk {
                found: &mut *self.found,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list
            .next_element_seed(Walk {
                found: &mut *self.found,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::oddities;

    #[test]
    fn a_key_that_stands_twice_is_found_at_any_depth() {
        let found = oddities(br#"{"ips":[{"address":"a","address":"b"}],"dns":{},"n":1.5}"#);
        assert_eq!(found.twice, ["address"]);
    }

    #[test]
    fn the_same_key_in_two_objects_is_not_twice() {
        let found = oddities(br#"{"interfaces":[{"name":"a"},{"name":"b"}],"x":[null,true,-1]}"#);
        assert!(found.twice.is_empty() && found.misspelt.is_empty());
    }

    #[test]
    fn other_spellings_are_found_and_foreign_keys_are_not() {
        let found = oddities(br#"{"CNIVersion":"1.0.0","Interfaces":[],"myOwn":1}"#);
        assert_eq!(found.misspelt, ["CNIVersion", "Interfaces"]);
    }
}
