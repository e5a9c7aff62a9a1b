//! Every baseline as a paired difference to one of them.

use std::collections::{BTreeMap, BTreeSet};

use super::comparable::compared_as;
use super::paired::{PAIRED, PairedDifferences, TestedRows};
use crate::error::ReportError;
use crate::format::metric_name;
use crate::runs::{ByGroup, Frames, Runs, SeedGroup, groups, metric_columns};
use crate::tables::table::{Table, TableEntry};

/// What a row says of the pairs of two groups.
struct Paired {
    /// In the unit of the metric.
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
    let several = runs.has_several_experiments();
    let mut table = Table::new(
        "against",
        &format!("Against {anchor}"),
        &format!(
            "Test metric minus that of {anchor} under the same seed, over the seeds that both have finished. {PAIRED}"
        ),
        "Task | Baseline | Anchor | Metric | n# | Difference# | 95 % interval# | p# | Smallest p# | p, Holm# | Not paired",
    );
    let mut tested = TestedRows::default();
    for (task, members) in metric_columns(&groups) {
        for group in members.iter().filter(|group| group.key.baseline != anchor) {
            let alike = |other: &&&SeedGroup<'_>| match (group.record(), other.record()) {
                (Some(a), Some(b)) => compared_as(a, &members) == compared_as(b, &members),
                _ => false,
            };
            let anchors: Vec<&SeedGroup<'_>> =
                members.iter().filter(|other| other.key.baseline == anchor).filter(alike).copied().collect();
            if anchors.is_empty() {
                table.rows.push(unpaired(task, &group.key.label(several)));
            }
            for other in anchors {
                let pairs = paired(group, other, &values);
                let found = PairedDifferences::of(&pairs.differences, group.metric());
                tested.next(&table, &found, pairs.differences.len());
                let names = [task, &group.key.label(several), &other.key.label(several), &metric_name(group.metric())];
                table.rows.push(row(names, &pairs, found));
            }
        }
    }
    tested.correct(&mut table, 9);
    Ok(table)
}

fn paired(group: &SeedGroup<'_>, other: &SeedGroup<'_>, values: &ByGroup) -> Paired {
    let of = |group: &SeedGroup<'_>| -> BTreeMap<u64, f64> {
        values.get(&group.key).map(|found| found.0.iter().copied().collect()).unwrap_or_default()
    };
    let (own, theirs) = (of(group), of(other));
    Paired {
        differences: own.iter().filter_map(|(seed, value)| Some(value - theirs.get(seed)?)).collect(),
        left_out: own
            .keys()
            .chain(theirs.keys())
            .filter(|s| own.contains_key(s) != theirs.contains_key(s))
            .copied()
            .collect(),
    }
}

fn row(names: [&str; 4], pairs: &Paired, found: PairedDifferences) -> Vec<TableEntry> {
    let left_out: Vec<String> = pairs.left_out.iter().map(|seed| format!("s{seed}")).collect();
    let mut entries: Vec<TableEntry> = names.into_iter().map(TableEntry::text).collect();
    let p = found.p_entries();
    entries.extend([TableEntry::text(pairs.differences.len().to_string()), found.difference, found.interval]);
    entries.extend(p);
    entries.push(TableEntry::text(left_out.join(", ")));
    entries
}

/// The row of a group that the anchor has no like of.
fn unpaired(task: &str, baseline: &str) -> Vec<TableEntry> {
    let mut entries = vec![TableEntry::text(task), TableEntry::text(baseline)];
    entries.resize_with(10, TableEntry::none);
    entries.push(TableEntry::text("all: the anchor has no runs with the same samples, scale and protocol"));
    entries
}
