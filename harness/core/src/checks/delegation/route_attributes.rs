//! The attributes that 1.1.0 gave to routes: what the result lists has to be what the kernel has.

use cni_spec_fixtures::req;
use serde_json::{Value, json};

use super::answers::{Lease, V4, V6, list, prefix};
use super::kernel::{family, shown};
use crate::check::{Check, Feature, Versions};
use crate::kernel::Route;
use crate::trial::delegate::add_through_delegate_failed;
use crate::trial::{DelegateAnswer, Proof, Stop, Trial, Verb};

pub(super) const CHECKS: &[Check] = &[Check {
    id: "delegation/route-attributes-hold",
    title: "Route attributes that the result lists are those of the installed route",
    proves: &[req::RES_ROUTE_ATTRIBUTES],
    versions: Versions::WITH_GC,
    needs: &[Feature::Delegates, Feature::CreatesInterface],
    caught: &["route-attrs-ignored"],
    run: route_attributes_hold,
}];

/// One attribute of a route: its key, its value, and how the kernel shows it.
struct Attribute {
    key: &'static str,
    value: u32,
    dst: &'static str,
    kernel: fn(&Route) -> Option<u32>,
    words: &'static str,
}

const ATTRIBUTES: [Attribute; 8] = [
    Attribute {
        key: "priority",
        value: 77,
        dst: "198.51.100.0/26",
        kernel: |route| Some(route.priority),
        words: "metric 77",
    },
    Attribute {
        key: "mtu",
        value: 1300,
        dst: "198.51.100.64/26",
        kernel: |route| route.mtu,
        words: "mtu 1300",
    },
    Attribute {
        key: "advmss",
        value: 1200,
        dst: "198.51.100.128/26",
        kernel: |route| route.advmss,
        words: "advmss 1200",
    },
    Attribute {
        key: "table",
        value: 177,
        dst: "198.51.100.192/26",
        kernel: |route| Some(route.table),
        words: "table 177",
    },
    Attribute {
        key: "scope",
        value: 253,
        dst: "198.18.0.0/15",
        kernel: |route| Some(u32::from(route.scope)),
        words: "scope link",
    },
    Attribute {
        key: "priority",
        value: 78,
        dst: "2001:db8:78::/48",
        kernel: |route| Some(route.priority),
        words: "metric 78",
    },
    Attribute {
        key: "mtu",
        value: 1301,
        dst: "2001:db8:79::/48",
        kernel: |route| route.mtu,
        words: "mtu 1301",
    },
    Attribute {
        key: "table",
        value: 178,
        dst: "2001:db8:80::/48",
        kernel: |route| Some(route.table),
        words: "table 178",
    },
];

/// The attributes are optional: a plugin may leave one out of its result, but what it lists has to be true.
fn route_attributes_hold(trial: &mut Trial) -> Result<(), Stop> {
    let attachment = trial.attachment("c1")?;
    for (number, attribute) in ATTRIBUTES.iter().enumerate() {
        let attachment = attachment.clone().with_ifname(&format!("eth{number}"));
        let mut route = json!({ "dst": attribute.dst });
        route[attribute.key] = json!(attribute.value);
        let ip = if attribute.dst.contains(':') { V6 } else { V4 };
        let answer = Lease::of(&[ip])
            .with_routes(&[route])
            .in_version(trial.version());
        trial.delegate()?.forget_calls()?;
        trial
            .delegate()?
            .answer(Verb::Add, &DelegateAnswer::result(&answer))?;
        let add = trial.call(&trial.through_delegate(trial.request(Verb::Add, &attachment)))?;
        let Attribute {
            key, value, dst, ..
        } = attribute;
        if !add.succeeded() && !trial.delegate()?.was_asked()? {
            return Err(add_through_delegate_failed(&add));
        }
        let what = format!("ADD when the delegate lists a route to {dst} with {key} {value}");
        if !trial.advise(
            &req::RES_ROUTE_ATTRIBUTES,
            add.succeeded(),
            format!("{what}: exit 0"),
            add.brief(),
            Proof::fails(&add),
        ) {
            continue;
        }
        let result = add.json().unwrap_or_default();
        let listed =
            list(&result, "routes").find(|route| route["dst"] == *dst && !route[*key].is_null());
        let state = trial.look("c1")?;
        let found: Vec<&Route> = state
            .routes
            .iter()
            .filter(|route| Some((route.destination, route.prefix)) == prefix(dst))
            .collect();
        let holds = found
            .iter()
            .any(|route| (attribute.kernel)(route).map(u64::from) == listed_value(listed, key));
        trial.expect(
            &req::RES_ROUTE_ATTRIBUTES,
            listed.is_none() || holds,
            format!("the route to {dst} is installed with the {key} that the result lists, {value}"),
            shown(&found),
            Proof::Shell(format!(
                "compact $work/out{} | grep -q '\"{key}\":{value}' && ! ns c1 ip {} -details route show table all {dst} | grep -q '{}'",
                add.index(),
                family(dst),
                attribute.words
            )),
        );
        // The same addresses come again with the next interface.
        let del = trial.through_delegate(trial.request(Verb::Del, &attachment));
        trial.call(&del)?;
    }
    Ok(())
}

fn listed_value(route: Option<&Value>, key: &str) -> Option<u64> {
    route.and_then(|route| route[key].as_u64())
}
