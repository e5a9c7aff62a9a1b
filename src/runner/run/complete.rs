//! Whether a run is complete: trained as far as is asked for, with its results still there.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use vocabulary::record::{MetricKind, MetricLine, RunRecord, State, Status, StopReason};

use crate::experiment::Training;
use crate::files::checkpoint;
use crate::training::last_path;
use crate::training::metrics::METRICS;

/// Whether the folder's status says that nothing is left to do for `settings`.
pub(crate) fn is_complete(status: &Status, before: Option<&RunRecord>, settings: &Training) -> bool {
    if status.state != State::Done {
        return false;
    }
    let before: Option<Training> = before.and_then(|cell| serde_json::from_value(cell.training.clone()).ok());
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
    let position = checkpoint::position(&last_path(folder));
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
