//! Rules as the kernel lists them. Only what is needed is read: a rule with expressions unknown to us is no error.

use netlink_packet_core::{DefaultNla, NLA_F_NESTED, NLA_TYPE_MASK, Nla, NlasIterator};

use super::expression::Expression;
use super::object::comment_in;

/// A rule that is in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRule {
    /// The number by which it is deleted.
    pub handle: u64,
    /// Its comment.
    pub comment: Option<String>,
    expressions: Vec<(String, Vec<u8>)>,
}

impl ListedRule {
    /// Whether the rule consists of exactly these expressions. What the kernel adds by default (counters, flags) is ignored.
    #[must_use]
    pub fn consists_of(&self, expressions: &[Expression]) -> bool {
        self.expressions.len() == expressions.len()
            && self
                .expressions
                .iter()
                .zip(expressions)
                .all(|((name, data), expression)| {
                    let (expected_name, expected) = expression.encode();
                    name == expected_name && expected.iter().all(|attribute| holds(data, attribute))
                })
    }

    /// Reads the body of an `NFT_MSG_NEWRULE`, `struct nfgenmsg` included.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        const NFGENMSG: usize = 4;
        const HANDLE: u16 = 3;
        const EXPRESSIONS: u16 = 4;
        const USER_DATA: u16 = 7;
        let mut rule = Self {
            handle: 0,
            comment: None,
            expressions: Vec::new(),
        };
        for attribute in NlasIterator::new(body.get(NFGENMSG..)?).map_while(Result::ok) {
            match attribute.kind() {
                HANDLE => rule.handle = u64::from_be_bytes(attribute.value().try_into().ok()?),
                USER_DATA => rule.comment = comment_in(attribute.value()),
                EXPRESSIONS => {
                    let elements = NlasIterator::new(attribute.value()).map_while(Result::ok);
                    rule.expressions = elements
                        .filter_map(|element| parse_expression(element.value()))
                        .collect();
                }
                _ => {}
            }
        }
        (rule.handle != 0).then_some(rule)
    }
}

fn parse_expression(element: &[u8]) -> Option<(String, Vec<u8>)> {
    const NAME: u16 = 1;
    const DATA: u16 = 2;
    let mut name = None;
    let mut data = Vec::new();
    for attribute in NlasIterator::new(element).map_while(Result::ok) {
        match attribute.kind() {
            NAME => {
                let text = attribute.value();
                name = String::from_utf8(text.strip_suffix(&[0]).unwrap_or(text).to_vec()).ok();
            }
            DATA => data = attribute.value().to_vec(),
            _ => {}
        }
    }
    Some((name?, data))
}

/// Whether `data` has an attribute with that value. Nests are compared by content: the kernel flags them or not, as it likes.
fn holds(data: &[u8], expected: &DefaultNla) -> bool {
    let kind = expected.kind();
    let mut value = vec![0; expected.value_len()];
    expected.emit_value(&mut value);
    holds_value(data, kind, &value)
}

fn holds_value(data: &[u8], kind: u16, value: &[u8]) -> bool {
    let mut found = NlasIterator::new(data)
        .map_while(Result::ok)
        .filter(|attribute| attribute.kind() == kind & NLA_TYPE_MASK);
    found.any(|attribute| {
        if kind & NLA_F_NESTED == 0 {
            return attribute.value() == value;
        }
        NlasIterator::new(value).map_while(Result::ok).all(|inner| {
            let flag = if inner.nested_flag() { NLA_F_NESTED } else { 0 };
            holds_value(attribute.value(), inner.kind() | flag, inner.value())
        })
    })
}
