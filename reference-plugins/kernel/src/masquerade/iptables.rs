//! The iptables backend: a chain per container and network, entered from POSTROUTING by the source address.

use std::collections::BTreeMap;

use super::names::{iptables_chain, iptables_comment, parse_iptables_comment};
use super::nftables::multicast;
use super::{AttachmentKey, Backend, Installed, Masquerade};
use crate::iptables::{Error, Iptables, Presence, Rule, Script};
use crate::{IpFamily, IpPrefix};

const TABLE: &str = "nat";
const POSTROUTING: &str = "POSTROUTING";

/// The chain and the comment of a container in a network.
struct Names {
    chain: String,
    comment: String,
}

impl Names {
    fn of(network: &str, container_id: &str) -> Self {
        Self {
            chain: iptables_chain(network, container_id),
            comment: iptables_comment(network, container_id),
        }
    }

    fn of_key(key: &AttachmentKey) -> Self {
        Self::of(key.network(), key.container_id())
    }

    /// The words are in the order in which iptables writes them, so that a listed rule compares equal.
    fn rules(&self, address: IpPrefix) -> Result<[(String, Rule); 3], Error> {
        let network = address.network().to_string();
        let source = IpPrefix::host(address.address()).to_string();
        let multicast = multicast(address.family()).to_string();
        let comment = ["-m", "comment", "--comment", &self.comment];
        let accept: Vec<&str> = ["-d", &network]
            .into_iter()
            .chain(comment)
            .chain(["-j", "ACCEPT"])
            .collect();
        let masquerade: Vec<&str> = ["!", "-d", &multicast]
            .into_iter()
            .chain(comment)
            .chain(["-j", "MASQUERADE"])
            .collect();
        let jump: Vec<&str> = ["-s", &source]
            .into_iter()
            .chain(comment)
            .chain(["-j", &self.chain])
            .collect();
        Ok([
            (self.chain.clone(), Rule::new(accept)?),
            (self.chain.clone(), Rule::new(masquerade)?),
            (POSTROUTING.to_owned(), Rule::new(jump)?),
        ])
    }
}

/// Adds the rules of one family. `presence` is that of the attachment's chain.
pub(super) fn install(
    masquerade: &Masquerade<'_>,
    family: IpFamily,
    presence: Presence,
) -> Result<(), Error> {
    let names = Names::of_key(masquerade.attachment);
    let mut rules = Vec::new();
    for address in masquerade
        .addresses
        .iter()
        .filter(|address| address.family() == family)
    {
        for rule in names.rules(*address)? {
            // Two addresses in one network share the rules of the chain.
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
    }
    if rules.is_empty() {
        return Ok(());
    }
    let iptables = Iptables::locate(family)?;
    let operation = format!("add the {family} rules of chain {}", names.chain);
    if presence != Presence::Present {
        let mut script = Script::new(TABLE);
        script.new_chain(&names.chain);
        append(&mut script, &rules);
        // It fails where the chain is there: legacy iptables, or another attachment of the container at this moment.
        // Any other reason fails again below.
        if iptables.run(&operation, &script).is_ok() {
            return Ok(());
        }
    }
    let in_chain = iptables.rules(TABLE, &names.chain)?;
    let in_postrouting = iptables.rules(TABLE, POSTROUTING)?.unwrap_or_default();
    let mut script = Script::new(TABLE);
    if in_chain.is_none() {
        script.new_chain(&names.chain);
    }
    let in_chain = in_chain.unwrap_or_default();
    rules.retain(|(chain, rule)| {
        !if chain == POSTROUTING {
            &in_postrouting
        } else {
            &in_chain
        }
        .contains(rule)
    });
    append(&mut script, &rules);
    iptables.run(&operation, &script)
}

/// Deletes the rules of one family: those of the addresses, or all of the container's in the network when none is known.
pub(super) fn remove(
    key: &AttachmentKey,
    addresses: &[IpPrefix],
    family: IpFamily,
) -> Result<(), Error> {
    let names = Names::of_key(key);
    let iptables = Iptables::locate(family)?;
    let Some(in_chain) = iptables.rules(TABLE, &names.chain)? else {
        return Ok(());
    };
    let in_postrouting = iptables.rules(TABLE, POSTROUTING)?.unwrap_or_default();
    let jumps = in_postrouting
        .into_iter()
        .filter(|rule| rule.value_of("-j") == Some(&names.chain));
    let (unwanted, others): (Vec<Rule>, Vec<Rule>) =
        jumps.partition(|jump| is_source(jump, addresses));
    let mut script = Script::new(TABLE);
    for jump in &unwanted {
        script.delete(POSTROUTING, jump);
    }
    if others.is_empty() {
        script.remove_chain(&names.chain);
    } else {
        for rule in in_chain
            .iter()
            .filter(|rule| is_unused_network(rule, addresses, &others))
        {
            script.delete(&names.chain, rule);
        }
    }
    iptables.run(
        &format!("remove the {family} rules of chain {}", names.chain),
        &script,
    )
}

/// Deletes the chains of the network's containers that have no valid attachment.
pub(super) fn remove_all_except(
    network: &str,
    valid: &[AttachmentKey],
    family: IpFamily,
) -> Result<(), Error> {
    let iptables = Iptables::locate(family)?;
    let mut stale: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for (container_id, jump) in jumps_of(&iptables, network)? {
        let is_valid = valid
            .iter()
            .any(|key| key.network() == network && key.container_id() == container_id);
        if !is_valid {
            stale
                .entry(iptables_chain(network, &container_id))
                .or_default()
                .push(jump);
        }
    }
    let mut script = Script::new(TABLE);
    for (chain, jumps) in stale {
        for jump in &jumps {
            script.delete(POSTROUTING, jump);
        }
        script.remove_chain(&chain);
    }
    iptables.run(
        &format!("remove the stale {family} chains of network {network}"),
        &script,
    )
}

/// Whether all rules of the addresses of one family are there.
pub(super) fn is_there(masquerade: &Masquerade<'_>, address: IpPrefix) -> Result<bool, Error> {
    let names = Names::of_key(masquerade.attachment);
    let iptables = Iptables::locate(address.family())?;
    let mut script = Script::new(TABLE);
    for (chain, rule) in names.rules(address)? {
        script.require(&chain, &rule);
    }
    match iptables.run(
        &format!("check the rules of chain {}", names.chain),
        &script,
    ) {
        Ok(()) => Ok(true),
        Err(Error::Refused { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What is installed for the network in one family.
pub(super) fn list(network: &str, family: IpFamily) -> Result<Vec<Installed>, Error> {
    let iptables = Iptables::locate(family)?;
    let jumps = jumps_of(&iptables, network)?;
    let installed = jumps.into_iter().map(|(container_id, _)| Installed {
        backend: Backend::Iptables,
        container_id: Some(container_id),
        interface: None,
    });
    Ok(installed.collect())
}

/// Container ids and jumps. The chain has to be the one that the comment stands for: anybody can write a comment.
fn jumps_of(iptables: &Iptables, network: &str) -> Result<Vec<(String, Rule)>, Error> {
    let rules = iptables.rules(TABLE, POSTROUTING)?.unwrap_or_default();
    let jumps = rules.into_iter().filter_map(|rule| {
        let (of_network, container_id) = parse_iptables_comment(rule.value_of("--comment")?)?;
        let is_ours = of_network == network
            && rule.value_of("-j") == Some(&iptables_chain(network, container_id));
        let container_id = container_id.to_owned();
        is_ours.then_some((container_id, rule))
    });
    Ok(jumps.collect())
}

fn append(script: &mut Script, rules: &[(String, Rule)]) {
    for (chain, rule) in rules {
        script.append(chain, rule);
    }
}

/// Old versions of upstream matched the whole network as the source.
fn is_source(jump: &Rule, addresses: &[IpPrefix]) -> bool {
    let source = jump
        .value_of("-s")
        .and_then(|source| source.parse::<IpPrefix>().ok());
    let of = |address: &IpPrefix| {
        source == Some(IpPrefix::host(address.address())) || source == Some(address.network())
    };
    addresses.is_empty() || addresses.iter().any(of)
}

/// Whether a rule of the chain lets traffic to the network of a removed address pass that no remaining address is in.
fn is_unused_network(rule: &Rule, addresses: &[IpPrefix], others: &[Rule]) -> bool {
    if rule.value_of("-j") != Some("ACCEPT") {
        return false;
    }
    let Some(network) = rule
        .value_of("-d")
        .and_then(|network| network.parse::<IpPrefix>().ok())
    else {
        return false;
    };
    let sources = others
        .iter()
        .filter_map(|jump| jump.value_of("-s")?.parse::<IpPrefix>().ok());
    addresses.iter().any(|address| address.network() == network)
        && !sources
            .into_iter()
            .any(|source| network.contains(source.address()))
}
