//! The reservations of one network on disk: `DATA_DIR/NETWORK/ADDRESS`, in upstream's format.
//!
//! Every write is atomic and durable, so that after a crash an address is either reserved for somebody who can
//! DEL it, or free. Which address to reserve is [`super::allocation`]'s; the content of the files is [`super::reservation`]'s.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cni_kernel::file;
use cni_protocol::{Attachment, Error, ErrorCode};
use nix::libc::{ELOOP, O_NOFOLLOW, O_NONBLOCK};
use thiserror::Error;

use super::index::{self, Index, Key};
use super::lock::{Access, Lock};
use super::reservation::{Owner, content};

const LOCK: &str = "lock";
const LAST_RESERVED: &str = "last_reserved_ip.";

/// A network's directory, locked.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
    access: Access,
    lock: Option<Lock>,
    index: Option<Index>,
}

/// A file that may hold a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name in the directory.
    pub(super) name: OsString,
    /// The address in the name. `None` for what is no address: an interrupted write.
    pub(super) address: Option<IpAddr>,
    /// Whose it is.
    pub(super) owner: Owner,
}

/// What there is in the place of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing.
    Free,
    /// A file that an interrupted write left, see [`Owner::Torn`].
    Torn,
}

/// The directory could not be read or changed.
#[derive(Debug, Error)]
pub(super) enum StoreError {
    /// A system call failed.
    #[error("{step} {path:?}")]
    Step {
        step: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A durable write or removal failed; the file is as it was.
    #[error("{what}")]
    Write {
        what: String,
        #[source]
        source: file::Error,
    },
}

impl Entry {
    /// Whether the file is what a crash left of a write. Other files without an address are not ours to remove.
    pub(super) fn is_interrupted_write(&self) -> bool {
        let name = self.name.to_str();
        name.is_some_and(|name| name.starts_with('.') && name.ends_with(".tmp"))
    }
}

impl Store {
    /// Locks the directory for changes, and makes it when it is missing.
    pub(super) fn create(directory: &Path) -> Result<Self, StoreError> {
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
    pub(super) fn open(directory: &Path, access: Access) -> Result<Option<Self>, StoreError> {
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
            Err(source) => Err(step("lock", &path, source)),
        }
    }

    /// The directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The reservations that DEL of an attachment releases: its own, or else those that an old version
    /// noted for its container without an interface.
    pub(super) fn held_by(&mut self, attachment: &Attachment) -> Result<Vec<Entry>, StoreError> {
        if let Some(index) = &self.index {
            match self.indexed(index, attachment) {
                Some(entries) => return entries,
                None => self.index = None,
            }
        }
        let entries = self.entries()?;
        self.rebuild_index(&entries);
        let (own, others): (Vec<Entry>, Vec<Entry>) = entries
            .into_iter()
            .partition(|entry| entry.owner.is(attachment));
        if !own.is_empty() {
            return Ok(own);
        }
        Ok(others
            .into_iter()
            .filter(|entry| entry.owner.is_container_of(attachment))
            .collect())
    }

    /// Every file that is or was meant to be a reservation.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        for name in self.names()? {
            let text = name.to_str();
            if text.is_some_and(|text| text == LOCK || text.starts_with(LAST_RESERVED)) {
                continue;
            }
            if let Some(owner) = self.owner(&self.directory.join(&name))? {
                let address = text.and_then(|text| text.parse().ok());
                entries.push(Entry {
                    name,
                    address,
                    owner,
                });
            }
        }
        Ok(entries)
    }

    /// The addresses that have a file, without a look into it.
    pub(super) fn addresses(&self) -> Result<BTreeSet<IpAddr>, StoreError> {
        let names = self.names()?;
        let address = |name: &OsString| name.to_str()?.parse().ok();
        Ok(names.iter().filter_map(address).collect())
    }

    /// Whether an address has a file, without a look into it.
    pub(super) fn has_file(&self, address: IpAddr) -> Result<bool, StoreError> {
        let path = self.path(address);
        match path.symlink_metadata() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(step("look at", &path, source)),
        }
    }

    /// Whether an address is somebody's; `Ok(Err(owner))` when it is.
    pub(super) fn place(&self, address: IpAddr) -> Result<Result<Place, Owner>, StoreError> {
        Ok(match self.owner(&self.path(address))? {
            Some(Owner::Torn) => Ok(Place::Torn),
            Some(owner) => Err(owner),
            None if self.has_file(address)? => Err(Owner::Unreadable),
            None => Ok(Place::Free),
        })
    }

    /// Reserves an address durably.
    pub(super) fn reserve(
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
    pub(super) fn unreserve(
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
    pub(super) fn remove_entry(&mut self, entry: &Entry) -> Result<(), StoreError> {
        self.remove(&self.directory.join(&entry.name))?;
        if let (Some(key), Some(address)) = (key(&entry.owner), entry.address) {
            self.update_index(|index| index.remove(key, address));
        }
        Ok(())
    }

    /// The address that was reserved last in the set of this number. What can't be read is as good as absent.
    pub(super) fn last_reserved(&self, set: usize) -> Option<IpAddr> {
        let content = read(&self.last_reserved_path(set)).ok()??;
        std::str::from_utf8(&content).ok()?.parse().ok()
    }

    /// Notes the address that was reserved last: whole or not at all, but not flushed, since after a crash
    /// it only costs the order.
    pub(super) fn set_last_reserved(&self, set: usize, address: IpAddr) -> Result<(), StoreError> {
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
            step("write", &path, source)
        })
    }

    /// `None` when the index fails.
    fn indexed(
        &self,
        index: &Index,
        attachment: &Attachment,
    ) -> Option<Result<Vec<Entry>, StoreError>> {
        let keys = [
            Key::Attachment(attachment),
            Key::Container(&attachment.container_id),
        ];
        for key in keys {
            let mut entries = Vec::new();
            for address in index.addresses(key).ok()? {
                let owner = match self.owner(&self.path(address)) {
                    Ok(owner) => owner?,
                    Err(error) => return Some(Err(error)),
                };
                if owner.is(attachment) || owner.is_container_of(attachment) {
                    entries.push(Entry {
                        name: address.to_string().into(),
                        address: Some(address),
                        owner,
                    });
                }
            }
            if !entries.is_empty() {
                return Some(Ok(entries));
            }
        }
        Some(Ok(Vec::new()))
    }

    fn rebuild_index(&mut self, entries: &[Entry]) {
        if self.access == Access::Read || self.lock.is_none() {
            return;
        }
        let path = index_path(&self.directory);
        // A name that is not the address's usual text can't be found by the address.
        let plain = entries.iter().all(|entry| {
            let usual = entry.address.map(|address| address.to_string().into());
            key(&entry.owner).is_none()
                || usual.as_ref() == Some(&entry.name)
                || entry.is_interrupted_write()
        });
        if entries.len() < index::WORTHWHILE || !plain {
            return index::discard(&path);
        }
        let known = entries
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

    fn names(&self) -> Result<Vec<OsString>, StoreError> {
        let entries = fs::read_dir(&self.directory).and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.file_name()))
                .collect::<io::Result<Vec<OsString>>>()
        });
        entries.map_err(|source| step("list", &self.directory, source))
    }

    /// `None` when there is no file, or it is a directory or a link.
    fn owner(&self, path: &Path) -> Result<Option<Owner>, StoreError> {
        match read(path) {
            Ok(content) => Ok(content.map(|content| Owner::parse(&content))),
            Err(source) => Err(step("read", path, source)),
        }
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

impl StoreError {
    /// Whether the write failed because somebody else's file came in between, in spite of the lock.
    pub(super) const fn is_of_another(&self) -> bool {
        matches!(
            self,
            Self::Write {
                source: file::Error::Exists { .. },
                ..
            }
        )
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::from_chain(ErrorCode::IoFailure, &error)
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

/// Reads the beginning of a file: a reservation is far shorter, so what is longer is none.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    const LONGEST: usize = 1024;
    let mut open = OpenOptions::new();
    open.read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK);
    let mut file: File = match open.open(path) {
        Ok(file) => file,
        Err(error) if is_no_file(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut buffer = [0; LONGEST];
    match file.read(&mut buffer) {
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

fn step(step: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Step {
        step,
        path: path.to_owned(),
        source,
    }
}
