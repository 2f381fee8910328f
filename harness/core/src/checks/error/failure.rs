//! Requests that every plugin refuses, each for another reason: what the checks of errors look at.

use serde_json::json;

use crate::profile::Kind;
use crate::trial::{Call, Request, Stop, Trial, Verb};

pub(super) const ERROR: &str = "\"(code|msg)\":";

pub(super) fn refused_requests(trial: &mut Trial) -> Result<Vec<(Request, &'static str)>, Stop> {
    let attachment = trial.attachment("c1")?;
    let add = trial.request(Verb::Add, &attachment);
    Ok(vec![
        (add.clone().stdin(*b"{{{"), "ADD with stdin {{{"),
        (
            add.clone().config(|config| drop(config.remove("name"))),
            "ADD without a network name",
        ),
        (
            add.clone().key("cniVersion", json!("9.9.9")),
            "ADD with cniVersion 9.9.9",
        ),
        (add.without("CNI_IFNAME"), "ADD without CNI_IFNAME"),
        refused_by_the_plugin(trial)?,
    ])
}

pub(super) fn refused_by_the_plugin(trial: &mut Trial) -> Result<(Request, &'static str), Stop> {
    let attachment = trial.attachment("c1")?;
    let add = trial.request(Verb::Add, &attachment);
    Ok(match trial.kind() {
        Kind::Ipam => (add.key("ipam", json!(5)), "ADD with ipam = 5"),
        Kind::Interface | Kind::Chained | Kind::Loopback => (
            add.env("CNI_NETNS", "/run/netns/nowhere"),
            "ADD with a CNI_NETNS that does not exist",
        ),
    })
}

pub(super) fn failures(trial: &mut Trial) -> Result<Vec<(Call, &'static str)>, Stop> {
    let mut calls = Vec::new();
    for (request, what) in refused_requests(trial)? {
        calls.push((trial.call(&request)?, what));
    }
    Ok(calls)
}
