//! The trials of a search: their values, and what their records say.

use std::collections::BTreeMap;

use serde_json::Value;
use vocabulary::record::TrialRecord;

use crate::experiment::raw::{Field, RawSearch};
use crate::experiment::search::Trial;
use crate::experiment::{Diagnostic, Node, Position, Scale};

/// The values that one trial sets, each with the place of its field.
pub(super) type Values<'a> = Vec<(&'a Field, Position, Node)>;

/// The values of every trial of a pair that has the ranges for which `has` holds; one trial without values where it has none.
pub(super) fn values<'a>(search: &'a RawSearch, has: impl Fn(&Field) -> bool) -> Vec<Values<'a>> {
    let wanted: Vec<bool> = search.ranges.iter().map(|range| has(&range.field)).collect();
    let ranges: Vec<_> = search.ranges.iter().map(|range| (&range.range, range.at)).collect();
    let own: Vec<_> =
        search.ranges.iter().zip(&wanted).filter(|(_, wanted)| **wanted).map(|(range, _)| range).collect();
    let trials = search.search.values(&ranges, &wanted);
    let named =
        |values: Vec<Node>| own.iter().zip(values).map(|(range, node)| (&range.field, range.at, node)).collect();
    trials.into_iter().map(named).collect()
}

/// The error of a search over runs that begin with the weights of others: what is chosen for the first task may be another trial
/// than the one that the second began with.
pub(super) fn refuse_stage(at: Position) -> Diagnostic {
    Diagnostic::at(at, "`initial_task` cannot stand beside `search`, which chooses the settings of every task apart")
        .note("search without it, and begin with the weights of what was chosen: `initial_weights`, or `initial_task` in selected.yaml")
}

/// A pair of task and baseline, and how far its trials are trained.
pub(super) struct Searched<'a> {
    /// Indices of the task and the baseline in the file.
    pub(super) entries: [usize; 2],
    /// Their labels, as patterns in the file know them.
    pub(super) labels: [&'a str; 2],
    /// How many trials there are.
    pub(super) trials: usize,
    /// Epochs of a whole training.
    pub(super) epochs: u32,
}

/// Trial `number`, from 1, of the pair `of`, with the values of `grid`; and how its settings were tuned, after what the file
/// `said` of that.
///
/// # Errors
/// No trial would be pruned before its end.
pub(super) fn trial(
    search: &RawSearch,
    scale: Scale,
    of: &Searched<'_>,
    (number, grid): (usize, &BTreeMap<String, Value>),
    said: Option<String>,
) -> Result<(Trial, String), Diagnostic> {
    let last = u64::from(of.epochs);
    let halving = search.search.halving.filter(|_| of.trials > 1);
    let rungs = halving.map(|halving| halving.rungs(last)).unwrap_or_default();
    if let (Some(halving), Some(at), true, Scale::Paper) = (halving, search.halving_at, rungs.is_empty(), scale) {
        let message = format!("`halving` begins after {} epochs, and a whole training has {last}", halving.epochs);
        return Err(Diagnostic::at(at, message).note("prune earlier, train longer, or remove `halving`"));
    }
    let fields = search.ranges.iter().filter(|range| grid.contains_key(&range.field.text()));
    let fields: BTreeMap<_, _> = fields.map(|range| (range.field.text(), range.range.scale())).collect();
    let tried = search.search.describe(of.trials, &rungs, last);
    let tuning = said.map_or(tried.clone(), |said| format!("{said}; {tried}"));
    let record = TrialRecord { number: number as u64, fields, rungs };
    Ok((Trial { record, entries: of.entries, labels: of.labels.map(str::to_owned) }, tuning))
}
