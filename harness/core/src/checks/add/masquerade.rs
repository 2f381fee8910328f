//! Masquerading, for plugins that do it: only when the configuration says so.

use cni_spec_fixtures::{SpecVersion, req};
use serde_json::Value;

use crate::check::{Check, Feature, Versions};
use crate::trial::{Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[Check {
    id: "add/masquerades-when-told",
    title: "The key ipMasq decides whether the container's traffic is masqueraded",
    proves: &[req::CONF_IPMASQ],
    versions: Versions::ALL,
    needs: &[Feature::Masquerades],
    caught: &["ipmasq-always", "ipmasq-ignored"],
    run: masquerades_when_told,
}];

fn masquerades_when_told(trial: &mut Trial) -> Result<(), Stop> {
    const SEEN: &str = "{ nft list ruleset; iptables-legacy-save; ip6tables-legacy-save; } 2>/dev/null | grep -qi masquerade";
    let plain = trial.attachment("c1")?;
    let request = trial
        .request(Verb::Add, &plain)
        .key("ipMasq", Value::Bool(false));
    trial.attach_with(&plain, &request)?;
    let rules = trial.masquerading_rules()?;
    trial.expect(
        &req::CONF_IPMASQ,
        rules.is_empty(),
        "no rule masquerades after ADD with ipMasq false",
        rules.first().cloned().unwrap_or_default(),
        Proof::Shell(SEEN.to_owned()),
    );
    let masqueraded = trial.attachment("c2")?;
    let ip_masq = |verb: Verb, trial: &Trial| {
        trial
            .request(verb, &masqueraded)
            .key("ipMasq", Value::Bool(true))
    };
    let request = ip_masq(Verb::Add, trial);
    let attached = trial.attach_with(&masqueraded, &request)?;
    let more = trial.masquerading_rules()?;
    trial.expect(
        &req::CONF_IPMASQ,
        more.len() > rules.len(),
        "a rule of the host masquerades after ADD with ipMasq true",
        "nft and iptables list no such rule",
        Proof::Shell(format!("! {{ {SEEN}; }}")),
    );
    let request = ip_masq(Verb::Del, trial);
    let request = if trial.version() < SpecVersion::V0_4_0 {
        request
    } else {
        request.previous(&attached)
    };
    trial.call(&request)?;
    let left = trial.masquerading_rules()?;
    trial.expect(
        &req::CONF_IPMASQ,
        left.len() <= rules.len(),
        "DEL takes the masquerading rules away",
        left.first().cloned().unwrap_or_default(),
        Proof::Shell(SEEN.to_owned()),
    );
    Ok(())
}
