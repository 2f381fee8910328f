//! Random histories against a model that knows nothing of ranges: a list of addresses and who has which.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::call::{Call, Network};

#[derive(Debug, Clone)]
enum Step {
    Add(u8),
    AddRequested(u8, u8),
    Del(u8),
    /// Keeps the containers whose bit is set.
    Gc(u8),
    /// Somebody else reserves, as upstream's plugin does.
    Foreign(u8, u8),
    /// Somebody removes the file.
    Lost(u8),
}

/// A range of 10.0.N.0/PREFIX.
#[derive(Debug, Clone)]
struct Range {
    number: u8,
    prefix: u8,
    bounds: Option<(u8, u8)>,
    gateway: Option<u8>,
}

const CONTAINERS: u8 = 8;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..CONTAINERS).prop_map(Step::Add),
        2 => (0..CONTAINERS, any::<u8>()).prop_map(|(id, host)| Step::AddRequested(id, host)),
        4 => (0..CONTAINERS).prop_map(Step::Del),
        1 => any::<u8>().prop_map(Step::Gc),
        1 => (0..CONTAINERS, any::<u8>()).prop_map(|(id, host)| Step::Foreign(id, host)),
        1 => (0..CONTAINERS).prop_map(Step::Lost),
    ]
}

fn range(number: u8) -> impl Strategy<Value = Range> {
    (28_u8..=30).prop_flat_map(move |prefix| {
        let size = 1_u8 << (32 - prefix);
        let bounds = prop::option::of((0..size, 0..size).prop_map(|(a, b)| (a.min(b), a.max(b))));
        let gateway = prop::option::of(1..size - 1);
        (bounds, gateway).prop_map(move |(bounds, gateway)| Range {
            number,
            prefix,
            bounds,
            gateway,
        })
    })
}

fn ranges() -> impl Strategy<Value = Vec<Range>> {
    prop_oneof![
        range(0).prop_map(|one| vec![one]),
        (range(0), range(1)).prop_map(|(one, two)| vec![one, two]),
    ]
}

impl Range {
    fn json(&self) -> Value {
        let address = |host: u8| format!("10.0.{}.{host}", self.number);
        let mut range = json!({"subnet": format!("{}/{}", address(0), self.prefix)});
        if let Some((start, end)) = self.bounds {
            range["rangeStart"] = json!(address(start));
            range["rangeEnd"] = json!(address(end));
        }
        if let Some(gateway) = self.gateway {
            range["gateway"] = json!(address(gateway));
        }
        range
    }

    fn usable(&self) -> Vec<String> {
        let size = 1_u8 << (32 - self.prefix);
        let (start, end) = self.bounds.unwrap_or((1, size - 2));
        let gateway = self.gateway.unwrap_or(1);
        (start..=end)
            .filter(|&host| host != gateway && host != 0 && host != size - 1)
            .map(|host| format!("10.0.{}.{host}", self.number))
            .collect()
    }
}

struct Model {
    usable: Vec<String>,
    held: BTreeMap<String, String>,
    next: usize,
}

impl Model {
    fn free(&self, address: &str) -> bool {
        !self.held.values().any(|held| held == address)
    }

    fn add(&mut self, id: &str) -> Option<String> {
        if self.held.contains_key(id) {
            return None;
        }
        let (before, behind) = self.usable.split_at(self.next);
        let found = behind
            .iter()
            .chain(before)
            .find(|address| self.free(address))?
            .clone();
        self.take(id, found)
    }

    fn add_requested(&mut self, id: &str, address: String) -> Option<String> {
        let possible =
            !self.held.contains_key(id) && self.usable.contains(&address) && self.free(&address);
        possible.then(|| self.take(id, address)).flatten()
    }

    fn take(&mut self, id: &str, address: String) -> Option<String> {
        let position = self.usable.iter().position(|usable| *usable == address)?;
        self.next = (position + 1) % self.usable.len();
        self.held.insert(id.to_owned(), address.clone());
        Some(address)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// In a crowd there is an index, which must not make a difference.
    #[test]
    fn every_history_gives_what_the_model_gives(
        ranges in ranges(),
        steps in prop::collection::vec(step(), 1..48),
        crowd in prop_oneof![Just(0_u8), Just(140)],
    ) {
        let network = Network::new(&json!({"ranges": [ranges.iter().map(Range::json).collect::<Vec<_>>()]}));
        let usable: Vec<String> = ranges.iter().flat_map(Range::usable).collect();
        let mut model = Model { usable, held: BTreeMap::new(), next: 0 };
        if model.usable.is_empty() {
            network.call("ADD", "c0").assert_error(7, "there is no address to give out");
            return Ok(());
        }
        let crowd: Vec<String> = (0..crowd).map(|number| format!("crowd{number}")).collect();
        for (number, id) in crowd.iter().enumerate() {
            network.put(&format!("172.16.0.{number}"), format!("{id}\r\neth0").as_bytes());
        }
        for step in steps {
            take(&network, &mut model, &step, &crowd);
            let mut found = network.reservations();
            found.retain(|_, owner| !owner.starts_with("crowd"));
            let expected: BTreeMap<String, String> =
                model.held.iter().map(|(id, address)| (address.clone(), format!("{id}\r\neth0"))).collect();
            prop_assert_eq!(found, expected, "after {:?}", step);
            let status = network.call("STATUS", "");
            prop_assert_eq!(status.success, model.held.len() < model.usable.len(), "{:?}", status);
        }
    }
}

fn take(network: &Network, model: &mut Model, step: &Step, crowd: &[String]) {
    let name = |id: &u8| format!("c{id}");
    let address = |answer: crate::call::Answer| {
        let given = answer.success.then(|| answer.addresses().remove(0));
        given.map(|cidr| cidr.split('/').next().unwrap().to_owned())
    };
    match step {
        Step::Add(id) => {
            let id = name(id);
            let given = address(network.call("ADD", &id));
            assert_eq!(given, model.add(&id));
        }
        Step::AddRequested(id, host) => {
            let id = name(id);
            let wanted = format!("10.0.{}.{}", host & 1, (host >> 1) % 16);
            let config = network.with("runtimeConfig", json!({"ips": [wanted]}));
            let given = address(Call::new("ADD", &id).run("host-local", &config));
            assert_eq!(given, model.add_requested(&id, wanted));
        }
        Step::Del(id) => {
            network.call("DEL", &name(id)).assert_success();
            model.held.remove(&name(id));
        }
        Step::Gc(kept) => {
            let ids: Vec<String> = (0..CONTAINERS)
                .filter(|id| kept >> id & 1 == 1)
                .map(|id| name(&id))
                .collect();
            let valid = ids.iter().chain(crowd);
            let valid: Vec<(&str, &str)> = valid.map(|id| (id.as_str(), "eth0")).collect();
            network.gc(&valid).assert_success();
            model.held.retain(|id, _| ids.contains(id));
        }
        Step::Foreign(id, host) => {
            let (id, address) = (
                name(id),
                &model.usable[usize::from(*host) % model.usable.len()],
            );
            if !model.held.contains_key(&id) && model.free(address) {
                network.put(address, format!("{id}\r\neth0").as_bytes());
                model.held.insert(id, address.clone());
            }
        }
        Step::Lost(id) => {
            if let Some(address) = model.held.remove(&name(id)) {
                std::fs::remove_file(network.path().join(address)).unwrap();
            }
        }
    }
}
