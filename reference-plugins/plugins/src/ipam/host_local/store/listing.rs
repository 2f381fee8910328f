//! Reads the directory: which files are reservations, and whose.
//!
//! One file that can't be read does not hide the others.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use cni_protocol::Attachment;
use nix::libc::{ELOOP, O_NOFOLLOW, O_NONBLOCK};

use super::error::StoreError;
use super::reservation::Owner;

pub(super) const LOCK: &str = "lock";
pub(super) const LAST_RESERVED: &str = "last_reserved_ip.";

/// A file that is or was meant to be a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ipam::host_local) struct Entry {
    /// Its name in the directory.
    pub(in crate::ipam::host_local) name: OsString,
    /// The address in the name.
    pub(in crate::ipam::host_local) address: Option<IpAddr>,
    /// Whose it is.
    pub(in crate::ipam::host_local) owner: Owner,
}

/// What was found, and which files could not be read.
#[derive(Debug, Default)]
pub(in crate::ipam::host_local) struct Listing {
    pub(in crate::ipam::host_local) entries: Vec<Entry>,
    pub(in crate::ipam::host_local) failures: Vec<StoreError>,
}

impl Entry {
    /// Whether the file is what a crash left of a write. Other files without an address are not ours to remove.
    pub(in crate::ipam::host_local) fn is_interrupted_write(&self) -> bool {
        let name = self.name.to_str();
        name.is_some_and(|name| name.starts_with('.') && name.ends_with(".tmp"))
    }
}

impl Listing {
    /// Reads every file of a directory.
    pub(super) fn read(directory: &Path) -> Result<Self, StoreError> {
        let mut listing = Self::default();
        for name in names(directory)? {
            let text = name.to_str();
            if text.is_some_and(|text| text == LOCK || text.starts_with(LAST_RESERVED)) {
                continue;
            }
            let address = text.and_then(|text| text.parse().ok());
            match owner(&directory.join(&name)) {
                Ok(Some(owner)) => listing.entries.push(Entry {
                    name,
                    address,
                    owner,
                }),
                Ok(None) => {}
                Err(error) => listing.failures.push(error),
            }
        }
        Ok(listing)
    }

    /// What DEL of an attachment releases: its own reservations, or else those that an old version
    /// noted for its container without an interface.
    pub(super) fn of(self, attachment: &Attachment) -> Self {
        let (own, others): (Vec<Entry>, Vec<Entry>) = self
            .entries
            .into_iter()
            .partition(|entry| entry.owner.is(attachment));
        let of_container = |entry: &Entry| entry.owner.is_container_of(attachment);
        let entries = match own.is_empty() {
            true => others.into_iter().filter(of_container).collect(),
            false => own,
        };
        Self { entries, ..self }
    }

    /// Everything, when nothing failed.
    pub(in crate::ipam::host_local) fn complete(self) -> Result<Vec<Entry>, StoreError> {
        match self.failures.into_iter().next() {
            Some(failure) => Err(failure),
            None => Ok(self.entries),
        }
    }
}

/// The addresses that have a file, without a look into it.
pub(super) fn addresses(directory: &Path) -> Result<BTreeSet<IpAddr>, StoreError> {
    let address = |name: &OsString| name.to_str()?.parse().ok();
    Ok(names(directory)?.iter().filter_map(address).collect())
}

/// `None` when there is no file, or it is a directory or a link.
pub(super) fn owner(path: &Path) -> Result<Option<Owner>, StoreError> {
    match read(path) {
        Ok(content) => Ok(content.map(|content| Owner::parse(&content))),
        Err(source) => Err(StoreError::step("read", path, source)),
    }
}

/// Reads the beginning of a file: what is longer than this is no reservation.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    const LONGEST: usize = 1024;
    let mut open = OpenOptions::new();
    open.read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK);
    let mut buffer = [0; LONGEST];
    match open.open(path).and_then(|mut file| file.read(&mut buffer)) {
        Ok(length) => Ok(Some(buffer[..length].to_vec())),
        Err(error) if is_no_file(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_no_file(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory
    ) || error.raw_os_error() == Some(ELOOP)
}

fn names(directory: &Path) -> Result<Vec<OsString>, StoreError> {
    let names = fs::read_dir(directory).and_then(|entries| {
        entries
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<Vec<OsString>>>()
    });
    names.map_err(|source| StoreError::step("list", directory, source))
}
