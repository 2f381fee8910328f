//! The nftables backend: one rule per address in `masq_checks`, found again by its comment.

use super::names::{
    CHECKS_CHAIN, CHECKS_COMMENT, POSTROUTING_CHAIN, TABLE, TABLE_COMMENT, attachment_prefix,
    network_prefix, nftables_comment, parse_nftables_comment,
};
use super::{AttachmentKey, Backend, Installed, Masquerade};
use crate::netlink::Error;
use crate::nft::{
    AddressKind, Base, Chain, ChainKind, ChainRef, Comparison, Expression, Family, Hook,
    MasqueradeFlags, Nft, Policy, Rule, Table, Transaction, Verdict, priority,
};
use crate::{IpFamily, IpPrefix};

const CHECKS: ChainRef<'static> = ChainRef {
    family: Family::Inet,
    table: TABLE,
    name: CHECKS_CHAIN,
};
const POSTROUTING: ChainRef<'static> = ChainRef {
    family: Family::Inet,
    table: TABLE,
    name: POSTROUTING_CHAIN,
};

/// Between listing and deleting, another plugin may delete a rule: then the listing is repeated.
const ATTEMPTS: u32 = 5;

/// Adds the rules. Only the first attachment on a host makes the table: declaring again what is there costs an RCU wait.
///
/// Unlike upstream it does not look for left-overs of the same attachment: that would read the whole chain on every ADD. A
/// second ADD without a DEL adds the rules twice; they do the same, and removal takes out all of them.
pub(super) fn install(nft: &Nft, masquerade: &Masquerade<'_>) -> Result<(), Error> {
    let comment = nftables_comment(masquerade.attachment);
    let mut rules = Transaction::new();
    append_rules(&mut rules, masquerade, &comment);
    match nft.commit(&rules) {
        Err(error) if error.is_absent() => {}
        other => return other.map(drop),
    }
    let mut everything = Transaction::new();
    declare(&mut everything);
    append_rules(&mut everything, masquerade, &comment);
    nft.commit(&everything).map(drop)
}

/// Deletes the rules of the attachment, whatever their addresses.
pub(super) fn remove(nft: &Nft, key: &AttachmentKey) -> Result<(), Error> {
    let prefix = attachment_prefix(key);
    delete_where(nft, |comment| comment.starts_with(&prefix))
}

/// Deletes the rules of the network whose attachment is not among the valid ones.
pub(super) fn remove_all_except(
    nft: &Nft,
    network: &str,
    valid: &[AttachmentKey],
) -> Result<(), Error> {
    let network_prefix = network_prefix(network);
    let valid: Vec<String> = valid
        .iter()
        .filter(|key| key.network() == network)
        .map(attachment_prefix)
        .collect();
    delete_where(nft, |comment| {
        comment.starts_with(&network_prefix)
            && !valid.iter().any(|prefix| comment.starts_with(prefix))
    })
}

/// The first of the addresses that is not masqueraded as it should be.
pub(super) fn missing(nft: &Nft, masquerade: &Masquerade<'_>) -> Result<Option<String>, Error> {
    let jump = [Expression::Verdict(Verdict::Goto(CHECKS_CHAIN.to_owned()))];
    if !nft
        .rules(POSTROUTING)?
        .iter()
        .any(|rule| rule.consists_of(&jump))
    {
        return Ok(Some(format!(
            "all addresses (the jump from {POSTROUTING} to {CHECKS_CHAIN})"
        )));
    }
    let prefix = attachment_prefix(masquerade.attachment);
    let mut rules = nft.rules(CHECKS)?;
    rules.retain(|rule| {
        rule.comment
            .as_ref()
            .is_some_and(|comment| comment.starts_with(&prefix))
    });
    let missing = masquerade.addresses.iter().find(|address| {
        let expressions = expressions(**address);
        !rules.iter().any(|rule| rule.consists_of(&expressions))
    });
    Ok(missing.map(ToString::to_string))
}

/// What is installed for the network.
pub(super) fn list(nft: &Nft, network: &str) -> Result<Vec<Installed>, Error> {
    let prefix = network_prefix(network);
    let comments = nft
        .rules(CHECKS)?
        .into_iter()
        .filter_map(|rule| rule.comment);
    let ours = comments.filter(|comment| comment.starts_with(&prefix));
    Ok(ours
        .map(|comment| {
            let (interface, container_id) = parse_nftables_comment(&comment);
            Installed {
                backend: Backend::Nftables,
                container_id,
                interface,
            }
        })
        .collect())
}

fn delete_where(nft: &Nft, unwanted: impl Fn(&str) -> bool) -> Result<(), Error> {
    let mut attempt = 1;
    loop {
        let mut transaction = Transaction::new();
        for rule in nft.rules(CHECKS)? {
            if rule.comment.as_deref().is_some_and(&unwanted) {
                transaction.delete_rule(CHECKS, rule.handle);
            }
        }
        match nft.commit(&transaction) {
            Err(error) if error.is_absent() && attempt < ATTEMPTS => attempt += 1,
            other => return other.map(drop),
        }
    }
}

fn append_rules(transaction: &mut Transaction, masquerade: &Masquerade<'_>, comment: &str) {
    for address in masquerade.addresses {
        let rule = Rule {
            chain: CHECKS,
            expressions: expressions(*address),
            comment: Some(comment),
        };
        transaction.append_rule(&rule);
    }
}

/// `ip saddr == ADDRESS ip daddr != NETWORK masquerade`
fn expressions(address: IpPrefix) -> Vec<Expression> {
    let host = IpPrefix::host(address.address());
    let mut expressions = Expression::is_family(address.family());
    expressions.extend(Expression::address(
        AddressKind::Source,
        Comparison::Equal,
        host,
    ));
    expressions.extend(Expression::address(
        AddressKind::Destination,
        Comparison::NotEqual,
        address.network(),
    ));
    expressions.push(Expression::Masquerade(MasqueradeFlags::None));
    expressions
}

/// The table, and the chain that leaves multicast alone and goes on to the rules of the attachments.
fn declare(transaction: &mut Transaction) {
    transaction.add_table(&Table {
        family: Family::Inet,
        name: TABLE,
        comment: Some(TABLE_COMMENT),
    });
    transaction.add_chain(&Chain {
        chain: CHECKS,
        base: None,
        comment: Some(CHECKS_COMMENT),
    });
    let base = Base {
        kind: ChainKind::Nat,
        hook: Hook::Postrouting,
        priority: priority::SRCNAT,
        policy: Policy::Accept,
    };
    transaction.add_chain(&Chain {
        chain: POSTROUTING,
        base: Some(base),
        comment: None,
    });
    // Two first attachments at once: the later one must not add the same rules again.
    transaction.flush_chain(POSTROUTING);
    for family in [IpFamily::V4, IpFamily::V6] {
        let mut expressions = Expression::is_family(family);
        expressions.extend(Expression::address(
            AddressKind::Destination,
            Comparison::Equal,
            multicast(family),
        ));
        expressions.push(Expression::Verdict(Verdict::Return));
        transaction.append_rule(&Rule {
            chain: POSTROUTING,
            expressions,
            comment: None,
        });
    }
    let goto = vec![Expression::Verdict(Verdict::Goto(CHECKS_CHAIN.to_owned()))];
    transaction.append_rule(&Rule {
        chain: POSTROUTING,
        expressions: goto,
        comment: None,
    });
}

/// 224.0.0.0/4 and ff00::/8.
pub(super) fn multicast(family: IpFamily) -> IpPrefix {
    let (address, length) = match family {
        IpFamily::V4 => (std::net::Ipv4Addr::new(224, 0, 0, 0).into(), 4),
        IpFamily::V6 => (
            std::net::Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0).into(),
            8,
        ),
    };
    IpPrefix::new(address, length).expect("invariant: both lengths fit their family")
}
