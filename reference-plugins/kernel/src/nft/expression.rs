//! The expressions that rules are made of, one variant per kernel expression.
//!
//! All go through the crate's untyped form: half of what plugins need (masq, nat, ct, fib) has no typed one there.

use std::net::IpAddr;

use netlink_packet_core::{DefaultNla, Emitable, NLA_F_NESTED};
use netlink_packet_netfilter::nftables::{ExpressionAttribute, Expressions, ListAttribute};

use crate::{IpFamily, IpPrefix};

/// One step of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expression {
    /// Loads a property of the packet.
    Meta(MetaKey, Register),
    /// Sets a property of the packet.
    SetMeta(MetaKey, Register),
    /// Loads bytes of the packet.
    Payload(ByteRange, Register),
    /// Loads a property of the connection.
    Conntrack(ConntrackKey, Register),
    /// Loads what kind of address the packet has, by the routing table.
    AddressType(AddressKind, Register),
    /// Masks a register: `register & mask ^ xor`.
    Bitwise {
        /// Which register.
        register: Register,
        /// What is kept.
        mask: Vec<u8>,
        /// What is flipped then.
        xor: Vec<u8>,
    },
    /// Goes on only if the comparison holds.
    Compare(Register, Comparison, Vec<u8>),
    /// Loads a constant.
    Immediate(Register, Vec<u8>),
    /// Counts packets and bytes.
    Counter,
    /// Ends the rule.
    Verdict(Verdict),
    /// Source NAT to the address of the outgoing link.
    Masquerade(MasqueradeFlags),
    /// NAT to an address and a port in registers.
    Nat {
        /// Source or destination.
        kind: NatKind,
        /// The family of the address.
        family: IpFamily,
        /// Where the address is.
        address: Option<Register>,
        /// Where the port is.
        port: Option<Register>,
    },
}

/// One of the four registers of 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "numbers")]
pub enum Register {
    R1 = 1,
    R2 = 2,
    R3 = 3,
    R4 = 4,
}

/// A property of the packet (`NFT_META_*`). Marks are in the host's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are nft(8)'s")]
pub enum MetaKey {
    Mark = 3,
    InputName = 6,
    OutputName = 7,
    NfProto = 15,
    L4Proto = 16,
}

/// A property of the connection (`NFT_CT_*`), in the host's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are nft(8)'s")]
pub enum ConntrackKey {
    State = 0,
    Status = 2,
    Mark = 3,
}

/// Which address of the packet is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// The source.
    Source,
    /// The destination.
    Destination,
}

/// Where in a packet bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// From which header.
    pub base: PayloadBase,
    /// Where in the header.
    pub offset: u32,
    /// How many.
    pub length: u32,
}

/// The header that a byte range starts at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are nft(8)'s")]
pub enum PayloadBase {
    Link = 0,
    Network = 1,
    Transport = 2,
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Comparison {
    Equal = 0,
    NotEqual = 1,
}

/// What happens to the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are nft(8)'s")]
pub enum Verdict {
    Accept,
    Drop,
    Return,
    Jump(String),
    Goto(String),
}

/// How source ports are chosen (`NF_NAT_RANGE_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MasqueradeFlags {
    /// The kernel keeps the port where it can.
    #[default]
    None,
    /// By a hash.
    Random,
    /// By chance.
    FullyRandom,
}

/// Which side NAT changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatKind {
    /// The source.
    Source = 0,
    /// The destination.
    Destination = 1,
}

impl Expression {
    /// The steps that restrict a rule of an inet table to one family, as nft(8) puts them before an address.
    #[must_use]
    pub fn is_family(family: IpFamily) -> Vec<Self> {
        let number = match family {
            IpFamily::V4 => libc::NFPROTO_IPV4,
            IpFamily::V6 => libc::NFPROTO_IPV6,
        };
        let number = u8::try_from(number).unwrap_or_default();
        vec![
            Self::Meta(MetaKey::NfProto, Register::R1),
            Self::Compare(Register::R1, Comparison::Equal, vec![number]),
        ]
    }

    /// The steps that compare the source or destination address with a prefix, the same as nft(8) makes.
    #[must_use]
    pub fn address(which: AddressKind, comparison: Comparison, prefix: IpPrefix) -> Vec<Self> {
        let octets = match prefix.network().address() {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        let offset = match (prefix.family(), which) {
            (IpFamily::V4, AddressKind::Source) => 12,
            (IpFamily::V4, AddressKind::Destination) => 16,
            (IpFamily::V6, AddressKind::Source) => 8,
            (IpFamily::V6, AddressKind::Destination) => 24,
        };
        let length = usize::from(prefix.length());
        // A prefix of whole bytes needs no mask: only these bytes are loaded.
        let whole = length > 0 && length.is_multiple_of(8);
        let loaded = if whole { length / 8 } else { octets.len() };
        let range = ByteRange {
            base: PayloadBase::Network,
            offset,
            length: u32::try_from(loaded).unwrap_or_default(),
        };
        let mut steps = vec![Self::Payload(range, Register::R1)];
        if !whole {
            let mask = mask(length, octets.len());
            steps.push(Self::Bitwise {
                register: Register::R1,
                mask,
                xor: vec![0; octets.len()],
            });
        }
        steps.push(Self::Compare(
            Register::R1,
            comparison,
            octets[..loaded].to_vec(),
        ));
        steps
    }

    pub(super) fn to_kernel(&self) -> ListAttribute<ExpressionAttribute> {
        let (name, attributes) = self.encode();
        Expressions::Other {
            expression_type: name.to_owned(),
            attributes,
        }
        .into()
    }

    /// Name and attributes (`NFTA_*` of linux/netfilter/nf_tables.h).
    pub(super) fn encode(&self) -> (&'static str, Vec<DefaultNla>) {
        match self {
            Self::Meta(key, register) => (
                "meta",
                vec![be32(1, *register as u32), be32(2, *key as u32)],
            ),
            Self::SetMeta(key, register) => (
                "meta",
                vec![be32(2, *key as u32), be32(3, *register as u32)],
            ),
            Self::Payload(range, register) => (
                "payload",
                vec![
                    be32(1, *register as u32),
                    be32(2, range.base as u32),
                    be32(3, range.offset),
                    be32(4, range.length),
                ],
            ),
            Self::Conntrack(key, register) => {
                ("ct", vec![be32(1, *register as u32), be32(2, *key as u32)])
            }
            Self::AddressType(which, register) => {
                const RESULT_ADDRESS_TYPE: u32 = 3;
                let flag = match which {
                    AddressKind::Source => 1,
                    AddressKind::Destination => 2,
                };
                (
                    "fib",
                    vec![
                        be32(1, *register as u32),
                        be32(2, RESULT_ADDRESS_TYPE),
                        be32(3, flag),
                    ],
                )
            }
            Self::Bitwise {
                register,
                mask,
                xor,
            } => {
                let length = u32::try_from(mask.len()).unwrap_or_default();
                let register = *register as u32;
                let attributes = vec![
                    be32(1, register),
                    be32(2, register),
                    be32(3, length),
                    value(4, mask),
                    value(5, xor),
                ];
                ("bitwise", attributes)
            }
            Self::Compare(register, comparison, data) => (
                "cmp",
                vec![
                    be32(1, *register as u32),
                    be32(2, *comparison as u32),
                    value(3, data),
                ],
            ),
            Self::Immediate(register, data) => {
                ("immediate", vec![be32(1, *register as u32), value(2, data)])
            }
            Self::Counter => ("counter", Vec::new()),
            Self::Verdict(verdict) => {
                const VERDICT_REGISTER: u32 = 0;
                (
                    "immediate",
                    vec![be32(1, VERDICT_REGISTER), nested(2, &[verdict.encode()])],
                )
            }
            Self::Masquerade(flags) => ("masq", flags.encode()),
            Self::Nat {
                kind,
                family,
                address,
                port,
            } => {
                let family = match family {
                    IpFamily::V4 => libc::NFPROTO_IPV4,
                    IpFamily::V6 => libc::NFPROTO_IPV6,
                };
                let mut attributes = vec![be32(1, *kind as u32), be32(2, family.cast_unsigned())];
                attributes.extend(address.map(|register| be32(3, register as u32)));
                attributes.extend(port.map(|register| be32(5, register as u32)));
                ("nat", attributes)
            }
        }
    }
}

impl Verdict {
    fn encode(&self) -> DefaultNla {
        const VERDICT: u16 = 2;
        let (code, chain) = match self {
            Self::Drop => (0, None),
            Self::Accept => (1, None),
            Self::Jump(chain) => (-3, Some(chain)),
            Self::Goto(chain) => (-4, Some(chain)),
            Self::Return => (-5, None),
        };
        let code: i32 = code;
        let mut attributes = vec![be32(1, code.cast_unsigned())];
        attributes.extend(chain.map(|chain| {
            let mut name = chain.clone().into_bytes();
            name.push(0);
            DefaultNla::new(2, name)
        }));
        nested(VERDICT, &attributes)
    }
}

impl MasqueradeFlags {
    fn encode(self) -> Vec<DefaultNla> {
        match self {
            Self::None => Vec::new(),
            Self::Random => vec![be32(1, 1 << 2)],
            Self::FullyRandom => vec![be32(1, 1 << 4)],
        }
    }
}

fn mask(length: usize, bytes: usize) -> Vec<u8> {
    let mut mask = vec![0; bytes];
    for bit in 0..length {
        mask[bit / 8] |= 0x80 >> (bit % 8);
    }
    mask
}

fn be32(kind: u16, value: u32) -> DefaultNla {
    DefaultNla::new(kind, value.to_be_bytes().to_vec())
}

/// `NFTA_DATA_VALUE` in a nest.
fn value(kind: u16, data: &[u8]) -> DefaultNla {
    const VALUE: u16 = 1;
    nested(kind, &[DefaultNla::new(VALUE, data.to_vec())])
}

fn nested(kind: u16, attributes: &[DefaultNla]) -> DefaultNla {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    DefaultNla::new(kind | NLA_F_NESTED, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("10.9.0.0/24", 3, false)]
    #[case("10.9.0.5/32", 4, false)]
    #[case("224.0.0.0/4", 4, true)]
    #[case("0.0.0.0/0", 4, true)]
    #[case("fd00:9::/64", 8, false)]
    #[case("fd00:9::/60", 16, true)]
    fn addresses_are_compared_as_nft_does(
        #[case] prefix: IpPrefix,
        #[case] length: u32,
        #[case] masked: bool,
    ) {
        let steps = Expression::address(AddressKind::Destination, Comparison::Equal, prefix);
        assert!(matches!(&steps[0], Expression::Payload(range, _) if range.length == length));
        assert_eq!(
            steps
                .iter()
                .any(|step| matches!(step, Expression::Bitwise { .. })),
            masked
        );
    }

    #[test]
    fn a_mask_has_its_bits_at_the_front() {
        assert_eq!(mask(12, 4), [0xff, 0xf0, 0, 0]);
    }
}
