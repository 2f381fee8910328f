//! The scenario for `toy-ipam`, which needs no interface.

use serde_json::{Value, json};

use crate::{observer::Observer, sandbox::extended};

fn config(with: Value) -> Value {
    let ipam = json!({"type": "toy-ipam", "subnets": ["10.1.0.0/29", "fd00::/64"]});
    extended(
        &json!({"cniVersion": "1.1.0", "name": "net", "type": "x", "ipam": ipam}),
        &with,
    )
}

pub(crate) fn everything(observer: &mut Observer<'_>) {
    let plain = config(json!({}));
    let other = config(json!({"name": "other"}));
    // --- keys: network, container, interface
    let result = observer.call_and_look(&observer.request("ADD", &plain));
    observer.call(&observer.request("ADD", &plain));
    observer.call_and_look(&observer.request("ADD", &plain).with("CNI_IFNAME", "eth1"));
    observer.call_and_look(&observer.request("ADD", &other));
    observer.call(
        &observer
            .request("ADD", &plain)
            .with("CNI_CONTAINERID", "a-b")
            .with("CNI_IFNAME", "c"),
    );
    observer.call(
        &observer
            .request("ADD", &plain)
            .with("CNI_CONTAINERID", "a")
            .with("CNI_IFNAME", "b-c"),
    );
    observer.call(&observer.request("CHECK", &config(json!({"prevResult": result}))));
    observer.call_and_look(&observer.request("STATUS", &plain));
    observer.call_and_look(&observer.request("DEL", &plain));
    observer.call(&observer.request("CHECK", &config(json!({"prevResult": result}))));
    // --- the pool: full, and free again
    observer.fresh();
    for number in 0..6 {
        observer.call(
            &observer
                .request("ADD", &plain)
                .with("CNI_CONTAINERID", &format!("c{number}")),
        );
    }
    observer.call(&observer.request("STATUS", &plain));
    observer.call(&observer.request("DEL", &plain).with("CNI_NETNS", ""));
    observer.call(&observer.request("STATUS", &plain));
    // --- requested addresses
    for (with, arguments) in [
        (json!({"runtimeConfig": {"ips": ["10.1.0.4"]}}), ""),
        (json!({"args": {"cni": {"ips": ["10.1.0.4/29"]}}}), ""),
        (
            json!({"args": {"cni": {"ips": ["10.1.0.4"]}}}),
            "IP=10.1.0.5",
        ),
        (json!({}), "IP=10.1.0.5"),
        (json!({}), "IP=x"),
    ] {
        observer.fresh();
        observer.call(
            &observer
                .request("ADD", &config(with))
                .with("CNI_ARGS", arguments),
        );
    }
    // --- namespaces and versions
    observer.fresh();
    observer.call(
        &observer
            .request("ADD", &plain)
            .with("CNI_NETNS", "/run/netns/gone"),
    );
    observer.fresh();
    let result = observer.call(&observer.request("ADD", &config(json!({"cniVersion": "0.4.0"}))));
    for (verb, version) in [("CHECK", "0.3.1"), ("STATUS", "0.4.0"), ("GC", "0.4.0")] {
        let old =
            json!({"cniVersion": version, "prevResult": result, "cni.dev/valid-attachments": []});
        observer.call(&observer.request(verb, &config(old)));
    }
    // --- GC with one reservation that can't be removed
    observer.fresh();
    for container in ["c1", "c2", "c3"] {
        observer.call(
            &observer
                .request("ADD", &plain)
                .with("CNI_CONTAINERID", container),
        );
    }
    observer.hold_reservation("/var/lib/cni/toy-ipam/net/c1@eth0", |observer| {
        observer.call_and_look(
            &observer.request("GC", &config(json!({"cni.dev/valid-attachments": []}))),
        );
    });
    // --- at the same time
    observer.fresh();
    observer.call_at_once(&[
        observer
            .request("ADD", &plain)
            .with("CNI_CONTAINERID", "c1"),
        observer
            .request("ADD", &plain)
            .with("CNI_CONTAINERID", "c2"),
        observer
            .request("ADD", &plain)
            .with("CNI_CONTAINERID", "c3"),
    ]);
}

/// A result that has room for one address of each family only.
pub(crate) fn results(observer: &mut Observer<'_>) {
    let ipam = json!({"type": "toy-ipam", "subnets": ["10.1.0.0/29", "10.2.0.0/29", "fd00:1::/64", "fd00:2::/64"]});
    let config = config(json!({"cniVersion": "0.2.0", "ipam": ipam}));
    observer.call(&observer.request("ADD", &config));
}

/// Requests that are to be refused, each on a fresh host; an accepted one leaves a reservation.
pub(crate) fn requests(observer: &mut Observer<'_>) {
    let plain = config(json!({}));
    let result = observer.call(&observer.request("ADD", &plain));
    let check = config(json!({"prevResult": result}));
    for variable in ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"] {
        observer.call(&observer.request("CHECK", &check).with(variable, ""));
        observer.call_and_look(&observer.request("DEL", &plain).with(variable, ""));
    }
    let variables = [
        ("CNI_CONTAINERID", ""),
        ("CNI_CONTAINERID", "a:b"),
        ("CNI_NETNS", ""),
        ("CNI_IFNAME", ""),
        ("CNI_IFNAME", "abcdefghijklmnop"),
        ("CNI_IFNAME", "a:b"),
    ];
    for (name, value) in variables {
        observer.fresh();
        observer.call_and_look(&observer.request("ADD", &plain).with(name, value));
    }
    observer.fresh();
    observer.call(
        &observer
            .request("ADD", &plain)
            .saying(format!("{plain} x").as_bytes()),
    );
    let changes = [
        json!({"cniVersion": 1.1}),
        json!({"cniVersion": "1.1"}),
        json!({"cniVersion": "9.9.9"}),
        json!({"name": ""}),
        json!({"name": 5}),
        json!({"name": "a b"}),
    ];
    for change in changes {
        observer.fresh();
        observer.call_and_look(&observer.request("ADD", &config(change)));
    }
}
