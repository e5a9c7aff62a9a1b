//! Every baseline as a paired difference to one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use vocabulary::Metric;

use crate::error::ReportError;
use crate::format::{metric_name, signed, significant};
use crate::runs::{ByGroup, Frames, Runs, SeedGroup, groups, metric_columns};
use crate::statistics::seeds::{Alternative, sign_flip_test, t_interval};
use crate::statistics::{Level, Resampling, Summary, holm};
use crate::tables::comparable::compared_as;
use crate::tables::table::{Table, TableEntry};

/// Draws of the test beyond the seeds that it counts out.
const RESAMPLING: Resampling = Resampling { repetitions: NonZeroUsize::new(100_000).unwrap(), stream: 0 };

/// What a row says of the pairs of two groups.
struct Paired {
    differences: Vec<f64>,
    /// Seeds that only one of the two has finished.
    left_out: BTreeSet<u64>,
}

/// One row per task and baseline: the difference to the baseline called `anchor`, over the seeds that both have.
///
/// # Errors
/// No run is of that baseline; aggregation fails.
pub(crate) fn against(runs: &Runs, frames: &Frames, anchor: &str) -> Result<Table, ReportError> {
    let (values, groups) = (frames.test_values(runs)?, groups(runs));
    if !groups.iter().any(|group| group.key.baseline == anchor) {
        let known: BTreeSet<&str> = groups.iter().map(|group| group.key.baseline.as_str()).collect();
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(ReportError::UnknownBaseline { name: anchor.to_owned(), known });
    }
    let mut table = Table::new(
        "against",
        &format!("Against {anchor}"),
        &format!(
            "Test metric minus that of {anchor} under the same seed, of accuracies in percentage points: mean ± standard deviation over \
             the seeds that both have finished, and Student's 95 % interval of the mean (none below three seeds). p is that of \
             the exact sign-flip test, two-sided; with n pairs it cannot be below the number beside it. Holm's correction is \
             over all rows. Another test set is not in it."
        ),
        "Task | Baseline | Anchor | Metric | n# | Difference# | 95 % interval# | p# | Smallest p# | p, Holm# | Not paired",
    );
    let mut tested: Vec<(usize, f64)> = Vec::new();
    for (task, members) in metric_columns(&groups) {
        for group in members.iter().filter(|group| group.key.baseline != anchor) {
            let alike = |other: &&&SeedGroup<'_>| match (group.record(), other.record()) {
                (Some(a), Some(b)) => compared_as(a, &members) == compared_as(b, &members),
                _ => false,
            };
            let anchors: Vec<&SeedGroup<'_>> =
                members.iter().filter(|other| other.key.baseline == anchor).filter(alike).copied().collect();
            if anchors.is_empty() {
                table.rows.push(unpaired(task, group));
            }
            for other in anchors {
                let pairs = paired(group, other, &values);
                let (entries, p) = row(task, group, other, &pairs);
                tested.extend(p.map(|p| (table.rows.len(), p)));
                table.rows.push(entries);
            }
        }
    }
    let corrected = holm(&tested.iter().map(|(_, p)| *p).collect::<Vec<_>>()).unwrap_or_default();
    for ((row, _), p) in tested.iter().zip(corrected) {
        table.rows[*row][9] = TableEntry::number(significant(p, 2), p);
    }
    Ok(table)
}

fn paired(group: &SeedGroup<'_>, other: &SeedGroup<'_>, values: &ByGroup) -> Paired {
    let of = |group: &SeedGroup<'_>| -> BTreeMap<u64, f64> {
        values.get(&group.key).map(|found| found.0.iter().copied().collect()).unwrap_or_default()
    };
    let (own, theirs) = (of(group), of(other));
    let factor = if group.metric() == Metric::Accuracy { 100.0 } else { 1.0 };
    Paired {
        differences: own.iter().filter_map(|(seed, value)| Some(factor * (value - theirs.get(seed)?))).collect(),
        left_out: own
            .keys()
            .chain(theirs.keys())
            .filter(|s| own.contains_key(s) != theirs.contains_key(s))
            .copied()
            .collect(),
    }
}

fn row(task: &str, group: &SeedGroup<'_>, other: &SeedGroup<'_>, pairs: &Paired) -> (Vec<TableEntry>, Option<f64>) {
    let shown = |value: f64| match group.metric() {
        Metric::Accuracy => signed(&format!("{value:.2}")),
        _ => signed(&significant(value, 3)),
    };
    let difference = Summary::of(&pairs.differences).map_or_else(TableEntry::none, |summary| {
        let spread = summary.std.map(|std| format!(" ± {}", shown(std).trim_start_matches('+'))).unwrap_or_default();
        TableEntry::number(format!("{}{spread}", shown(summary.mean)), summary.mean)
    });
    let interval = t_interval(&pairs.differences, Level::PERCENT_95).map_or_else(
        |_| TableEntry::none(),
        |found| TableEntry::text(format!("{} to {}", shown(found.lower), shown(found.upper))),
    );
    let zeros = vec![0.0; pairs.differences.len()];
    let test = sign_flip_test(&pairs.differences, &zeros, Alternative::TwoSided, RESAMPLING).ok();
    let p = |value: Option<f64>| value.map_or_else(TableEntry::none, |p| TableEntry::number(significant(p, 2), p));
    let left_out: Vec<String> = pairs.left_out.iter().map(|seed| format!("s{seed}")).collect();
    let entries = vec![
        TableEntry::text(task),
        TableEntry::text(group.key.series()),
        TableEntry::text(other.key.series()),
        TableEntry::text(metric_name(group.metric())),
        TableEntry::text(pairs.differences.len().to_string()),
        difference,
        interval,
        p(test.as_ref().map(|test| test.p)),
        p(test.as_ref().map(|test| test.smallest)),
        TableEntry::none(),
        TableEntry::text(left_out.join(", ")),
    ];
    (entries, test.map(|test| test.p))
}

/// The row of a group that the anchor has no like of.
fn unpaired(task: &str, group: &SeedGroup<'_>) -> Vec<TableEntry> {
    let mut entries = vec![TableEntry::text(task), TableEntry::text(group.key.series())];
    entries.resize_with(10, TableEntry::none);
    entries.push(TableEntry::text("all: the anchor has no runs with the same samples, scale and protocol"));
    entries
}
