//! `submission.json`: the jobs of one call of `bench submit`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::SubmitError;
use crate::files::{atomic, run_folder};

/// Folder of all submissions, below that of the experiment.
const SUBMISSIONS: &str = "submissions";
const RECORD: &str = "submission.json";
/// Version of the record.
const SCHEMA: u32 = 1;

/// Who runs the jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Engine {
    /// Slurm, by its own programs.
    Slurm,
    /// No scheduler: a process of this machine, in the background.
    Local,
    /// Whatever the script of --template is for.
    Template,
}

/// An array of tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArrayJob {
    /// The scheduler's name of it, or the id of the process; absent where it was not given to one.
    pub(crate) job: Option<String>,
    /// The runs, by the number of their task from 0.
    pub(crate) runs: Vec<String>,
}

/// One call of `bench submit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Submission {
    /// [`SCHEMA`].
    pub(crate) schema: u32,
    pub(crate) engine: Engine,
    /// When, RFC 3339 UTC.
    pub(crate) submitted: String,
    /// The arrays, each after the one before.
    pub(crate) arrays: Vec<ArrayJob>,
    /// The job of the report.
    pub(crate) report: Option<String>,
    /// Whether `bench cancel` has ended it.
    #[serde(default)]
    pub(crate) cancelled: bool,
}

impl Submission {
    /// Of no jobs yet.
    pub(crate) fn new(engine: Engine) -> Self {
        let submitted = run_folder::now();
        Self { schema: SCHEMA, engine, submitted, arrays: Vec::new(), report: None, cancelled: false }
    }

    /// The names of all its jobs.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &str> {
        self.arrays.iter().filter_map(|array| array.job.as_deref()).chain(self.report.as_deref())
    }

    /// Make the folder of the next submission below `experiment`, with one for logs.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn folder(experiment: &Path) -> Result<PathBuf, SubmitError> {
        let all = experiment.join(SUBMISSIONS);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| SubmitError::Io { action: "create", path, source }
        };
        std::fs::create_dir_all(&all).map_err(failed(&all))?;
        let taken = folders(&all)?.iter().filter_map(|path| path.file_name()?.to_str()?.parse::<u32>().ok()).max();
        // Two calls at a time take one number each.
        let mut number = taken.unwrap_or(0);
        loop {
            number += 1;
            let folder = all.join(format!("{number:04}"));
            match std::fs::create_dir(&folder) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                made => {
                    made.map_err(failed(&folder))?;
                    let logs = folder.join("logs");
                    std::fs::create_dir(&logs).map_err(failed(&logs))?;
                    return Ok(folder);
                }
            }
        }
    }

    /// Write it into its `folder`.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), SubmitError> {
        let path = folder.join(RECORD);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| SubmitError::Record { path: path.clone(), reason: error.to_string() })?;
        atomic::replace(&path, &text).map_err(|source| SubmitError::Io { action: "write", path, source })
    }

    /// All submissions of the experiment in the folder `experiment`, the first one first, each with its folder.
    ///
    /// # Errors
    /// One cannot be read, or is from a newer program.
    pub(crate) fn all(experiment: &Path) -> Result<Vec<(PathBuf, Self)>, SubmitError> {
        let mut found = Vec::new();
        for folder in folders(&experiment.join(SUBMISSIONS))? {
            let path = folder.join(RECORD);
            let text = match std::fs::read(&path) {
                // A call that ended before it had given anything to a scheduler.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(source) => return Err(SubmitError::Io { action: "read", path, source }),
                Ok(text) => text,
            };
            let record: Self = serde_json::from_slice(&text)
                .map_err(|error| SubmitError::Record { path: path.clone(), reason: error.to_string() })?;
            if record.schema > SCHEMA {
                let reason = format!("it has version {}; this program reads up to {SCHEMA}", record.schema);
                return Err(SubmitError::Record { path, reason });
            }
            found.push((folder, record));
        }
        Ok(found)
    }
}

/// The folders within `folder`, in order of their names; none where it is not there.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, SubmitError> {
    let failed = |source| SubmitError::Io { action: "read", path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn submissions_are_numbered_and_read_again() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(Submission::all(home.path()).unwrap(), []);
        let first = Submission::folder(home.path()).unwrap();
        let second = Submission::folder(home.path()).unwrap();
        assert!(first.ends_with("submissions/0001/") && second.ends_with("submissions/0002/"));
        let mut record = Submission::new(Engine::Slurm);
        record.arrays.push(ArrayJob { job: Some("7".into()), runs: vec!["a.b.s0".into()] });
        record.report = Some("8".into());
        record.write(&second).unwrap();
        // The first call has given nothing to the scheduler.
        assert_eq!(Submission::all(home.path()).unwrap(), [(second.clone(), record.clone())]);
        assert_eq!(record.jobs().collect::<Vec<_>>(), ["7", "8"]);
        record.schema = SCHEMA + 1;
        record.write(&second).unwrap();
        assert!(matches!(Submission::all(home.path()), Err(SubmitError::Record { .. })));
    }
}
