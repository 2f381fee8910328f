//! Ethernet addresses as CNI writes them: six octets, lower-case hexadecimal, colons.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A 48-bit Ethernet address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac([u8; 6]);

/// A text that is not an Ethernet address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{0:?} is not a MAC address: six pairs of hexadecimal digits with ':' or '-' between them are needed"
)]
pub struct InvalidMac(String);

impl Mac {
    /// The all-ones address, to which every station listens.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Takes the six octets in the order in which they are written.
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The six octets in the order in which they are written.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Whether a station can have this address: not multicast and not all zero.
    #[must_use]
    pub fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0 && self.0 != [0; 6]
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = InvalidMac;

    /// Accepts what Go's `net.ParseMAC` accepts for six octets: pairs with ':' or '-', or three groups of four with '.'.
    fn from_str(text: &str) -> Result<Self, InvalidMac> {
        parse(text).ok_or_else(|| InvalidMac(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Mac> {
    let (separator, digits) = match text.as_bytes().get(2)? {
        b':' => (':', 2),
        b'-' => ('-', 2),
        _ => ('.', 4),
    };
    let groups: Vec<&str> = text.split(separator).collect();
    if groups.len() * digits != 12 {
        return None;
    }
    let mut octets = [0; 6];
    let mut filled = octets.iter_mut();
    for group in groups {
        // `from_str_radix` also takes a sign, which no address has.
        if group.len() != digits || !group.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        for start in (0..digits).step_by(2) {
            *filled.next()? = u8::from_str_radix(&group[start..start + 2], 16).ok()?;
        }
    }
    Some(Mac(octets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("02:00:5e:10:00:0A", "02:00:5e:10:00:0a")]
    #[case("02-00-5e-10-00-0a", "02:00:5e:10:00:0a")]
    #[case("0200.5e10.000a", "02:00:5e:10:00:0a")]
    fn accepts_the_three_notations(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(text.parse::<Mac>().unwrap().to_string(), expected);
    }

    #[rstest]
    #[case("")]
    #[case("02:00:5e:10:00")]
    #[case("02:00:5e:10:00:0a:0b")]
    #[case("02:00-5e:10:00:0a")]
    #[case("02:00:5e:10:00:+a")]
    #[case("02:00:5e:10:00:é")]
    #[case("02005e10000a")]
    fn refuses_what_is_not_an_address(#[case] text: &str) {
        assert_eq!(text.parse::<Mac>(), Err(InvalidMac(text.to_owned())));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(octets: [u8; 6]) {
            let mac = Mac::new(octets);
            prop_assert_eq!(mac.to_string().parse::<Mac>(), Ok(mac));
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in ".{0,24}") {
            drop(text.parse::<Mac>());
        }
    }
}
