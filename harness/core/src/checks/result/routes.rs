//! The routes of a result against those that the container has.

use std::net::{IpAddr, Ipv4Addr};

use cni_spec_fixtures::{SpecVersion, req};
use serde_json::{Value, json};

use crate::check::{Check, Feature, Versions};
use crate::checks::ipam_section::with_routes;
use crate::checks::reported::{Reported, ReportedRoute};
use crate::checks::shell;
use crate::kernel::Route;
use crate::trial::{Place, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "result/lists-own-routes",
        title: "The result lists routes of its own interface only, and those exist",
        proves: &[req::RES_V02_IP, req::RES_ROUTES_RELEVANT],
        versions: Versions::ALL,
        needs: &[Feature::CreatesInterface],
        caught: &["lists-foreign-routes", "routes-not-installed"],
        run: lists_own_routes,
    },
    Check {
        id: "result/route-attributes",
        title: "Attributes of routes in the result are those of the routes in the container",
        proves: &[req::RES_ROUTE_ATTRIBUTES, req::RES_DESCRIBES_REALITY],
        versions: Versions::WITH_GC,
        needs: &[
            Feature::CreatesInterface,
            Feature::Delegates,
            Feature::Routes,
        ],
        caught: &["route-attrs-ignored"],
        run: route_attributes,
    },
];

/// Before ADD the container has another interface with a route, as another network would have made it.
fn lists_own_routes(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let container = Place::Container("c1");
    trial.add_veth(container, "other0", "other1")?;
    trial.set_link(container, "other0", true)?;
    trial.set_link(container, "other1", true)?;
    let own = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 26);
    trial.add_address(container, "other0", own)?;
    let attached = trial.attach(&attachment)?;
    let state = trial.look("c1")?;
    let requirement = if trial.version() < SpecVersion::V0_3_0 {
        &req::RES_V02_IP
    } else {
        &req::RES_ROUTES_RELEVANT
    };
    for route in Reported::read(&attached.result).routes {
        let same: Vec<&Route> = state
            .routes
            .iter()
            .filter(|found| is_same(found, &route))
            .collect();
        let links: Vec<&str> = same
            .iter()
            .filter_map(|found| found.link.as_deref())
            .collect();
        let listed = format!("\"dst\":\"{}\"", shell::exactly(text(&route.entry, "dst")));
        let missing = shell::route_missing("c1", (route.destination, route.prefix), "eth0");
        trial.expect(
            requirement,
            links.contains(&"eth0"),
            format!(
                "a route to {} through eth0 in the container, as the result lists",
                route.text()
            ),
            if links.is_empty() {
                "there is no such route".to_owned()
            } else {
                format!("it goes through {}", links.join(", "))
            },
            Proof::Shell(format!(
                "compact $work/out{} | grep -Eq '{listed}' && {missing}",
                attached.call.index()
            )),
        );
    }
    Ok(())
}

/// One route for each attribute. A delegate that does not know them passes none on, and then there is nothing to judge.
fn route_attributes(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    let request = trial.request(Verb::Add, &attachment).config(|config| {
        with_routes(
            config,
            json!([
                { "dst": "198.51.100.0/28", "mtu": 1280 },
                { "dst": "198.51.100.16/28", "advmss": 1111 },
                { "dst": "198.51.100.32/28", "priority": 77 },
                { "dst": "198.51.100.48/28", "table": 100 },
                { "dst": "2001:db8:64::/64", "priority": 78 },
            ]),
        );
    });
    let attached = trial.attach_with(&attachment, &request)?;
    let state = trial.look("c1")?;
    for route in Reported::read(&attached.result).routes {
        for key in ["mtu", "advmss", "priority", "table"] {
            let Some(wanted) = route.entry.get(key).and_then(Value::as_u64) else {
                continue;
            };
            let own: Vec<&Route> = state
                .routes
                .iter()
                .filter(|found| is_same(found, &route) && found.link.as_deref() == Some("eth0"))
                .collect();
            let held = own
                .iter()
                .any(|found| attribute(found, key) == Some(wanted));
            let word = if key == "priority" { "metric" } else { key };
            let matches = shell::route_matches(
                "c1",
                (route.destination, route.prefix),
                "eth0",
                &format!(".*{word} (lock )?{wanted}( |$)"),
            );
            let expected = format!(
                "the route to {} has {key} {wanted}, as the result says",
                route.text()
            );
            let actual = if own.is_empty() {
                "there is no such route".to_owned()
            } else {
                own.iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; ")
            };
            let proof = Proof::Shell(format!(
                "compact $work/out{} | grep -q '\"{key}\":{wanted}' && ! {matches}",
                attached.call.index()
            ));
            for requirement in [&req::RES_ROUTE_ATTRIBUTES, &req::RES_DESCRIBES_REALITY] {
                trial.expect(
                    requirement,
                    held,
                    expected.clone(),
                    actual.clone(),
                    proof.clone(),
                );
            }
        }
    }
    Ok(())
}

fn attribute(route: &Route, key: &str) -> Option<u64> {
    match key {
        "mtu" => route.mtu.map(u64::from),
        "advmss" => route.advmss.map(u64::from),
        "priority" => Some(u64::from(route.priority)),
        _ => Some(u64::from(route.table)),
    }
}

fn is_same(found: &Route, listed: &ReportedRoute) -> bool {
    (found.destination, found.prefix) == (listed.destination, listed.prefix)
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}
