//! The lock of a network's directory: flock(2) on the file `lock` in it, which is upstream's.
//!
//! So a Go plugin and this one exclude each other. It is held for a whole operation and ends with the process.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// What may go on beside the holder of the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ipam::host_local) enum Access {
    /// Other readers.
    Read,
    /// Nothing.
    Change,
}

/// The lock; dropping it unlocks.
#[derive(Debug)]
pub(super) struct Lock {
    _held: Flock<File>,
}

impl Lock {
    /// Waits for the lock file `path`, and makes it when it is missing and something is to be changed.
    /// `None`: nothing is to be changed, and there is no file, so nobody ever wrote.
    ///
    /// # Errors
    /// When the file can't be opened or locked.
    pub(super) fn acquire(path: &Path, access: Access) -> io::Result<Option<Self>> {
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(access == Access::Change)
                .create(access == Access::Change)
                .mode(0o600)
                .custom_flags(nix::libc::O_NOFOLLOW)
                .open(path);
            let file = match file {
                Err(error) if error.kind() == io::ErrorKind::NotFound && access == Access::Read => {
                    return Ok(None);
                }
                other => other?,
            };
            let held = wait(file, access)?;
            // Who deletes the directory to start afresh deletes the lock under its holder.
            if is_still_at(&held, path)? {
                return Ok(Some(Self { _held: held }));
            }
        }
    }
}

fn wait(mut file: File, access: Access) -> io::Result<Flock<File>> {
    let kind = match access {
        Access::Read => FlockArg::LockShared,
        Access::Change => FlockArg::LockExclusive,
    };
    loop {
        match Flock::lock(file, kind) {
            Ok(held) => return Ok(held),
            Err((unlocked, Errno::EINTR)) => file = unlocked,
            Err((_, error)) => return Err(error.into()),
        }
    }
}

fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match path.symlink_metadata() {
        Ok(there) => Ok((there.dev(), there.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn readers_share_and_leave_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        assert!(Lock::acquire(&path, Access::Read).unwrap().is_none());
        assert!(!path.exists());
        drop(Lock::acquire(&path, Access::Change).unwrap());
        let first = Lock::acquire(&path, Access::Read).unwrap();
        let second = Lock::acquire(&path, Access::Read).unwrap();
        assert!(first.is_some() && second.is_some());
    }

    #[test]
    fn a_change_waits_for_upstreams_flock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let other = File::create(&path).unwrap();
        let other = Flock::lock(other, FlockArg::LockExclusive)
            .map_err(|(_, error)| error)
            .unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let waiter = std::thread::spawn(move || {
            let lock = Lock::acquire(&path, Access::Change).unwrap();
            sender.send(()).unwrap();
            drop(lock);
        });
        let early = receiver.recv_timeout(Duration::from_millis(100));
        assert!(early.is_err(), "the lock was taken while another held it");
        drop(other);
        receiver.recv_timeout(Duration::from_secs(10)).unwrap();
        waiter.join().unwrap();
    }

    #[test]
    fn a_lock_that_was_deleted_meanwhile_is_not_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let old = Lock::acquire(&path, Access::Change).unwrap();
        std::fs::remove_file(&path).unwrap();
        let new = Lock::acquire(&path, Access::Change).unwrap();
        assert!(old.is_some() && new.is_some() && path.exists());
    }
}
