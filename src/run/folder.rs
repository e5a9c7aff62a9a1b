//! The folder of one cell: lock, records, log.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reports::holder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use vocabulary::record::{CellRecord, Status};

use crate::train::checkpoint::{create_file, fresh_start, replace_file};

use super::provenance;
use crate::exit::Stop;

/// Folder of the resolved experiment files of all calls.
const PLANS: &str = "plans";

/// What can go wrong with a cell's folder.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    /// The file system refuses.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A record that is not one of ours.
    #[error("{path} cannot be read: {reason}; start the cell again with {}", fresh_start(path))]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Another process works on the cell.
    #[error("{path} is locked by another process{holder}; wait for it or stop it")]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Its process, where known.
        holder: String,
    },
}

impl From<FolderError> for Stop {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Record { .. } => Self::usage(error),
            FolderError::Io { .. } | FolderError::Locked { .. } => Self::failed(error),
        }
    }
}

/// How long a lock is waited for: a report looks for an instant whether there is one.
const FOR_READERS: Duration = Duration::from_millis(500);
/// How long where the process that it is held for is there no longer.
const FOR_ORPHANS: Duration = Duration::from_secs(60);

/// The folder of a cell, locked for this process as long as the value lives.
pub(crate) struct CellFolder {
    path: PathBuf,
    _lock: File,
}

impl CellFolder {
    /// Create the folder where needed and lock it for `process`, which others are told to wait for.
    ///
    /// A worker whose `bench run` was killed saves and leaves: it is waited for.
    pub(crate) fn lock(path: &Path, process: u32) -> Result<Self, FolderError> {
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| FolderError::Io { action, path, source }
        };
        let checkpoints = path.join("checkpoints");
        std::fs::create_dir_all(&checkpoints).map_err(io("create", &checkpoints))?;
        let lock_path = path.join(".lock");
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&lock_path)
            .map_err(io("open", &lock_path))?;
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let named = std::fs::read_to_string(&lock_path).unwrap_or_default();
                    let named = named.trim();
                    let patience = if holder::is_gone(named) { FOR_ORPHANS } else { FOR_READERS };
                    if begun.elapsed() < patience {
                        std::thread::sleep(Duration::from_millis(20));
                        continue;
                    }
                    let holder = if named.is_empty() { String::new() } else { format!(" ({named})") };
                    return Err(FolderError::Locked { path: path.to_owned(), holder });
                }
                Err(TryLockError::Error(source)) => return Err(io("lock", &lock_path)(source)),
            }
        }
        // For the message above only; the lock itself is the operating system's.
        lock.set_len(0)
            .and_then(|()| lock.write_all(holder::describe(process).as_bytes()))
            .map_err(io("write", &lock_path))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Remove everything but the lock. The checkpoints go first: killed in between, a result still stands with its record, or
    /// the cell starts anew, but it never goes on from what was to be discarded.
    pub(crate) fn clear(&self) -> Result<(), FolderError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| FolderError::Io { action: "remove", path, source }
        };
        let checkpoints = self.path.join("checkpoints");
        std::fs::remove_dir_all(&checkpoints).map_err(io(&checkpoints))?;
        std::fs::create_dir_all(&checkpoints).map_err(io(&checkpoints))?;
        for name in ["status.json", "cell.yaml", "metrics.jsonl", "diagnostics.jsonl", "diagnostics.parquet", "log.txt"]
        {
            let path = self.path.join(name);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(&path)(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Write `cell.yaml`.
    pub(crate) fn write_cell(&self, cell: &CellRecord) -> Result<(), FolderError> {
        let path = self.path.join("cell.yaml");
        let text = serde_yaml::to_string(cell)
            .map_err(|error| FolderError::Record { path: path.clone(), reason: error.to_string() })?;
        write(&path, text.as_bytes())
    }

    /// Write `status.json`.
    pub(crate) fn write_status(&self, status: &Status) -> Result<(), FolderError> {
        let path = self.path.join("status.json");
        let text = serde_json::to_vec_pretty(status)
            .map_err(|error| FolderError::Record { path: path.clone(), reason: error.to_string() })?;
        write(&path, &text)
    }

    /// Append a line with the time to `log.txt`.
    pub(crate) fn log(&self, line: &str) -> Result<(), FolderError> {
        let path = self.path.join("log.txt");
        let append = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            writeln!(file, "{} {line}", provenance::now())
        };
        append().map_err(|source| FolderError::Io { action: "write", path: path.clone(), source })
    }
}

/// `cell.yaml` of a folder, if there is one.
pub(crate) fn read_cell(folder: &Path) -> Result<Option<CellRecord>, FolderError> {
    read(&folder.join("cell.yaml"), |text| serde_yaml::from_slice(text).map_err(|error| error.to_string()))
}

/// The cell whose folder, or whose folder `checkpoints`, the file at `path` lies in: its folder and its record.
pub(crate) fn cell_of(path: &Path) -> Result<Option<(PathBuf, CellRecord)>, FolderError> {
    for folder in path.ancestors().skip(1).take(2) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        if let Some(record) = read_cell(folder)? {
            return Ok(Some((folder.to_owned(), record)));
        }
    }
    Ok(None)
}

/// `status.json` of a folder, if there is one.
pub(crate) fn read_status(folder: &Path) -> Result<Option<Status>, FolderError> {
    read(&folder.join("status.json"), |text| serde_json::from_slice(text).map_err(|error| error.to_string()))
}

fn read<T: DeserializeOwned>(
    path: &Path,
    parse: impl Fn(&[u8]) -> Result<T, String>,
) -> Result<Option<T>, FolderError> {
    match std::fs::read(path) {
        Ok(text) => parse(&text).map(Some).map_err(|reason| FolderError::Record { path: path.to_owned(), reason }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FolderError::Io { action: "read", path: path.to_owned(), source }),
    }
}

/// Replace `path` atomically.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), FolderError> {
    replace_file(path, content).map_err(|source| FolderError::Io { action: "write", path: path.to_owned(), source })
}

/// Write the resolved experiment file of a call: as `experiment.yaml`, which is that of the last call, and under a name that
/// only this content has, which the records of the cells that it trains keep. Gives that name, below the folder `out`.
pub(crate) fn keep_plan(out: &Path, resolved: &str) -> Result<String, FolderError> {
    let hash: String = Sha256::digest(resolved.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let name = format!("{PLANS}/{hash}.yaml");
    let folder = out.join(PLANS);
    std::fs::create_dir_all(&folder).map_err(|source| FolderError::Io { action: "create", path: folder, source })?;
    for path in [out.join(&name), out.join("experiment.yaml")] {
        // What is there need not be written, for which a full disk has no room.
        if std::fs::read(&path).ok().as_deref() != Some(resolved.as_bytes()) {
            write(&path, resolved.as_bytes())?;
        }
    }
    Ok(name)
}

/// Make a cell visible before its turn: `cell.yaml` and a pending status, unless they are there.
pub(crate) fn enlist(folder: &Path, cell: &CellRecord) -> Result<(), FolderError> {
    std::fs::create_dir_all(folder).map_err(|source| FolderError::Io {
        action: "create",
        path: folder.to_owned(),
        source,
    })?;
    let (cell_path, status_path) = (folder.join("cell.yaml"), folder.join("status.json"));
    let cell = serde_yaml::to_string(cell)
        .map_err(|error| FolderError::Record { path: cell_path.clone(), reason: error.to_string() })?;
    let status = serde_json::to_string_pretty(&Status::pending())
        .map_err(|error| FolderError::Record { path: status_path.clone(), reason: error.to_string() })?;
    for (path, text) in [(cell_path, cell), (status_path, status)] {
        // Never over the file of a process that has begun meanwhile.
        create_file(&path, text.as_bytes()).map_err(|source| FolderError::Io { action: "write", path, source })?;
    }
    Ok(())
}

/// Fields in which two records differ, as `path: before → now`, skipping those in `ignored`.
pub(crate) fn differences(before: &impl Serialize, now: &impl Serialize, ignored: &[&str]) -> Vec<String> {
    let value = |record: Result<Value, serde_json::Error>| record.unwrap_or(Value::Null);
    let mut found = Vec::new();
    compare("", &value(serde_json::to_value(before)), &value(serde_json::to_value(now)), ignored, &mut found);
    found
}

fn compare(path: &str, before: &Value, now: &Value, ignored: &[&str], found: &mut Vec<String>) {
    if ignored.contains(&path) {
        return;
    }
    match (before, now) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let get = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                compare(&path, &get(a), &get(b), ignored, found);
            }
        }
        // Numbers compare by value: YAML writes 1.0 and 1 alike.
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        (a, b) if a == b => {}
        (a, b) => found.push(format!("{path}: {a} → {b}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_name_the_field_and_both_values() {
        let before = json!({"training": {"learning_rate": 0.01, "epochs": 2}, "seed": 1});
        let now = json!({"training": {"learning_rate": 0.02, "epochs": 9}, "seed": 1.0, "device": "cpu"});
        assert_eq!(
            differences(&before, &now, &["training.epochs"]),
            ["device: null → \"cpu\"", "training.learning_rate: 0.01 → 0.02"]
        );
    }

    #[test]
    fn a_second_lock_is_refused_and_names_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let first = CellFolder::lock(folder.path(), std::process::id()).unwrap();
        let error = CellFolder::lock(folder.path(), std::process::id()).err().unwrap().to_string();
        assert!(error.contains("locked by another process"), "{error}");
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        drop(first);
        CellFolder::lock(folder.path(), std::process::id()).unwrap();
    }
}
