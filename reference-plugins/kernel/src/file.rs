//! Files that survive a crash whole: the state that plugins keep between ADD and DEL.
//!
//! Written to a temporary file beside the target, flushed, then renamed or linked: a reader sees the old content or the new
//! one, never a part. Mode 0600, directories 0700.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use thiserror::Error;

/// A file that could not be written.
#[derive(Debug, Error)]
pub enum Error {
    /// There is a file already, and it was not to be replaced.
    #[error("{path:?} exists already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The path has no directory or no file name.
    #[error("{path:?} does not name a file in a directory")]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// A step failed; the file is as it was before.
    #[error("cannot {step} {path:?}")]
    Step {
        /// What was attempted.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
}

/// Writes the file, in place of one that is there. Symbolic links at `path` are replaced, not followed.
pub fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    let temporary = Temporary::write(path, content)?;
    fs::rename(&temporary.path, path)
        .map_err(|source| step("rename a temporary file to", path, source))?;
    flush_directory(path)
}

/// Writes the file unless there is one: then [`Error::Exists`], and that one is untouched.
pub fn create_new(path: &Path, content: &[u8]) -> Result<(), Error> {
    let temporary = Temporary::write(path, content)?;
    match fs::hard_link(&temporary.path, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::Exists {
                path: path.to_owned(),
            });
        }
        Err(source) => return Err(step("link a temporary file to", path, source)),
    }
    drop(temporary);
    flush_directory(path)
}

/// Removes the file durably. A file that is not there is success.
pub fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Ok(()) => flush_directory(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(step("remove", path, source)),
    }
}

/// Makes the directory and what is missing above it, mode 0700. What is there stays as it is.
pub fn create_directory(path: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| step("create directory", path, source))
}

/// A file that disappears again unless it was renamed.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn write(target: &Path, content: &[u8]) -> Result<Self, Error> {
        let (temporary, mut file) = Self::open(target)?;
        file.write_all(content)
            .map_err(|source| step("write", &temporary.path, source))?;
        file.sync_all()
            .map_err(|source| step("flush", &temporary.path, source))?;
        Ok(temporary)
    }

    /// The name begins with a dot and tells the process, so that directory readers skip it and people see whose it is.
    fn open(target: &Path) -> Result<(Self, File), Error> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let refused = || Error::Path {
            path: target.to_owned(),
        };
        let directory = parent(target);
        let name = target.file_name().ok_or_else(refused)?;
        loop {
            let mut file_name = std::ffi::OsString::from(".");
            file_name.push(name);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            file_name.push(format!(".{}.{number}.tmp", std::process::id()));
            let path = directory.join(file_name);
            match OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
            {
                Ok(file) => return Ok((Self { path }, file)),
                // Left by a process of the same number that crashed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(step("create", &path, source)),
            }
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove; a failure leaves a file that begins with a dot.
        let _removed = fs::remove_file(&self.path);
    }
}

/// Without it the new name may be gone after a power failure.
fn flush_directory(path: &Path) -> Result<(), Error> {
    let directory = parent(path);
    let flushed = File::open(directory).and_then(|directory| directory.sync_all());
    flushed.map_err(|source| step("flush directory", directory, source))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn step(step: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Step {
        step,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn write_replaces_and_leaves_nothing_beside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert_eq!(names(directory.path()), ["state"]);
    }

    #[test]
    fn write_replaces_a_symbolic_link_and_not_its_target() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        let path = directory.path().join("state");
        fs::write(&target, b"untouched").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"untouched");
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn create_new_leaves_an_existing_file_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        create_new(&path, b"first").unwrap();
        assert!(matches!(
            create_new(&path, b"second"),
            Err(Error::Exists { .. })
        ));
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(names(directory.path()), ["state"]);
    }

    #[test]
    fn remove_is_idempotent() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        write(&path, b"x").unwrap();
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_missing_directory_is_an_error_that_names_the_step() {
        let directory = tempfile::tempdir().unwrap();
        let error = write(&directory.path().join("absent/state"), b"x").unwrap_err();
        assert!(error.to_string().starts_with("cannot create "), "{error}");
    }

    #[test]
    fn directories_are_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b");
        create_directory(&path).unwrap();
        create_directory(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}
