//! Scenarios for `toy-chained`.

use serde_json::{Value, json};

use crate::{observer::Observer, sandbox::extended};

fn previous() -> Value {
    json!({
        "interfaces": [
            {"name": "eth1", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/c1", "socketPath": "/s"},
            {"name": "eth0", "mac": "02:00:00:00:00:02", "sandbox": "/run/netns/c1", "vendor": 1}
        ],
        "ips": [{"address": "10.1.0.2/24", "interface": 0}, {"address": "fd00::2/64", "interface": 1}],
        "routes": [{"dst": "0.0.0.0/0", "priority": 7}],
        "vendor": true
    })
}

fn with_links(observer: &mut Observer<'_>) {
    observer.fresh();
    for name in ["eth0", "eth1"] {
        observer.ip(&format!(
            "-n c1 link add {name} address 02:00:00:00:01:00 type veth peer name {name}p"
        ));
        // Named by the test, because a random one would be another every time.
        observer.ip(&format!("-n c1 link set {name}p address 02:00:00:00:02:00"));
    }
}

fn config() -> Value {
    json!({"cniVersion": "1.1.0", "name": "net", "type": "toy-chained", "mtu": 1300, "mac": "02:00:00:00:00:42", "prevResult": previous()})
}

pub(crate) fn del(observer: &mut Observer<'_>) {
    let config = config();
    let mappings =
        json!({"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]});
    with_links(observer);
    let add = extended(&config, &json!({"runtimeConfig": mappings}));
    observer.call(&observer.request("ADD", &add));
    observer.call_and_look(&observer.request("DEL", &config));
    with_links(observer);
    observer.call(&observer.request("ADD", &config));
    observer.ip("-n c1 link del eth0");
    observer.call_and_look(&observer.request("DEL", &config));
}

pub(crate) fn everything(observer: &mut Observer<'_>) {
    let config = config();
    let bad = json!({"ips": [{"address": "zzz"}]});
    let foreign = json!({"cniVersion": "0.2.0", "ip4": {"ip": "10.1.0.2/24"}});
    let mapping = |port: i64| json!({"portMappings": [{"hostPort": port, "containerPort": 80, "protocol": "tcp"}]});
    let changes = [
        json!({}),
        json!({"runtimeConfig": {"mac": "02:00:00:00:00:43"}}),
        json!({"runtimeConfig": mapping(8080)}),
        json!({"runtimeConfig": mapping(70000)}),
        json!({"runtimeConfig": {"foo": 1}}),
        json!({"prevResult": null}),
        json!({"prevResult": bad}),
        json!({"prevResult": foreign}),
        json!({"mtu": "x"}),
    ];
    for change in changes {
        with_links(observer);
        let changed = extended(&config, &change);
        let result = observer.call_and_look(&observer.request("ADD", &changed));
        observer
            .call(&observer.request("CHECK", &extended(&changed, &json!({"prevResult": result}))));
        observer.call_and_look(&observer.request("DEL", &changed));
    }
}
