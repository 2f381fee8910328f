//! What a failed ADD leaves behind after the DEL that follows, and what ADD may not touch at all.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use cni_spec_fixtures::req;
use serde_json::json;

use crate::check::{Check, Feature, Versions};
use crate::checks::ipam_section::with_route;
use crate::checks::shell;
use crate::kernel::NamespaceState;
use crate::trial::{Place, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "add/failed-then-del",
        title: "DEL after a failed ADD succeeds and takes away what that left",
        proves: &[req::ADD_FAILURE_THEN_DEL],
        versions: Versions::WITH_INTERFACES,
        needs: &[Feature::CreatesInterface],
        caught: &["del-residue-after-failed-add"],
        run: failed_then_del,
    },
    Check {
        id: "add/leaves-others-alone",
        title: "ADD changes no interface, address or route of others",
        proves: &[req::ADD_HOST_UNTOUCHED_OTHERS],
        versions: Versions::ALL,
        needs: &[],
        caught: &["touches-host-loopback"],
        run: leaves_others_alone,
    },
];

/// How an ADD is made to fail.
#[derive(Clone, Copy)]
enum Way {
    NoNamespace,
    InterfaceExists,
    NoDelegate,
    UnreachableNextHop,
}

impl Way {
    /// The name of the moment after its DEL.
    const fn moment(self) -> &'static str {
        match self {
            Self::NoNamespace => "after the namespace that does not exist",
            Self::InterfaceExists => "after the interface that exists",
            Self::NoDelegate => "after the delegate that is missing",
            Self::UnreachableNextHop => "after the next hop that is unreachable",
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::NoNamespace => "CNI_NETNS that does not exist",
            Self::InterfaceExists => "CNI_IFNAME that exists in the container",
            Self::NoDelegate => "CNI_PATH without the IPAM plugin",
            Self::UnreachableNextHop => "a route to an unreachable next hop",
        }
    }
}

/// Another container is attached throughout, so that only what the failed ADD left can make a difference.
fn failed_then_del(trial: &mut Trial) -> Result<(), Stop> {
    let first = trial.attachment("c1")?;
    trial.attach(&first)?;
    let mut ways = vec![Way::NoNamespace, Way::InterfaceExists];
    if trial.has(Feature::Delegates) {
        ways.push(Way::NoDelegate);
        ways.push(Way::UnreachableNextHop);
    }
    let before = trial.snapshot("before")?.without_sizes();
    for way in ways {
        fail(trial, way)?;
        let after = trial.snapshot(way.moment())?.without_sizes();
        let what = format!(
            "nothing is left of an ADD that failed because of {}, after its DEL",
            way.reason()
        );
        trial.expect_unchanged(
            &req::ADD_FAILURE_THEN_DEL,
            (&before, "before"),
            (&after, way.moment()),
            &what,
        );
    }
    Ok(())
}

/// ADDs and DELs in a container of its own, which is gone afterwards.
fn fail(trial: &mut Trial, way: Way) -> Result<(), Stop> {
    let mut attachment = trial.attachment("c2")?;
    match way {
        Way::NoNamespace => attachment.netns = PathBuf::from("/run/netns/nowhere"),
        Way::InterfaceExists => {
            trial.add_veth(Place::Container("c2"), "eth0", "foreign0")?;
        }
        Way::NoDelegate | Way::UnreachableNextHop => {}
    }
    let bent = |verb: Verb, trial: &Trial| {
        let request = trial.request(verb, &attachment);
        match (way, verb) {
            // The DEL finds the delegate again: without it nobody could ask for the address back.
            (Way::NoDelegate, Verb::Add) => request.env("CNI_PATH", "/nonexistent"),
            (Way::UnreachableNextHop, _) => request.config(|config| {
                with_route(
                    config,
                    json!({ "dst": "198.51.100.0/24", "gw": "192.0.2.250" }),
                );
            }),
            _ => request,
        }
    };
    let add = bent(Verb::Add, trial);
    trial.call(&add)?;
    let del = bent(Verb::Del, trial);
    let del = trial.call(&del)?;
    let what = format!("DEL after an ADD that failed because of {}", way.reason());
    trial.expect_success(&req::ADD_FAILURE_THEN_DEL, &del, &what);
    let left = trial.look("c2")?;
    if !matches!(way, Way::InterfaceExists) {
        let names: Vec<&str> = left
            .links
            .iter()
            .map(|link| link.name.as_str())
            .filter(|name| *name != "lo")
            .collect();
        trial.expect(
            &req::ADD_FAILURE_THEN_DEL,
            names.is_empty(),
            format!(
                "the container has no interface left: ADD failed because of {}",
                way.reason()
            ),
            names.join(", "),
            Proof::Shell("[ $(ns c2 ip -o link | wc -l) -gt 1 ]".to_owned()),
        );
    }
    trial.remove_netns("c2")
}

/// Sentinels on the host and in another container: interfaces, addresses and routes that nobody told the plugin of.
fn leaves_others_alone(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let other = trial.attachment("c2")?.container;
    for (place, ip) in [
        (Place::Host, [192, 0, 2, 65]),
        (Place::Container(&other), [192, 0, 2, 66]),
    ] {
        trial.add_veth(place, "sentinel0", "sentinel1")?;
        trial.set_link(place, "sentinel0", true)?;
        trial.set_link(place, "sentinel1", true)?;
        trial.add_address(place, "sentinel0", (IpAddr::from(ip), 26))?;
        let destination = (IpAddr::V4(Ipv4Addr::new(198, 51, 100, 0)), 24);
        let gateway = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 70));
        trial.add_route(place, destination, Some(gateway), "sentinel0")?;
    }
    let (host, neighbour) = (trial.look_at_host()?, trial.look(&other)?);
    let attached = trial.attach(&attachment)?;
    compare_all(trial, &host, &neighbour, &other, "ADD")?;
    trial.del(&attached)?;
    compare_all(trial, &host, &neighbour, &other, "ADD and DEL")
}

fn compare_all(
    trial: &mut Trial,
    host: &NamespaceState,
    neighbour: &NamespaceState,
    other: &str,
    since: &str,
) -> Result<(), Stop> {
    let now = trial.look_at_host()?;
    compare(trial, (host, &now), ("the host", ""), since);
    let now = trial.look(other)?;
    compare(
        trial,
        (neighbour, &now),
        ("another container", &format!("ns {other} ")),
        since,
    );
    Ok(())
}

/// Compares what was there before; what came in addition is the plugin's business, except on those interfaces.
fn compare(
    trial: &mut Trial,
    (before, after): (&NamespaceState, &NamespaceState),
    (place, prefix): (&str, &str),
    since: &str,
) {
    let mut changes: Vec<(String, String)> = Vec::new();
    for link in &before.links {
        let name = &link.name;
        let show = format!("{prefix}ip -o link show dev {name} 2>/dev/null");
        match after.link(name) {
            None => changes.push((format!("{name} is gone"), format!("! {show} | grep -q ."))),
            Some(now) if now.mtu != link.mtu => changes.push((
                format!("{name} has MTU {}, not {}", now.mtu, link.mtu),
                format!("! {show} | grep -q 'mtu {} '", link.mtu),
            )),
            Some(now) if now.up != link.up => changes.push((
                format!("{name} was brought {}", if now.up { "up" } else { "down" }),
                format!(
                    "{} {show} | grep -Eq '<([^>]*,)?UP(,[^>]*)?>'",
                    if now.up { "" } else { "!" }
                ),
            )),
            Some(now) if now.mac != link.mac || now.master != link.master => changes.push((
                format!("{name} has another MAC or another controller"),
                format!(
                    "! {show} | grep -q '{}' || {show} | grep -q ' master '",
                    link.mac
                ),
            )),
            Some(_) => {}
        }
        let (had, has) = (before.addresses_of(name), after.addresses_of(name));
        let addresses = format!("{prefix}ip -o address show dev {name} 2>/dev/null");
        changes.extend(
            has.iter()
                .filter(|address| !had.contains(address))
                .map(|address| {
                    (
                        format!("{name} has got {address}"),
                        format!("{addresses} | grep -qF ' {address} '"),
                    )
                }),
        );
        changes.extend(
            had.iter()
                .filter(|address| !has.contains(address))
                .map(|address| {
                    (
                        format!("{name} has lost {address}"),
                        format!("! {addresses} | grep -qF ' {address} '"),
                    )
                }),
        );
    }
    for route in before
        .routes
        .iter()
        .filter(|route| !after.routes.contains(route))
    {
        let link = route.link.clone().unwrap_or_default();
        let family = if route.destination.is_ipv4() {
            "-4"
        } else {
            "-6"
        };
        let destination = if route.prefix == 0 {
            "default".to_owned()
        } else {
            format!(
                "{}/{}",
                shell::exactly(&route.destination.to_string()),
                route.prefix
            )
        };
        changes.push((
            format!("the route {route} is gone"),
            format!(
                "! {prefix}ip {family} route show table all dev {link} | grep -Eq '^{destination} '"
            ),
        ));
    }
    for (change, condition) in changes {
        trial.expect(
            &req::ADD_HOST_UNTOUCHED_OTHERS,
            false,
            format!("{place} keeps its other interfaces, addresses and routes through {since}"),
            change,
            Proof::Shell(condition),
        );
    }
}
