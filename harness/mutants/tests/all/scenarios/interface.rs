//! Scenarios for `toy-interface`, one for each area of the catalogue.

use serde_json::{Value, json};

use crate::{
    observer::{Fake, Observer},
    sandbox::extended,
};

const ERROR: &str = r#"{"code": 123, "msg": "the fake fails"}"#;
const LEASE: &str = r#"{"ips": [{"address": "10.4.0.2/24", "gateway": "10.4.0.1"}], "dns": {"nameservers": ["10.4.0.53"]}}"#;

fn config(version: &str) -> Value {
    json!({
        "cniVersion": version, "name": "net", "type": "toy-interface",
        "ipam": {
            "type": "toy-ipam", "subnets": ["10.1.0.0/24", "10.2.0.0/24", "fd00:1::/64"],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "10.9.0.0/16", "gw": "10.1.0.1", "priority": 7, "mtu": 1300}],
            "dns": {"nameservers": ["10.1.0.53", "10.1.0.54"]}
        }
    })
}

fn newest(with: Value) -> Value {
    extended(&config("1.1.0"), &with)
}

fn faked(version: &str) -> Value {
    extended(
        &config(version),
        &json!({"ipam": {"type": "fake-ipam", "extra": 1}}),
    )
}

/// Adds a link that no toy made, with addresses of the test's: random ones would be others every time.
fn with_foreign_link(observer: &Observer<'_>, name: &str) {
    observer.ip(&format!(
        "-n c1 link add {name} address 02:00:00:00:01:00 type veth peer name another"
    ));
    observer.ip("-n c1 link set another address 02:00:00:00:02:00");
}

fn previous() -> Value {
    json!({"interfaces": [{"name": "foreign", "mac": "02:00:00:00:00:77"}], "ips": [], "dns": {"domain": "example"}})
}

pub(crate) fn environment(observer: &mut Observer<'_>) {
    let config = newest(json!({}));
    let result =
        observer.call_and_look(&observer.request("ADD", &config).with("CNI_IFNAME", "foo0"));
    let check = observer
        .request("CHECK", &newest(json!({"prevResult": result})))
        .with("CNI_IFNAME", "foo0");
    for variable in ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"] {
        observer.call(&check.clone().with(variable, ""));
        observer.call_and_look(
            &observer
                .request("DEL", &config)
                .with("CNI_IFNAME", "foo0")
                .with(variable, ""),
        );
    }
    for verb in ["STATUS", "GC"] {
        let request = observer.request(verb, &newest(json!({"cni.dev/valid-attachments": []})));
        observer.call(
            &request
                .with("CNI_CONTAINERID", "")
                .with("CNI_NETNS", "")
                .with("CNI_IFNAME", ""),
        );
    }
    let bare = newest(json!({"ipam": {}}));
    let changes: [&[(&str, &str)]; 12] = [
        &[("CNI_COMMAND", "")],
        &[("CNI_COMMAND", "add")],
        &[("CNI_CONTAINERID", "")],
        &[("CNI_CONTAINERID", "a:b")],
        &[("CNI_NETNS", "")],
        &[("CNI_NETNS", "/run/netns/gone")],
        &[("CNI_IFNAME", "")],
        &[("CNI_IFNAME", "abcdefghijklmnop")],
        &[("CNI_IFNAME", "a:b")],
        &[
            ("CNI_CONTAINERID", ""),
            ("CNI_NETNS", ""),
            ("CNI_IFNAME", ""),
        ],
        &[("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAME=x")],
        &[("CNI_FOO", "bar")],
    ];
    for change in changes {
        observer.fresh();
        let add = observer.request("ADD", &config);
        observer.call_and_look(
            &change
                .iter()
                .fold(add, |add, (name, value)| add.with(name, value)),
        );
    }
    observer.fresh();
    observer.call(&observer.request("ADD", &bare).with("CNI_PATH", ""));
    observer.fresh();
    observer.ip("netns attach self 1");
    std::os::unix::fs::symlink("/run/netns/c1", "/run/elsewhere").unwrap_or_default();
    observer.call(
        &observer
            .request("ADD", &config)
            .with("CNI_NETNS", "/run/elsewhere"),
    );
    observer.fresh();
    observer.call(
        &observer
            .request("ADD", &config)
            .with("CNI_PATH", "/run/nowhere:/run/toys"),
    );
    observer.call(
        &observer
            .request("VERSION", &config)
            .with("CNI_IFNAME", "a/b"),
    );
}

pub(crate) fn configuration(observer: &mut Observer<'_>) {
    let good = newest(json!({})).to_string();
    for bytes in [String::new(), "null".to_owned(), format!("{good} x")] {
        observer.call(
            &observer
                .request("DEL", &newest(json!({})))
                .saying(bytes.as_bytes()),
        );
    }
    observer.call_between(&observer.request("ADD", &newest(json!({}))), "/run", "");
    let large = json!({"args": {"vendor": "x".repeat(70_000)}});
    observer.call(&observer.request("ADD", &newest(large)));
    let changes = [
        json!({"cniVersion": ""}),
        json!({"cniVersion": 1.1}),
        json!({"cniVersion": "1.1"}),
        json!({"cniVersion": "9.9.9"}),
        json!({"name": ""}),
        json!({"name": 5}),
        json!({"name": "a b"}),
        json!({"type": 1}),
        json!({"vendor": "x"}),
        json!({"args": {"cni": {"labels": [{"key": "a", "value": "b"}]}}}),
        json!({"mtu": "x"}),
        json!({"ipMasq": true}),
        json!({"ipMasq": false}),
        json!({"ipam": {"type": "../toys/toy-ipam", "subnet": "10.1.0.0/24"}}),
        json!({"cniVersion": "0.2.0"}),
    ];
    for change in changes {
        observer.fresh();
        observer.call_and_look(&observer.request("ADD", &newest(change.clone())));
        observer.call_and_look(&observer.request("DEL", &newest(change)));
    }
}

pub(crate) fn processes(observer: &mut Observer<'_>) {
    observer.call(&observer.request("ADD", &newest(json!({}))).saying(b"{{{"));
    observer.call(&observer.request("ADD", &newest(json!({}))));
    observer.count_toys();
}

pub(crate) fn errors(observer: &mut Observer<'_>) {
    let result = observer.call(&observer.request("ADD", &newest(json!({}))));
    observer.ip("-n c1 link delete eth0");
    observer.call(&observer.request("CHECK", &newest(json!({"prevResult": result}))));
    observer.fresh();
    observer.call_and_look(&observer.request("ADD", &newest(json!({"mtu": 1}))));
    observer.call(&observer.request("ADD", &newest(json!({}))).saying(b"{{{"));
    observer.call(&observer.request(
        "ADD",
        &newest(json!({"name": "a b", "cniVersion": "1.0.0"})),
    ));
    observer.call(
        &observer
            .request("ADD", &newest(json!({})))
            .with("CNI_IFNAME", ""),
    );
    observer.call(&observer.request(
        "ADD",
        &newest(json!({"ipam": {"type": "toy-ipam", "subnet": "x"}})),
    ));
    observer.call(
        &observer
            .request("ADD", &newest(json!({})))
            .with("CNI_NETNS", "/run/netns/gone"),
    );
    observer.call(&observer.request("ADD", &newest(json!({}))));
    observer.call(&observer.request("VERSION", &newest(json!({}))));
    observer.fresh();
    observer.call(&observer.request(
        "ADD",
        &newest(json!({"capabilities": {"portMappings": true}})),
    ));
    observer.fresh();
    observer.call_between(
        &observer.request("VERSION", &newest(json!({}))),
        "/dev/null",
        "/dev/full",
    );
    observer.fake("ADD", LEASE, Fake::Succeeds);
    observer.fake("DEL", ERROR, Fake::Fails);
    observer.call(&observer.request("ADD", &faked("1.1.0")));
    observer.call(&observer.request("DEL", &faked("1.1.0")));
    let previous_results = [
        previous(),
        extended(&previous(), &json!({"cniVersion": "1.1.0"})),
        json!("x"),
        json!({"ips": [{"address": "zzz"}]}),
        json!({"cniVersion": "0.2.0", "ip4": {"ip": "10.0.0.1/8"}}),
    ];
    for previous in previous_results {
        observer.fresh();
        observer.call(&observer.request("ADD", &newest(json!({"prevResult": previous}))));
    }
}

pub(crate) fn version(observer: &mut Observer<'_>) {
    let config = newest(json!({}));
    for stdin in [
        "",
        "{\"cniVersion\":\"1.0.0\"}",
        "{\"cniVersion\":\"9.9.9\"}",
    ] {
        observer.call(
            &observer
                .request("VERSION", &config)
                .saying(stdin.as_bytes()),
        );
    }
    observer.call_and_look(&observer.request("VERSION", &faked("1.1.0")));
    observer.call(&observer.request("ADD", &self::config("0.3.0")));
}

pub(crate) fn add(observer: &mut Observer<'_>) {
    let config = newest(json!({"ipMasq": true}));
    observer.call_and_look(&observer.request("ADD", &config));
    observer.call_and_look(&observer.request("ADD", &config));
    observer.call_and_look(&observer.request("ADD", &config).of("c2"));
    observer.fresh();
    with_foreign_link(observer, "eth0");
    observer.call_and_look(&observer.request("ADD", &config));
    observer.fresh();
    with_foreign_link(observer, "other");
    for command in [
        "link set other up",
        "addr add 10.7.0.2/24 dev other",
        "route add default via 10.7.0.1",
    ] {
        observer.ip(&format!("-n c1 {command}"));
    }
    observer.call_and_look(&observer.request("ADD", &config));
    observer.fresh();
    let plain = newest(json!({"ipam": {"type": "toy-ipam", "subnet": "10.1.0.0/24"}}));
    observer.call_and_look(&observer.request("ADD", &plain));
    observer.fresh();
    let unreachable = json!({"type": "toy-ipam", "subnet": "10.1.0.0/24", "routes": [{"dst": "10.5.0.0/16", "gw": "10.99.0.1"}]});
    let failing = newest(json!({"ipam": unreachable}));
    observer.call_and_look(&observer.request("ADD", &failing));
    observer.call_and_look(&observer.request("DEL", &failing));
}

pub(crate) fn del(observer: &mut Observer<'_>) {
    let config = newest(json!({"ipMasq": true}));
    let sequences: [(&str, &str, Value); 6] = [
        ("", "", json!({})),
        ("netns del c1", "", json!({})),
        ("-n c1 link del eth0", "", json!({})),
        ("", "/run/toys/fake-ipam", json!({})),
        ("", "", json!({"prevResult": "x"})),
        ("", "", json!({"prevResult": {}})),
    ];
    observer.call(&observer.request("DEL", &config));
    for (change, netns, with) in sequences {
        observer.fresh();
        observer.call(&observer.request("ADD", &config));
        if !change.is_empty() {
            observer.ip(change);
        }
        let mut del = observer.request("DEL", &extended(&config, &with));
        if !netns.is_empty() {
            del = del.with("CNI_NETNS", netns);
        }
        observer.call_and_look(&del);
        observer.call(&del);
    }
    observer.fresh();
    observer.call(&observer.request("ADD", &config));
    observer.without_rules();
    observer.call(&observer.request("DEL", &config));
    // --- what belongs to others stays: another interface, network and container
    observer.fresh();
    let add = observer.request("ADD", &config);
    let other = observer.request("ADD", &extended(&config, &json!({"name": "other"})));
    observer.call(&add);
    for neighbour in [
        add.with("CNI_IFNAME", "eth1"),
        other.with("CNI_IFNAME", "eth2"),
        observer.request("ADD", &config).of("c2"),
    ] {
        observer.call(&neighbour);
    }
    observer.call_and_look(&observer.request("DEL", &config));
}

pub(crate) fn check(observer: &mut Observer<'_>) {
    let config = newest(json!({"ipMasq": true}));
    let changes = [
        "",
        "-n c1 link del eth0",
        "-n c1 link set eth0 down",
        "-n c1 addr del 10.1.0.2/24 dev eth0",
        "-n c1 route del 10.9.0.0/16",
        "-n c1 link set eth0 address 02:00:00:00:00:99",
        "-n c1 link set eth0 mtu 1399",
        "-n c1 addr add 192.0.2.7/32 dev eth0",
    ];
    for change in changes {
        observer.fresh();
        let result = observer.call(&observer.request("ADD", &config));
        let check = observer.request("CHECK", &extended(&config, &json!({"prevResult": result})));
        if !change.is_empty() {
            observer.ip(change);
        }
        observer.call_and_look(&check);
    }
    observer.fresh();
    let result = observer.call(&observer.request("ADD", &config));
    let with = |previous: Value| extended(&config, &json!({"prevResult": previous}));
    let altered: Value = result
        .to_string()
        .replace("10.1.0.2/24", "10.1.0.99/24")
        .parse()
        .unwrap_or_default();
    for request in [
        config.clone(),
        with(json!("x")),
        with(altered),
        extended(&with(result.clone()), &json!({"cniVersion": "0.3.1"})),
    ] {
        observer.call(&observer.request("CHECK", &request));
    }
    let check = observer.request("CHECK", &with(result.clone()));
    observer.call(&check.clone().with("CNI_PATH", "/run/nowhere:/run/toys"));
    observer.call(&observer.request("ADD", &config).of("c2"));
    observer.call(&check);
    let host_end = result["interfaces"][0]["name"]
        .as_str()
        .unwrap_or("none")
        .to_owned();
    observer.ip(&format!("link set {host_end} down"));
    observer.call(&check);
    observer.ip(&format!("link set {host_end} up"));
    with_foreign_link(observer, "other");
    for command in [
        "link set other up",
        "addr add 10.7.0.2/24 dev other",
        "route replace default via 10.7.0.1",
    ] {
        observer.ip(&format!("-n c1 {command}"));
    }
    observer.call(&check);
    observer.fresh();
    let result = observer.call(&observer.request("ADD", &config));
    let unmasked = extended(&config, &json!({"name": "net", "prevResult": result}));
    observer.without_rules();
    observer.call(&observer.request("CHECK", &unmasked));
    observer.fresh();
    observer.fake("ADD", LEASE, Fake::Succeeds);
    observer.fake("CHECK", ERROR, Fake::Fails);
    let result = observer.call(&observer.request("ADD", &faked("1.1.0")));
    observer.call(&observer.request(
        "CHECK",
        &extended(&faked("1.1.0"), &json!({"prevResult": result})),
    ));
}

pub(crate) fn status(observer: &mut Observer<'_>) {
    let config = newest(json!({}));
    let masquerading = newest(json!({"ipMasq": true}));
    observer.without("iptables", |observer| {
        observer.call(&observer.request("STATUS", &masquerading));
    });
    observer.call(&observer.request("ADD", &config));
    observer.call(
        &observer
            .request("STATUS", &config)
            .with("CNI_PATH", "/run/nowhere"),
    );
    observer.fresh();
    observer.call_and_look(&observer.request("STATUS", &config));
    observer.fake("STATUS", ERROR, Fake::Fails);
    observer.fake("ADD", LEASE, Fake::Succeeds);
    observer.call(&observer.request("STATUS", &faked("1.1.0")));
    observer.call(&observer.request("ADD", &faked("1.1.0")));
}

pub(crate) fn gc(observer: &mut Observer<'_>) {
    let config = newest(json!({}));
    let with = |key: &str, list: Value| {
        let mut config = config.clone();
        config[key] = list;
        config
    };
    let entry = |id: &str, ifname: &str| json!({"containerID": id, "ifname": ifname});
    let requests = [
        with("cni.dev/valid-attachments", json!([])),
        with("cni.dev/valid-attachments", json!([entry("c1", "eth0")])),
        with("cni.dev/valid-attachments", json!([entry("c11", "eth0")])),
        with("cni.dev/valid-attachments", json!("x")),
        with("cni.dev/attachments", json!([entry("c1", "eth0")])),
        config.clone(),
    ];
    observer.call(&observer.request("GC", &requests[0]));
    for request in &requests {
        observer.fresh();
        observer.call(&observer.request("ADD", &config));
        observer.call(&observer.request("ADD", &config).with("CNI_IFNAME", "eth1"));
        observer.call(
            &observer
                .request("ADD", &config)
                .of("c2")
                .with("CNI_CONTAINERID", "c11"),
        );
        let other = newest(json!({"name": "other"}));
        observer.call(
            &observer
                .request("ADD", &other)
                .of("c2")
                .with("CNI_IFNAME", "eth2"),
        );
        observer.call_and_look(&observer.request("GC", request));
    }
    observer.fake("GC", ERROR, Fake::Fails);
    let forwarded = extended(&faked("1.1.0"), &json!({"cni.dev/valid-attachments": []}));
    observer.call(&observer.request("GC", &forwarded));
}

pub(crate) fn delegation(observer: &mut Observer<'_>) {
    let config = faked("1.1.0");
    let old = r#"{"cniVersion": "0.2.0", "ip4": {"ip": "10.4.0.2/24"}}"#;
    let with_interfaces =
        r#"{"interfaces": [{"name": "foreign"}], "ips": [{"address": "10.4.0.2/24"}]}"#;
    for (answer, fake) in [
        (LEASE, Fake::Succeeds),
        (with_interfaces, Fake::Succeeds),
        (ERROR, Fake::Fails),
        (old, Fake::Succeeds),
        ("{}", Fake::Succeeds),
    ] {
        observer.fresh();
        observer.fake("ADD", answer, fake);
        observer.call(&observer.request("ADD", &config).with("CNI_ARGS", "A=B"));
        observer.call(&observer.request("DEL", &config).with("CNI_NETNS", ""));
    }
    observer.fresh();
    observer.fake("ADD", LEASE, Fake::Succeeds);
    observer.fake("DEL", ERROR, Fake::Fails);
    observer.call(&observer.request("ADD", &config));
    observer.call_and_look(&observer.request("DEL", &config));
    observer.fresh();
    let unreachable = r#"{"ips": [{"address": "10.4.0.2/24"}], "routes": [{"dst": "10.5.0.0/16", "gw": "10.99.0.1"}]}"#;
    observer.fake("ADD", unreachable, Fake::Succeeds);
    observer.call_and_look(&observer.request("ADD", &config));
    observer.fresh();
    let add = observer
        .request("ADD", &config)
        .with("CNI_PATH", "/run/nowhere")
        .with("PATH", "/run/toys");
    observer.call(&add);
    observer.call(&add.with("PATH", ""));
    observer.fresh();
    observer.fake("ADD", LEASE, Fake::Succeeds);
    observer
        .host
        .install_script("/run/elsewhere/fake-ipam", "#!/bin/sh\nexit 1\n");
    observer.call(
        &observer
            .request("ADD", &config)
            .with("CNI_PATH", "/run/toys:/run/elsewhere"),
    );
}

pub(crate) fn results(observer: &mut Observer<'_>) {
    for version in ["0.2.0", "0.3.0", "0.4.0", "1.0.0", "1.1.0"] {
        observer.fresh();
        observer.ip("-n c1 link set lo up");
        observer.ip("-n c1 route add 10.77.0.0/16 dev lo");
        observer.call_and_look(&observer.request("ADD", &config(version)));
    }
    observer.fresh();
    let several = r#"{"cniVersion": "1.0.0", "ips": [{"address": "10.4.0.2/24"}, {"address": "10.4.0.3/24"}]}"#;
    observer.fake("ADD", several, Fake::Succeeds);
    observer.call(&observer.request("ADD", &faked("0.2.0")));
    observer.fresh();
    observer.call(&observer.request("ADD", &extended(&config("0.2.0"), &json!({"ipam": {}}))));
    observer.call(&observer.request(
        "ADD",
        &newest(json!({"ipam": {"type": "toy-ipam", "subnet": "10.1.0.0/24"}})),
    ));
}
