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

/// The newest checkpoint in the `folder` of a run that can be used; `None` where there is none at all.
///
/// # Errors
/// There are some and none can be used: what is wrong with the last.
pub(crate) fn newest(folder: &Path) -> Result<Option<Newest>, CheckpointError> {
    let wrong = match checkpoint::load(&last_path(folder)) {
        Ok(found) => return Ok(found.map(|checkpoint| Newest { checkpoint, passed_over: None })),
        Err(wrong) => wrong,
    };
    match checkpoint::load(&previous_path(folder)) {
        Ok(Some(checkpoint)) => Ok(Some(Newest { checkpoint, passed_over: Some(wrong) })),
        _ => Err(wrong),
    }
}

/// Where the newest checkpoint stands whose beginning can be read.
pub(crate) fn newest_position(folder: &Path) -> Option<Position> {
    checkpoint::position(&last_path(folder)).or_else(|| checkpoint::position(&previous_path(folder)))
}

/// Keep the last checkpoint as the one before it, where there is one: the last may now be replaced.
pub(super) fn keep_as_previous(folder: &Path) -> Result<(), CheckpointError> {
    let (last, previous) = (last_path(folder), previous_path(folder));
    let io = |source| CheckpointError::Io { path: previous.clone(), source };
    if !last.exists() {
        return Ok(());
    }
    let beside = previous.with_extension("tmp");
    remove(&beside).map_err(io)?;
    // A second name costs nothing; some file systems have none.
    std::fs::hard_link(&last, &beside).or_else(|_| std::fs::copy(&last, &beside).map(drop)).map_err(io)?;
    std::fs::rename(&beside, &previous).map_err(io)
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
