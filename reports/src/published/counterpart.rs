//! The published task that a run repeats.

use vocabulary::record::RunRecord;

use super::protocols::{own_settings, protocol};
use super::setting::allows;

/// The published task that one of ours corresponds to, and in what ours is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counterpart {
    /// Name in [`Published::task`](super::Published::task).
    pub task: &'static str,
    /// Whether our splits have the published sizes, and the samples are the official ones.
    pub full_data: bool,
    /// Whether everything that makes the task as hard as it is has its published value.
    pub same_difficulty: bool,
    /// Whether every other setting of the task has a value under which the result was published, too.
    pub same_protocol: bool,
}

/// Settings that [`Counterpart::full_data`] judges by the sizes of the splits.
const SIZES: [&str; 3] = ["train_samples", "validation_samples", "test_samples"];

/// The published task that `record` corresponds to, if there is one, for the published network `model`.
pub(crate) fn counterpart(record: &RunRecord, model: Option<&str>) -> Option<Counterpart> {
    let task = &record.task;
    let protocol = protocol(record)?;
    let own = own_settings(protocol.task, model);
    // A setting that the record does not name has its published value: older records do not have it.
    let (mut same_difficulty, mut same_protocol) = (true, true);
    for (name, value) in task.config.as_object().into_iter().flatten() {
        if let Some(allowed) = allows(protocol.difficulty, name, value) {
            same_difficulty &= allowed;
        } else if let Some(allowed) = allows(own, name, value).or_else(|| allows(protocol.others, name, value)) {
            same_protocol &= allowed;
        } else if !SIZES.contains(&name.as_str()) {
            // A setting that nothing is known about.
            same_protocol &= value.is_null();
        }
    }
    let full_data = protocol.sizes.are(task.splits) && !task.notes.iter().any(|note| is_another_set(note));
    Some(Counterpart { task: protocol.task, full_data, same_difficulty, same_protocol })
}

/// Whether `note` says that a data set is not the official one, or not all of it: such notes begin so.
pub(crate) fn is_another_set(note: &str) -> bool {
    note.starts_with("reconstructed") || note.starts_with("not ")
}
