//! Finds the addresses of an attachment without reading every reservation: a hash table in a file beside the directory.
//!
//! A cache that need not be there. It is trusted only while the directory is as this plugin left it: after each change
//! the directory gets a modification time that the kernel does not give, and the table notes it. Any change by others,
//! upstream's plugin included, sets another time, and a crash leaves one, too. What the table finds is read before it is believed;
//! what it does not find is believed. Nothing of it outlives a boot, so it needs no flushing.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use cni_protocol::{Attachment, ContainerId};
use nix::libc::O_NOFOLLOW;
use sha2::{Digest, Sha256};

/// With fewer reservations than this, reading all is as quick.
pub(super) const WORTHWHILE: usize = 128;

const MAGIC: &str = "cni-plugins host-local index 1";
const BLOCK: usize = 4096;
const SLOT: usize = 32;
const HASH: usize = 15;

type Block = [u8; BLOCK];

/// The table of a locked directory.
#[derive(Debug)]
pub(super) struct Index {
    directory: File,
    file: File,
    buckets: u64,
    boot_id: String,
}

/// Whose addresses to find.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key<'a> {
    /// An attachment.
    Attachment(&'a Attachment),
    /// A container whose reservations name no interface.
    Container(&'a ContainerId),
}

impl Index {
    /// Opens the table `path` of `directory`. `None` when there is none or it can't be trusted.
    pub(super) fn open(directory: &Path, path: &Path) -> Option<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(O_NOFOLLOW)
            .open(path)
            .ok()?;
        let directory = File::open(directory).ok()?;
        let mut header = [0; BLOCK];
        file.read_exact_at(&mut header, 0).ok()?;
        let text = std::str::from_utf8(&header).ok()?;
        let buckets = text
            .strip_prefix(MAGIC)?
            .split_ascii_whitespace()
            .next()?
            .parse()
            .ok()?;
        let boot_id = boot_id().ok()?;
        let expected = header_text(&directory, buckets, &boot_id).ok()?;
        let whole = file.metadata().ok()?.len() == (buckets + 1) * BLOCK as u64;
        (whole && buckets > 0 && header == block(&expected)).then_some(Self {
            directory,
            file,
            buckets,
            boot_id,
        })
    }

    /// Writes a new table, which is not trusted before it is sealed. `None` when that fails: then there is no table.
    pub(super) fn build<'a>(
        directory: &Path,
        path: &Path,
        entries: impl Iterator<Item = (Key<'a>, IpAddr)> + Clone,
    ) -> Option<Self> {
        // Half of the slots stay empty, and a bucket that overflows only means a larger table next time.
        const ENTRIES_PER_BUCKET: usize = 64;
        let buckets = entries.clone().count().div_ceil(ENTRIES_PER_BUCKET) * 2;
        let mut blocks = vec![[0; BLOCK]; buckets];
        for (key, address) in entries {
            let hash = hash(key);
            let block = &mut blocks[usize::try_from(bucket(&hash, buckets as u64)).ok()?];
            insert(block, &slot(&hash, address))?;
        }
        discard(path);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .ok()?;
        file.write_all_at(blocks.as_flattened(), BLOCK as u64)
            .ok()?;
        Some(Self {
            directory: File::open(directory).ok()?,
            file,
            buckets: buckets as u64,
            boot_id: boot_id().ok()?,
        })
    }

    /// The addresses noted for `key`, and perhaps others.
    pub(super) fn addresses(&self, key: Key<'_>) -> io::Result<Vec<IpAddr>> {
        let hash = hash(key);
        let (_, block) = self.read(&hash)?;
        let slots = block.chunks_exact(SLOT);
        Ok(slots.filter_map(|slot| address_of(slot, &hash)).collect())
    }

    /// Notes an address that was reserved. `None` when that fails: the table must not be sealed.
    pub(super) fn insert(&mut self, key: Key<'_>, address: IpAddr) -> Option<()> {
        let hash = hash(key);
        let (position, mut block) = self.read(&hash).ok()?;
        insert(&mut block, &slot(&hash, address))?;
        self.file.write_all_at(&block, position).ok()
    }

    /// Forgets an address that was released. `None` when that fails: the table must not be sealed.
    pub(super) fn remove(&mut self, key: Key<'_>, address: IpAddr) -> Option<()> {
        let hash = hash(key);
        let (position, mut block) = self.read(&hash).ok()?;
        let gone = slot(&hash, address);
        for slot in block.chunks_exact_mut(SLOT).filter(|slot| **slot == gone) {
            slot.fill(0);
        }
        self.file.write_all_at(&block, position).ok()
    }

    /// Makes the table trusted for the directory as it is now. A failure only means that it is not.
    pub(super) fn seal(self) {
        // A second ago: the kernel gives the present time, so no change to come has this one.
        const BEHIND: Duration = Duration::from_secs(1);
        let mark = SystemTime::now() - BEHIND;
        let sealed = self
            .directory
            .set_times(FileTimes::new().set_modified(mark))
            .and_then(|()| self.directory.metadata()?.modified())
            // File systems with coarse times can't tell two changes apart.
            .and_then(|kept| {
                if kept == mark {
                    header_text(&self.directory, self.buckets, &self.boot_id)
                } else {
                    Err(io::ErrorKind::Unsupported.into())
                }
            })
            .and_then(|text| self.file.write_all_at(&block(&text), 0));
        // Without the header the table is as good as absent.
        drop(sealed);
    }

    fn read(&self, hash: &[u8; HASH]) -> io::Result<(u64, Block)> {
        let position = (1 + bucket(hash, self.buckets)) * BLOCK as u64;
        let mut block = [0; BLOCK];
        self.file.read_exact_at(&mut block, position)?;
        Ok((position, block))
    }
}

/// Removes a table that is of no use any more.
pub(super) fn discard(path: &Path) {
    // Whatever stays here is not trusted.
    drop(fs::remove_file(path));
}

fn boot_id() -> io::Result<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
}

fn header_text(directory: &File, buckets: u64, boot_id: &str) -> io::Result<String> {
    let now = directory.metadata()?;
    Ok(format!(
        "{MAGIC} {buckets}\n{} {}:{} {}.{:09} {}.{:09}\n",
        boot_id.trim(),
        now.dev(),
        now.ino(),
        now.mtime(),
        now.mtime_nsec(),
        now.ctime(),
        now.ctime_nsec()
    ))
}

fn block(text: &str) -> Block {
    let mut block = [0; BLOCK];
    block[..text.len()].copy_from_slice(text.as_bytes());
    block
}

/// Stable over releases and machines, unlike the standard library's hashes.
fn hash(key: Key<'_>) -> [u8; HASH] {
    let mut digest = Sha256::new();
    match key {
        Key::Attachment(attachment) => {
            digest.update(attachment.container_id.as_str());
            digest.update([0]);
            digest.update(attachment.ifname.as_str());
        }
        Key::Container(container_id) => digest.update(container_id.as_str()),
    }
    let mut hash = [0; HASH];
    hash.copy_from_slice(&digest.finalize()[..HASH]);
    hash
}

fn bucket(hash: &[u8; HASH], buckets: u64) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    u64::from_be_bytes(bytes) % buckets
}

/// Hash, family (zero is an empty slot), address.
fn slot(hash: &[u8; HASH], address: IpAddr) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..HASH].copy_from_slice(hash);
    match address {
        IpAddr::V4(address) => {
            slot[HASH] = 4;
            slot[HASH + 1..HASH + 5].copy_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            slot[HASH] = 6;
            slot[HASH + 1..].copy_from_slice(&address.octets());
        }
    }
    slot
}

fn address_of(slot: &[u8], hash: &[u8; HASH]) -> Option<IpAddr> {
    let (of, rest) = slot.split_at_checked(HASH)?;
    let (family, address) = rest.split_first()?;
    match family {
        _ if of != hash => None,
        4 => Some(IpAddr::from(*address.first_chunk::<4>()?)),
        6 => Some(IpAddr::from(*address.first_chunk::<16>()?)),
        _ => None,
    }
}

fn insert(block: &mut Block, new: &[u8; SLOT]) -> Option<()> {
    let mut slots = block.chunks_exact_mut(SLOT);
    let free = slots.find(|slot| slot[HASH] == 0 || *slot == new)?;
    free.copy_from_slice(new);
    Some(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rstest::rstest;

    use super::*;

    struct Fixture {
        _temporary: tempfile::TempDir,
        directory: PathBuf,
        path: PathBuf,
        owners: Vec<(Attachment, IpAddr)>,
    }

    impl Fixture {
        fn new(count: u32) -> Self {
            let temporary = tempfile::tempdir().unwrap();
            let directory = temporary.path().join("net");
            fs::create_dir(&directory).unwrap();
            let owner = |number: u32| {
                let address = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
                (attachment(&format!("c{number}")), address)
            };
            Self {
                path: temporary.path().join(".net.index"),
                directory,
                _temporary: temporary,
                owners: (0..count).map(owner).collect(),
            }
        }

        fn build(&self) -> Index {
            let entries = self
                .owners
                .iter()
                .map(|(owner, address)| (Key::Attachment(owner), *address));
            Index::build(&self.directory, &self.path, entries).unwrap()
        }

        fn open(&self) -> Option<Index> {
            Index::open(&self.directory, &self.path)
        }
    }

    fn attachment(container_id: &str) -> Attachment {
        Attachment {
            container_id: container_id.parse().unwrap(),
            ifname: "eth0".parse().unwrap(),
        }
    }

    #[rstest]
    #[case(1)]
    #[case(5000)]
    fn what_was_built_and_sealed_is_found(#[case] count: u32) {
        let fixture = Fixture::new(count);
        fixture.build().seal();
        let index = fixture.open().unwrap();
        for (owner, address) in &fixture.owners {
            assert_eq!(index.addresses(Key::Attachment(owner)).unwrap(), [*address]);
            assert!(
                index
                    .addresses(Key::Container(&owner.container_id))
                    .unwrap()
                    .is_empty()
            );
        }
        assert!(
            index
                .addresses(Key::Attachment(&attachment("x")))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn insertions_and_removals_are_seen_after_the_next_seal() {
        let fixture = Fixture::new(200);
        fixture.build().seal();
        let mut index = fixture.open().unwrap();
        let (owner, address) = &fixture.owners[7];
        let second: IpAddr = "fd00::7".parse().unwrap();
        index.insert(Key::Attachment(owner), second).unwrap();
        index.remove(Key::Attachment(owner), *address).unwrap();
        index
            .insert(Key::Container(&owner.container_id), *address)
            .unwrap();
        index.seal();
        let index = fixture.open().unwrap();
        assert_eq!(index.addresses(Key::Attachment(owner)).unwrap(), [second]);
        assert_eq!(
            index
                .addresses(Key::Container(&owner.container_id))
                .unwrap(),
            [*address]
        );
    }

    #[test]
    fn an_unsealed_table_is_not_trusted() {
        let fixture = Fixture::new(9);
        drop(fixture.build());
        assert!(fixture.open().is_none());
    }

    #[rstest]
    #[case::created(|directory: &Path| fs::write(directory.join("10.9.9.9"), "x").unwrap())]
    #[case::created_and_removed(|directory: &Path| {
        fs::write(directory.join("10.9.9.9"), "x").unwrap();
        fs::remove_file(directory.join("10.9.9.9")).unwrap();
    })]
    #[case::renamed(|directory: &Path| {
        fs::write(directory.with_extension("new"), "x").unwrap();
        fs::rename(directory.with_extension("new"), directory.join("10.9.9.9")).unwrap();
    })]
    #[case::replaced(|directory: &Path| {
        fs::rename(directory, directory.with_extension("old")).unwrap();
        fs::create_dir(directory).unwrap();
    })]
    #[case::time_put_back(|directory: &Path| {
        let before = directory.metadata().unwrap().modified().unwrap();
        fs::write(directory.join("10.9.9.9"), "x").unwrap();
        // Longer than a tick, so that the time of change differs.
        std::thread::sleep(Duration::from_millis(30));
        let open = File::open(directory).unwrap();
        open.set_times(FileTimes::new().set_modified(before)).unwrap();
    })]
    fn a_directory_changed_by_others_is_not_trusted(#[case] change: fn(&Path)) {
        let fixture = Fixture::new(9);
        fixture.build().seal();
        assert!(fixture.open().is_some());
        change(&fixture.directory);
        assert!(fixture.open().is_none());
    }

    #[test]
    fn a_change_in_the_same_tick_is_seen() {
        let fixture = Fixture::new(9);
        for round in 0..200 {
            fixture.build().seal();
            fs::write(fixture.directory.join(format!("10.9.9.{round}")), "x").unwrap();
            assert!(fixture.open().is_none(), "round {round}");
        }
    }

    #[rstest]
    #[case::empty(b"")]
    #[case::short(b"cni-plugins host-local index 1 2\n")]
    #[case::other(b"\xff\xff\xff")]
    fn a_damaged_table_is_not_trusted(#[case] content: &[u8]) {
        let fixture = Fixture::new(9);
        fixture.build().seal();
        fs::write(&fixture.path, content).unwrap();
        assert!(fixture.open().is_none());
    }

    #[test]
    fn a_truncated_table_is_not_trusted() {
        let fixture = Fixture::new(9);
        fixture.build().seal();
        let file = OpenOptions::new().write(true).open(&fixture.path).unwrap();
        file.set_len(BLOCK as u64 + 1).unwrap();
        assert!(fixture.open().is_none());
    }

    #[test]
    fn a_full_bucket_says_so() {
        let fixture = Fixture::new(0);
        let owner = attachment("c");
        let entries =
            (0..=u8::MAX).map(|host| (Key::Attachment(&owner), IpAddr::from([10, 0, 0, host])));
        assert!(Index::build(&fixture.directory, &fixture.path, entries).is_none());
    }
}
