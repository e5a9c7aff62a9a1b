//! `metrics.jsonl` and `diagnostics.jsonl`: appended line by line, cut back on resume.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::files::run_folder::fresh_start;
use crate::files::{Hold, LeaseError};
use crate::training::Progress;

/// Metrics of a run.
pub(crate) const METRICS: &str = "metrics.jsonl";
/// Diagnostics of a run.
pub(crate) const DIAGNOSTICS: &str = "diagnostics.jsonl";

/// The two journals of a training.
pub(crate) struct Journals {
    /// `metrics.jsonl`
    pub(crate) metrics: Journal,
    /// `diagnostics.jsonl`
    pub(crate) diagnostics: Journal,
}

impl Journals {
    /// Open both in `folder`, cut back to what belongs to `progress`.
    ///
    /// # Errors
    /// See [`Journal::open`].
    pub(crate) fn open(folder: &Path, progress: &Progress) -> Result<Self, JournalError> {
        Ok(Self {
            metrics: Journal::open(&folder.join(METRICS), progress.metrics_bytes)?,
            diagnostics: Journal::open(&folder.join(DIAGNOSTICS), progress.diagnostics_bytes)?,
        })
    }

    /// Whether [`open`](Self::open) would find what belongs to `progress`; changes nothing.
    ///
    /// # Errors
    /// See [`Journal::check`].
    pub(crate) fn check(folder: &Path, progress: &Progress) -> Result<(), JournalError> {
        Journal::check(&folder.join(METRICS), progress.metrics_bytes)?;
        Journal::check(&folder.join(DIAGNOSTICS), progress.diagnostics_bytes)
    }

    /// The same, written as long as `hold` says that the run is this process's.
    pub(crate) fn held_by(mut self, hold: &Hold) -> Self {
        for journal in [&mut self.metrics, &mut self.diagnostics] {
            journal.hold = Some(hold.clone());
        }
        self
    }

    /// What says whether the run is this process's.
    pub(crate) fn hold(&self) -> Option<&Hold> {
        self.metrics.hold.as_ref()
    }

    /// Whether something may be written into the folder of the run.
    ///
    /// # Errors
    /// The run is somebody else's now.
    pub(crate) fn check_hold(&self) -> Result<(), JournalError> {
        self.metrics.check_hold()
    }

    /// Make sure that everything is on disk, before a checkpoint refers to it.
    pub(crate) fn sync(&self) -> Result<(), JournalError> {
        self.check_hold()?;
        self.metrics.sync()?;
        self.diagnostics.sync()
    }
}

/// An append-only file of JSON lines.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// What has to hold for a line to be written.
    hold: Option<Hold>,
}

/// A journal that cannot be gone on with.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "journal-")]
pub(crate) enum JournalError {
    #[error("cannot write {path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    /// The run is somebody else's now.
    #[strum(transparent)]
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// Lines that belong to the checkpoint are gone.
    #[error(
        "{path} has lost lines: the checkpoint was written when it had {wanted} bytes with whole lines, now it {found}; put \
         the file back as it was, or start the run again with {}",
        fresh_start(path)
    )]
    Lost {
        path: PathBuf,
        /// Length at the checkpoint.
        wanted: u64,
        /// What there is instead, in words.
        found: String,
    },
}

impl Journal {
    /// Open `path`, keeping its first `keep` bytes.
    ///
    /// # Errors
    /// The file cannot be opened, is shorter, or has no end of a line there.
    pub(crate) fn open(path: &Path, keep: u64) -> Result<Self, JournalError> {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).truncate(false).read(true).write(true).open(path).map_err(io(path))?;
        let length = check_file(&mut file, path, keep)?;
        if length > keep {
            file.set_len(keep).map_err(io(path))?;
        }
        file.seek(SeekFrom::Start(keep)).map_err(io(path))?;
        Ok(Self { path: path.to_owned(), file, bytes: keep, hold: None })
    }

    /// Whether [`open`](Self::open) would find the first `keep` bytes; changes nothing.
    ///
    /// # Errors
    /// The file cannot be read, is shorter, or has no end of a line there.
    pub(crate) fn check(path: &Path, keep: u64) -> Result<(), JournalError> {
        if keep == 0 {
            return Ok(());
        }
        match File::open(path) {
            Ok(mut file) => check_file(&mut file, path, keep).map(|_| ()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(JournalError::Lost { path: path.to_owned(), wanted: keep, found: "is gone".into() })
            }
            Err(error) => Err(io(path)(error)),
        }
    }

    /// Append `lines`, in one write.
    pub(crate) fn append<T: Serialize>(&mut self, lines: &[T]) -> Result<(), JournalError> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line).map_err(|error| io(&self.path)(error.into()))?;
            text.push(b'\n');
        }
        self.check_hold()?;
        self.file.write_all(&text).map_err(io(&self.path))?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    fn check_hold(&self) -> Result<(), JournalError> {
        Ok(self.hold.as_ref().map_or(Ok(()), Hold::check)?)
    }

    /// Length so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Make sure that everything is on disk.
    pub(crate) fn sync(&self) -> Result<(), JournalError> {
        self.file.sync_data().map_err(io(&self.path))
    }
}

/// The error of reading or writing `path`.
fn io(path: &Path) -> impl Fn(std::io::Error) -> JournalError + use<> {
    let path = path.to_owned();
    move |source| JournalError::Io { path: path.clone(), source }
}

/// The length of `file`, whose first `keep` bytes are whole lines.
fn check_file(file: &mut File, path: &Path, keep: u64) -> Result<u64, JournalError> {
    let lost = |found| JournalError::Lost { path: path.to_owned(), wanted: keep, found };
    let length = file.metadata().map_err(io(path))?.len();
    if length < keep {
        return Err(lost(format!("has {length}")));
    }
    if keep > 0 {
        let mut end = [0];
        file.seek(SeekFrom::Start(keep - 1)).and_then(|_| file.read_exact(&mut end)).map_err(io(path))?;
        if end != *b"\n" {
            return Err(lost("has another text".into()));
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reopening_cuts_off_what_came_after_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut journal = Journal::open(&path, 0).unwrap();
        journal.append(&[1, 2]).unwrap();
        let keep = journal.bytes();
        journal.append(&[3]).unwrap();
        drop(journal);
        let mut journal = Journal::open(&path, keep).unwrap();
        journal.append(&[4]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n4\n");
    }

    #[test]
    fn lines_that_are_gone_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut journal = Journal::open(&path, 0).unwrap();
        journal.append(&[1, 2]).unwrap();
        let keep = journal.bytes();
        drop(journal);
        let open = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Journal::open(&path, keep)
        };
        for short in ["", "1\n", "1\n2", "1\n\u{0}2"] {
            let error = open(short).err().unwrap();
            assert!(matches!(&error, JournalError::Lost { wanted: 4, .. }), "{short:?}: {error}");
            assert!(error.to_string().contains("metrics.jsonl"), "{error}");
            assert_eq!(Journal::check(&path, keep).unwrap_err().to_string(), error.to_string());
            // What is left stays for whoever looks.
            assert_eq!(std::fs::read_to_string(&path).unwrap(), short);
        }
        std::fs::write(&path, "1\n2\n3").unwrap();
        Journal::check(&path, keep).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n3", "a check changes nothing");
        assert_eq!(open("1\n2\n3").unwrap().bytes(), 4);
        std::fs::remove_file(&path).unwrap();
        assert!(Journal::check(&path, keep).is_err() && Journal::check(&path, 0).is_ok() && !path.exists());
    }
}
