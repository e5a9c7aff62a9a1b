//! The published values beside a run.

use vocabulary::record::RunRecord;

use super::counterpart::{Counterpart, counterpart};
use super::networks::{models, other_names, same_network};
use super::provenance::Variant;
use super::range::Range;
use super::values::Published;

/// The published values beside one of ours.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Beside {
    /// The model, as the paper of its first value calls it.
    pub model: &'static str,
    /// Its values.
    pub range: Range,
    /// Whether a network of our size was meant: ours has a parameter count within a third of the printed one.
    pub same_size: bool,
    /// Whether ours is that network, its size and what a recipe tunes aside.
    pub same_network: bool,
    /// Whether ours is the same task.
    pub counterpart: Counterpart,
}

/// The published values beside `record`.
pub(crate) fn beside(record: &RunRecord, table: &'static [Published]) -> Option<Beside> {
    let task = counterpart(record, None)?.task;
    let (models, same_model) = models(record);
    let mut values = models.into_iter().map(|model| values_of(model, task, table)).find(|values| !values.is_empty())?;
    let first = *values.first()?;
    values.retain(|value| same_size(value.parameters, first.parameters));
    Some(Beside {
        model: &first.model,
        range: Range::of(values)?,
        same_size: same_model && same_size(record.baseline.parameters, first.parameters),
        same_network: same_network(record),
        counterpart: counterpart(record, Some(&first.model))?,
    })
}

/// What was published of `model` on `task`, under its name first and then under others that it has in other papers.
///
/// A pretrained network is another one: ours is trained on the task alone.
pub(crate) fn values_of(model: &str, task: &str, table: &'static [Published]) -> Vec<&'static Published> {
    let of = |name: &str| {
        let comparable = |value: &Published| !value.variant.contains(&Variant::Pretrained);
        table.iter().filter(|value| value.task == task && value.model == name && comparable(value)).collect::<Vec<_>>()
    };
    let mut values = of(model);
    values.extend(other_names(model).flat_map(of));
    values
}

/// Whether two numbers of parameters are within a third of the second one; whatever is not printed may be.
fn same_size(ours: Option<u64>, theirs: Option<u64>) -> bool {
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return true };
    (ours as f64 / theirs as f64 - 1.0).abs() <= 1.0 / 3.0
}
