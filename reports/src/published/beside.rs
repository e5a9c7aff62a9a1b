//! The published value beside a run.

use vocabulary::record::CellRecord;

use super::counterpart::{Counterpart, counterpart};
use super::networks::{models, same_network};
use super::values::Published;

/// A published value beside one of ours.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Beside {
    /// The value.
    pub published: Published,
    /// Whether a network of our size was meant: ours has a parameter count within a third of the printed one.
    pub same_size: bool,
    /// Whether ours is that network, its size and what a recipe tunes aside.
    pub same_network: bool,
    /// Whether ours is the same task.
    pub counterpart: Counterpart,
}

/// The published value beside `record`.
pub(crate) fn beside(record: &CellRecord, table: &[Published]) -> Option<Beside> {
    let task = counterpart(record, None)?.task;
    let (models, same_model) = models(record);
    let found = models.into_iter().find_map(|model| table.iter().find(|p| p.task == task && p.model == model))?;
    let same_size = match (record.baseline.parameters, found.parameters) {
        (Some(ours), Some(theirs)) => (ours as f64 / theirs as f64 - 1.0).abs() <= 1.0 / 3.0,
        _ => true,
    };
    let counterpart = counterpart(record, Some(&found.model))?;
    let same_size = same_model && same_size;
    Some(Beside { published: found.clone(), same_size, same_network: same_network(record), counterpart })
}
