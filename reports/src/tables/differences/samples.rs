//! Pairs of networks on the same test samples.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use vocabulary::Metric;

use super::comparable::compared_as;
use crate::error::ReportError;
use crate::format::{metric, signed, significant};
use crate::runs::{Frames, RunOutcomes, Runs, SeedGroup, Tested, groups, metric_columns};
use crate::statistics::samples::{mcnemar, paired_bootstrap, wilson_interval};
use crate::statistics::{Level, Resampling, holm, mean};
use crate::tables::remarks::has_no_value;
use crate::tables::table::{Column, Table, TableEntry};

/// Draws of the bootstrap.
const RESAMPLING: Resampling = Resampling { repetitions: NonZeroUsize::new(2000).unwrap(), stream: 0 };

/// A trained network, and whether it has each sample of the test split right.
struct Network<'t> {
    name: String,
    seed: u64,
    right: &'t [bool],
}

/// The best baseline of every task against each of the others, on the samples of the test split; no table where fewer than two
/// have outcomes that compare.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn samples(runs: &Runs, frames: &Frames, tested: &Tested) -> Result<Option<Table>, ReportError> {
    let (values, groups) = (frames.test_values(runs)?, groups(runs));
    let mut table = Table::new(
        "samples",
        "The same test samples",
        "The baseline with the best mean accuracy of a task, and each of the others that read the same samples under the same \
         protocol: two trained networks, those of the lowest seed that both have. Wilson's 95 % interval of an accuracy and the \
         paired bootstrap interval (2 000 draws) of the difference say what other test samples would change, and \
         nothing about other seeds; p is McNemar's (mid-p), and Holm's over all rows of this table.",
        "Task | Baseline | Other | Seed# | Samples# | Accuracy# | 95 % of samples# | Accuracy of the other# | Right alone# | \
         Other right alone# | Difference# | 95 % of the difference#",
    );
    let mut p_values = Vec::new();
    for (task, members) in metric_columns(&groups) {
        let mut alike: BTreeMap<_, Vec<(&SeedGroup<'_>, f64)>> = BTreeMap::new();
        for group in members.iter().filter(|group| group.metric() == Metric::Accuracy && !has_no_value(group)) {
            let (Some(record), Some(found)) = (group.record(), values.get(&group.key)) else { continue };
            let found: Vec<f64> = found.0.iter().map(|(_, value)| *value).collect();
            alike.entry(compared_as(record, &members)).or_default().extend(mean(&found).map(|mean| (*group, mean)));
        }
        for mut contest in alike.into_values() {
            contest.sort_by(|a, b| b.1.total_cmp(&a.1));
            let [(best, _), others @ ..] = contest.as_slice() else { continue };
            let best_networks = networks(best, tested, &mut table);
            for (other, _) in others {
                let other_networks = networks(other, tested, &mut table);
                let pair =
                    best_networks.iter().find_map(|a| Some((a, other_networks.iter().find(|b| b.seed == a.seed)?)));
                if let Some((a, b)) = pair.filter(|(a, b)| a.right.len() == b.right.len()) {
                    // Networks that are right and wrong alike are no more different than chance.
                    p_values.push(mcnemar(a.right, b.right).map_or(1.0, |test| test.mid));
                    table.rows.push(row(task, a, b));
                }
            }
        }
    }
    if table.rows.is_empty() {
        return Ok(None);
    }
    table.columns.extend(Column::all("p# | p, Holm#"));
    let corrected = holm(&p_values).unwrap_or_else(|_| vec![f64::NAN; p_values.len()]);
    for (row, (p, corrected)) in table.rows.iter_mut().zip(p_values.iter().zip(corrected)) {
        row.extend([*p, corrected].map(|p| TableEntry::number(significant(p, 2), p)));
    }
    Ok(Some(table))
}

/// The networks of the seeds of `group` that have outcomes, in order of seed. A damaged file is named in the caption.
fn networks<'t>(group: &'t SeedGroup<'_>, tested: &'t Tested, table: &mut Table) -> Vec<Network<'t>> {
    let damaged = tested.damaged(group);
    if !table.caption.contains(&damaged) {
        table.caption.push_str(&damaged);
    }
    let network =
        |(seed, found): (u64, &'t RunOutcomes)| Network { name: group.key.series(), seed, right: &found.right };
    tested.of(group).map(network).collect()
}

fn row(task: &str, best: &Network<'_>, other: &Network<'_>) -> Vec<TableEntry> {
    let numbers =
        |network: &Network<'_>| network.right.iter().map(|right| f64::from(u8::from(*right))).collect::<Vec<f64>>();
    let (a, b) = (numbers(best), numbers(other));
    let alone = |first: &Network<'_>, second: &Network<'_>| {
        let pairs = first.right.iter().zip(second.right);
        TableEntry::text(pairs.filter(|(first, second)| **first && !**second).count().to_string())
    };
    let [own, others] = [&a, &b].map(|values| mean(values).unwrap_or(f64::NAN));
    let accuracy = |value: f64| TableEntry::number(metric(value, Metric::Accuracy), 100.0 * value);
    let points = |value: f64| signed(&format!("{:.2}", 100.0 * value));
    let wilson = wilson_interval(own, a.len(), Level::PERCENT_95).map_or_else(
        |_| TableEntry::none(),
        |found| {
            let [lower, upper] = [found.lower, found.upper].map(|end| metric(end, Metric::Accuracy));
            TableEntry::text(format!("{lower} to {upper}"))
        },
    );
    let between = paired_bootstrap(&a, &b, Level::PERCENT_95, RESAMPLING).map_or_else(
        |_| TableEntry::none(),
        |found| {
            let raw = format!("{} {}", 100.0 * found.lower, 100.0 * found.upper);
            TableEntry::text(format!("{} to {}", points(found.lower), points(found.upper))).raw(raw)
        },
    );
    vec![
        TableEntry::text(task),
        TableEntry::text(&best.name),
        TableEntry::text(&other.name),
        TableEntry::text(best.seed.to_string()),
        TableEntry::count(a.len() as u64),
        accuracy(own),
        wilson,
        accuracy(others),
        alone(best, other),
        alone(other, best),
        TableEntry::number(points(own - others), 100.0 * (own - others)),
        between,
    ]
}
