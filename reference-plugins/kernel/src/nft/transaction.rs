//! Changes that are committed together or not at all.

use netlink_packet_core::NetlinkSerializable;
use netlink_packet_netfilter::nftables::{
    ChainAttribute, ChainMessage, Hook as KernelHook, HookNumber, InetHookNumber, NfTablesMessage,
    RuleAttribute, RuleMessage, TableAttribute, TableMessage,
};
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage};

use super::object::{Base, Chain, ChainRef, Family, Hook, Policy, Rule, Table, comment_user_data};
use crate::netlink::{Flags, Request};

/// Changes to the ruleset, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a transaction does nothing until it is committed"]
pub struct Transaction {
    pub(super) requests: Vec<Request>,
}

impl Transaction {
    /// An empty transaction.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Adds a table unless it is there.
    pub fn add_table(&mut self, table: &Table<'_>) -> &mut Self {
        let mut attributes = vec![TableAttribute::Name(table.name.to_owned())];
        attributes.extend(
            table
                .comment
                .and_then(comment_user_data)
                .map(TableAttribute::UserData),
        );
        let operation = format!("add nftables table {} {}", table.family.name(), table.name);
        self.push(
            operation,
            table.family,
            Flags::CREATE_OR_KEEP,
            NfTablesMessage::NewTable(TableMessage { attributes }),
        )
    }

    /// Deletes a table with all that is in it.
    pub fn delete_table(&mut self, family: Family, name: &str) -> &mut Self {
        let attributes = vec![TableAttribute::Name(name.to_owned())];
        let operation = format!("delete nftables table {} {name}", family.name());
        self.push(
            operation,
            family,
            Flags::NONE,
            NfTablesMessage::DeleteTable(TableMessage { attributes }),
        )
    }

    /// Adds a chain unless it is there.
    pub fn add_chain(&mut self, chain: &Chain<'_>) -> &mut Self {
        let mut attributes = chain_attributes(chain.chain);
        if let Some(base) = chain.base {
            attributes.extend(base_attributes(base));
        }
        attributes.extend(
            chain
                .comment
                .and_then(comment_user_data)
                .map(ChainAttribute::UserData),
        );
        let message = NfTablesMessage::NewChain(ChainMessage { attributes });
        self.push(
            format!("add nftables chain {}", chain.chain),
            chain.chain.family,
            Flags::CREATE_OR_KEEP,
            message,
        )
    }

    /// Deletes an empty chain to which no rule refers.
    pub fn delete_chain(&mut self, chain: ChainRef<'_>) -> &mut Self {
        let message = NfTablesMessage::DeleteChain(ChainMessage {
            attributes: chain_attributes(chain),
        });
        self.push(
            format!("delete nftables chain {chain}"),
            chain.family,
            Flags::NONE,
            message,
        )
    }

    /// Deletes all rules of a chain.
    pub fn flush_chain(&mut self, chain: ChainRef<'_>) -> &mut Self {
        let message = NfTablesMessage::DeleteRule(RuleMessage {
            attributes: rule_attributes(chain),
        });
        self.push(
            format!("flush nftables chain {chain}"),
            chain.family,
            Flags::NONE,
            message,
        )
    }

    /// Adds a rule at the end of its chain. Its handle is among those that the commit returns.
    pub fn append_rule(&mut self, rule: &Rule<'_>) -> &mut Self {
        let mut attributes = rule_attributes(rule.chain);
        let expressions = rule
            .expressions
            .iter()
            .map(super::Expression::to_kernel)
            .collect();
        attributes.push(RuleAttribute::Expressions(expressions));
        attributes.extend(
            rule.comment
                .and_then(comment_user_data)
                .map(RuleAttribute::UserData),
        );
        let message = NfTablesMessage::NewRule(RuleMessage { attributes });
        let operation = format!("add a rule to nftables chain {}", rule.chain);
        self.push(
            operation,
            rule.chain.family,
            Flags::APPEND | Flags::ECHO,
            message,
        )
    }

    /// Deletes a rule by its handle.
    pub fn delete_rule(&mut self, chain: ChainRef<'_>, handle: u64) -> &mut Self {
        let mut attributes = rule_attributes(chain);
        attributes.push(RuleAttribute::Handle(handle));
        let message = NfTablesMessage::DeleteRule(RuleMessage { attributes });
        let operation = format!("delete rule {handle} of nftables chain {chain}");
        self.push(operation, chain.family, Flags::NONE, message)
    }

    fn push(
        &mut self,
        operation: String,
        family: Family,
        flags: u16,
        message: NfTablesMessage,
    ) -> &mut Self {
        self.requests
            .push(request(operation, family, flags, message));
        self
    }
}

pub(super) fn request(
    operation: String,
    family: Family,
    flags: u16,
    message: NfTablesMessage,
) -> Request {
    let header = NetfilterHeader::new(family.to_kernel(), 0, 0);
    let message = NetfilterMessage::new(header, message);
    let mut body = vec![0; message.buffer_len()];
    message.serialize(&mut body);
    Request::raw(operation, message.message_type(), flags, body)
}

pub(super) fn chain_attributes(chain: ChainRef<'_>) -> Vec<ChainAttribute> {
    vec![
        ChainAttribute::Table(chain.table.to_owned()),
        ChainAttribute::Name(chain.name.to_owned()),
    ]
}

pub(super) fn rule_attributes(chain: ChainRef<'_>) -> Vec<RuleAttribute> {
    vec![
        RuleAttribute::Table(chain.table.to_owned()),
        RuleAttribute::Chain(chain.name.to_owned()),
    ]
}

fn base_attributes(base: Base) -> [ChainAttribute; 3] {
    let number = match base.hook {
        Hook::Prerouting => InetHookNumber::PreRouting,
        Hook::Input => InetHookNumber::LocalIn,
        Hook::Forward => InetHookNumber::Forward,
        Hook::Output => InetHookNumber::LocalOut,
        Hook::Postrouting => InetHookNumber::PostRouting,
    };
    let policy = match base.policy {
        Policy::Drop => 0,
        Policy::Accept => 1,
    };
    [
        ChainAttribute::Hook(vec![
            KernelHook::Number(HookNumber::Inet(number)),
            KernelHook::Priority(base.priority.cast_unsigned()),
        ]),
        ChainAttribute::Policy(policy),
        ChainAttribute::Type(base.kind.name().to_owned()),
    ]
}
