//! What a toy remembers between calls: one file per attachment under /var/lib/cni/TOY/NETWORK.
//!
//! Files appear whole or not at all, and only root reads them. What they contain is the toys' business.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::{
    catalogue::Fault,
    fault::Faults,
    protocol::{Attachment, Call},
};

/// What went wrong with which file.
#[derive(Debug, thiserror::Error)]
#[error("{attempt} {}", path.display())]
pub(crate) struct StoreError {
    attempt: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// One remembered attachment.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) container_id: String,
    pub(crate) ifname: String,
    pub(crate) content: Map<String, Value>,
    path: PathBuf,
}

/// The memory of one toy for one network.
pub(crate) struct Store {
    root: PathBuf,
    network: PathBuf,
    faults: Faults,
}

impl Store {
    /// The store of the toy and the network that are called.
    pub(crate) fn of(call: &Call) -> Self {
        let root = Path::new("/var/lib/cni").join(call.toy.name);
        let network = if call.faults.has(Fault::KeyWithoutNetwork) {
            "all"
        } else {
            &call.network
        };
        Self {
            network: root.join(network),
            root,
            faults: call.faults,
        }
    }

    /// Holds all other processes of this toy off until the returned file is closed.
    pub(crate) fn lock(&self) -> Result<File, StoreError> {
        make_directory(&self.root)?;
        let root = File::open(&self.root).map_err(failed("open", &self.root))?;
        // The directory itself is locked: a lock file would outlive the last attachment.
        root.lock().map_err(failed("lock", &self.root))?;
        Ok(root)
    }

    /// Says whether this network has any memory.
    pub(crate) fn exists(&self) -> bool {
        self.network.exists()
    }

    /// Reads the attachment's record; `None` when there is none.
    pub(crate) fn read(&self, attachment: &Attachment) -> Result<Option<Record>, StoreError> {
        let path = self.path_of(attachment);
        match fs::read(&path) {
            Ok(bytes) => parse(&path, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("read", &path)(source)),
        }
    }

    /// Writes the attachment's record, replacing an earlier one.
    pub(crate) fn write(
        &self,
        attachment: &Attachment,
        content: Map<String, Value>,
    ) -> Result<(), StoreError> {
        make_directory(&self.network)?;
        let path = self.path_of(attachment);
        let mut document = content;
        document.insert(
            "containerID".to_owned(),
            attachment.container_id.clone().into(),
        );
        document.insert("ifname".to_owned(), attachment.ifname.clone().into());
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(&self.network)
            .map_err(failed("create a file in", &self.network))?;
        file.write_all(Value::Object(document).to_string().as_bytes())
            .map_err(failed("write", &path))?;
        file.as_file().sync_all().map_err(failed("write", &path))?;
        file.persist(&path)
            .map_err(|error| failed("rename a file to", &path)(error.error))?;
        let directory = File::open(&self.network).map_err(failed("open", &self.network))?;
        directory.sync_all().map_err(failed("write", &self.network))
    }

    /// Forgets the attachment; it need not exist.
    pub(crate) fn remove(&self, attachment: &Attachment) -> Result<(), StoreError> {
        self.remove_file(&self.path_of(attachment))
    }

    /// Forgets what the record describes.
    pub(crate) fn remove_record(&self, record: &Record) -> Result<(), StoreError> {
        self.remove_file(&record.path)
    }

    fn remove_file(&self, path: &Path) -> Result<(), StoreError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", path)(error));
            }
            _ => {}
        }
        // Fails while other attachments are there, which is right.
        drop(fs::remove_dir(&self.network));
        Ok(())
    }

    /// Reads all records of this network. Unreadable ones are errors of their own, beside the others.
    pub(crate) fn records(&self) -> (Vec<Record>, Vec<StoreError>) {
        records_in(&self.network)
    }

    /// Reads all records of this toy, whatever their network.
    pub(crate) fn records_of_all_networks(&self) -> (Vec<Record>, Vec<StoreError>) {
        let mut all = (Vec::new(), Vec::new());
        for network in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let (records, errors) = records_in(&network.path());
            all.0.extend(records);
            all.1.extend(errors);
        }
        all
    }

    /// The path of a marker that belongs to the toy as a whole; only faults leave one.
    pub(crate) fn marker(&self, name: &str) -> PathBuf {
        self.root.join(format!(".{name}"))
    }

    /// Leaves the marker.
    pub(crate) fn mark(&self, name: &str) -> Result<(), StoreError> {
        make_directory(&self.root)?;
        let path = self.marker(name);
        File::create(&path)
            .map(drop)
            .map_err(failed("create", &path))
    }

    fn path_of(&self, attachment: &Attachment) -> PathBuf {
        if self.faults.has(Fault::KeyByContainer) {
            return self.network.join(&attachment.container_id);
        }
        if self.faults.has(Fault::KeyConcatenated) {
            return self
                .network
                .join(format!("{}-{}", attachment.container_id, attachment.ifname));
        }
        // A container ID has no '@', so that the two parts can't be confused.
        self.network
            .join(format!("{}@{}", attachment.container_id, attachment.ifname))
    }
}

fn records_in(directory: &Path) -> (Vec<Record>, Vec<StoreError>) {
    let mut records = Vec::new();
    let mut errors = Vec::new();
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return (records, errors);
        }
        Err(source) => return (records, vec![failed("list", directory)(source)]),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        match fs::read(&path)
            .map_err(failed("read", &path))
            .and_then(|bytes| parse(&path, &bytes))
        {
            Ok(record) => records.push(record),
            Err(error) => errors.push(error),
        }
    }
    records.sort_by(|one, other| one.path.cmp(&other.path));
    (records, errors)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Record, StoreError> {
    let content: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| failed("parse", path)(error.into()))?;
    let text = |key: &str| {
        content
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Ok(Record {
        container_id: text("containerID"),
        ifname: text("ifname"),
        path: path.to_owned(),
        content,
    })
}

fn make_directory(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed("create", path))
}

fn failed(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError {
        attempt,
        path,
        source,
    }
}
