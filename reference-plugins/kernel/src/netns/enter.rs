//! Going into a namespace and always coming back.

use std::path::PathBuf;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};

use super::error::Error;
use super::open::Netns;

/// Set once a thread could not go back. From then on nothing in this process may touch the network.
static STRANDED: OnceLock<(PathBuf, Errno)> = OnceLock::new();

/// Runs `work` inside of `target`, see [`Netns::run_in`].
pub(crate) fn inside<T>(target: &Netns, work: impl FnOnce() -> T) -> Result<T, Error> {
    let home = Netns::current()?;
    if home.identity() == target.identity() {
        return Ok(work());
    }
    let enter = |errno| Error::Enter {
        path: target.path().to_owned(),
        errno,
    };
    setns(target, CloneFlags::CLONE_NEWNET).map_err(enter)?;
    let way_back = WayBack { home, target };
    let value = work();
    drop(way_back);
    refuse_if_stranded()?;
    Ok(value)
}

/// Fails when an earlier way back failed.
pub(super) fn refuse_if_stranded() -> Result<(), Error> {
    match STRANDED.get() {
        None => Ok(()),
        Some((path, errno)) => Err(Error::Stranded {
            path: path.clone(),
            errno: *errno,
        }),
    }
}

/// Returns on drop, so that a panic in the work returns, too.
struct WayBack<'a> {
    home: Netns,
    target: &'a Netns,
}

impl Drop for WayBack<'_> {
    fn drop(&mut self) {
        if let Err(errno) = setns(&self.home, CloneFlags::CLONE_NEWNET) {
            STRANDED.get_or_init(|| (self.target.path().to_owned(), errno));
        }
    }
}
