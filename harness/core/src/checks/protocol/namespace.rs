//! CNI_NETNS as a path: what is no namespace is refused, and what leads to one is taken.

use cni_spec_fixtures::{SpecVersion, req};
use serde_json::Value;

use crate::check::{Check, Feature, Versions};
use crate::checks::refusal::{Refusal, expect_add_tolerated, expect_untouched, snapshot_before};
use crate::trial::{Stop, Trial, Verb};

pub(in crate::checks) const CHECKS: &[Check] = &[
    Check {
        id: "protocol/netns-not-there",
        title: "ADD and CHECK are refused when CNI_NETNS is no network namespace, and DEL leaves nothing behind",
        proves: &[req::PARAM_NETNS_MISSING_ADD],
        versions: Versions::ALL,
        needs: &[Feature::EntersContainer],
        caught: &["missing-netns-ok"],
        run: netns_not_there,
    },
    Check {
        id: "protocol/netns-by-link",
        title: "CNI_NETNS may be a symbolic link to a namespace",
        proves: &[req::PARAM_NETNS_FORMS],
        versions: Versions::until(SpecVersion::V0_4_0),
        needs: &[],
        caught: &["netns-named-only"],
        run: netns_by_link,
    },
];

fn netns_not_there(trial: &mut Trial) -> Result<(), Stop> {
    trial.write_file("/run/netns/stale", "")?;
    // What the first attachment leaves for good, such as a bridge, is no trace of the refused ones.
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.del(&attached)?;
    let before = snapshot_before(trial)?;
    for (path, what) in [
        ("/run/netns/nowhere", "a path that does not exist"),
        (
            "/run/netns/stale",
            "an empty file, as an unmounted namespace leaves it",
        ),
        ("/run/netns", "a directory"),
    ] {
        // Without routes: what works in the host's namespace by mistake must not stumble over the routes there.
        let request = trial
            .request(Verb::Add, &attachment)
            .env("CNI_NETNS", path)
            .config(|config| {
                if let Some(Value::Object(ipam)) = config.get_mut("ipam") {
                    ipam.remove("routes");
                }
            });
        Refusal {
            requirement: &req::PARAM_NETNS_MISSING_ADD,
            request: &request,
            what: &format!("ADD with CNI_NETNS={path}, {what}"),
            codes: &[],
            variables: &[],
        }
        .expect(trial)?;
        // The runtime has to DEL after a failed ADD, with the same parameters.
        let del = trial.request(Verb::Del, &attachment).env("CNI_NETNS", path);
        trial.call(&del)?;
        let what = format!("ADD with CNI_NETNS={path}, and the DEL that follows,");
        expect_untouched(trial, &req::PARAM_NETNS_MISSING_ADD, &before, &what)?;
    }
    if trial.version() >= SpecVersion::V0_4_0 {
        let attached = trial.attach(&attachment)?;
        let request = trial
            .request_after(Verb::Check, &attached)
            .env("CNI_NETNS", "/run/netns/nowhere");
        Refusal {
            requirement: &req::PARAM_NETNS_MISSING_ADD,
            request: &request,
            what: "CHECK with CNI_NETNS=/run/netns/nowhere, a path that does not exist",
            codes: &[],
            variables: &[],
        }
        .expect(trial)?;
    }
    Ok(())
}

fn netns_by_link(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let link = "/run/link-to-c1";
    trial.link_netns("c1", link)?;
    let request = trial.request(Verb::Add, &attachment).env("CNI_NETNS", link);
    expect_add_tolerated(
        trial,
        &req::PARAM_NETNS_FORMS,
        (&attachment, &request),
        &format!("ADD with CNI_NETNS={link}, a symbolic link to the namespace"),
    )?;
    Ok(())
}
