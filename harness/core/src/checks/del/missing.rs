//! DEL when something that ADD made, or the container itself, has gone already: success, and nothing stays.
//!
//! Each check makes one attachment more than the plugin has seen, lets something happen to it, and compares
//! the host after DEL with the host before ADD.

use cni_spec_fixtures::{Requirement, req};

use super::ordinary::{masquerade, warm_up};
use crate::check::Feature;
use crate::trial::{Attached, Place, Proof, Request, Stop, Trial, Verb};

const BEFORE: &str = "before ADD";
const AFTER: &str = "after DEL";

/// What DEL meets, and what is demanded of it.
struct Case {
    /// What happens between ADD and DEL.
    happens: fn(&mut Trial, &Attached) -> Result<(), Stop>,
    /// How the runtime's request differs from that after a quiet life.
    bend: fn(Request) -> Request,
    /// The request, in words.
    what: &'static str,
    /// Whether DEL succeeds.
    succeeds: Requirement,
    /// Whether anything stays.
    leaves_nothing: Requirement,
}

pub(super) fn netns_gone(trial: &mut Trial) -> Result<(), Stop> {
    let case = Case {
        happens: |trial, attached| trial.container_dies(&attached.attachment.container),
        bend: |request| request,
        what: "DEL with a CNI_NETNS that no longer exists",
        succeeds: of_kind(trial, req::DEL_NETNS_GONE),
        leaves_nothing: of_kind(trial, req::DEL_HOST_CLEANUP),
    };
    warm_up(trial)?;
    judge(trial, "c2", &case)?;
    let path = "/run/netns/c2";
    let made = trial.path_exists(std::path::Path::new(path));
    trial.expect(
        &req::DEL_NETNS_GONE,
        !made,
        format!("DEL creates nothing at the CNI_NETNS path {path}"),
        "there is a file now",
        Proof::Shell(format!("[ -e {path} ]")),
    );
    Ok(())
}

pub(super) fn netns_unset(trial: &mut Trial) -> Result<(), Stop> {
    warm_up(trial)?;
    let unset = Case {
        happens: |trial, attached| trial.container_dies(&attached.attachment.container),
        bend: |request| request.without("CNI_NETNS"),
        what: "DEL without CNI_NETNS",
        succeeds: req::PARAM_NETNS_DEL_OPTIONAL,
        leaves_nothing: of_kind(trial, req::DEL_HOST_CLEANUP),
    };
    judge(trial, "c2", &unset)?;
    let empty = Case {
        bend: |request| request.env("CNI_NETNS", ""),
        what: "DEL with an empty CNI_NETNS",
        ..unset
    };
    judge(trial, "c3", &empty)
}

pub(super) fn netns_is_a_file(trial: &mut Trial) -> Result<(), Stop> {
    let case = Case {
        happens: |trial, attached| {
            trial.container_dies(&attached.attachment.container)?;
            trial.write_file(&attached.attachment.netns.display().to_string(), "")
        },
        bend: |request| request,
        what: "DEL with a CNI_NETNS that is an empty regular file",
        succeeds: req::DEL_NETNS_INVALID,
        leaves_nothing: req::DEL_NETNS_INVALID,
    };
    warm_up(trial)?;
    judge(trial, "c2", &case)
}

pub(super) fn interface_gone(trial: &mut Trial) -> Result<(), Stop> {
    let case = Case {
        happens: |trial, attached| {
            let attachment = &attached.attachment;
            trial.delete_link(Place::Container(&attachment.container), &attachment.ifname)
        },
        bend: |request| request,
        what: "DEL after the interface was removed by someone else",
        succeeds: req::DEL_INTERFACE_GONE,
        leaves_nothing: req::DEL_HOST_CLEANUP,
    };
    warm_up(trial)?;
    judge(trial, "c2", &case)
}

pub(super) fn rules_gone(trial: &mut Trial) -> Result<(), Stop> {
    masquerade(trial);
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.flush_rules()?;
    let del = trial.del(&attached)?;
    trial.expect_success(
        &req::DEL_IDEMPOTENT,
        &del,
        "DEL after someone flushed the host's packet filter rules",
    );
    Ok(())
}

pub(super) fn state_gone(trial: &mut Trial) -> Result<(), Stop> {
    masquerade(trial);
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    trial.lose_state()?;
    let del = trial.del(&attached)?;
    trial.expect_success(
        &req::DEL_IDEMPOTENT,
        &del,
        "DEL after /var/lib/cni was emptied",
    );
    Ok(())
}

pub(super) fn without_previous(trial: &mut Trial) -> Result<(), Stop> {
    warm_up(trial)?;
    let since_0_4 = trial.version() >= cni_spec_fixtures::SpecVersion::V0_4_0;
    let requirement = if since_0_4 {
        req::DEL_WITHOUT_PREVRESULT
    } else {
        req::DEL_PREVRESULT_OLD_VERSIONS
    };
    let case = Case {
        happens: |_, _| Ok(()),
        bend: Request::without_previous,
        what: "DEL without prevResult",
        succeeds: requirement,
        leaves_nothing: requirement,
    };
    judge(trial, "c2", &case)
}

/// As portmap did for years: no runtimeConfig, nothing to remove.
pub(super) fn without_runtime_config(trial: &mut Trial) -> Result<(), Stop> {
    let runtime_config = runtime_config(trial);
    warm_up(trial)?;
    let attachment = trial.attachment("c2")?;
    let before = trial.snapshot(BEFORE)?;
    trial.configure("runtimeConfig", runtime_config);
    let attached = trial.attach(&attachment)?;
    let request = trial.request_after(Verb::Del, &attached);
    let request = request.config(|config| drop(config.remove("runtimeConfig")));
    let del = trial.call(&request)?;
    trial.expect_success(&req::DEL_REMOVES, &del, "DEL without runtimeConfig");
    let after = trial.snapshot(AFTER)?;
    trial.expect_no_growth(
        &req::DEL_REMOVES,
        (&before, BEFORE),
        (&after, AFTER),
        "nothing of the attachment is left after a DEL without runtimeConfig",
    );
    Ok(())
}

/// A value for each capability that the conventions define and the configuration declares.
fn runtime_config(trial: &Trial) -> serde_json::Value {
    let values = serde_json::json!({
        "portMappings": [{ "hostPort": 18080, "containerPort": 80, "protocol": "tcp" }],
        "bandwidth": { "ingressRate": 8_000_000, "ingressBurst": 8_000_000 },
        "mac": "02:00:5e:10:00:09",
        "aliases": ["conform"],
    });
    let declared = trial.configuration().get("capabilities");
    let config = values
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| {
            declared
                .and_then(|declared| declared.get(key.as_str()))
                .and_then(serde_json::Value::as_bool)
                .unwrap_or(false)
        })
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    serde_json::Value::Object(config)
}

/// Lets a case happen to a container that the plugin has not seen yet.
fn judge(trial: &mut Trial, container: &str, case: &Case) -> Result<(), Stop> {
    let attachment = trial.attachment(container)?;
    let before = trial.snapshot(BEFORE)?;
    let attached = trial.attach(&attachment)?;
    (case.happens)(trial, &attached)?;
    let request = (case.bend)(trial.request_after(Verb::Del, &attached));
    let del = trial.call(&request)?;
    trial.expect_success(&case.succeeds, &del, case.what);
    let after = trial.snapshot(AFTER)?;
    trial.expect_no_growth(
        &case.leaves_nothing,
        (&before, BEFORE),
        (&after, AFTER),
        &format!(
            "nothing of the attachment is left on the host after {}",
            case.what
        ),
    );
    Ok(())
}

/// Returns the requirement, or for an IPAM plugin the one that says the same of it.
fn of_kind(trial: &Trial, requirement: Requirement) -> Requirement {
    if trial.has(Feature::Ipam) {
        req::DEL_RELEASES_IPAM
    } else {
        requirement
    }
}
