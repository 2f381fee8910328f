//! Chooses one address from each range set and reserves it, round robin as Go's plugin does.
//!
//! Either all sets give an address or none keeps one. An address whose file was torn by a crash is given out
//! when no other is left: its container never came to be.

use std::collections::BTreeSet;
use std::net::IpAddr;

use cni_protocol::{Attachment, Error, ErrorCode, IpConfig};
use thiserror::Error;

use super::range_set::{RangeSet, RangeSets};
use super::store::{Owner, Place, Store, StoreError};

/// Why an attachment gets no address.
#[derive(Debug, Error)]
pub(super) enum AllocationError {
    /// The attachment has one already.
    #[error(
        "{address} is already reserved for {attachment}, and an attachment is added once; DEL it first"
    )]
    Duplicate {
        address: IpAddr,
        attachment: Attachment,
    },
    /// A requested address is not free.
    #[error("requested address {address} of {set} is already reserved{whose}")]
    Taken {
        address: IpAddr,
        set: String,
        whose: String,
    },
    /// A set has no free address.
    #[error(
        "{set} ({ranges}) has no free address: all {capacity} are reserved{unreadable}; \
         DEL or GC what is left over, or give the network more addresses"
    )]
    Exhausted {
        set: String,
        ranges: String,
        capacity: u128,
        unreadable: String,
    },
    /// The directory of reservations failed.
    #[error("change the reservations")]
    Store(#[source] StoreError),
}

/// How full a range set is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// At least one address can be given out.
    Left,
    /// None.
    None,
}

/// Reserves an address of each set; `wanted` has the requested one for each set that has one.
///
/// # Errors
/// When the attachment has an address of these sets, a requested address is taken, a set is
/// exhausted, or the disk fails. Then nothing new stays reserved.
pub(super) fn allocate(
    store: &mut Store,
    sets: &RangeSets,
    wanted: &[Option<IpAddr>],
    attachment: &Attachment,
) -> Result<Vec<IpConfig>, Error> {
    // A file that can't be read keeps its address, and does not stop the whole network.
    let held = store.held_by(attachment)?.entries;
    let duplicate = held
        .iter()
        .filter_map(|entry| entry.address)
        .find(|&address| sets.contain(address));
    if let Some(address) = duplicate {
        let attachment = attachment.clone();
        return Err(AllocationError::Duplicate {
            address,
            attachment,
        }
        .into());
    }
    let mut allocation = Allocation {
        store,
        attachment,
        kept: Vec::new(),
    };
    let ips: Result<Vec<IpConfig>, AllocationError> = sets
        .iter()
        .zip(wanted)
        .enumerate()
        .map(|(number, (set, &wanted))| allocation.reserve(number, set, wanted))
        .collect();
    ips.map_err(|error| allocation.roll_back(error.into()))
}

/// Whether a set has an address to give out; takes the time of reading a directory.
///
/// # Errors
/// When the directory can't be read.
pub(super) fn room(store: &Store, set: &RangeSet) -> Result<Room, StoreError> {
    let within =
        |address: &IpAddr| set.range_of(*address).is_some() && set.withheld(*address).is_none();
    let named = store
        .addresses()?
        .iter()
        .filter(|address| within(address))
        .count();
    if (named as u128) < set.capacity() {
        return Ok(Room::Left);
    }
    let torn = store.listing()?.complete()?.into_iter().any(|entry| {
        entry.owner == Owner::Torn && entry.address.is_some_and(|address| within(&address))
    });
    Ok(if torn { Room::Left } else { Room::None })
}

/// What an ADD has reserved so far.
struct Allocation<'a> {
    store: &'a mut Store,
    attachment: &'a Attachment,
    kept: Vec<IpAddr>,
}

impl Allocation<'_> {
    fn reserve(
        &mut self,
        number: usize,
        set: &RangeSet,
        wanted: Option<IpAddr>,
    ) -> Result<IpConfig, AllocationError> {
        let (address, place) = match wanted {
            Some(address) => (address, requested_place(self.store, set, address)?),
            None => choose(self.store, number, set)?,
        };
        let reserved = self.store.reserve(address, self.attachment, place);
        // Even a failed write may have left the file: the name is there before the directory is flushed.
        if !reserved.as_ref().is_err_and(StoreError::is_of_another) {
            self.kept.push(address);
        }
        reserved?;
        self.store.set_last_reserved(number, address)?;
        let range = set
            .range_of(address)
            .expect("invariant: an address is chosen from its set");
        let mut ip = IpConfig::new(range.with_prefix(address));
        ip.gateway = range.gateway();
        Ok(ip)
    }

    fn roll_back(self, error: Error) -> Error {
        self.kept.iter().fold(error, |error, &address| {
            match self.store.unreserve(address, self.attachment) {
                Ok(()) => error,
                Err(left) => error.with_details(format!("also: {}", Error::from(left))),
            }
        })
    }
}

fn requested_place(
    store: &Store,
    set: &RangeSet,
    address: IpAddr,
) -> Result<Place, AllocationError> {
    store
        .place(address)?
        .map_err(|owner| AllocationError::Taken {
            address,
            set: set.path().to_owned(),
            whose: match owner {
                Owner::Attachment(attachment) => format!(" for {attachment}"),
                Owner::Container(container_id) => format!(" for {container_id}"),
                Owner::Torn | Owner::Unreadable => ", for whom can't be read".to_owned(),
            },
        })
}

fn choose(
    store: &Store,
    number: usize,
    set: &RangeSet,
) -> Result<(IpAddr, Place), AllocationError> {
    let last = store.last_reserved(number);
    let mut occupied = Occupied::new(store);
    for address in set.addresses_after(last) {
        if !occupied.has(address)? {
            return Ok((address, Place::Free));
        }
    }
    let mut unreadable = Vec::new();
    for address in set.addresses_after(last) {
        match store.place(address)? {
            Ok(place) => return Ok((address, place)),
            Err(Owner::Unreadable) => unreadable.push(address),
            Err(_) => {}
        }
    }
    Err(exhausted(set, &unreadable))
}

fn exhausted(set: &RangeSet, unreadable: &[IpAddr]) -> AllocationError {
    const NAMED: usize = 3;
    let mut names: Vec<String> = unreadable
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    if unreadable.len() > NAMED {
        names.push(format!("{} more", unreadable.len() - NAMED));
    }
    let unreadable = match names.is_empty() {
        true => String::new(),
        false => format!(" (by files that are no reservations: {})", names.join(", ")),
    };
    AllocationError::Exhausted {
        set: set.path().to_owned(),
        ranges: set.to_string(),
        capacity: set.capacity(),
        unreadable,
    }
}

/// Asks for single files at first, since mostly the next address is free, and lists the directory in a crowd.
struct Occupied<'a> {
    store: &'a Store,
    asked: usize,
    listed: Option<BTreeSet<IpAddr>>,
}

impl<'a> Occupied<'a> {
    const CROWD: usize = 32;

    const fn new(store: &'a Store) -> Self {
        Self {
            store,
            asked: 0,
            listed: None,
        }
    }

    fn has(&mut self, address: IpAddr) -> Result<bool, StoreError> {
        if let Some(listed) = &self.listed {
            return Ok(listed.contains(&address));
        }
        self.asked += 1;
        if self.asked > Self::CROWD {
            let listed = self.store.addresses()?;
            return Ok(self.listed.insert(listed).contains(&address));
        }
        self.store.has_file(address)
    }
}

impl From<StoreError> for AllocationError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<AllocationError> for Error {
    fn from(error: AllocationError) -> Self {
        let code = match error {
            AllocationError::Store(error) => return error.into(),
            AllocationError::Duplicate { .. }
            | AllocationError::Taken { .. }
            | AllocationError::Exhausted { .. } => ErrorCode::OPERATION_FAILED,
        };
        Self::from_chain(code, &error)
    }
}
