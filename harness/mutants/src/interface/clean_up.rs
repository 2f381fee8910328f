//! DEL and GC of `toy-interface`: everything that can go goes, then the errors are reported.
//!
//! The link goes before the address is released, so that nobody gets an address that is still in use.

use serde_json::Value;

use crate::{
    address::Cidr,
    catalogue::Fault,
    interface::{names, settings::Settings},
    kernel::Kernel,
    masquerade::Masquerade,
    namespace::Namespace,
    protocol::{Attachment, Call, Delegate, Failure, Outcome, Verb, code, valid_attachments},
    store::{Record, Store},
};

/// Removes the attachment; what is gone already is no error.
pub(super) fn del(call: &Call, attachment: &Attachment) -> Outcome {
    let faults = call.faults;
    if faults.has(Fault::DelValidatesConfig) {
        drop(Settings::read(call)?);
    }
    if faults.has(Fault::DelAbortsOnIpamError) {
        forward_del(call, attachment)?;
    }
    let store = Store::of(call);
    // A damaged record only costs the second way to find the link.
    let record = store.read(attachment).unwrap_or_default();
    let mut failures = Vec::new();
    for other in records_of_others(call, &store, attachment) {
        failures.extend(collect(call, &store, &other).err());
    }
    failures.extend(remove_link(call, attachment, record.as_ref()).err());
    if faults.has(Fault::DelNeedsRules) {
        failures.extend(refuse_missing_rules(call, attachment, record.as_ref()).err());
    }
    if !faults.has(Fault::DelLeaksHostRule) {
        failures.extend(Masquerade::of(call, attachment).remove().err());
    }
    let own_failed = !failures.is_empty();
    let delegated = if faults.has(Fault::DelAbortsOnIpamError) {
        Ok(())
    } else {
        forward_del(call, attachment)
    };
    if !own_failed {
        failures.extend(store.remove(attachment).err().map(Failure::from));
    }
    if faults.has(Fault::DelRemovesNetns)
        && let Some(path) = attachment.netns.as_deref()
    {
        nix::mount::umount2(path, nix::mount::MntFlags::MNT_DETACH).unwrap_or_default();
        drop(std::fs::remove_file(path));
    }
    // The delegate's error first, because its code has to arrive.
    match Failure::joined(delegated.err().into_iter().chain(failures).collect()) {
        Some(failure) => Err(failure),
        None => Ok(None),
    }
}

fn refuse_missing_rules(
    call: &Call,
    attachment: &Attachment,
    record: Option<&Record>,
) -> Result<(), Failure> {
    let recorded = record.and_then(|record| record.content.get("addresses")?.as_array().cloned());
    let sources: Vec<Cidr> = recorded
        .iter()
        .flatten()
        .filter_map(|address| address.as_str()?.parse().ok())
        .collect();
    if Settings::read(call)?.masquerade && !Masquerade::of(call, attachment).is_there(&sources)? {
        return Err(Failure::new(code::KERNEL, "a rule does not exist"));
    }
    Ok(())
}

/// The records that only a faulty DEL takes for its own.
fn records_of_others(call: &Call, store: &Store, attachment: &Attachment) -> Vec<Record> {
    if call.faults.has(Fault::DelTakesNetwork) {
        return store.records().0;
    }
    if !call.faults.has(Fault::DelTakesOtherNetworks) {
        return Vec::new();
    }
    let mut records = store.records_of_all_networks().0;
    records.retain(|record| record.container_id == attachment.container_id);
    records
}

fn remove_link(
    call: &Call,
    attachment: &Attachment,
    record: Option<&Record>,
) -> Result<(), Failure> {
    let faults = call.faults;
    if faults.has(Fault::DelKeepsLink)
        || faults.has(Fault::DelResidueAfterFailedAdd) && record.is_none()
    {
        return Ok(());
    }
    let container_link = find_container_link(attachment, record);
    if faults.has(Fault::DelInterfaceGone)
        && record.is_some()
        && attachment.netns.is_some()
        && container_link.is_none()
    {
        return Err(Failure::new(
            code::KERNEL,
            format!("link {} not found", attachment.ifname),
        ));
    }
    let host = Kernel::here()?;
    if let Some(link) = host.link(&names::host_name(call, attachment))? {
        // Its peer in the container goes with it.
        host.delete_link(&link)?;
        return Ok(());
    }
    if let Some((kernel, link)) = container_link {
        // The host end has been renamed or moved by somebody.
        kernel.delete_link(&link)?;
        return Ok(());
    }
    if faults.has(Fault::DelNotIdempotent) {
        return Err(Failure::new(code::KERNEL, "link not found"));
    }
    Ok(())
}

/// The container end, if the namespace is there and the link is the one that ADD made.
fn find_container_link(
    attachment: &Attachment,
    record: Option<&Record>,
) -> Option<(Kernel, crate::kernel::Link)> {
    let made = record?
        .content
        .get("containerIndex")
        .and_then(Value::as_u64)?;
    let namespace = Namespace::open(attachment.netns.as_deref()?).ok()?;
    let kernel = Kernel::in_namespace(&namespace).ok()?;
    let link = kernel.link(&attachment.ifname).ok()??;
    (u64::from(link.index) == made && link.is_veth).then_some((kernel, link))
}

fn forward_del(call: &Call, attachment: &Attachment) -> Result<(), Failure> {
    let faults = call.faults;
    let netns_is_there = attachment
        .netns
        .as_deref()
        .is_some_and(|path| Namespace::open(path).is_ok());
    if faults.has(Fault::DelNotForwarded)
        || faults.has(Fault::DelSkipsIpamWithoutNetns) && !netns_is_there
    {
        return Ok(());
    }
    let Some(delegate) = Delegate::ipam(call)? else {
        return Ok(());
    };
    match delegate.run(Verb::Del) {
        Err(_) if faults.has(Fault::SwallowsDelegateDelError) => Ok(()),
        Err(mut failure) => {
            if faults.has(Fault::Code3WithResidue) {
                failure.code = 3;
            }
            Err(failure)
        }
        Ok(_) => Ok(()),
    }
}

/// Runs the delegate's DEL after its own ADD, or what followed it, failed.
pub(super) fn undo_delegate(call: &Call, delegate: &Delegate<'_>) -> Result<(), Failure> {
    if call.faults.has(Fault::NoDelegateDel) {
        return Ok(());
    }
    delegate.run(Verb::Del).map(drop)
}

/// Removes what belongs to attachments of this network that are not in the list, then lets the delegate do the same.
pub(super) fn gc(call: &Call) -> Outcome {
    let valid = valid_attachments(call)?;
    let store = Store::of(call);
    if call.faults.has(Fault::GcFailsWithoutState) && !store.exists() {
        return Err(Failure::new(code::IO, "the network has no state"));
    }
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
        if let Err(failure) = collect(call, &store, record) {
            failures.push(failure);
        }
    }
    let forwarded = forward_gc(call);
    match Failure::joined(forwarded.err().into_iter().chain(failures).collect()) {
        Some(failure) => Err(failure),
        None => Ok(None),
    }
}

fn forward_gc(call: &Call) -> Result<(), Failure> {
    let Some(delegate) = Delegate::ipam(call)?.filter(|_| !call.faults.has(Fault::GcNotForwarded))
    else {
        return Ok(());
    };
    match delegate.run(Verb::Gc) {
        Err(failure) if !call.faults.has(Fault::GcSwallowsDelegateError) => Err(failure),
        _ => Ok(()),
    }
}

fn collect(call: &Call, store: &Store, record: &Record) -> Result<(), Failure> {
    let attachment = Attachment {
        container_id: record.container_id.clone(),
        ifname: record.ifname.clone(),
        netns: None,
    };
    let recorded = record.content.get("hostName").and_then(Value::as_str);
    let name = recorded.map_or_else(|| names::host_name(call, &attachment), str::to_owned);
    let host = Kernel::here()?;
    if let Some(link) = host.link(&name)? {
        host.delete_link(&link)?;
    }
    Masquerade::of(call, &attachment).remove()?;
    Ok(store.remove_record(record)?)
}
