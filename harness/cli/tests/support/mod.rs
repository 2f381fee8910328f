//! What the tests of the program share: starting it, plugins made of shell, and the way to an unprivileged user.
#![expect(clippy::unwrap_used, reason = "what a test does not expect ends it")]
#![expect(dead_code, reason = "every test file uses a part of it")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The user that owns nothing.
pub(crate) const NOBODY: u32 = 65534;

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Exit status.
    pub(crate) status: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs `cni-conform` with these arguments.
pub(crate) fn cni_conform(arguments: &[&str]) -> Ran {
    Command::new(env!("CARGO_BIN_EXE_cni-conform"))
        .args(arguments)
        .output()
        .unwrap()
        .into()
}

/// Runs `cni-conform` as a user without any privilege. As root it is copied to where that user can read it.
pub(crate) fn cni_conform_unprivileged(arguments: &[&str]) -> Ran {
    let original = Path::new(env!("CARGO_BIN_EXE_cni-conform"));
    if !nix_is_root() {
        return Command::new(original)
            .args(arguments)
            .output()
            .unwrap()
            .into();
    }
    let directory = readable_directory();
    let copy = directory.path().join("cni-conform");
    fs::copy(original, &copy).unwrap();
    Command::new(&copy)
        .args(arguments)
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .output()
        .unwrap()
        .into()
}

/// Tells whether the tests run as root.
pub(crate) fn nix_is_root() -> bool {
    fs::read_to_string("/proc/self/status")
        .unwrap()
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .is_some_and(|uids| uids.split_whitespace().next() == Some("0"))
}

/// Returns a directory that every user can read.
pub(crate) fn readable_directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

/// Writes an executable file.
pub(crate) fn plugin(directory: &Path, name: &str, content: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Returns the directories in which upstream's plugins stand: CNI_UPSTREAM (colon-separated) or the usual folders.
pub(crate) fn upstream() -> Vec<PathBuf> {
    let listed =
        std::env::var("CNI_UPSTREAM").unwrap_or_else(|_| "/usr/lib/cni:/opt/cni/bin".to_owned());
    listed
        .split(':')
        .map(PathBuf::from)
        .filter(|directory| directory.join("bridge").is_file())
        .collect()
}
