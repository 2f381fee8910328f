//! What ADD leaves in the container: the interface, its addresses and its routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cni_spec_fixtures::{SpecVersion, req};

use crate::check::{Check, Feature, Versions};
use crate::checks::ipam_section::without_routes;
use crate::checks::reported::Reported;
use crate::checks::shell;
use crate::kernel::Route;
use crate::profile::Kind;
use crate::trial::{Place, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "add/interface-is-up",
        title: "After ADD the container has the interface CNI_IFNAME, and it is up",
        proves: &[req::ADD_CREATE_OR_ADJUST],
        versions: Versions::ALL,
        needs: &[Feature::EntersContainer],
        caught: &["wrong-netns", "link-left-down", "hardcoded-eth0"],
        run: interface_is_up,
    },
    Check {
        id: "add/has-an-effect",
        title: "ADD of a chained plugin changes what its configuration says, and the kernel shows it",
        proves: &[req::ADD_CREATE_OR_ADJUST],
        versions: Versions::ALL,
        needs: &[Feature::Chained, Feature::ChangesKernel],
        caught: &["chained-noop"],
        run: has_an_effect,
    },
    Check {
        id: "add/configures-addresses",
        title: "The interface has every address of the result, with its very prefix length",
        proves: &[req::ADD_CONFIGURES_IP],
        versions: Versions::ALL,
        needs: &[Feature::CreatesInterface, Feature::Addresses],
        caught: &["forgets-address", "wrong-prefix", "link-left-down"],
        run: configures_addresses,
    },
    Check {
        id: "add/installs-routes",
        title: "The container has every route of the result, through the interface and to the right next hop",
        proves: &[req::ADD_INSTALLS_ROUTES],
        versions: Versions::ALL,
        needs: &[Feature::CreatesInterface, Feature::Routes],
        caught: &["routes-not-installed"],
        run: installs_routes,
    },
    Check {
        id: "add/gateway-is-no-route",
        title: "A gateway without routes does not become a default route",
        proves: &[req::ADD_GATEWAY_IS_NOT_ROUTE],
        versions: Versions::until(SpecVersion::V0_4_0),
        needs: &[Feature::CreatesInterface, Feature::Delegates],
        caught: &["gateway-as-default-route"],
        run: gateway_is_no_route,
    },
    Check {
        id: "add/routes-without-metric",
        title: "Routes have metric 0",
        proves: &[req::ADD_ROUTE_METRIC_ZERO],
        versions: Versions::until(SpecVersion::V0_4_0),
        needs: &[Feature::CreatesInterface, Feature::Routes],
        caught: &["route-metric-100"],
        run: routes_without_metric,
    },
    Check {
        id: "add/default-route-exists",
        title: "ADD succeeds when another network has installed a default route",
        proves: &[req::ADD_EXISTING_DEFAULT_ROUTE],
        versions: Versions::until(SpecVersion::V0_4_0),
        needs: &[Feature::CreatesInterface, Feature::Routes],
        caught: &["default-route-conflict"],
        run: default_route_exists,
    },
];

/// The interface has an unusual name where the plugin is free to make one. Routes would need it up and addressed.
fn interface_is_up(trial: &mut Trial) -> Result<(), Stop> {
    let mut attachment = trial.attachment("c1")?;
    if trial.kind() == Kind::Interface {
        attachment = attachment.with_ifname("net7");
    }
    let request = trial.request(Verb::Add, &attachment).config(without_routes);
    trial.attach_with(&attachment, &request)?;
    let ifname = attachment.ifname;
    let state = trial.look("c1")?;
    let Some(link) = state.link(&ifname) else {
        let names: Vec<&str> = state.links.iter().map(|link| link.name.as_str()).collect();
        trial.expect(
            &req::ADD_CREATE_OR_ADJUST,
            false,
            format!("the container has the interface {ifname} (CNI_IFNAME)"),
            format!("its interfaces are {}", names.join(", ")),
            Proof::Shell(format!("! {}", shell::link_exists("c1", &ifname))),
        );
        return Ok(());
    };
    let proof = Proof::Shell(format!(
        "! ns c1 ip -o link show dev {ifname} | grep -Eq '<([^>]*,)?UP(,[^>]*)?>'"
    ));
    trial.expect(
        &req::ADD_CREATE_OR_ADJUST,
        link.up,
        format!("{ifname} is up"),
        format!("{ifname} is down"),
        proof,
    );
    Ok(())
}

fn has_an_effect(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let mut before = trial.snapshot("before ADD")?;
    trial.attach(&attachment)?;
    let mut after = trial.snapshot("after ADD")?;
    // A plugin that only writes down that it was called has done nothing yet.
    for snapshot in [&mut before, &mut after] {
        snapshot.files.clear();
        snapshot.processes.clear();
    }
    let proof = Proof::Shell(
        "grep -v '^/' $work/state-before-ADD >$work/kernel-before; \
         grep -v '^/' $work/state-after-ADD | cmp -s - $work/kernel-before"
            .to_owned(),
    );
    trial.expect(
        &req::ADD_CREATE_OR_ADJUST,
        before != after,
        "ADD changes links, addresses, routes, rules or sysctls of the container or the host",
        "all of them are as before",
        proof,
    );
    Ok(())
}

/// Without routes, which could not be installed if the addresses were wrong.
fn configures_addresses(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let request = trial.request(Verb::Add, &attachment).config(without_routes);
    let attached = trial.attach_with(&attachment, &request)?;
    let reported = Reported::read(&attached.result);
    let state = trial.look("c1")?;
    trial.expect(
        &req::ADD_CONFIGURES_IP,
        !reported.addresses.is_empty(),
        "the result lists the addresses that the configuration asks for",
        attached.call.brief(),
        Proof::lacks(&attached.call, "\"(address|ip)\":\"[0-9A-Fa-f:.]+/[0-9]+\""),
    );
    for address in &reported.addresses {
        trial.expect(
            &req::ADD_CONFIGURES_IP,
            state.has_address("eth0", address.ip, address.prefix),
            format!("eth0 has {}, which the result lists", address.text()),
            format!("eth0 has {}", list(&state.addresses_of("eth0"))),
            Proof::Shell(shell::address_missing("c1", "eth0", &address.text())),
        );
    }
    let up = state.link("eth0").is_some_and(|link| link.up);
    trial.expect(
        &req::ADD_CONFIGURES_IP,
        up,
        "eth0 is up",
        "eth0 is down or missing",
        Proof::Shell(
            "! ns c1 ip -o link show dev eth0 2>/dev/null | grep -Eq '<([^>]*,)?UP(,[^>]*)?>'"
                .to_owned(),
        ),
    );
    Ok(())
}

fn installs_routes(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let reported = Reported::read(&attached.result);
    let state = trial.look("c1")?;
    trial.expect(
        &req::ADD_INSTALLS_ROUTES,
        !reported.routes.is_empty(),
        "the result lists the routes that the configuration asks for",
        attached.call.brief(),
        Proof::lacks(&attached.call, "\"dst\":\""),
    );
    for route in &reported.routes {
        let own: Vec<&Route> = state
            .routes
            .iter()
            .filter(|found| {
                (found.destination, found.prefix) == (route.destination, route.prefix)
                    && found.link.as_deref() == Some("eth0")
            })
            .collect();
        let installed = trial.expect(
            &req::ADD_INSTALLS_ROUTES,
            !own.is_empty(),
            format!(
                "a route to {} through eth0, as the result lists",
                route.text()
            ),
            format!(
                "the routes through eth0 are {}",
                routes_of(&state.routes, "eth0")
            ),
            Proof::Shell(shell::route_missing(
                "c1",
                (route.destination, route.prefix),
                "eth0",
            )),
        );
        // The gateways that may stand in for an absent gw; none at all means a route without next hop.
        let hops: Vec<IpAddr> = match route.gateway {
            Some(gateway) => vec![gateway],
            None => reported
                .addresses
                .iter()
                .filter_map(|address| address.gateway)
                .filter(|gateway| gateway.is_ipv4() == route.destination.is_ipv4())
                .collect(),
        };
        let on_link = route
            .entry
            .get("scope")
            .is_some_and(|scope| scope.as_u64() != Some(0));
        if !installed || hops.is_empty() || on_link {
            continue;
        }
        let texts: Vec<String> = hops.iter().map(IpAddr::to_string).collect();
        let words: Vec<String> = texts
            .iter()
            .map(|hop| format!("via {} ", shell::exactly(hop)))
            .collect();
        let matches = shell::route_matches(
            "c1",
            (route.destination, route.prefix),
            "eth0",
            &format!("({})", words.join("|")),
        );
        trial.expect(
            &req::ADD_INSTALLS_ROUTES,
            own.iter()
                .any(|found| found.gateway.is_some_and(|hop| hops.contains(&hop))),
            format!("the next hop of {} is {}", route.text(), texts.join(" or ")),
            own.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
            Proof::Shell(format!("! {matches}")),
        );
    }
    Ok(())
}

fn gateway_is_no_route(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let request = trial.request(Verb::Add, &attachment).config(without_routes);
    let attached = trial.attach_with(&attachment, &request)?;
    let reported = Reported::read(&attached.result);
    let state = trial.look("c1")?;
    for unspecified in [
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    ] {
        // A default route that the result lists was asked for by an option that we do not know.
        let listed = reported
            .routes
            .iter()
            .any(|route| (route.destination, route.prefix) == (unspecified, 0));
        let found = state.routes.iter().find(|route| {
            (route.destination, route.prefix) == (unspecified, 0)
                && route.link.as_deref() == Some("eth0")
        });
        trial.expect(
            &req::ADD_GATEWAY_IS_NOT_ROUTE,
            found.is_none() || listed,
            "no default route: the configuration has a gateway but no route",
            found.map(ToString::to_string).unwrap_or_default(),
            Proof::Shell(shell::route_exists("c1", (unspecified, 0), "eth0")),
        );
    }
    Ok(())
}

fn routes_without_metric(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let attached = trial.attach(&attachment)?;
    let reported = Reported::read(&attached.result);
    let state = trial.look("c1")?;
    for route in reported
        .routes
        .iter()
        .filter(|route| route.entry.get("priority").is_none())
    {
        let own = state.routes.iter().filter(|found| {
            (found.destination, found.prefix) == (route.destination, route.prefix)
                && found.link.as_deref() == Some("eth0")
        });
        // The kernel gives an IPv6 route 1024 when it is asked for 0.
        let odd = own.clone().find(|found| {
            found.priority != 0 && !(found.destination.is_ipv6() && found.priority == 1024)
        });
        let proof = Proof::Shell(
            shell::route_matches(
                "c1",
                (route.destination, route.prefix),
                "eth0",
                ".*metric [0-9]+",
            ) + " && "
                + &shell::route_matches(
                    "c1",
                    (route.destination, route.prefix),
                    "eth0",
                    &format!(".*metric {}", odd.map_or(0, |found| found.priority)),
                ),
        );
        trial.expect(
            &req::ADD_ROUTE_METRIC_ZERO,
            odd.is_none(),
            format!("{} has no metric", route.text()),
            odd.map(ToString::to_string).unwrap_or_default(),
            proof,
        );
    }
    Ok(())
}

fn default_route_exists(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let container = Place::Container("c1");
    trial.add_veth(container, "other0", "other1")?;
    trial.set_link(container, "other0", true)?;
    trial.set_link(container, "other1", true)?;
    let own = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 24);
    let gateway = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    trial.add_address(container, "other0", own)?;
    let default = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    trial.add_route(container, default, Some(gateway), "other0")?;
    let add = trial.add(&attachment)?;
    trial.expect_success(
        &req::ADD_EXISTING_DEFAULT_ROUTE,
        &add,
        "ADD into a container with a default route through other0",
    );
    let state = trial.look("c1")?;
    let kept = state.routes.iter().any(|route| {
        (route.destination, route.prefix) == default && route.link.as_deref() == Some("other0")
    });
    trial.expect(
        &req::ADD_EXISTING_DEFAULT_ROUTE,
        kept,
        "the default route through other0 is still there",
        format!(
            "the routes through other0 are {}",
            routes_of(&state.routes, "other0")
        ),
        Proof::Shell(shell::route_missing("c1", default, "other0")),
    );
    Ok(())
}

fn list(texts: &[String]) -> String {
    if texts.is_empty() {
        "none".to_owned()
    } else {
        texts.join(", ")
    }
}

fn routes_of(routes: &[Route], link: &str) -> String {
    let texts: Vec<String> = routes
        .iter()
        .filter(|route| route.link.as_deref() == Some(link))
        .map(ToString::to_string)
        .collect();
    list(&texts)
}
