//! Whether the results of a finished cell are still there.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use vocabulary::record::{MetricKind, MetricLine};

use crate::train::checkpoint;

/// The end of `metrics.jsonl` that holds the final lines, with room to spare.
const END: u64 = 64 << 10;

/// What is missing of the results in the folder of a cell that is done, in words; `None` where they are whole.
pub(super) fn missing(folder: &Path) -> Option<String> {
    let path = folder.join("metrics.jsonl");
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
    let position = checkpoint::position(&folder.join("checkpoints").join("last.safetensors"));
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
