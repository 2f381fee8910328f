//! The file system of the throwaway host: the machine's, read-only, with fresh places where plugins write.
//!
//! `/run`, `/var/run`, `/var/lib/cni`, `/etc/cni`, `/tmp` and the profile's state directories are empty
//! tmpfs of bounded size. A directory that the machine does not have can't be created on a read-only
//! tree, so its nearest existing parent is rebuilt as a tmpfs of links to what was there.
#![expect(unsafe_code, reason = "mount_setattr(2) has no safe wrapper")]

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A file of the machine that has to be reachable inside, whatever is laid over its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Expose {
    /// The file on the machine.
    pub(crate) from: PathBuf,
    /// Where it stands inside.
    pub(crate) at: PathBuf,
}

/// A place that could not be laid out.
#[derive(Debug, Error)]
pub(crate) enum MountError {
    /// A mount was refused.
    #[error("mount {what} on {} in the sandbox: {errno}{}", at.display(), advice(what))]
    Mount {
        /// File system or bind source.
        what: String,
        /// Mount point.
        at: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
    /// A file that has to be exposed can't be opened.
    #[error("open {} to show it to the sandbox: {errno}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
    /// A directory or mount point could not be made.
    #[error("make {} in the sandbox", path.display())]
    Make {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Places that plugins of every kind write to.
const SCRATCH: [&str; 4] = ["/run", "/tmp", "/var/lib/cni", "/etc/cni"];

/// Bounds what a plugin can write, in all, to one place.
const SCRATCH_OPTIONS: &str = "mode=755,size=64m,nr_inodes=64k";

/// Where the parents of missing directories are kept while links stand in their place.
const KEPT: &str = "/run/.machine";

/// Lays the sandbox's file system out over the machine's, in this process's own mount namespace.
///
/// # Errors
/// Fails with the mount that was refused.
pub(super) fn lay_out(exposed: &[Expose], state: &[PathBuf]) -> Result<(), MountError> {
    mount_on(
        None,
        Path::new("/"),
        None,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None,
    )?;
    let held = exposed.iter().map(hold).collect::<Result<Vec<_>, _>>()?;
    let kept = missing_parents(state);
    let parents = kept
        .iter()
        .map(|parent| hold_path(parent))
        .collect::<Result<Vec<_>, _>>()?;
    make_read_only()?;
    mount_on(
        Some("proc"),
        Path::new("/proc"),
        Some("proc"),
        quiet(),
        None,
    )?;
    mount_on(
        Some("sysfs"),
        Path::new("/sys"),
        Some("sysfs"),
        quiet(),
        None,
    )?;
    scratch(Path::new("/run"))?;
    for (index, (parent, fd)) in kept.iter().zip(&parents).enumerate() {
        shadow(parent, fd, index)?;
    }
    if !fs::symlink_metadata("/var/run").is_ok_and(|meta| meta.is_symlink())
        && Path::new("/var/run").is_dir()
    {
        scratch(Path::new("/var/run"))?;
    }
    for place in places(state)
        .iter()
        .filter(|place| *place != Path::new("/run"))
    {
        make_directory(place)?;
        scratch(place)?;
    }
    for (expose, fd) in exposed.iter().zip(&held) {
        bind_file(fd, &expose.at)?;
    }
    make_directory(Path::new("/run/netns"))
}

/// Makes a file a mount point of itself: unlink(2) and rename(2) fail with EBUSY until [`unpin`].
///
/// # Errors
/// Fails when the kernel refuses the mount.
pub(crate) fn pin(file: &Path) -> Result<(), MountError> {
    let source = file.to_string_lossy();
    mount_on(Some(&source), file, None, MsFlags::MS_BIND, None)
}

/// Undoes [`pin`].
///
/// # Errors
/// Fails when nothing is mounted there.
pub(crate) fn unpin(file: &Path) -> Result<(), MountError> {
    umount2(file, MntFlags::MNT_DETACH).map_err(|errno| MountError::Mount {
        what: "nothing".to_owned(),
        at: file.to_owned(),
        errno,
    })
}

fn places(state: &[PathBuf]) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = SCRATCH.iter().map(PathBuf::from).collect();
    for directory in state {
        if !places.iter().any(|place| directory.starts_with(place)) {
            places.push(directory.clone());
        }
    }
    places
}

/// Nearest existing parents of the places that the machine does not have, each once.
fn missing_parents(state: &[PathBuf]) -> Vec<PathBuf> {
    let mut parents: Vec<PathBuf> = places(state)
        .iter()
        .filter(|place| !place.is_dir())
        .filter_map(|place| place.ancestors().find(|ancestor| ancestor.is_dir()))
        .map(Path::to_path_buf)
        .collect();
    parents.sort();
    parents.dedup();
    parents
}

/// Puts a tmpfs in place of `parent` with a link for everything that was in it.
fn shadow(parent: &Path, original: &OwnedFd, index: usize) -> Result<(), MountError> {
    let kept = Path::new(KEPT).join(index.to_string());
    make_directory(&kept)?;
    let source = format!("/proc/self/fd/{}", original.as_raw_fd());
    mount_on(
        Some(&source),
        &kept,
        None,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        None,
    )?;
    scratch(parent)?;
    let made = |path: PathBuf| move |source| MountError::Make { path, source };
    for entry in fs::read_dir(&kept).map_err(made(kept.clone()))? {
        let entry = entry.map_err(made(kept.clone()))?;
        let link = parent.join(entry.file_name());
        std::os::unix::fs::symlink(entry.path(), &link).map_err(made(link.clone()))?;
    }
    Ok(())
}

fn hold(expose: &Expose) -> Result<OwnedFd, MountError> {
    hold_path(&expose.from)
}

fn hold_path(path: &Path) -> Result<OwnedFd, MountError> {
    open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).map_err(|errno| MountError::Open {
        path: path.to_owned(),
        errno,
    })
}

fn bind_file(file: &OwnedFd, at: &Path) -> Result<(), MountError> {
    if !at.exists() {
        if let Some(parent) = at.parent() {
            make_directory(parent)?;
        }
        fs::File::create(at).map_err(|source| MountError::Make {
            path: at.to_owned(),
            source,
        })?;
    }
    let source = format!("/proc/self/fd/{}", file.as_raw_fd());
    mount_on(Some(&source), at, None, MsFlags::MS_BIND, None)
}

fn make_directory(path: &Path) -> Result<(), MountError> {
    fs::create_dir_all(path).map_err(|source| MountError::Make {
        path: path.to_owned(),
        source,
    })
}

fn scratch(at: &Path) -> Result<(), MountError> {
    mount_on(
        Some("tmpfs"),
        at,
        Some("tmpfs"),
        quiet(),
        Some(SCRATCH_OPTIONS),
    )
}

const fn quiet() -> MsFlags {
    MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV)
}

fn mount_on(
    source: Option<&str>,
    at: &Path,
    kind: Option<&str>,
    flags: MsFlags,
    data: Option<&str>,
) -> Result<(), MountError> {
    mount(source, at, kind, flags, data).map_err(|errno| MountError::Mount {
        what: kind.or(source).unwrap_or("private propagation").to_owned(),
        at: at.to_owned(),
        errno,
    })
}

/// Makes the whole tree read-only, so that a plugin that strays can't harm the machine.
/// Kernels before 5.12 lack the call; there the tree stays as writable as it was for this user.
fn make_read_only() -> Result<(), MountError> {
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the path is a NUL-terminated literal and the structure outlives the call, with its true size.
    let status = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            c"/".as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    match Errno::result(status) {
        Ok(_) | Err(Errno::ENOSYS) => Ok(()),
        Err(errno) => Err(MountError::Mount {
            what: "the read-only flag".to_owned(),
            at: PathBuf::from("/"),
            errno,
        }),
    }
}

fn advice(what: &str) -> &'static str {
    match what {
        "proc" | "sysfs" => {
            "; a container that hides parts of /proc or /sys forbids this: start it with --privileged \
             or --security-opt systempaths=unconfined"
        }
        _ => "",
    }
}
