//! Network namespaces on the throwaway host: made, entered by a thread, taken away.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use thiserror::Error;

/// What can go wrong with a network namespace.
#[derive(Debug, Error)]
pub(crate) enum NetnsError {
    /// The kernel refused a new one.
    #[error("create network namespace {}: {errno}", path.display())]
    Create {
        /// Its place.
        path: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
    /// Its file could not be made, opened or removed.
    #[error("{verb} the file of network namespace {}", path.display())]
    File {
        /// What was attempted.
        verb: &'static str,
        /// Its place.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused to enter it.
    #[error("enter network namespace {}: {errno}", path.display())]
    Enter {
        /// Its place.
        path: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
}

/// A network namespace that has a name in the file system.
#[derive(Debug)]
pub(crate) struct Netns {
    path: PathBuf,
    file: File,
}

impl Netns {
    /// Creates a network namespace and binds it to `path`.
    ///
    /// # Errors
    /// Fails when the kernel refuses the namespace, the file or the mount.
    pub(crate) fn create(path: &Path) -> Result<Self, NetnsError> {
        let file = |verb| {
            move |source| NetnsError::File {
                verb,
                path: path.to_owned(),
                source,
            }
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(file("make"))?;
        }
        File::create_new(path).map_err(file("make"))?;
        let refused = |errno| NetnsError::Create {
            path: path.to_owned(),
            errno,
        };
        // A thread of its own: this thread stays on the host.
        thread::scope(|scope| {
            scope
                .spawn(|| {
                    unshare(CloneFlags::CLONE_NEWNET)?;
                    mount(
                        Some("/proc/thread-self/ns/net"),
                        path,
                        None::<&str>,
                        MsFlags::MS_BIND,
                        None::<&str>,
                    )
                })
                .join()
                .unwrap_or(Err(Errno::ECANCELED))
        })
        .map_err(refused)?;
        Ok(Self {
            path: path.to_owned(),
            file: File::open(path).map_err(file("open"))?,
        })
    }

    /// Opens the namespace of the calling thread.
    ///
    /// # Errors
    /// Fails when `/proc` does not show it.
    pub(crate) fn current() -> Result<Self, NetnsError> {
        let path = PathBuf::from("/proc/thread-self/ns/net");
        let file = File::open(&path).map_err(|source| NetnsError::File {
            verb: "open",
            path: path.clone(),
            source,
        })?;
        Ok(Self { path, file })
    }

    /// Returns where it stands.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the descriptor that holds it open.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Tells whether its place still leads to it.
    pub(crate) fn is_in_place(&self) -> bool {
        let same = |there: fs::Metadata| {
            let held = self.file.metadata()?;
            Ok((held.dev(), held.ino()) == (there.dev(), there.ino()))
        };
        fs::metadata(&self.path).and_then(same).unwrap_or(false)
    }

    /// Runs `work` in this namespace, on a thread of its own.
    ///
    /// # Errors
    /// Fails when the namespace can't be entered. A panic of `work` goes on in the caller.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                setns(&self.file, CloneFlags::CLONE_NEWNET).map_err(|errno| NetnsError::Enter {
                    path: self.path.clone(),
                    errno,
                })?;
                Ok(work())
            });
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Takes the namespace's name away; the kernel frees it when nothing else holds it.
    ///
    /// # Errors
    /// Fails when the file is not there or can't be removed.
    pub(crate) fn remove(self) -> Result<(), NetnsError> {
        // The plugin may have unmounted it already; what counts is that the name is gone.
        let _ = umount2(&self.path, MntFlags::MNT_DETACH);
        let path = self.path.clone();
        drop(self.file);
        fs::remove_file(&path).map_err(|source| NetnsError::File {
            verb: "remove",
            path,
            source,
        })
    }
}
