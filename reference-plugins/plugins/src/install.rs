//! Puts this executable into a directory under the names of the plugins.
//!
//! All names are hard links of one file where the file systems allow it, and copies where they don't. Each name is
//! replaced in one step: a runtime that starts a plugin meanwhile gets the old one or the new one, whole.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Everybody may run a plugin, and only its owner may change it.
const MODE: u32 = 0o755;

/// Why the plugins could not be installed.
#[derive(Debug, Error)]
pub(crate) enum InstallError {
    /// The running executable can't be read.
    #[error("cannot find the running executable; install from a file that still exists")]
    Executable(#[source] io::Error),
    /// The directory can't be made.
    #[error("cannot create the directory {}", .0.display())]
    Directory(PathBuf, #[source] io::Error),
    /// A file can't be written.
    #[error("cannot write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// What stands under a plugin's name can't be replaced.
    #[error("cannot replace {}", .0.display())]
    Replace(PathBuf, #[source] io::Error),
}

/// Installs this executable into `directory` under each of `names`.
pub(crate) fn install(directory: &Path, names: &[&str]) -> Result<(), InstallError> {
    let executable = std::env::current_exe().map_err(InstallError::Executable)?;
    install_file(&executable, directory, names)
}

fn install_file(source: &Path, directory: &Path, names: &[&str]) -> Result<(), InstallError> {
    fs::create_dir_all(directory)
        .map_err(|error| InstallError::Directory(directory.to_owned(), error))?;
    let mode = fs::metadata(source)
        .map_err(InstallError::Executable)?
        .mode();
    // A link shares the mode: a source that not everybody may run must not be changed, so it is copied.
    let mut original = (mode & 0o777 == MODE).then(|| source.to_owned());
    for name in names {
        let target = directory.join(name);
        let temporary = Temporary(directory.join(format!(".{name}.{}", std::process::id())));
        let linked = original
            .as_ref()
            .is_some_and(|original| link(original, &temporary.0));
        if !linked {
            copy(source, &temporary.0)
                .map_err(|error| InstallError::Write(temporary.0.clone(), error))?;
        }
        fs::rename(&temporary.0, &target)
            .map_err(|error| InstallError::Replace(target.clone(), error))?;
        if !linked {
            // From the second name on, the copy is in the same directory and can be linked.
            original = Some(target);
        }
    }
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| InstallError::Write(directory.to_owned(), error))
}

/// False when it can't be a link: another file system, one without links, or links to files of others forbidden.
fn link(original: &Path, link: &Path) -> bool {
    fs::hard_link(original, link).is_ok()
}

fn copy(source: &Path, target: &Path) -> io::Result<()> {
    let mut from = File::open(source)?;
    let mut to = File::options()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(target)?;
    io::copy(&mut from, &mut to)?;
    to.set_permissions(Permissions::from_mode(MODE))?;
    to.sync_all()
}

/// A file that goes when it was not renamed. rename(2) also leaves it when both names are already the same file.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["one", "two"];

    fn source(directory: &Path, mode: u32) -> PathBuf {
        let path = directory.join("source");
        fs::write(&path, b"#!").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn names_in(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn every_name_is_the_same_file_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let from = source(directory.path(), 0o755);
        let into = directory.path().join("a/b");
        for _ in 0..2 {
            install_file(&from, &into, NAMES).unwrap();
            assert_eq!(names_in(&into), NAMES);
        }
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        assert_eq!(inode(&into.join("one")), inode(&from));
        assert_eq!(inode(&into.join("two")), inode(&from));
    }

    #[test]
    fn a_source_that_others_may_not_run_is_copied_once_and_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let from = source(directory.path(), 0o700);
        let into = directory.path().join("bin");
        install_file(&from, &into, NAMES).unwrap();
        let (one, two) = (
            fs::metadata(into.join("one")).unwrap(),
            fs::metadata(into.join("two")).unwrap(),
        );
        assert_eq!(one.mode() & 0o777, 0o755);
        assert_eq!(one.ino(), two.ino());
        assert_ne!(one.ino(), fs::metadata(&from).unwrap().ino());
        assert_eq!(fs::metadata(&from).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_stands_under_the_name_is_replaced_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let from = source(directory.path(), 0o755);
        let into = directory.path().join("bin");
        fs::create_dir(&into).unwrap();
        fs::write(into.join("one"), b"old").unwrap();
        fs::hard_link(into.join("one"), directory.path().join("kept")).unwrap();
        install_file(&from, &into, NAMES).unwrap();
        assert_eq!(fs::read(into.join("one")).unwrap(), b"#!");
        assert_eq!(fs::read(directory.path().join("kept")).unwrap(), b"old");
    }

    #[test]
    fn a_name_that_is_a_directory_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let from = source(directory.path(), 0o755);
        let into = directory.path().join("bin");
        fs::create_dir_all(into.join("two/x")).unwrap();
        let error = install_file(&from, &into, NAMES).unwrap_err();
        assert!(error.to_string().starts_with("cannot replace "), "{error}");
        assert_eq!(names_in(&into), NAMES);
    }
}
