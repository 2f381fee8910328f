//! What of the delegate's answer has to be in the container: addresses and routes.

use cni_spec_fixtures::req;
use serde_json::{Value, json};

use super::answers::{Lease, V4, V6, or_nothing, prefix};
use crate::check::{Check, Feature, Versions};
use crate::kernel::Route;
use crate::trial::delegate::add_through_delegate_failed;
use crate::trial::{DelegateAnswer, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "delegation/addresses-are-configured",
        title: "The interface is up and has the delegate's addresses with their prefix lengths, and no other",
        proves: &[req::ADD_CONFIGURES_IP],
        versions: Versions::ALL,
        needs: &[Feature::Delegates, Feature::CreatesInterface],
        caught: &[
            "ipam-ignored",
            "forgets-address",
            "wrong-prefix",
            "link-left-down",
        ],
        run: addresses_are_configured,
    },
    Check {
        id: "delegation/host-prefixes-are-configured",
        title: "Addresses of a single host, /32 and /128, are configured as such",
        proves: &[req::ADD_CONFIGURES_IP],
        versions: Versions::ALL,
        needs: &[Feature::Delegates, Feature::CreatesInterface],
        caught: &["ipam-ignored", "forgets-address", "link-left-down"],
        run: host_prefixes_are_configured,
    },
    Check {
        id: "delegation/routes-are-installed",
        title: "The delegate's routes are in the container, through the gateway of their family when they name none",
        proves: &[req::ADD_INSTALLS_ROUTES],
        versions: Versions::ALL,
        needs: &[Feature::Delegates, Feature::CreatesInterface],
        caught: &["ipam-ignored", "routes-not-installed", "v01-routes-ignored"],
        run: routes_are_installed,
    },
    Check {
        id: "delegation/gateway-adds-no-route",
        title: "A gateway without a route adds no route",
        proves: &[req::ADD_GATEWAY_IS_NOT_ROUTE],
        versions: Versions::ALL,
        needs: &[Feature::Delegates, Feature::CreatesInterface],
        caught: &["gateway-as-default-route"],
        run: gateway_adds_no_route,
    },
];

fn addresses_are_configured(trial: &mut Trial) -> Result<(), Stop> {
    let second = ("10.97.0.77/24", V4.1);
    configured(trial, &Lease::of(&[V4, second, V6]))
}

fn host_prefixes_are_configured(trial: &mut Trial) -> Result<(), Stop> {
    configured(
        trial,
        &Lease::of(&[("10.97.0.2/32", V4.1), ("fd00:97::2/128", V6.1)]),
    )
}

fn configured(trial: &mut Trial, lease: &Lease) -> Result<(), Stop> {
    let given: Vec<String> = lease
        .addresses(trial.version())
        .iter()
        .map(|((ip, length), _)| format!("{ip}/{length}"))
        .collect();
    let answer = lease.in_version(trial.version());
    let attachment = trial.attachment("c1")?;
    trial
        .delegate()?
        .answer(Verb::Add, &DelegateAnswer::result(&answer))?;
    let add = trial.call(&trial.through_delegate(trial.request(Verb::Add, &attachment)))?;
    if !add.succeeded() && !trial.delegate()?.was_asked()? {
        return Err(add_through_delegate_failed(&add));
    }
    let shown = given.join(", ");
    let what = format!("ADD when the delegate answers with {shown}");
    if !trial.expect_success(&req::ADD_CONFIGURES_IP, &add, &what) {
        return Ok(());
    }
    let state = trial.look("c1")?;
    let ifname = &attachment.ifname;
    let found = state.addresses_of(ifname);
    for address in &given {
        trial.expect(
            &req::ADD_CONFIGURES_IP,
            found.contains(address),
            format!("{ifname} has the delegate's address {address}"),
            format!("its addresses: {}", or_nothing(&found)),
            Proof::Shell(format!(
                "! ns c1 ip -o address show dev {ifname} 2>/dev/null | grep -q ' {address} '"
            )),
        );
    }
    let others: Vec<String> = found
        .iter()
        .filter(|address| !given.contains(address))
        .cloned()
        .collect();
    trial.expect(
        &req::ADD_CONFIGURES_IP,
        others.is_empty(),
        format!("{ifname} has only the delegate's addresses"),
        format!("it also has {}", others.join(" ")),
        Proof::Shell(format!(
            "ns c1 ip -o address show dev {ifname} scope global | awk '{{ print $4 }}' | grep -Evq '^({})$'",
            given.join("|")
        )),
    );
    let up = state.link(ifname).is_some_and(|link| link.up);
    trial.expect(
        &req::ADD_CONFIGURES_IP,
        up,
        format!("{ifname} is up"),
        if state.link(ifname).is_some() {
            "it is down"
        } else {
            "there is no such interface in the container"
        },
        Proof::Shell(format!(
            "! ns c1 ip -o link show dev {ifname} 2>/dev/null | grep -q '[<,]UP[,>]'"
        )),
    );
    Ok(())
}

fn routes_are_installed(trial: &mut Trial) -> Result<(), Stop> {
    let wanted = [
        ("0.0.0.0/0", None, "10.97.0.1"),
        ("198.51.100.0/24", Some("10.97.0.254"), "10.97.0.254"),
        ("198.18.0.0/15", None, "10.97.0.1"),
        ("::/0", None, "fd00:97::1"),
        ("2001:db8:51::/48", Some("fd00:97::fe"), "fd00:97::fe"),
    ];
    let routes: Vec<Value> = wanted
        .iter()
        .map(|(dst, gw, _)| match gw {
            Some(gw) => json!({ "dst": dst, "gw": gw }),
            None => json!({ "dst": dst }),
        })
        .collect();
    let answer = Lease::of(&[V4, V6])
        .with_routes(&routes)
        .in_version(trial.version());
    let attachment = trial.attachment("c1")?;
    trial
        .delegate()?
        .answer(Verb::Add, &DelegateAnswer::result(&answer))?;
    trial.attach_through_delegate(&attachment)?;
    let state = trial.look("c1")?;
    for (dst, gw, next_hop) in wanted {
        let found: Vec<&Route> = state
            .routes
            .iter()
            .filter(|route| Some((route.destination, route.prefix)) == prefix(dst))
            .collect();
        let held = found.iter().any(|route| {
            route.gateway == next_hop.parse().ok()
                && route.link.as_deref() == Some(&attachment.ifname)
        });
        let why = if gw.is_some() {
            ", its gw"
        } else {
            ", the gateway of the delegate's address"
        };
        trial.expect(
            &req::ADD_INSTALLS_ROUTES,
            held,
            format!(
                "the delegate's route to {dst} goes through {next_hop}{why}, by {}",
                attachment.ifname
            ),
            shown(&found),
            Proof::Shell(format!(
                "! ns c1 ip {} route show {} | grep -Eq 'via {} dev {}( |$)'",
                family(dst),
                if dst.ends_with("/0") { "default" } else { dst },
                next_hop.replace('.', "[.]"),
                attachment.ifname
            )),
        );
    }
    Ok(())
}

fn gateway_adds_no_route(trial: &mut Trial) -> Result<(), Stop> {
    let answer = Lease::of(&[V4, V6]).in_version(trial.version());
    let attachment = trial.attachment("c1")?;
    trial
        .delegate()?
        .answer(Verb::Add, &DelegateAnswer::result(&answer))?;
    let request = trial
        .through_delegate(trial.request(Verb::Add, &attachment))
        .config(|config| drop(config.remove("isDefaultGateway")));
    let add = trial.call(&request)?;
    if !add.succeeded() {
        return Err(add_through_delegate_failed(&add));
    }
    let state = trial.look("c1")?;
    // Routes into the addresses' own subnets belong to the addresses, whoever adds them.
    let foreign: Vec<&Route> = state
        .routes
        .iter()
        .filter(|route| route.prefix == 0)
        .collect();
    trial.expect(
        &req::ADD_GATEWAY_IS_NOT_ROUTE,
        foreign.is_empty(),
        "the delegate lists gateways and no routes: no default route is added",
        shown(&foreign),
        Proof::Shell(
            "{ ns c1 ip route show default; ns c1 ip -6 route show default; } | grep -q ."
                .to_owned(),
        ),
    );
    Ok(())
}

/// Renders the routes that were found.
pub(super) fn shown(routes: &[&Route]) -> String {
    if routes.is_empty() {
        return "there is no such route".to_owned();
    }
    let lines: Vec<String> = routes.iter().map(ToString::to_string).collect();
    format!("the container has {}", lines.join("; "))
}

/// Returns the option of ip(8) for a destination's family.
pub(super) fn family(dst: &str) -> &'static str {
    if dst.contains(':') { "-6" } else { "-4" }
}
