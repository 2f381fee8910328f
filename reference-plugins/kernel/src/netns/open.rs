//! A network namespace held open, and its identity.
#![expect(
    unsafe_code,
    reason = "the type of a namespace is only told by an ioctl that nix does not wrap"
)]

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};

use super::enter::{inside, refuse_if_stranded};
use super::error::Error;

nix::ioctl_none_bad!(
    /// ioctl_ns(2): the `CLONE_NEW*` constant of the namespace.
    ns_get_nstype,
    nix::request_code_none!(0xb7, 0x3)
);

/// A network namespace, held open: it lives at least as long as this value.
#[derive(Debug)]
pub struct Netns {
    file: File,
    path: PathBuf,
    identity: Identity,
}

/// What tells two namespaces apart whatever path they were opened by: device and inode of its nsfs file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
}

impl Netns {
    /// Opens the namespace at `path`, whatever kind of path it is, and makes sure that it is a network namespace.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        refuse_if_stranded()?;
        // O_NONBLOCK: the path comes from outside, and opening a FIFO would wait for a writer.
        let file = File::options()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path)
            .map_err(|error| open_error(path, &error))?;
        let failed = |errno| Error::Open {
            path: path.to_owned(),
            errno,
        };
        let file_system = fstatfs(&file).map_err(failed)?.filesystem_type();
        if file_system != NSFS_MAGIC {
            return Err(Error::NotNamespace {
                path: path.to_owned(),
            });
        }
        // SAFETY: the request takes no argument and `file` is an open nsfs file for the length of the call.
        let kind = unsafe { ns_get_nstype(file.as_raw_fd()) };
        match kind {
            Ok(libc::CLONE_NEWNET) | Err(Errno::ENOTTY) => {} // before Linux 4.11 the kernel cannot tell; setns will
            Ok(_) => {
                return Err(Error::NotNetwork {
                    path: path.to_owned(),
                });
            }
            Err(errno) => return Err(failed(errno)),
        }
        let identity = identity_of(&file).map_err(failed)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            identity,
        })
    }

    /// The namespace in which the calling thread works.
    pub fn current() -> Result<Self, Error> {
        // Not /proc/self: that is the main thread's.
        Self::open("/proc/thread-self/ns/net")
    }

    /// Device and inode.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The path by which it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the calling thread works in this namespace.
    pub fn is_current(&self) -> Result<bool, Error> {
        Ok(Self::current()?.identity == self.identity)
    }

    /// Runs `work` with the calling thread inside of the namespace, and returns to where the thread was before, also after a panic.
    ///
    /// Sockets opened inside stay there. When the way back fails, [`Error::Stranded`] is returned and every later
    /// use of a namespace in this process fails with it: no rule or address may land in the wrong place.
    pub fn run_in<T>(&self, work: impl FnOnce() -> T) -> Result<T, Error> {
        inside(self, work)
    }

    pub(crate) fn as_raw_fd(&self) -> i32 {
        self.file.as_raw_fd()
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn identity_of(file: &File) -> Result<Identity, Errno> {
    let metadata = file.metadata().map_err(|error| errno_of(&error))?;
    Ok(Identity {
        device: metadata.dev(),
        inode: metadata.ino(),
    })
}

fn open_error(path: &Path, error: &std::io::Error) -> Error {
    let path = path.to_owned();
    match errno_of(error) {
        // ESRCH: /proc/PID/task/… of a process that is just going away.
        Errno::ENOENT | Errno::ENOTDIR | Errno::ESRCH => Error::Missing { path },
        errno @ (Errno::EACCES | Errno::EPERM) => Error::Permission { path, errno },
        // A socket or a device without a driver: it exists and is no namespace.
        Errno::ENXIO | Errno::ENODEV => Error::NotNamespace { path },
        errno => Error::Open { path, errno },
    }
}

fn errno_of(error: &std::io::Error) -> Errno {
    // A path with a NUL byte has no errno; the kernel's answer to a malformed argument is EINVAL.
    error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_namespace_is_current() {
        assert!(Netns::current().unwrap().is_current().unwrap());
    }

    #[test]
    fn the_same_namespace_has_the_same_identity_by_another_path() {
        let by_thread = Netns::current().unwrap();
        let by_descriptor =
            Netns::open(format!("/proc/self/fd/{}", by_thread.as_raw_fd())).unwrap();
        assert_eq!(by_thread.identity(), by_descriptor.identity());
    }

    #[test]
    fn a_missing_path_is_told_apart() {
        let error = Netns::open("/proc/self/ns/absent").unwrap_err();
        assert_eq!(
            error,
            Error::Missing {
                path: "/proc/self/ns/absent".into()
            }
        );
        assert!(error.is_gone());
    }

    #[test]
    fn a_plain_file_is_not_a_namespace() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Netns::open(file.path()).unwrap_err();
        assert_eq!(
            error,
            Error::NotNamespace {
                path: file.path().to_owned()
            }
        );
    }

    #[test]
    fn a_fifo_does_not_block() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(
            Netns::open(&path),
            Err(Error::NotNamespace { .. })
        ));
    }

    #[test]
    fn another_type_of_namespace_is_refused() {
        let error = Netns::open("/proc/self/ns/mnt").unwrap_err();
        assert_eq!(
            error,
            Error::NotNetwork {
                path: "/proc/self/ns/mnt".into()
            }
        );
    }

    #[test]
    fn a_path_with_nul_is_an_error_not_a_panic() {
        assert!(matches!(
            Netns::open("/proc/self\0"),
            Err(Error::Open { .. })
        ));
    }
}
