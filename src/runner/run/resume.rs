//! Whether a training that has begun may go on towards what is asked for now.

use datasets::{Metric, Split};
use vocabulary::record::{MetricKind, MetricLine, RunRecord};

use super::failure::RunFailure;
use crate::experiment::{Cell, Training};
use crate::files::run_folder::{FolderError, RunFolder};
use crate::training::metrics::METRICS;
use crate::training::{Progress, patience_ends};

/// A training may go on for longer than it was planned, but one that went on for longer than is asked for now is not the
/// shorter one, whatever its schedule: its best epoch may lie beyond the end.
pub(super) fn check_length(
    cell: &Cell,
    folder: &RunFolder,
    before: &RunRecord,
    progress: &Progress,
    steps_per_epoch: u64,
) -> Result<(), RunFailure> {
    let (was, now): (Training, &Training) = (serde_json::from_value(before.training.clone())?, &cell.training);
    let Progress { epoch, step_in_epoch, step, .. } = *progress;
    let trained = match step_in_epoch {
        0 => format!("it has trained {epoch} epochs"),
        steps => format!("it has trained {epoch} epochs and {steps} of {steps_per_epoch} steps of another"),
    };
    if step > now.total_steps(steps_per_epoch) {
        return Err(RunFailure::Longer(format!("{trained}, more than the {} asked for", now.epochs)));
    }
    if let Some(limit) = now.max_time
        && was.max_time.is_none_or(|was| was > limit)
        && progress.seconds > limit.as_secs_f64()
    {
        let text = format!("it has trained for {:.1} s, more than the `max_time` asked for", progress.seconds);
        return Err(RunFailure::Longer(text));
    }
    if let Some(patience) = now.early_stopping
        && was.early_stopping.is_none_or(|was| was > patience)
    {
        let metric = cell.task.task.spec().metric;
        let values = validations(folder, metric, progress.metrics_bytes)?;
        let end = patience_ends(values, metric.higher_is_better(), patience);
        if let Some(end) = end.filter(|end| *end < epoch || step_in_epoch > 0) {
            let text = format!("{trained}; `early_stopping: {patience}` would have ended it after epoch {end}");
            return Err(RunFailure::Longer(text));
        }
    }
    Ok(())
}

/// The validation metric of every whole epoch among the first `bytes` of the metrics.
fn validations(folder: &RunFolder, metric: Metric, bytes: u64) -> Result<Vec<f64>, RunFailure> {
    let path = folder.path().join(METRICS);
    let text = std::fs::read(&path).map_err(|source| FolderError::Io { action: "read", path: path.clone(), source })?;
    let text = &text[..text.len().min(usize::try_from(bytes).unwrap_or(usize::MAX))];
    let mut values = Vec::new();
    for row in text.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()) {
        let line: MetricLine = serde_json::from_slice(row)
            .map_err(|error| FolderError::Record { path: path.clone(), reason: error.to_string() })?;
        let validation = line.kind == MetricKind::Epoch && line.split == Some(Split::Validation);
        if validation && !line.partial && line.name == metric.name() {
            values.push(line.value.unwrap_or(f64::NAN));
        }
    }
    Ok(values)
}
