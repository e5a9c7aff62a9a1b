//! The newest checkpoint of a run that is whole: the last one, or the one before it where that is damaged.

use std::io;
use std::path::{Path, PathBuf};

use super::last_path;
use crate::files::checkpoint::{self, Checkpoint, CheckpointError, Position};

/// The checkpoint before the last, in the `folder` of a run that is not over.
fn previous_path(folder: &Path) -> PathBuf {
    folder.join("checkpoints").join("previous.safetensors")
}

/// A checkpoint to go on from.
pub(crate) struct Newest {
    pub(crate) checkpoint: Checkpoint,
    /// What is wrong with the last one, if this is the one before it.
    pub(crate) passed_over: Option<CheckpointError>,
}

/// The newest checkpoint in the `folder` of a run that can be used; `None` where there is none at all. A damaged one gives way to
/// the one before it, or else the next save would keep the damaged one as that.
///
/// # Errors
/// There are some and none can be used: what is wrong with the last. Or the last cannot be replaced.
pub(crate) fn newest(folder: &Path) -> Result<Option<Newest>, CheckpointError> {
    let wrong = match checkpoint::load(&last_path(folder)) {
        Ok(found) => return Ok(found.map(|checkpoint| Newest { checkpoint, passed_over: None })),
        Err(wrong) => wrong,
    };
    match checkpoint::load(&previous_path(folder)) {
        Ok(Some(checkpoint)) => {
            copy(&previous_path(folder), &last_path(folder))?;
            Ok(Some(Newest { checkpoint, passed_over: Some(wrong) }))
        }
        _ => Err(wrong),
    }
}

/// Where the newest checkpoint stands whose beginning can be read.
pub(crate) fn newest_position(folder: &Path) -> Option<Position> {
    checkpoint::position(&last_path(folder)).or_else(|| checkpoint::position(&previous_path(folder)))
}

/// Keep the last checkpoint as the one before it, where there is one: the last may now be replaced.
pub(super) fn keep_as_previous(folder: &Path) -> Result<(), CheckpointError> {
    let last = last_path(folder);
    if last.exists() { copy(&last, &previous_path(folder)) } else { Ok(()) }
}

/// Let `to` be the same file as `from`; readers see what it was before, or that.
fn copy(from: &Path, to: &Path) -> Result<(), CheckpointError> {
    let io = |source| CheckpointError::Io { path: to.to_owned(), source };
    let beside = to.with_extension("tmp");
    remove(&beside).map_err(io)?;
    // A second name costs nothing; some file systems have none.
    std::fs::hard_link(from, &beside).or_else(|_| std::fs::copy(from, &beside).map(drop)).map_err(io)?;
    std::fs::rename(&beside, to).map_err(io)?;
    // Of two names of one file, nothing is renamed.
    remove(&beside).map_err(io)
}

/// Remove the checkpoint before the last: the results of the run are written.
pub(in crate::training) fn forget_previous(folder: &Path) -> Result<(), CheckpointError> {
    let path = previous_path(folder);
    remove(&path).map_err(|source| CheckpointError::Io { path, source })
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
