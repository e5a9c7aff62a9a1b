//! Saving a training to its checkpoints, and going on from one.

use std::path::{Path, PathBuf};

use baselines::read::read;
use burn::tensor::Device;

use super::newest::keep_as_previous;
use super::{Job, Progress, Session, State, TrainError};
use crate::files::checkpoint::{Checkpoint, CheckpointDraft, CheckpointError, Header};
use crate::files::tensors::{self, to_device};
use crate::training::Journals;
use crate::training::health::Cause;

/// The checkpoint to go on from, in the `folder` of a run.
pub(crate) fn last_path(folder: &Path) -> PathBuf {
    folder.join("checkpoints").join("last.safetensors")
}

/// The checkpoint of the best epoch, in the `folder` of a run.
pub(crate) fn best_path(folder: &Path) -> PathBuf {
    folder.join("checkpoints").join("best.safetensors")
}

/// Write the `last` checkpoint; the journals reach the disk first, since it refers to their lengths.
pub(in crate::training) fn save(session: &mut Session<'_>) -> Result<(), TrainError> {
    let Session { job, state, journals, clock, .. } = session;
    journals.sync()?;
    state.progress.metrics_bytes = journals.metrics.bytes();
    state.progress.diagnostics_bytes = journals.diagnostics.bytes();
    state.progress.seconds = clock.seconds();
    let mut draft = CheckpointDraft::default();
    draft.add_weights("model", &tensors::weights(state.model.as_ref())?);
    if let Some(best) = &state.best {
        draft.add_weights("best", best);
    }
    let (updates, moments) = state.optimiser.state();
    for (name, [first, second]) in moments {
        draft.add("optimiser.first", name, &first.dims(), &read(first.clone(), name)?);
        draft.add("optimiser.second", name, &second.dims(), &read(second.clone(), name)?);
    }
    journals.check_hold()?;
    keep_as_previous(&job.folder)?;
    let header = Header { updates, ..header(job, state) };
    match draft.write(&last_path(&job.folder), header, &state.progress, journals.hold()) {
        Err(CheckpointError::NotFinite { tensor, value }) => {
            let cause = Cause::of_tensor(&tensor);
            Err(job.not_finite(&state.progress, (format!("`{tensor}`"), value), cause, &[]).into())
        }
        saved => {
            saved?;
            clock.saved();
            Ok(())
        }
    }
}

/// Write the weights of the best epoch, if one is over.
pub(in crate::training) fn save_best(job: &Job<'_>, state: &State, journals: &Journals) -> Result<(), TrainError> {
    if let Some(best) = &state.best {
        let mut draft = CheckpointDraft::default();
        draft.add_weights("model", best);
        draft.write(&best_path(&job.folder), header(job, state), &state.progress, journals.hold())?;
    }
    Ok(())
}

fn header<'a>(job: &Job<'a>, state: &State) -> Header<'a> {
    Header { run_hash: job.hash, kernel_length: state.model.kernel_length(), updates: 0 }
}

/// Let `state`, a training that has not begun, go on from `checkpoint`, with the moments of the optimiser on `device`.
///
/// # Errors
/// The checkpoint is of another network, or does not say where the training stood.
pub(crate) fn restore(checkpoint: &Checkpoint, state: &mut State, device: &Device) -> Result<(), CheckpointError> {
    let progress: Progress = checkpoint.progress()?;
    tensors::restore(state.model.as_mut(), &checkpoint.named("model.")).map_err(|reason| checkpoint.invalid(reason))?;
    let moments = checkpoint.tensors.iter().filter_map(|(key, (_, first))| {
        let name = key.strip_prefix("optimiser.first.")?;
        let (_, second) = checkpoint.tensors.get(&format!("optimiser.second.{name}"))?;
        Some((name.to_owned(), [to_device(first, device), to_device(second, device)]))
    });
    state.optimiser.restore(checkpoint.updates, moments.collect());
    let best = checkpoint.named("best.");
    state.best = (!best.is_empty()).then_some(best);
    state.progress = progress;
    Ok(())
}
