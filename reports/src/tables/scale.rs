//! The scale of networks at initialisation, and of their logits at the end.

use std::collections::BTreeMap;

use super::table::{Column, Table, TableEntry};
use crate::format::significant;
use crate::runs::{Diagnostics, LayerQuantity, RunDiagnostics, Runs, groups};
use crate::statistics::geometric_mean;

/// One row per group whose runs have diagnostics; no table where none has.
pub(crate) fn scale(runs: &Runs, diagnostics: &Diagnostics) -> Option<Table> {
    let mut table = Table::new(
        "scale",
        "Scale of activations and logits",
        "Logits: standard deviation (of the population) and largest absolute value on the first samples of the validation \
         split, in evaluation mode, before the first training step and when the network was last looked at. Variances: the \
         smallest and the largest after any layer, before the first step. Kernels: their variance at initialisation over the one \
         that they should have, 1 / (channels · size), in the layers where it is smallest and largest. Gradients: norm in the \
         layer where it is smallest, over that where it is largest, at the last look. All are geometric means over seeds; inf is \
         a value beyond the range of 32-bit floating point numbers.",
        "Experiment | Task | Baseline",
    );
    let numbers = "seeds# | logits std, start# | largest logit, start# | smallest variance# | largest variance# | last step# | \
                   logits std, last# | largest logit, last# | smallest kernel / target# | largest kernel / target# | \
                   smallest gradient / largest#";
    table.columns.extend(Column::all(numbers));
    for group in groups(runs) {
        let seeds: Vec<&RunDiagnostics> =
            diagnostics.of(&group).map(|(_, run)| run).filter(|run| !run.logits.is_empty()).collect();
        let Some(last) = seeds.iter().filter_map(|run| run.logits.keys().next_back()).max() else { continue };
        let mean = |of: &dyn Fn(&RunDiagnostics) -> Option<f64>| {
            let values: Vec<f64> = seeds.iter().filter_map(|run| of(run)).collect();
            geometric_mean(&values).map_or_else(TableEntry::none, |mean| TableEntry::number(significant(mean, 3), mean))
        };
        let variances = |run: &RunDiagnostics, pick: fn(f64, f64) -> f64| {
            run.activations.iter().map(|(_, variance)| *variance).reduce(pick)
        };
        table.rows.push(vec![
            TableEntry::text(&group.key.experiment),
            TableEntry::text(&group.key.task),
            TableEntry::text(group.key.series()),
            TableEntry::text(seeds.len().to_string()),
            mean(&|run| Some(run.logits.get(&0)?.std)),
            mean(&|run| Some(run.logits.get(&0)?.max_abs)),
            mean(&|run| variances(run, f64::min)),
            mean(&|run| variances(run, f64::max)),
            TableEntry::text(last.to_string()),
            mean(&|run| Some(run.logits.values().next_back()?.std)),
            mean(&|run| Some(run.logits.values().next_back()?.max_abs)),
            mean(&|run| against_target(run).reduce(f64::min)),
            mean(&|run| against_target(run).reduce(f64::max)),
            mean(&evenness),
        ]);
    }
    // Older runs have none of these, and some networks no generated kernels.
    table.drop_empty(&["smallest kernel / target", "largest kernel / target", "smallest gradient / largest"]);
    if !runs.has_several_experiments() {
        table.drop_first_column();
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Variance of every generated kernel over its target.
fn against_target(run: &RunDiagnostics) -> impl Iterator<Item = f64> {
    let targets: BTreeMap<&str, f64> = run.targets.iter().map(|(layer, target)| (layer.as_str(), *target)).collect();
    run.kernels.iter().filter_map(move |(layer, variance)| Some(variance / targets.get(layer.as_str())?))
}

/// The smallest gradient of a layer over the largest, at the last look.
fn evenness(run: &RunDiagnostics) -> Option<f64> {
    let (_, [smallest, _, largest]) = run.layers.get(&LayerQuantity::Gradient)?.spread.last_key_value()?;
    Some(smallest / largest)
}
