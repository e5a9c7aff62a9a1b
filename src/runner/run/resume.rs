//! Whether a run is complete, with its results still there, and whether a training that has begun may go on towards what is asked
//! for now.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use datasets::{Metric, Split};
use vocabulary::record::{MetricKind, MetricLine, RunRecord, State, Status, StopReason};

use super::failure::RunFailure;
use crate::experiment::{Run, Training};
use crate::files::{FolderError, RunFolder};
use crate::training::{METRICS, Progress, newest_position, patience_ends};

/// Whether the folder's status says that nothing is left to do for `settings`.
pub(crate) fn is_complete(status: &Status, before: Option<&RunRecord>, settings: &Training) -> bool {
    if status.state != State::Done {
        return false;
    }
    let before: Option<Training> = before.and_then(|run| serde_json::from_value(run.training.clone()).ok());
    let unbounded = |limit: Option<Duration>| limit.unwrap_or(Duration::MAX);
    match (status.reason, before) {
        (Some(StopReason::MaxTime), Some(before)) => unbounded(settings.max_time) <= unbounded(before.max_time),
        // Another `max_steps` is another run.
        (Some(StopReason::MaxSteps), _) => true,
        (Some(StopReason::EarlyStopping), Some(before)) => {
            settings.early_stopping.unwrap_or(u32::MAX) <= before.early_stopping.unwrap_or(u32::MAX)
        }
        _ => status.epoch >= u64::from(settings.epochs),
    }
}

/// The end of `metrics.jsonl` that holds the final lines, with room to spare.
const END: u64 = 64 << 10;

/// What is missing of the results in the folder of a run that is done, in words; `None` where they are whole.
pub(super) fn missing_results(folder: &Path) -> Option<String> {
    let path = folder.join(METRICS);
    let (length, end) = match read_end(&path) {
        Ok(found) => found,
        Err(error) => return Some(format!("{} cannot be read: {error}", path.display())),
    };
    let lines: Vec<MetricLine> = end.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let has = |name: &str| lines.iter().any(|line| line.kind == MetricKind::Final && line.name.starts_with(name));
    if !end.ends_with('\n') || !has("test_") || !has("seconds") {
        return Some(format!("{} has lost its last lines", path.display()));
    }
    // Without the checkpoint nothing says how long it was, and nothing could be measured again.
    let position = newest_position(folder);
    position.filter(|position| length < position.metrics_bytes).map(|_| format!("{} has lost lines", path.display()))
}

/// Length of a file and the text of its end.
fn read_end(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end)?;
    Ok((length, String::from_utf8_lossy(&end).into_owned()))
}

/// A training may go on for longer than it was planned, but one that went on for longer than is asked for now is not the
/// shorter one, whatever its schedule: its best epoch may lie beyond the end.
pub(super) fn check_length(
    run: &Run,
    folder: &RunFolder,
    before: &RunRecord,
    progress: &Progress,
    steps_per_epoch: u64,
) -> Result<(), RunFailure> {
    let (was, now): (Training, &Training) = (serde_json::from_value(before.training.clone())?, &run.training);
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
        let metric = run.spec().metric;
        let values = validations(folder.path(), metric, progress.metrics_bytes)?;
        let end = patience_ends(values, metric.higher_is_better(), patience);
        if let Some(end) = end.filter(|end| *end < epoch || step_in_epoch > 0) {
            let text = format!("{trained}; `early_stopping: {patience}` would have ended it after epoch {end}");
            return Err(RunFailure::Longer(text));
        }
    }
    Ok(())
}

/// The validation metric of every whole epoch among the first `bytes` of the metrics in the `folder` of a run.
pub(in crate::runner) fn validations(folder: &Path, metric: Metric, bytes: u64) -> Result<Vec<f64>, FolderError> {
    let path = folder.join(METRICS);
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
