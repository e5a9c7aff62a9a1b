//! `metrics.jsonl` and `diagnostics.jsonl`: appended line by line, cut back on resume.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

/// An append-only file of JSON lines.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// A journal that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {source}")]
pub(crate) struct JournalError {
    /// The file.
    pub(crate) path: PathBuf,
    /// Why.
    pub(crate) source: std::io::Error,
}

impl Journal {
    /// Open `path`, keeping its first `keep` bytes.
    pub(crate) fn open(path: &Path, keep: u64) -> Result<Self, JournalError> {
        let open = || -> std::io::Result<(File, u64)> {
            let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
            let length = file.metadata()?.len();
            let keep = keep.min(length);
            if length > keep {
                file.set_len(keep)?;
            }
            file.seek(SeekFrom::Start(keep))?;
            Ok((file, keep))
        };
        let (file, bytes) = open().map_err(|source| JournalError { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file, bytes })
    }

    /// Append `lines`, in one write.
    pub(crate) fn append<T: Serialize>(&mut self, lines: &[T]) -> Result<(), JournalError> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line)
                .map_err(|error| JournalError { path: self.path.clone(), source: error.into() })?;
            text.push(b'\n');
        }
        self.file.write_all(&text).map_err(|source| JournalError { path: self.path.clone(), source })?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// Length so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Make sure that everything is on disk, before a checkpoint refers to it.
    pub(crate) fn sync(&self) -> Result<(), JournalError> {
        self.file.sync_data().map_err(|source| JournalError { path: self.path.clone(), source })
    }
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
}
