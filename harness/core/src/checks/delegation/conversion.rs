//! A delegate may answer in another version than the request's; that is converted or refused.

use cni_spec_fixtures::{SpecVersion, req};

use super::answers::{Lease, V4, addresses, literal, or_nothing};
use crate::check::{Check, Feature, Versions};
use crate::trial::{Attachment, Call, DelegateAnswer, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[Check {
    id: "delegation/other-versions-are-converted",
    title: "A delegate's result in another version is converted or refused, never misread",
    proves: &[req::DELEG_OLDER_RESULT],
    versions: Versions::WITH_INTERFACES,
    needs: &[Feature::Delegates],
    caught: &["older-ipam-result-misread"],
    run: other_versions_are_converted,
}];

/// The layouts that differ, one version each, and a result without a version in the layout of the request's.
fn other_versions_are_converted(trial: &mut Trial) -> Result<(), Stop> {
    let own = trial.version();
    // A container and an address of its own for each, so that none has to be deleted for the next one.
    let layouts = [
        (Some(SpecVersion::V0_2_0), "10.97.0.2/24"),
        (Some(SpecVersion::V0_4_0), "10.97.0.3/24"),
        (Some(SpecVersion::V1_0_0), "10.97.0.4/24"),
        (Some(SpecVersion::V1_1_0), "10.97.0.5/24"),
        (None, "10.97.0.6/24"),
    ];
    for (number, (layout, ip)) in layouts.into_iter().enumerate() {
        if layout == Some(own) {
            continue;
        }
        let lease = Lease::of(&[(ip, V4.1)]);
        let mut answer = lease.in_version(layout.unwrap_or(own));
        let name = match (layout, answer.as_object_mut()) {
            (None, Some(answer)) => {
                answer.remove("cniVersion");
                "without cniVersion".to_owned()
            }
            (layout, _) => format!("of {}", layout.unwrap_or(own)),
        };
        let attachment = trial.attachment(&format!("c{number}"))?;
        trial
            .delegate()?
            .answer(Verb::Add, &DelegateAnswer::result(&answer))?;
        let add = trial.call(&trial.through_delegate(trial.request(Verb::Add, &attachment)))?;
        never_misread(trial, &add, &attachment, (&lease, ip, &name))?;
    }
    Ok(())
}

fn never_misread(
    trial: &mut Trial,
    add: &Call,
    attachment: &Attachment,
    (lease, ip, name): (&Lease, &str, &str),
) -> Result<(), Stop> {
    let result = add.json().filter(|_| add.succeeded());
    let given = lease.addresses(trial.version());
    trial.expect(
        &req::DELEG_OLDER_RESULT,
        result.is_none_or(|result| addresses(&result) == given),
        format!("a delegate's result {name} is refused, or its address {ip} with gateway 10.97.0.1 is in the result"),
        add.brief(),
        Proof::Shell(format!(
            "[ $status{0} -eq 0 ] && ! {{ compact $work/out{0} | grep -q '\"{1}\"' && compact $work/out{0} | grep -q '\"10[.]97[.]0[.]1\"'; }}",
            add.index(),
            literal(ip)
        )),
    );
    let ifname = &attachment.ifname;
    let configured = trial.look(&attachment.container)?.addresses_of(ifname);
    trial.expect(
        &req::DELEG_OLDER_RESULT,
        !add.succeeded() || configured.iter().any(|configured| configured == ip),
        format!("after a delegate's result {name}, ADD fails or {ifname} has the address {ip}"),
        format!("{}; it has {}", add.status(), or_nothing(&configured)),
        Proof::Shell(format!(
            "[ $status{} -eq 0 ] && ! ns {} ip -o address show dev {ifname} 2>/dev/null | grep -q ' {} '",
            add.index(),
            attachment.container,
            literal(ip)
        )),
    );
    Ok(())
}
