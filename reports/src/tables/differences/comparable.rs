//! Which rows of a column may be compared.

use vocabulary::record::RunRecord;

use crate::published;
use crate::runs::{SeedGroup, Settings, is_presentation};

/// What two rows of a column must share to be compared: the scale, the samples, and every setting of the task but how they
/// are given to the model.
fn protocol(record: &RunRecord) -> Settings {
    let of_task = |path: &str| path.starts_with("task.") || path == "scale";
    let mut settings = Settings::of(record).without(|path| is_presentation(path) || !of_task(path));
    // The number at the end of the version follows from the samples.
    settings.set("task.version", record.task.version.rsplit('-').next().map(str::to_owned));
    let other = record.task.notes.iter().filter(|note| published::is_another_set(note));
    settings.set("task.notes", other.cloned().reduce(|all, note| format!("{all}; {note}")));
    settings
}

/// Everything that a record says of its task but the hash of the samples: where it agrees, so do they.
fn presented(record: &RunRecord) -> Settings {
    Settings::of(record).without(|path| !path.starts_with("task.") || path == "task.data_hash")
}

/// [`protocol`], with the hash of the samples where `members` read different ones under the same settings.
pub(super) fn compared_as(record: &RunRecord, members: &[&SeedGroup<'_>]) -> Settings {
    let mut settings = protocol(record);
    let (own, hash) = (presented(record), record.task.data_hash.as_deref());
    let others = members.iter().filter_map(|group| group.record()).filter(|other| presented(other) == own);
    if others.filter_map(|other| other.task.data_hash.as_deref()).any(|other| hash.is_some_and(|hash| hash != other)) {
        settings.set("task.data_hash", hash.map(str::to_owned));
    }
    settings
}
