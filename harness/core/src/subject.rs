//! A plugin under test: a binary, the name it goes by, and what it declares.
//!
//! Everything that can be wrong with a path is found here, before anything runs.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::profile::Profile;

/// A plugin that can be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The executable on the machine.
    pub file: PathBuf,
    /// Where it stands in the sandbox, which is how it is called; the last part is the plugin's name.
    pub at: PathBuf,
}

/// A plugin under test.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its name in the report.
    pub name: String,
    /// The plugin itself.
    pub program: Program,
    /// Plugins that have to be found in CNI_PATH beside it.
    pub delegates: Vec<Program>,
    /// What it is and needs.
    pub profile: Profile,
    /// SHA-256 of the executable, in hex.
    pub sha256: String,
}

/// A path that is no plugin. Each says what is there instead and what to do.
#[derive(Debug, Error)]
pub enum SubjectError {
    /// Nothing is there, or it can't be looked at.
    #[error("plugin {}: {source}; give the path of a plugin binary, such as /opt/cni/bin/bridge", path.display())]
    Look {
        /// What was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A directory.
    #[error("plugin {} is a directory; name the plugins in it, such as {}", path.display(), path.join("bridge").display())]
    Directory {
        /// What was given.
        path: PathBuf,
    },
    /// A device, a socket, a pipe.
    #[error("plugin {} is no regular file; give the path of a plugin binary", path.display())]
    Special {
        /// What was given.
        path: PathBuf,
    },
    /// A file without execute permission.
    #[error("plugin {} is not executable; chmod +x it", path.display())]
    NotExecutable {
        /// What was given.
        path: PathBuf,
    },
}

impl Program {
    /// Returns the program at a path of the machine, which is called by that very path in the sandbox.
    ///
    /// # Errors
    /// Fails when the path is no executable regular file.
    pub fn on_machine(path: &Path) -> Result<Self, SubjectError> {
        let look = |source| SubjectError::Look {
            path: path.to_owned(),
            source,
        };
        let metadata = fs::metadata(path).map_err(look)?;
        if metadata.is_dir() {
            return Err(SubjectError::Directory {
                path: path.to_owned(),
            });
        }
        if !metadata.is_file() {
            return Err(SubjectError::Special {
                path: path.to_owned(),
            });
        }
        if metadata.permissions().mode() & 0o111 == 0 {
            return Err(SubjectError::NotExecutable {
                path: path.to_owned(),
            });
        }
        let at = std::path::absolute(path).map_err(look)?;
        Ok(Self {
            file: fs::canonicalize(path).map_err(look)?,
            at,
        })
    }

    /// Returns the name by which the plugin is found in CNI_PATH.
    #[must_use]
    pub fn name(&self) -> String {
        self.at
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// Returns the SHA-256 of the executable, in hex.
    ///
    /// # Errors
    /// Fails when the file can't be read.
    pub fn sha256(&self) -> Result<String, SubjectError> {
        let look = |source| SubjectError::Look {
            path: self.file.clone(),
            source,
        };
        let mut hash = Sha256::new();
        let mut file = BufReader::with_capacity(1 << 16, File::open(&self.file).map_err(look)?);
        loop {
            let chunk = file.fill_buf().map_err(look)?;
            if chunk.is_empty() {
                break;
            }
            hash.update(chunk);
            let read = chunk.len();
            file.consume(read);
        }
        Ok(hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect())
    }
}
