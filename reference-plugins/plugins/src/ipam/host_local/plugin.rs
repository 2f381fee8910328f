//! The six operations of `host-local`, put together from this module's parts.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use cni_protocol::{
    AddRequest, AddResult, Attachment, CheckRequest, DelRequest, Error, ErrorCode, Errors,
    GcRequest, Plugin, StatusRequest,
};
use nix::unistd::{AccessFlags, access};

use super::allocation::{self, Room};
use super::requested;
use super::settings::{self, Settings};
use super::store::{Access, Listing, Owner, Store};

/// The plugin.
#[derive(Debug)]
pub struct HostLocal;

impl Plugin for HostLocal {
    fn name(&self) -> &'static str {
        "host-local"
    }

    fn add(&self, request: &AddRequest<'_>) -> Result<AddResult, Error> {
        let settings = Settings::read(request.config)?;
        let requested = requested::read(request.config, request.args)?;
        let wanted = requested::by_set(&requested, &settings.sets)?;
        let dns = settings.dns()?;
        let mut store = Store::create(&settings::directory(request.config)?)?;
        let ips = allocation::allocate(&mut store, &settings.sets, &wanted, request.attachment)?;
        Ok(AddResult {
            ips,
            routes: settings.routes,
            dns,
            ..AddResult::default()
        })
    }

    fn check(&self, request: &CheckRequest<'_>) -> Result<(), Error> {
        let settings = Settings::read(request.config)?;
        let directory = settings::directory(request.config)?;
        let held = match Store::open(&directory, Access::Read)? {
            Some(mut store) => store.held_by(request.attachment)?,
            None => Listing::default(),
        };
        let entries = held.entries.iter();
        let addresses: BTreeSet<IpAddr> = entries.filter_map(|entry| entry.address).collect();
        if addresses.is_empty() {
            held.complete()?;
            let attachment = request.attachment;
            let msg = format!("no address is reserved for {attachment} in {directory:?}");
            return Err(Error::failed(msg));
        }
        compare(
            &addresses,
            request.prev_result()?,
            &settings,
            request.attachment,
        )
    }

    fn del(&self, request: &DelRequest<'_>) -> Result<(), Error> {
        let directory = settings::directory(request.config)?;
        let Some(mut store) = Store::open(&directory, Access::Change)? else {
            return Ok(());
        };
        let mut errors = Errors::new();
        let held = store.held_by(request.attachment)?;
        for entry in &held.entries {
            errors.attempt(store.remove_entry(entry));
        }
        // Otherwise one broken file would fail each DEL of the network.
        if held.entries.is_empty() {
            errors.attempt(held.complete());
        }
        errors.finish()
    }

    fn status(&self, request: &StatusRequest<'_>) -> Result<(), Error> {
        let settings = Settings::read(request.config)?;
        settings.dns().map_err(unavailable)?;
        let directory = settings::directory(request.config)?;
        check_writable(&directory)?;
        let Some(store) =
            Store::open(&directory, Access::Read).map_err(|error| unavailable(error.into()))?
        else {
            return Ok(());
        };
        for set in settings.sets.iter() {
            let room = allocation::room(&store, set).map_err(|error| unavailable(error.into()))?;
            if room == Room::None {
                let msg = format!(
                    "{} ({set}) has no free address: all {} are reserved in {:?}; \
                     DEL or GC what is left over, or give the network more addresses",
                    set.path(),
                    set.capacity(),
                    store.directory(),
                );
                return Err(Error::new(ErrorCode::NotAvailable, msg));
            }
        }
        Ok(())
    }

    fn gc(&self, request: &GcRequest<'_>) -> Result<(), Error> {
        let Some(valid) = request.valid_attachments.listed() else {
            return Ok(());
        };
        let directory = settings::directory(request.config)?;
        let Some(mut store) = Store::open(&directory, Access::Change)? else {
            return Ok(());
        };
        let mut errors = Errors::new();
        let listing = store.listing()?;
        for entry in &listing.entries {
            let stays = match &entry.owner {
                Owner::Attachment(attachment) => valid.contains(attachment),
                Owner::Container(container_id) => valid
                    .iter()
                    .any(|attachment| attachment.container_id == *container_id),
                Owner::Torn | Owner::Unreadable => false,
            };
            let is_ours = entry.address.is_some() || entry.is_interrupted_write();
            if !stays && is_ours {
                errors.attempt(store.remove_entry(entry));
            }
        }
        listing
            .failures
            .into_iter()
            .for_each(|failure| errors.push(failure));
        errors.finish()
    }
}

/// Other plugins of the chain may have added addresses, so only those in our ranges are ours to judge.
fn compare(
    held: &BTreeSet<IpAddr>,
    result: &AddResult,
    settings: &Settings,
    attachment: &Attachment,
) -> Result<(), Error> {
    let listed: BTreeSet<IpAddr> = result
        .ips
        .iter()
        .map(|ip| ip.address.address().to_canonical())
        .collect();
    let missing = listed
        .difference(held)
        .find(|&&address| settings.sets.contain(address));
    if let Some(address) = missing {
        let msg = format!(
            "prevResult.ips: {address} is not reserved for {attachment}; reserved: {}",
            join(held)
        );
        return Err(Error::failed(msg));
    }
    if held.is_disjoint(&listed) {
        let msg = format!(
            "prevResult.ips: none of the addresses reserved for {attachment} is listed: {}",
            join(held)
        );
        return Err(Error::failed(msg));
    }
    Ok(())
}

fn join(addresses: &BTreeSet<IpAddr>) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// Looks at the directory, or at the nearest one above in which it would be made.
fn check_writable(directory: &Path) -> Result<(), Error> {
    let Some(existing) = directory.ancestors().find(|path| path.exists()) else {
        return Ok(());
    };
    access(existing, AccessFlags::W_OK | AccessFlags::X_OK).map_err(|errno| {
        let msg = format!("ipam.dataDir: reservations can't be written in {existing:?}");
        Error::new(ErrorCode::NotAvailable, msg).with_source(&errno)
    })
}

fn unavailable(error: Error) -> Error {
    let made = Error::new(ErrorCode::NotAvailable, error.msg());
    match error.details() {
        Some(details) => made.with_details(details),
        None => made,
    }
}
