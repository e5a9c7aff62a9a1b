//! Runs in the formats of other programs: event files of TensorBoard and offline runs of Weights & Biases.
//!
//! Both get the same numbers (see [`scalars`]) with the optimiser step as their step, and the settings of the run.

mod message;
mod scalars;
mod settings;
mod tensorboard;
mod wandb;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::ReportError;
use crate::files::write_atomically;
use crate::runs::{AddedSettings, Run, load};

/// A program that shows runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// TensorBoard: `<out>/<experiment>/<run>/events.out.tfevents.*`.
    Tensorboard,
    /// Weights & Biases: `<out>/offline-run-*/run-*.wandb`, for `wandb sync`.
    Wandb,
}

impl Viewer {
    /// Its name in commands and folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tensorboard => "tensorboard",
            Self::Wandb => "wandb",
        }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exported {
    /// The files, one per run.
    pub files: Vec<PathBuf>,
    /// Runs and folders that are not among them, each with the reason.
    pub left_out: Vec<String>,
}

/// Write the runs of the folders `dirs` for `viewer` into `out`; a run that has not begun has nothing to show and is left out. The
/// same input gives the same bytes.
///
/// # Errors
/// A folder cannot be read (see [`load`]), a file cannot be written.
pub fn export(dirs: &[PathBuf], out: &Path, viewer: Viewer, added: &AddedSettings) -> Result<Exported, ReportError> {
    let runs = load(dirs, added)?;
    let (begun, others): (Vec<&Run>, Vec<&Run>) = runs.all.iter().partition(|run| !run.lines.is_empty());
    let one = |run: &&Run| {
        let scalars = scalars::of(run)?;
        let (path, bytes) = match viewer {
            Viewer::Tensorboard => tensorboard::event_file(run, &scalars),
            Viewer::Wandb => wandb::offline_run(run, &scalars),
        }
        .map_err(|error| ReportError::Write { path: out.join(&run.id), source: std::io::Error::other(error) })?;
        let path = out.join(path);
        write_atomically(&path, &bytes)?;
        Ok(path)
    };
    let files = begun.par_iter().map(one).collect::<Result<_, ReportError>>()?;
    let idle = others.iter().map(|run| format!("left out: {}: it has no metrics yet", run.path.display()));
    let left_out = runs.left_out.iter().map(ToString::to_string).chain(idle).collect();
    Ok(Exported { files, left_out })
}
