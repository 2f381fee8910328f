//! Policy rules: which table a packet is looked up in, by its source or destination.

use std::fmt;

use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::netlink::{Error, Flags, Netlink, Request};
use crate::{IpFamily, IpPrefix};

/// A rule that sends packets to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The family whose packets it is about.
    pub family: IpFamily,
    /// From where; none: from anywhere.
    pub source: Option<IpPrefix>,
    /// Where to; none: to anywhere.
    pub destination: Option<IpPrefix>,
    /// The packet mark with its mask.
    pub mark: Option<(u32, u32)>,
    /// Name of the link by which the packet came.
    pub input_link: Option<String>,
    /// The table; none in a list: the rule does something else than look up a table.
    pub table: Option<u32>,
    /// The order: lower numbers first. None when adding: the kernel takes the next below the first user rule.
    pub priority: Option<u32>,
}

impl Rule {
    /// A rule that looks up `table` for packets from `source`.
    #[must_use]
    pub const fn from_source(source: IpPrefix, table: u32) -> Self {
        Self {
            family: source.family(),
            source: Some(source),
            destination: None,
            mark: None,
            input_link: None,
            table: Some(table),
            priority: None,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Some(source) => write!(f, "from {source}")?,
            None => f.write_str("from all")?,
        }
        if let Some(destination) = self.destination {
            write!(f, " to {destination}")?;
        }
        if let Some(table) = self.table {
            write!(f, " lookup table {table}")?;
        }
        Ok(())
    }
}

/// Adds a rule. [`Error::is_present`] when the same one is there.
pub fn add(rule: &Rule) -> Request {
    let message = RouteNetlinkMessage::NewRule(message_for(rule));
    Request::route(format!("add rule {rule}"), Flags::CREATE, &message)
}

/// Deletes the first rule that matches all that is given. [`Error::is_absent`] when none does.
pub fn delete(rule: &Rule) -> Request {
    let message = RouteNetlinkMessage::DelRule(message_for(rule));
    Request::route(format!("delete rule {rule}"), Flags::NONE, &message)
}

/// The rules of a family in the order of their priority.
pub fn list(netlink: &Netlink, family: IpFamily) -> Result<Vec<Rule>, Error> {
    let mut message = RuleMessage::default();
    message.header.family = address_family(family);
    let request = Request::route(
        format!("list the {family} rules"),
        Flags::DUMP,
        &RouteNetlinkMessage::GetRule(message),
    );
    let rules = netlink
        .dump(&request)?
        .into_iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewRule(message) => from_message(family, &message),
            _ => None,
        });
    Ok(rules.collect())
}

fn message_for(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = address_family(rule.family);
    message.header.action = RuleAction::ToTable;
    if let Some(source) = rule.source.map(IpPrefix::network) {
        message.header.src_len = source.length();
        message
            .attributes
            .push(RuleAttribute::Source(source.address()));
    }
    if let Some(destination) = rule.destination.map(IpPrefix::network) {
        message.header.dst_len = destination.length();
        message
            .attributes
            .push(RuleAttribute::Destination(destination.address()));
    }
    if let Some((mark, mask)) = rule.mark {
        message.attributes.push(RuleAttribute::FwMark(mark));
        message.attributes.push(RuleAttribute::FwMask(mask));
    }
    message
        .attributes
        .extend(rule.input_link.clone().map(RuleAttribute::Iifname));
    message
        .attributes
        .extend(rule.table.map(RuleAttribute::Table));
    message
        .attributes
        .extend(rule.priority.map(RuleAttribute::Priority));
    message
}

fn from_message(family: IpFamily, message: &RuleMessage) -> Option<Rule> {
    let mut rule = Rule {
        family,
        source: None,
        destination: None,
        mark: None,
        input_link: None,
        table: None,
        // The kernel does not send a priority of 0.
        priority: Some(0),
    };
    let mut mark = None;
    let mut mask = u32::MAX;
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Source(address) => {
                rule.source = Some(IpPrefix::new(*address, message.header.src_len).ok()?);
            }
            RuleAttribute::Destination(address) => {
                rule.destination = Some(IpPrefix::new(*address, message.header.dst_len).ok()?);
            }
            RuleAttribute::FwMark(value) => mark = Some(*value),
            RuleAttribute::FwMask(value) => mask = *value,
            RuleAttribute::Iifname(name) => rule.input_link = Some(name.clone()),
            RuleAttribute::Table(table) if message.header.action == RuleAction::ToTable => {
                rule.table = Some(*table);
            }
            RuleAttribute::Priority(priority) => rule.priority = Some(*priority),
            _ => {}
        }
    }
    rule.mark = mark.map(|mark| (mark, mask));
    Some(rule)
}

fn address_family(family: IpFamily) -> AddressFamily {
    match family {
        IpFamily::V4 => AddressFamily::Inet,
        IpFamily::V6 => AddressFamily::Inet6,
    }
}
