//! From an ordinary process to PID 1 of a host of its own.
//!
//! The caller is single-threaded (a freshly started `__trial` process): a user namespace can't be
//! entered otherwise, and only then is code after `fork` as free as code before it.
#![expect(
    unsafe_code,
    reason = "fork, prctl and the recursive read-only flag have no safe wrapper"
)]

use std::path::PathBuf;
use std::process;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, getegid, geteuid, getppid, sethostname};
use thiserror::Error;

use super::mounts::{self, Expose, MountError};

/// Why a sandbox could not be made. Each says what to do about it.
#[derive(Debug, Error)]
pub(crate) enum SandboxError {
    /// The kernel refused fresh namespaces.
    #[error("{}", unshare_advice(*.errno))]
    Unshare {
        /// What the kernel said.
        errno: Errno,
    },
    /// The user namespace's identity maps were refused.
    #[error(
        "write {path} of the new user namespace; the system restricts unprivileged user namespaces, so run as root"
    )]
    Map {
        /// Which map.
        path: &'static str,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The kernel refused a process.
    #[error("fork the sandbox's first process")]
    Fork(#[source] Errno),
    /// A file system could not be laid out.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// The host name could not be set.
    #[error("set the sandbox's host name")]
    HostName(#[source] Errno),
}

/// Runs `inside` as PID 1 on a fresh host and ends this process with the status it returns.
///
/// The namespaces are user (unless root), mount, network, PID, IPC and UTS. When this process dies, for
/// whatever reason, everything inside is killed by the kernel.
///
/// # Errors
/// Returns only when there is no inside: in the process that was to become the sandbox, before `inside` ran.
pub(crate) fn enter(
    exposed: &[Expose],
    state: &[PathBuf],
    inside: impl FnOnce(Result<(), SandboxError>) -> i32,
) -> SandboxError {
    let (uid, gid) = (geteuid(), getegid());
    let parent = getppid();
    let own_user_namespace = match separate(uid.is_root()) {
        Ok(own) => own,
        Err(errno) => return SandboxError::Unshare { errno },
    };
    if own_user_namespace {
        let maps = [
            ("/proc/self/setgroups", "deny".to_owned()),
            ("/proc/self/uid_map", format!("0 {uid} 1")),
            ("/proc/self/gid_map", format!("0 {gid} 1")),
        ];
        for (path, content) in maps {
            if let Err(source) = std::fs::write(path, content) {
                return SandboxError::Map { path, source };
            }
        }
    }
    // After `unshare`: a change of credentials clears the setting.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    if getppid() != parent {
        process::exit(1);
    }
    // SAFETY: the process has one thread (see the module's first lines), so the child may run any code.
    match unsafe { fork() } {
        Err(errno) => SandboxError::Fork(errno),
        Ok(ForkResult::Parent { child }) => loop {
            match waitpid(child, None) {
                Ok(WaitStatus::Exited(_, status)) => process::exit(status),
                Ok(WaitStatus::Signaled(_, signal, _)) => process::exit(128 + signal as i32),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => process::exit(1),
            }
        },
        Ok(ForkResult::Child) => {
            let _ = prctl::set_pdeathsig(Signal::SIGKILL);
            process::exit(inside(furnish(exposed, state)));
        }
    }
}

/// Leaves the machine's namespaces, and tells whether that took a user namespace. Root needs none, unless it is root in
/// name only, as in a container without CAP_SYS_ADMIN.
fn separate(root: bool) -> Result<bool, Errno> {
    let flags = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    if root {
        match unshare(flags) {
            Err(Errno::EPERM) => {}
            outcome => return outcome.map(|()| false),
        }
    }
    unshare(flags | CloneFlags::CLONE_NEWUSER).map(|()| true)
}

fn furnish(exposed: &[Expose], state: &[PathBuf]) -> Result<(), SandboxError> {
    mounts::lay_out(exposed, state)?;
    sethostname("cni-conform").map_err(SandboxError::HostName)
}

fn unshare_advice(errno: Errno) -> String {
    let advice = match errno {
        Errno::EPERM => {
            "unprivileged user namespaces are off: run as root, or allow them (sysctl kernel.unprivileged_userns_clone=1, \
             kernel.apparmor_restrict_unprivileged_userns=0; in a container: --privileged or --security-opt seccomp=unconfined)"
        }
        Errno::ENOSPC => {
            "the limit of namespaces is reached: raise /proc/sys/user/max_user_namespaces and its siblings"
        }
        Errno::EINVAL => {
            "the kernel lacks one of the user, mount, network, PID, IPC and UTS namespaces"
        }
        _ => "see unshare(2)",
    };
    format!("create the sandbox's namespaces: {errno}; {advice}")
}
