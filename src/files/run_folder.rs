//! The folder of one run: lease, records, log.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use vocabulary::record::{EVALUATIONS, Evaluations, RunRecord, Status, inspection::Stage};

use super::atomic;
pub(crate) use super::clock::now;
use super::lease::{Held, Hold, LeaseError, Patience, Wanted};

/// Folder of the resolved experiment files of all calls.
const PLANS: &str = "plans";

/// What can go wrong with the folder of a run.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "folder-")]
pub(crate) enum FolderError {
    #[error("cannot {action} {path}: {source}")]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    /// A record that is not one of ours.
    #[error("{path} cannot be read: {reason}; start the run again with {}", fresh_start(path))]
    Record { path: PathBuf, reason: String },
    /// Another process works on the run.
    #[error("{path} is locked by another process{holder}; wait for it or stop it")]
    Locked {
        path: PathBuf,
        /// Its process, where known.
        holder: String,
    },
    /// Whose the run is cannot be settled, or it is somebody else's now.
    #[strum(transparent)]
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

/// The options of `bench run` that start the run anew which `file` in its folder belongs to, and leave the others alone.
pub(crate) fn fresh_start(file: &Path) -> String {
    let run = file.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    run.map_or_else(|| "--fresh".to_owned(), |run| format!("--fresh --cell {run}"))
}

/// The folder of a run, which this process alone writes into as long as the value lives.
pub(crate) struct RunFolder {
    path: PathBuf,
    lease: Held,
}

impl RunFolder {
    /// Create the folder where needed and get its lease for `process`, the `bench run` that messages to others name as the holder.
    ///
    /// A worker whose `bench run` was killed saves and leaves: it is waited for.
    pub(crate) fn lock(path: &Path, process: u32, patience: Patience<'_>) -> Result<Self, FolderError> {
        let checkpoints = path.join("checkpoints");
        std::fs::create_dir_all(&checkpoints).map_err(io("create", &checkpoints))?;
        match Wanted::new(process).and_then(|wanted| wanted.acquire(path, patience)) {
            Ok(lease) => Ok(Self { path: path.to_owned(), lease }),
            Err(LeaseError::Held { holder, .. }) => {
                Err(FolderError::Locked { path: path.to_owned(), holder: format!(" ({holder})") })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What is asked before others write into the folder.
    pub(crate) fn hold(&self) -> &Hold {
        self.lease.hold()
    }

    /// Whose the run was, and why it no longer is, where it was taken over.
    pub(crate) fn taken_over(&self) -> Option<&str> {
        self.lease.taken_over()
    }

    /// Why the run is not this process's any longer, if that is so.
    pub(crate) fn lost(&self) -> Option<String> {
        // Where it cannot be known, it is not known to be lost.
        let lost = |error: LeaseError| matches!(error, LeaseError::Lost { .. }).then(|| error.to_string());
        self.hold().check().err().and_then(lost)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Remove everything but the lease. The checkpoints go first: killed in between, a result still stands with its record, or
    /// the run starts anew, but it never goes on from what was to be discarded.
    pub(crate) fn clear(&self) -> Result<(), FolderError> {
        self.hold().check()?;
        let checkpoints = self.path.join("checkpoints");
        std::fs::remove_dir_all(&checkpoints).map_err(io("remove", &checkpoints))?;
        std::fs::create_dir_all(&checkpoints).map_err(io("remove", &checkpoints))?;
        for name in [
            "status.json",
            "cell.yaml",
            "metrics.jsonl",
            "diagnostics.jsonl",
            "diagnostics.parquet",
            "outcomes.parquet",
            Stage::Initial.file(),
            Stage::Trained.file(),
            EVALUATIONS,
            "log.txt",
        ] {
            self.remove(name)?;
        }
        Ok(())
    }

    /// Remove the file called `name`, if it is there.
    fn remove(&self, name: &str) -> Result<(), FolderError> {
        self.hold().check()?;
        let path = self.path.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    /// Remove `evaluations.json`: they are of weights that are trained further.
    pub(crate) fn remove_evaluations(&self) -> Result<(), FolderError> {
        self.remove(EVALUATIONS)
    }

    /// Write `evaluations.json`.
    pub(crate) fn write_evaluations(&self, evaluations: &Evaluations) -> Result<(), FolderError> {
        let path = self.path.join(EVALUATIONS);
        self.write(&path, &serde_json::to_vec_pretty(evaluations).map_err(|error| unwritable(&path, &error))?)
    }

    /// Write `cell.yaml`.
    pub(crate) fn write_record(&self, record: &RunRecord) -> Result<(), FolderError> {
        let path = self.path.join("cell.yaml");
        self.write(&path, serde_yaml::to_string(record).map_err(|error| unwritable(&path, &error))?.as_bytes())
    }

    /// Write `status.json`.
    pub(crate) fn write_status(&self, status: &Status) -> Result<(), FolderError> {
        let path = self.path.join("status.json");
        self.write(&path, &serde_json::to_vec_pretty(status).map_err(|error| unwritable(&path, &error))?)
    }

    /// Replace `path`, a file of the folder, atomically.
    fn write(&self, path: &Path, content: &[u8]) -> Result<(), FolderError> {
        self.hold().check()?;
        atomic::replace_held(path, content, Some(self.hold())).map_err(io("write", path))
    }

    /// Append a line with the time to `log.txt`.
    pub(crate) fn log(&self, line: &str) -> Result<(), FolderError> {
        self.hold().check()?;
        let path = self.path.join("log.txt");
        let append = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            writeln!(file, "{} {line}", now())
        };
        append().map_err(io("write", &path))
    }
}

/// `cell.yaml` of a folder, if there is one.
pub(crate) fn read_record(folder: &Path) -> Result<Option<RunRecord>, FolderError> {
    read(&folder.join("cell.yaml"), |text| serde_yaml::from_slice(text).map_err(|error| error.to_string()))
}

/// The run whose folder, or whose folder `checkpoints`, holds the file at `path`: its folder and its record.
pub(crate) fn run_of(path: &Path) -> Result<Option<(PathBuf, RunRecord)>, FolderError> {
    for folder in path.ancestors().skip(1).take(2) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        if let Some(record) = read_record(folder)? {
            return Ok(Some((folder.to_owned(), record)));
        }
    }
    Ok(None)
}

/// `status.json` of a folder, if there is one.
pub(crate) fn read_status(folder: &Path) -> Result<Option<Status>, FolderError> {
    read(&folder.join("status.json"), |text| serde_json::from_slice(text).map_err(|error| error.to_string()))
}

/// `evaluations.json` of a folder, if there is one.
pub(crate) fn read_evaluations(folder: &Path) -> Result<Option<Evaluations>, FolderError> {
    read(&folder.join(EVALUATIONS), |text| serde_json::from_slice(text).map_err(|error| error.to_string()))
}

fn read<T: DeserializeOwned>(
    path: &Path,
    parse: impl Fn(&[u8]) -> Result<T, String>,
) -> Result<Option<T>, FolderError> {
    match std::fs::read(path) {
        Ok(text) => parse(&text).map(Some).map_err(|reason| FolderError::Record { path: path.to_owned(), reason }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", path)(error)),
    }
}

/// Replace `path` atomically.
fn write(path: &Path, content: &[u8]) -> Result<(), FolderError> {
    atomic::replace(path, content).map_err(io("write", path))
}

/// The error of an `action` on `path`.
fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> FolderError + use<> {
    let path = path.to_owned();
    move |source| FolderError::Io { action, path, source }
}

/// The error of a record that cannot be written as text.
fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> FolderError {
    FolderError::Record { path: path.to_owned(), reason: error.to_string() }
}

/// Write the resolved experiment file of a call: as `experiment.yaml`, which is that of the last call, and under a name that
/// only this content has, which the records of its runs keep. Gives that name, below the folder `out`.
pub(crate) fn keep_plan(out: &Path, resolved: &str) -> Result<String, FolderError> {
    let hash: String = Sha256::digest(resolved.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let name = format!("{PLANS}/{hash}.yaml");
    let folder = out.join(PLANS);
    std::fs::create_dir_all(&folder).map_err(io("create", &folder))?;
    for path in [out.join(&name), out.join("experiment.yaml")] {
        // What is there need not be written, for which a full disk has no room.
        if std::fs::read(&path).ok().as_deref() != Some(resolved.as_bytes()) {
            write(&path, resolved.as_bytes())?;
        }
    }
    Ok(name)
}

/// Make a run visible before its turn: `cell.yaml` and a pending status, unless they are there.
pub(crate) fn enlist(folder: &Path, record: &RunRecord) -> Result<(), FolderError> {
    std::fs::create_dir_all(folder).map_err(io("create", folder))?;
    let (record_path, status_path) = (folder.join("cell.yaml"), folder.join("status.json"));
    let record = serde_yaml::to_string(record).map_err(|error| unwritable(&record_path, &error))?;
    let status = serde_json::to_string_pretty(&Status::pending()).map_err(|error| unwritable(&status_path, &error))?;
    for (path, text) in [(record_path, record), (status_path, status)] {
        // Never over the file of a process that has begun meanwhile.
        atomic::create(&path, text.as_bytes()).map_err(io("write", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_second_lock_is_refused_and_names_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let lock = || RunFolder::lock(folder.path(), std::process::id(), Patience::None);
        let first = lock().unwrap();
        let error = lock().err().unwrap();
        let FolderError::Locked { holder, .. } = &error else { unreachable!("{error}") };
        assert!(holder.contains(&std::process::id().to_string()), "{error}");
        drop(first);
        lock().unwrap();
    }

    #[test]
    fn nothing_is_written_into_a_folder_that_is_somebody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let first = RunFolder::lock(folder.path(), std::process::id(), Patience::None).unwrap();
        first.write_status(&Status::pending()).unwrap();
        std::fs::remove_file(folder.path().join(vocabulary::record::LEASE)).unwrap();
        std::fs::remove_file(folder.path().join("status.json")).unwrap();
        // As after a long sleep.
        first.hold().expire();
        assert!(matches!(first.write_status(&Status::pending()), Err(FolderError::Lease(LeaseError::Lost { .. }))));
        assert!(first.log("line").is_err() && first.clear().is_err() && first.lost().is_some());
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["checkpoints"]);
    }
}
