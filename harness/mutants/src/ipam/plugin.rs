//! The verbs of `toy-ipam`. None of them needs the namespace or the interface.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::{
    address::Cidr,
    catalogue::Fault,
    ipam::{pool, requested, settings::Settings},
    protocol::{
        Address, Attachment, AttachmentResult, Call, Failure, Interface, Outcome, Plugin,
        SpecVersion, code, previous_result, valid_attachments,
    },
    store::Store,
};

/// The toy that hands out addresses.
pub(crate) struct Ipam;

impl Plugin for Ipam {
    fn add(&self, call: &Call, attachment: &Attachment) -> Outcome {
        let settings = Settings::read(call)?;
        let requested = requested::read(call)?;
        if call.faults.has(Fault::IpamNeedsNetns)
            && crate::namespace::Namespace::open(attachment.netns()).is_err()
        {
            return Err(Failure::new(
                code::ENVIRONMENT,
                "CNI_NETNS is not a network namespace",
            ));
        }
        let addresses = reserve(call, attachment, &settings, &requested)?;
        if call.faults.has(Fault::TryAgainLeavesReservation) {
            return Err(Failure::new(11, "try again"));
        }
        let gateway = |cidr: &Cidr| Some(cidr.gateway());
        let ips = addresses.iter().map(|cidr| Address {
            address: *cidr,
            gateway: gateway(cidr),
            interface: None,
        });
        let mut result = AttachmentResult {
            ips: ips.collect(),
            routes: settings.routes,
            dns: settings.dns,
            ..AttachmentResult::default()
        };
        if call.faults.has(Fault::IpamWithIndex) {
            result.interfaces.push(Interface {
                name: attachment.ifname.clone(),
                sandbox: attachment.netns.clone(),
                ..Interface::default()
            });
            result.ips.iter_mut().for_each(|ip| ip.interface = Some(0));
        }
        let fixed = call.faults.has(Fault::IpamFixedVersion);
        let version = if fixed {
            SpecVersion::V100
        } else {
            call.version
        };
        Ok(Some(result.render(version, call.faults).into()))
    }

    fn check(&self, call: &Call, attachment: &Attachment) -> Outcome {
        drop(Settings::read(call)?);
        let previous = previous_result(call)?;
        let previous = previous.ok_or_else(|| {
            Failure::configuration("prevResult is missing: it is what CHECK compares with")
        })?;
        if call.faults.has(Fault::CheckReservationBlind) {
            return Ok(None);
        }
        let record = Store::of(call).read(attachment)?;
        let record = record.ok_or_else(|| {
            Failure::drift(format!(
                "container {:?}, interface {:?} has no reservation",
                attachment.container_id, attachment.ifname
            ))
        })?;
        for reserved in pool::addresses_of(&record) {
            if !previous.result.ips.iter().any(|ip| ip.address == reserved) {
                return Err(Failure::drift(format!(
                    "{reserved} is reserved, but prevResult does not list it"
                )));
            }
        }
        Ok(None)
    }

    fn del(&self, call: &Call, attachment: &Attachment) -> Outcome {
        if call.faults.has(Fault::DelValidatesConfig) {
            drop(Settings::read(call)?);
        }
        if call.faults.has(Fault::DelKeepsIp) {
            return Ok(None);
        }
        let store = Store::of(call);
        if !store.exists() {
            return Ok(None);
        }
        let _lock = store.lock()?;
        let records = if call.faults.has(Fault::DelTakesOtherNetworks) {
            store.records_of_all_networks().0
        } else {
            store.records().0
        };
        let takes_container =
            call.faults.has(Fault::DelTakesAll) || call.faults.has(Fault::DelTakesOtherNetworks);
        for record in records.iter().filter(|record| {
            takes_container && record.container_id == attachment.container_id
                || call.faults.has(Fault::DelTakesNetwork)
        }) {
            store.remove_record(record)?;
        }
        store.remove(attachment)?;
        Ok(None)
    }

    fn status(&self, call: &Call) -> Outcome {
        let settings = Settings::read(call)?;
        if call.faults.has(Fault::StatusExhaustionBlind) {
            return Ok(None);
        }
        let store = Store::of(call);
        let held = pool::held_by(&store.records().0);
        pool::choose(&settings.subnets, &[], &held, call.faults).map_err(|failure| Failure {
            code: code::UNAVAILABLE,
            ..failure
        })?;
        if call.faults.has(Fault::StatusAllocates) {
            let probe = Attachment {
                container_id: "status-probe".to_owned(),
                ifname: std::process::id().to_string(),
                netns: None,
            };
            drop(reserve(call, &probe, &settings, &[])?);
        }
        Ok(None)
    }

    fn gc(&self, call: &Call) -> Outcome {
        let valid = valid_attachments(call)?;
        let store = Store::of(call);
        if !store.exists() {
            let refused = call.faults.has(Fault::GcFailsWithoutState);
            return if refused {
                Err(Failure::new(code::IO, "the network has no state"))
            } else {
                Ok(None)
            };
        }
        let _lock = store.lock()?;
        let all_networks = call.faults.has(Fault::GcAllNetworks);
        let (records, unreadable) = if all_networks {
            store.records_of_all_networks()
        } else {
            store.records()
        };
        let mut failures: Vec<Failure> = unreadable.into_iter().map(Failure::from).collect();
        for record in records
            .iter()
            .filter(|record| valid.is_stale(&record.container_id, &record.ifname))
        {
            if let Err(error) = store.remove_record(record) {
                failures.push(error.into());
                if call.faults.has(Fault::GcStopsEarly) {
                    break;
                }
            }
        }
        match Failure::joined(failures) {
            Some(failure) => Err(failure),
            None => Ok(None),
        }
    }
}

fn reserve(
    call: &Call,
    attachment: &Attachment,
    settings: &Settings,
    requested: &[std::net::IpAddr],
) -> Result<Vec<Cidr>, Failure> {
    let store = Store::of(call);
    let lock = store.lock()?;
    let unlocked = call.faults.has(Fault::UnlockedAllocation);
    let _lock = (!unlocked).then_some(lock);
    if store.read(attachment)?.is_some()
        && !call.faults.has(Fault::SecondAddSecondAddress)
        && !call.faults.has(Fault::KeyByContainer)
    {
        return Err(Failure::new(
            code::CONFLICT,
            format!(
                "container {:?}, interface {:?} holds addresses already; delete it first",
                attachment.container_id, attachment.ifname
            ),
        ));
    }
    let (records, unreadable) = store.records();
    if let Some(error) = unreadable.into_iter().next() {
        // What can't be read might hold any address.
        return Err(error.into());
    }
    let chosen = pool::choose(
        &settings.subnets,
        requested,
        &pool::held_by(&records),
        call.faults,
    )?;
    if unlocked {
        // Wide enough for another process to choose the same.
        std::thread::sleep(Duration::from_millis(200));
    }
    let ips: Vec<String> = chosen.iter().map(Cidr::to_string).collect();
    let content = Map::from_iter([
        ("ips".to_owned(), Value::from(ips)),
        ("netns".to_owned(), json!(attachment.netns)),
    ]);
    store.write(attachment, content)?;
    Ok(chosen)
}
