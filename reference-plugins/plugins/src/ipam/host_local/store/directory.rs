//! A network's directory under its lock: reserving, releasing, and finding what an attachment has.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cni_kernel::file;
use cni_protocol::Attachment;
use nix::libc::O_NOFOLLOW;

use super::error::StoreError;
use super::index::{self, Index, Key};
use super::listing::{self, Entry, LAST_RESERVED, LOCK, Listing};
use super::lock::{Access, Lock};
use super::reservation::{Owner, content};

/// A network's directory, locked.
#[derive(Debug)]
pub(in crate::ipam::host_local) struct Store {
    directory: PathBuf,
    access: Access,
    lock: Option<Lock>,
    index: Option<Index>,
}

/// What there is in the place of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ipam::host_local) enum Place {
    /// Nothing.
    Free,
    /// A file that an interrupted write left, see [`Owner::Torn`].
    Torn,
}

impl Store {
    /// Locks the directory for changes, and makes it when it is missing.
    pub(in crate::ipam::host_local) fn create(directory: &Path) -> Result<Self, StoreError> {
        loop {
            file::create_directory(directory).map_err(|source| StoreError::Write {
                what: format!("make the directory of reservations {directory:?}"),
                source,
            })?;
            // It may be deleted between the two calls.
            if let Some(store) = Self::open(directory, Access::Change)? {
                return Ok(store);
            }
        }
    }

    /// Locks the directory. `None` when there is none, so that nothing is reserved.
    pub(in crate::ipam::host_local) fn open(
        directory: &Path,
        access: Access,
    ) -> Result<Option<Self>, StoreError> {
        let path = directory.join(LOCK);
        match Lock::acquire(&path, access) {
            Ok(lock) => {
                if lock.is_none() && !directory.is_dir() {
                    return Ok(None);
                }
                // Without the lock the directory may change between two looks at it.
                let index = lock
                    .as_ref()
                    .and_then(|_| Index::open(directory, &index_path(directory)));
                Ok(Some(Self {
                    directory: directory.to_owned(),
                    access,
                    lock,
                    index,
                }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::step("lock", &path, source)),
        }
    }

    /// The directory.
    pub(in crate::ipam::host_local) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What DEL of an attachment releases.
    pub(in crate::ipam::host_local) fn held_by(
        &mut self,
        attachment: &Attachment,
    ) -> Result<Listing, StoreError> {
        if let Some(index) = &self.index {
            match self.indexed(index, attachment) {
                Some(listing) => return Ok(listing),
                None => self.index = None,
            }
        }
        let listing = self.listing()?;
        self.rebuild_index(&listing);
        Ok(listing.of(attachment))
    }

    /// Every file that is or was meant to be a reservation.
    pub(in crate::ipam::host_local) fn listing(&self) -> Result<Listing, StoreError> {
        Listing::read(&self.directory)
    }

    /// The addresses that have a file, without a look into it.
    pub(in crate::ipam::host_local) fn addresses(&self) -> Result<BTreeSet<IpAddr>, StoreError> {
        listing::addresses(&self.directory)
    }

    /// Whether an address has a file, without a look into it.
    pub(in crate::ipam::host_local) fn has_file(
        &self,
        address: IpAddr,
    ) -> Result<bool, StoreError> {
        let path = self.path(address);
        match path.symlink_metadata() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(StoreError::step("look at", &path, source)),
        }
    }

    /// Whether an address is somebody's; `Ok(Err(owner))` when it is.
    pub(in crate::ipam::host_local) fn place(
        &self,
        address: IpAddr,
    ) -> Result<Result<Place, Owner>, StoreError> {
        Ok(match listing::owner(&self.path(address))? {
            Some(Owner::Torn) => Ok(Place::Torn),
            Some(owner) => Err(owner),
            None if self.has_file(address)? => Err(Owner::Unreadable),
            None => Ok(Place::Free),
        })
    }

    /// Reserves an address durably.
    pub(in crate::ipam::host_local) fn reserve(
        &mut self,
        address: IpAddr,
        attachment: &Attachment,
        place: Place,
    ) -> Result<(), StoreError> {
        let path = self.path(address);
        let content = content(attachment);
        let written = match place {
            Place::Free => file::create_new(&path, content.as_bytes()),
            Place::Torn => file::write(&path, content.as_bytes()),
        };
        if let Err(source) = written {
            // The file may be there or not: only a look at all of them can tell.
            self.index = None;
            let what = format!("reserve {address} for {attachment}");
            return Err(StoreError::Write { what, source });
        }
        let key = Key::Attachment(attachment);
        self.update_index(|index| index.insert(key, address));
        Ok(())
    }

    /// Takes back what [`Store::reserve`] did, even if it failed.
    pub(in crate::ipam::host_local) fn unreserve(
        &mut self,
        address: IpAddr,
        attachment: &Attachment,
    ) -> Result<(), StoreError> {
        self.remove(&self.path(address))?;
        let key = Key::Attachment(attachment);
        self.update_index(|index| index.remove(key, address));
        Ok(())
    }

    /// Removes the file of an entry durably.
    pub(in crate::ipam::host_local) fn remove_entry(
        &mut self,
        entry: &Entry,
    ) -> Result<(), StoreError> {
        self.remove(&self.directory.join(&entry.name))?;
        if let (Some(key), Some(address)) = (key(&entry.owner), entry.address) {
            self.update_index(|index| index.remove(key, address));
        }
        Ok(())
    }

    /// The address that was reserved last in the set of this number. What can't be read is as good as absent.
    pub(in crate::ipam::host_local) fn last_reserved(&self, set: usize) -> Option<IpAddr> {
        let content = listing::read(&self.last_reserved_path(set)).ok()??;
        std::str::from_utf8(&content).ok()?.parse().ok()
    }

    /// Notes the address that was reserved last: whole or not at all, but not flushed, since after a crash
    /// it only costs the order.
    pub(in crate::ipam::host_local) fn set_last_reserved(
        &self,
        set: usize,
        address: IpAddr,
    ) -> Result<(), StoreError> {
        let path = self.last_reserved_path(set);
        let temporary = self.directory.join(format!(".{LAST_RESERVED}{set}.tmp"));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(O_NOFOLLOW)
            .open(&temporary)
            .and_then(|mut file| file.write_all(address.to_string().as_bytes()))
            .and_then(|()| fs::rename(&temporary, &path));
        written.map_err(|source| {
            // What stays is overwritten by the next ADD or removed by GC.
            drop(fs::remove_file(&temporary));
            StoreError::step("write", &path, source)
        })
    }

    /// `None` when the index fails, or what it names is not there.
    fn indexed(&self, index: &Index, attachment: &Attachment) -> Option<Listing> {
        let keys = [
            Key::Attachment(attachment),
            Key::Container(&attachment.container_id),
        ];
        let mut listing = Listing::default();
        for key in keys {
            for address in index.addresses(key).ok()? {
                let owner = listing::owner(&self.path(address)).ok()??;
                listing.entries.push(Entry {
                    name: address.to_string().into(),
                    address: Some(address),
                    owner,
                });
            }
        }
        Some(listing.of(attachment))
    }

    fn rebuild_index(&mut self, listing: &Listing) {
        if self.access == Access::Read || self.lock.is_none() {
            return;
        }
        let path = index_path(&self.directory);
        // A name that is not the address's usual text can't be found by the address.
        let plain = listing.entries.iter().all(|entry| {
            let usual = entry.address.map(|address| address.to_string().into());
            key(&entry.owner).is_none()
                || usual.as_ref() == Some(&entry.name)
                || entry.is_interrupted_write()
        });
        let worthwhile = listing.entries.len() >= index::WORTHWHILE;
        if !worthwhile || !plain || !listing.failures.is_empty() {
            return index::discard(&path);
        }
        let known = listing
            .entries
            .iter()
            .filter_map(|entry| Some((key(&entry.owner)?, entry.address?)));
        self.index = Index::build(&self.directory, &path, known);
    }

    fn update_index(&mut self, change: impl FnOnce(&mut Index) -> Option<()>) {
        if self
            .index
            .as_mut()
            .is_some_and(|index| change(index).is_none())
        {
            self.index = None;
        }
    }

    fn remove(&mut self, path: &Path) -> Result<(), StoreError> {
        file::remove(path).map_err(|source| {
            self.index = None;
            StoreError::Write {
                what: format!("release {path:?}"),
                source,
            }
        })
    }

    /// The text of an IPv6 address is the same as Go's: RFC 5952.
    fn path(&self, address: IpAddr) -> PathBuf {
        self.directory.join(address.to_string())
    }

    fn last_reserved_path(&self, set: usize) -> PathBuf {
        self.directory.join(format!("{LAST_RESERVED}{set}"))
    }
}

impl Drop for Store {
    /// Still under the lock: fields are dropped after this.
    fn drop(&mut self) {
        if self.access == Access::Change
            && !std::thread::panicking()
            && let Some(index) = self.index.take()
        {
            index.seal();
        }
    }
}

/// Beside the directory, not in it: upstream reads every file in there. No network's name begins with a dot.
fn index_path(directory: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(directory.file_name().unwrap_or_default());
    name.push(".index");
    directory.with_file_name(name)
}

const fn key(owner: &Owner) -> Option<Key<'_>> {
    match owner {
        Owner::Attachment(attachment) => Some(Key::Attachment(attachment)),
        Owner::Container(container_id) => Some(Key::Container(container_id)),
        Owner::Torn | Owner::Unreadable => None,
    }
}
