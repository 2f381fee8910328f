//! `macspoofchk`: frames from the container pass only with the container's hardware address.
//!
//! Tables, chains and comments are upstream's, so that either side removes the other's. A rule names the host's end, whose
//! name is made of the network's: so GC can tell whose a rule is though the comment does not have the network.

use cni_kernel::Mac;
use cni_kernel::nft::{
    Base, ByteRange, Chain, ChainKind, ChainRef, Comparison, Expression, Family, Hook, ListedRule,
    MetaKey, Nft, PayloadBase, Policy, Register, Rule, Table, Transaction, Verdict,
};
use cni_protocol::{Attachment, Error, NetworkName, ValidAttachments};

use super::host_link::HostLinkKey;
use crate::failure::OrFailed;

const TABLE: &str = "nat";
const PREROUTING: ChainRef<'static> = chain_of("PREROUTING");
/// Before ebtables' own nat.
const PRIORITY: i32 = -300;
const COMMENT_PREFIX: &str = "macspoofchk-";
const INTERFACE_NAME_SIZE: usize = 16;
/// Between listing and deleting, another plugin may delete a rule: then the listing is repeated.
const ATTEMPTS: u32 = 5;

/// The rules of one attachment. Dropping it removes them, until they are kept.
#[derive(Debug)]
pub(super) struct Guard {
    names: Names,
    is_kept: bool,
}

/// What the rules of an attachment are called.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Names {
    interface_chain: String,
    mac_chain: String,
    comment: String,
}

/// Installs the rules for frames that come in by the host's end `link`.
pub(super) fn install(attachment: &Attachment, link: &str, mac: Mac) -> Result<Guard, Error> {
    let nft = open()?;
    let guard = Guard {
        names: Names::of(attachment),
        is_kept: false,
    };
    let names = &guard.names;
    if nft
        .has_chain(chain_of(&names.interface_chain))
        .or_failed()?
    {
        // Of an ADD without a DEL; its rules may be about another address.
        remove_by(&nft, names)?;
    }
    let mut rules = Transaction::new();
    names.append(&mut rules, link, mac);
    match nft.commit(&rules) {
        // Declaring the table again when it is there costs an RCU wait.
        Err(error) if error.is_absent() => {}
        other => {
            other.or_failed()?;
            return Ok(guard);
        }
    }
    let mut everything = Transaction::new();
    declare(&mut everything);
    names.append(&mut everything, link, mac);
    nft.commit(&everything).or_failed()?;
    Ok(guard)
}

/// Fails when a rule is missing.
pub(super) fn check(attachment: &Attachment, link: &str, mac: Mac) -> Result<(), Error> {
    let nft = open()?;
    let names = Names::of(attachment);
    for (chain, expressions) in names.rules(link, mac) {
        let present = nft.rules(chain).or_failed()?;
        if !present.iter().any(|rule| rule.consists_of(&expressions)) {
            let msg =
                format!("macspoofchk: a rule for {link} is missing from nftables chain {chain}");
            return Err(Error::failed(msg));
        }
    }
    Ok(())
}

/// Fails when the rules could not be made on this host.
pub(super) fn usable() -> Result<(), Error> {
    open().map(drop)
}

/// Removes the rules of an attachment.
pub(super) fn remove(attachment: &Attachment) -> Result<(), Error> {
    let Some(nft) = Nft::open_if_supported().or_failed()? else {
        return Ok(());
    };
    let names = Names::of(attachment);
    // All other rules refer to this chain, and so can't be without it.
    if !nft
        .has_chain(chain_of(&names.interface_chain))
        .or_failed()?
    {
        return Ok(());
    }
    remove_by(&nft, &names)
}

/// Removes the rules of the network's attachments that are not valid, as far as the plugin has made them.
pub(super) fn remove_stale(network: &NetworkName, valid: &ValidAttachments) -> Result<(), Error> {
    let Some(nft) = Nft::open_if_supported().or_failed()? else {
        return Ok(());
    };
    for rule in nft.rules(PREROUTING).or_failed()? {
        let Some(attachment) = owner(&rule, network)? else {
            continue;
        };
        if !valid.keeps(&attachment) {
            remove_by(&nft, &Names::of(&attachment))?;
        }
    }
    Ok(())
}

impl Guard {
    /// From now on the rules stay.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let removed = open().and_then(|nft| remove_by(&nft, &self.names));
        if let Err(error) = removed {
            eprintln!("after a failed ADD: {error}");
        }
    }
}

impl Names {
    fn of(attachment: &Attachment) -> Self {
        let id = format!("{}-{}", attachment.container_id, attachment.ifname);
        let interface_chain = format!("cni-br-iface-{id}");
        Self {
            mac_chain: format!("{interface_chain}-mac"),
            interface_chain,
            comment: format!("{COMMENT_PREFIX}{id}"),
        }
    }

    fn append(&self, transaction: &mut Transaction, link: &str, mac: Mac) {
        for name in [&self.interface_chain, &self.mac_chain] {
            transaction.add_chain(&Chain {
                chain: chain_of(name),
                base: None,
                comment: None,
            });
        }
        for (chain, expressions) in self.rules(link, mac) {
            transaction.append_rule(&Rule {
                chain,
                expressions,
                comment: Some(&self.comment),
            });
        }
    }

    fn rules(&self, link: &str, mac: Mac) -> [(ChainRef<'_>, Vec<Expression>); 4] {
        let (interface_chain, mac_chain) =
            (chain_of(&self.interface_chain), chain_of(&self.mac_chain));
        [
            (PREROUTING, entry(link, &self.interface_chain)),
            (
                interface_chain,
                vec![Expression::Verdict(Verdict::Jump(self.mac_chain.clone()))],
            ),
            (mac_chain, own_address(mac)),
            (mac_chain, vec![Expression::Verdict(Verdict::Drop)]),
        ]
    }
}

const fn chain_of(name: &str) -> ChainRef<'_> {
    ChainRef {
        family: Family::Bridge,
        table: TABLE,
        name,
    }
}

fn open() -> Result<Nft, Error> {
    let nft = Nft::open_if_supported().or_failed()?;
    nft.ok_or_else(|| Error::failed("macspoofchk: this kernel has no nftables"))
}

fn declare(transaction: &mut Transaction) {
    transaction.add_table(&Table {
        family: Family::Bridge,
        name: TABLE,
        comment: None,
    });
    transaction.add_chain(&Chain {
        chain: PREROUTING,
        base: Some(Base {
            kind: ChainKind::Filter,
            hook: Hook::Prerouting,
            priority: PRIORITY,
            policy: Policy::Accept,
        }),
        comment: None,
    });
}

/// `iifname LINK jump CHAIN`.
fn entry(link: &str, chain: &str) -> Vec<Expression> {
    let mut name = link.as_bytes().to_vec();
    name.resize(INTERFACE_NAME_SIZE, 0);
    vec![
        Expression::Meta(MetaKey::InputName, Register::R1),
        Expression::Compare(Register::R1, Comparison::Equal, name),
        Expression::Verdict(Verdict::Jump(chain.to_owned())),
    ]
}

/// `ether saddr MAC return`.
fn own_address(mac: Mac) -> Vec<Expression> {
    let source = ByteRange {
        base: PayloadBase::Link,
        offset: 6,
        length: 6,
    };
    vec![
        Expression::Payload(source, Register::R1),
        Expression::Compare(Register::R1, Comparison::Equal, mac.octets().to_vec()),
        Expression::Verdict(Verdict::Return),
    ]
}

fn remove_by(nft: &Nft, names: &Names) -> Result<(), Error> {
    let mut attempt = 1;
    loop {
        let mut transaction = Transaction::new();
        for rule in nft.rules(PREROUTING).or_failed()? {
            if rule.comment.as_deref() == Some(&names.comment) {
                transaction.delete_rule(PREROUTING, rule.handle);
            }
        }
        for name in [&names.interface_chain, &names.mac_chain] {
            if nft.has_chain(chain_of(name)).or_failed()? {
                transaction.flush_chain(chain_of(name));
                transaction.delete_chain(chain_of(name));
            }
        }
        match nft.commit(&transaction) {
            Err(error) if error.is_absent() && attempt < ATTEMPTS => attempt += 1,
            other => return other.or_failed().map(drop),
        }
    }
}

/// The attachment of the network that an entry in PREROUTING is for, if it is one of the network's.
fn owner(rule: &ListedRule, network: &NetworkName) -> Result<Option<Attachment>, Error> {
    let comment = rule.comment.as_deref().unwrap_or_default();
    let Some(id) = comment.strip_prefix(COMMENT_PREFIX) else {
        return Ok(None);
    };
    // Both parts may contain the character between them; the name of the link tells which of the readings is right.
    for (position, _) in id.match_indices('-') {
        let (Ok(container_id), Ok(ifname)) = (id[..position].parse(), id[position + 1..].parse())
        else {
            continue;
        };
        let attachment = Attachment {
            container_id,
            ifname,
        };
        let chain = Names::of(&attachment).interface_chain;
        let key = HostLinkKey::new(network, &attachment)?;
        let is_for =
            |name: &cni_kernel::InterfaceName| rule.consists_of(&entry(name.as_str(), &chain));
        if key.names().iter().any(is_for) {
            return Ok(Some(attachment));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_upstreams() {
        let attachment = Attachment {
            container_id: "c1".parse().unwrap(),
            ifname: "eth0".parse().unwrap(),
        };
        let names = Names::of(&attachment);
        assert_eq!(names.interface_chain, "cni-br-iface-c1-eth0");
        assert_eq!(names.mac_chain, "cni-br-iface-c1-eth0-mac");
        assert_eq!(names.comment, "macspoofchk-c1-eth0");
    }
}
