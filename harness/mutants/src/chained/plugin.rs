//! The verbs of `toy-chained`.

use serde_json::{Map, Value, json};

use crate::{
    catalogue::Fault,
    chained::{
        passage,
        port_mappings::{self, PortMapping},
        settings::Settings,
    },
    fault::Faults,
    kernel::{Kernel, Link, mac_text},
    namespace::Namespace,
    protocol::{
        Attachment, Call, Failure, Interface, Outcome, Plugin, Previous, code, previous_result,
        valid_attachments,
    },
    store::{Record, Store},
};

/// The toy that adjusts an interface.
pub(crate) struct Chained;

impl Plugin for Chained {
    fn add(&self, call: &Call, attachment: &Attachment) -> Outcome {
        let settings = Settings::read(call)?;
        let previous = match previous_result(call)? {
            None if call.faults.has(Fault::PrevresultAbsentOk) => Previous::default(),
            None => {
                return Err(Failure::configuration(
                    "prevResult is missing: this plugin only works after another one",
                ));
            }
            Some(previous) => previous,
        };
        let kernel = connect(attachment)?;
        let link = find(&kernel, name_of_link(call, attachment, &previous))?;
        let store = Store::of(call);
        record(call, attachment, &store, &link, &settings.port_mappings)?;
        let changed =
            change(call, &kernel, &link, &settings).and_then(|()| find(&kernel, &link.name));
        match changed {
            Ok(link) => Ok(Some(passage::pass_on(call, attachment, &link, previous))),
            Err(failure) => {
                for also in [
                    restore_link(&kernel, &link, &link),
                    store.remove(attachment).map_err(Failure::from),
                ] {
                    if let Err(also) = also {
                        eprintln!("undo ADD of {}: {also}", attachment.container_id);
                    }
                }
                Err(failure)
            }
        }
    }

    fn check(&self, call: &Call, attachment: &Attachment) -> Outcome {
        let settings = Settings::read(call)?;
        let previous = previous_result(call)?;
        let previous = previous.ok_or_else(|| {
            Failure::configuration("prevResult is missing: it is what CHECK compares with")
        })?;
        let kernel = connect(attachment)?;
        let Some(link) = kernel.link(&attachment.ifname)? else {
            let blind = call.faults.has(Fault::CheckLinkBlind);
            return if blind {
                Ok(None)
            } else {
                Err(missing(&attachment.ifname))
            };
        };
        let is_own = |interface: &&Interface| {
            interface.name == attachment.ifname && interface.sandbox == attachment.netns
        };
        let listed = previous.result.interfaces.iter().find(is_own);
        // A later plugin may have changed what we set; then its value is the listed one.
        let mac = listed
            .and_then(|listed| listed.mac.clone())
            .or(settings.mac.map(|mac| mac_text(&mac)));
        if mac
            .as_ref()
            .is_some_and(|mac| !mac.eq_ignore_ascii_case(&link.mac))
            && !call.faults.has(Fault::CheckMacBlind)
        {
            return Err(Failure::drift(format!(
                "link {} has mac {}, not {}",
                link.name,
                link.mac,
                mac.unwrap_or_default()
            )));
        }
        let mtu = listed.and_then(|listed| listed.mtu).or(settings.mtu);
        if mtu.is_some_and(|mtu| mtu != link.mtu) && !call.faults.has(Fault::CheckMtuBlind) {
            return Err(Failure::drift(format!(
                "link {} has mtu {}, not {}",
                link.name,
                link.mtu,
                mtu.unwrap_or_default()
            )));
        }
        let recorded = Store::of(call)
            .read(attachment)?
            .map(|record| mappings_of(call, &record))
            .unwrap_or_default();
        if recorded != settings.port_mappings && !call.faults.has(Fault::CheckRuleBlind) {
            return Err(Failure::drift(
                "the recorded port mappings are not those of the request",
            ));
        }
        Ok(None)
    }

    fn del(&self, call: &Call, attachment: &Attachment) -> Outcome {
        if call.faults.has(Fault::DelValidatesConfig) {
            drop(Settings::read(call)?);
        }
        let store = Store::of(call);
        if call.faults.has(Fault::DelNeedsRuntimeConfig)
            && !call.document.contains_key("runtimeConfig")
        {
            return Ok(None);
        }
        if call.faults.has(Fault::DelTakesNetwork) {
            for other in store.records().0 {
                store.remove_record(&other)?;
            }
        }
        // Without a record there is nothing that could be restored.
        let Some(record) = store.read(attachment)? else {
            return Ok(None);
        };
        let restored = if call.faults.has(Fault::DelKeepsChanges) {
            Ok(())
        } else {
            restore(call.faults, attachment, &record)
        };
        let forgotten = store.remove(attachment).map_err(Failure::from);
        match Failure::joined(
            [restored, forgotten]
                .into_iter()
                .filter_map(Result::err)
                .collect(),
        ) {
            Some(failure) => Err(failure),
            None => Ok(None),
        }
    }

    fn status(&self, call: &Call) -> Outcome {
        drop(Settings::read(call)?);
        Ok(None)
    }

    fn gc(&self, call: &Call) -> Outcome {
        let valid = valid_attachments(call)?;
        let store = Store::of(call);
        let (records, unreadable) = store.records();
        let mut failures: Vec<Failure> = unreadable.into_iter().map(Failure::from).collect();
        for record in records
            .iter()
            .filter(|record| valid.is_stale(&record.container_id, &record.ifname))
        {
            // The interface belongs to somebody else, who collects it; only the memory is ours.
            failures.extend(store.remove_record(record).err().map(Failure::from));
        }
        match Failure::joined(failures) {
            Some(failure) => Err(failure),
            None => Ok(None),
        }
    }
}

fn name_of_link<'a>(call: &Call, attachment: &'a Attachment, previous: &'a Previous) -> &'a str {
    let first = previous
        .result
        .interfaces
        .iter()
        .find(|interface| interface.sandbox == attachment.netns);
    match first {
        Some(first) if call.faults.has(Fault::FirstInterface) => &first.name,
        _ => &attachment.ifname,
    }
}

fn connect(attachment: &Attachment) -> Result<Kernel, Failure> {
    let namespace = Namespace::open(attachment.netns()).map_err(|error| {
        let failure = Failure::caused(code::ENVIRONMENT, &error);
        Failure {
            message: format!("CNI_NETNS: {}", failure.message),
            ..failure
        }
    })?;
    Ok(Kernel::in_namespace(&namespace)?)
}

fn find(kernel: &Kernel, name: &str) -> Result<Link, Failure> {
    kernel.link(name)?.ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Failure {
    Failure::drift(format!("link {name} is missing in the container"))
}

/// Keeps what the link was like before the first change, for DEL; and the mappings, for everybody else's conflicts.
fn record(
    call: &Call,
    attachment: &Attachment,
    store: &Store,
    link: &Link,
    mappings: &[PortMapping],
) -> Result<(), Failure> {
    let _lock = store.lock()?;
    for other in store.records_of_all_networks().0 {
        let is_own =
            other.container_id == attachment.container_id && other.ifname == attachment.ifname;
        let taken = mappings_of(call, &other);
        if !is_own
            && mappings
                .iter()
                .any(|mapping| taken.iter().any(|taken| taken.conflicts_with(mapping)))
        {
            return Err(Failure::new(
                code::CONFLICT,
                format!(
                    "container {:?} has a host port of runtimeConfig.portMappings",
                    other.container_id
                ),
            ));
        }
    }
    let mut content = match store.read(attachment)? {
        Some(earlier) => earlier.content,
        None => Map::from_iter([
            ("index".to_owned(), json!(link.index)),
            ("mtu".to_owned(), json!(link.mtu)),
            ("mac".to_owned(), json!(link.mac)),
        ]),
    };
    let mappings: Vec<Value> = mappings.iter().map(PortMapping::record).collect();
    content.insert("portMappings".to_owned(), mappings.into());
    Ok(store.write(attachment, content)?)
}

fn mappings_of(call: &Call, record: &Record) -> Vec<PortMapping> {
    port_mappings::read(&record.content, call.faults).unwrap_or_default()
}

fn change(call: &Call, kernel: &Kernel, link: &Link, settings: &Settings) -> Result<(), Failure> {
    if call.faults.has(Fault::ChainedNoop) {
        return Ok(());
    }
    if let Some(mtu) = settings.mtu {
        kernel.set_mtu(link.index, mtu)?;
    }
    if let Some(mac) = settings.mac {
        kernel.set_mac(link.index, mac)?;
    }
    Ok(())
}

/// Puts the link back as it was, if it is still there and still the same one.
fn restore(faults: Faults, attachment: &Attachment, record: &Record) -> Result<(), Failure> {
    let Some(Ok(namespace)) = attachment.netns.as_deref().map(Namespace::open) else {
        return Ok(());
    };
    let kernel = Kernel::in_namespace(&namespace)?;
    let Some(link) = kernel.link(&attachment.ifname)? else {
        if faults.has(Fault::ChainedDelNeedsInterface) {
            return Err(missing(&attachment.ifname));
        }
        return Ok(());
    };
    let recorded = |key: &str| {
        record
            .content
            .get(key)
            .and_then(Value::as_u64)
            .and_then(|number| u32::try_from(number).ok())
    };
    if recorded("index") != Some(link.index) {
        return Ok(());
    }
    let mac = record
        .content
        .get("mac")
        .and_then(Value::as_str)
        .unwrap_or(&link.mac)
        .to_owned();
    let before = Link {
        mtu: recorded("mtu").unwrap_or(link.mtu),
        mac,
        ..link.clone()
    };
    restore_link(&kernel, &link, &before)
}

fn restore_link(kernel: &Kernel, link: &Link, before: &Link) -> Result<(), Failure> {
    let octets: Vec<u8> = before
        .mac
        .split(':')
        .filter_map(|octet| u8::from_str_radix(octet, 16).ok())
        .collect();
    let mtu = kernel
        .set_mtu(link.index, before.mtu)
        .map_err(Failure::from);
    let mac = match <[u8; 6]>::try_from(octets) {
        Ok(mac) => kernel.set_mac(link.index, mac).map_err(Failure::from),
        Err(_) => Ok(()),
    };
    match Failure::joined([mtu, mac].into_iter().filter_map(Result::err).collect()) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}
