//! The trials of a search: what they are called, and what their records say.

use std::collections::BTreeMap;

use vocabulary::record::TrialRecord;

use super::expand::GridPoint;
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

/// Make `point` trial `number`, from 1, of the `trials` of its pair, whose baseline is called `label`.
///
/// A label made of settings would tell trials apart that are to stand in one row, so all have that of the settings before.
///
/// # Errors
/// No trial would be pruned before its end.
pub(super) fn mark(
    point: &mut GridPoint,
    search: &RawSearch,
    scale: Scale,
    label: &str,
    (number, trials): (usize, usize),
) -> Result<(), Diagnostic> {
    let last = u64::from(point.training.epochs);
    let halving = search.search.halving.filter(|_| trials > 1);
    let rungs = halving.map(|halving| halving.rungs(last)).unwrap_or_default();
    if let (Some(halving), Some(at), true, Scale::Paper) = (halving, search.halving_at, rungs.is_empty(), scale) {
        let message = format!("`halving` begins after {} epochs, and a whole training has {last}", halving.epochs);
        return Err(Diagnostic::at(at, message).note("prune earlier, train longer, or remove `halving`"));
    }
    let fields = search.ranges.iter().filter(|range| point.grid.contains_key(&range.field.text()));
    let fields: BTreeMap<_, _> = fields.map(|range| (range.field.text(), range.range.scale())).collect();
    let tried = search.search.describe(trials, &rungs, last);
    point.tuning = Some(point.tuning.take().map_or(tried.clone(), |said| format!("{said}; {tried}")));
    label.clone_into(&mut point.baseline.label);
    let pair = &point.pair;
    point.trial = Some(Trial {
        record: TrialRecord { number: number as u64, fields, rungs },
        entries: [pair.task, pair.baseline],
        labels: [&pair.task_words, &pair.baseline_words].map(|[label, _]| label.clone()),
    });
    Ok(())
}
