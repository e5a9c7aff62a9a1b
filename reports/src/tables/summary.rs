//! Task × baseline at a glance.

use std::collections::{BTreeMap, BTreeSet};

use super::comparable::compared_as;
use super::remarks::{has_no_value, test_entry};
use super::table::{Column, Flag, Table, TableEntry};
use crate::error::ReportError;
use crate::format::metric_name;
use crate::runs::{ByGroup, BySeed, Frames, GroupKey, Runs, SeedGroup, Settings, groups, metric_columns};

/// Task × baseline at a glance: mean ± std of the test metric over seeds.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn summary(runs: &Runs, frames: &Frames) -> Result<Table, ReportError> {
    let groups = groups(runs);
    let values = frames.test_values(runs)?;
    let several = runs.has_several_experiments();
    let row_of = |key: &GroupKey| (if several { key.experiment.clone() } else { String::new() }, key.series());
    let rows: BTreeSet<(String, String)> = groups.iter().map(|g| row_of(&g.key)).collect();
    let columns = metric_columns(&groups);

    let mut table = Table::new(
        "summary",
        "At a glance",
        "Test metric of the epoch that was best on validation: mean ± standard deviation over n seeds. Arrows say \
         whether more or less is better; bold is the best mean of a column among the rows of the same scale, samples and \
         protocol.",
        "Experiment | Baseline",
    );
    for (task, members) in &columns {
        let title = members.iter().find(|g| g.record().is_some()).map_or_else(
            || (*task).to_owned(),
            |g| {
                let arrow = if g.higher_is_better() { "↑" } else { "↓" };
                format!("{task} ({} {arrow})", metric_name(g.metric()))
            },
        );
        table.columns.push(Column::new(&title, true));
    }
    for row in &rows {
        let mut entries = vec![TableEntry::text(&row.0), TableEntry::text(&row.1)];
        for (_, members) in &columns {
            entries.push(match members.iter().find(|g| &row_of(&g.key) == row) {
                Some(group) => headline(group, values.get(&group.key)),
                None => TableEntry::text("not run").flag(Flag::Missing).class("quiet"),
            });
        }
        table.rows.push(entries);
    }
    for (index, (_, members)) in columns.iter().enumerate() {
        mark_best(&mut table, index + 2, members, &values, |key| rows.iter().position(|row| *row == row_of(key)));
    }
    if !several {
        table.drop_first_column();
    }
    Ok(table)
}

/// Mark the best means of `column` among the rows that are compared.
fn mark_best(
    table: &mut Table,
    column: usize,
    members: &[&SeedGroup<'_>],
    values: &ByGroup,
    row_of: impl Fn(&GroupKey) -> Option<usize>,
) {
    // Best value, its rows, and how many were compared, per protocol.
    let mut best: BTreeMap<Settings, (f64, Vec<usize>, usize)> = BTreeMap::new();
    for group in members.iter().filter(|group| !has_no_value(group)) {
        let Some(value) = values.get(&group.key).and_then(BySeed::summary).map(|s| s.mean) else { continue };
        let (Some(row), Some(record)) = (row_of(&group.key), group.record()) else { continue };
        let (best, at, compared) = best.entry(compared_as(record, members)).or_insert((value, Vec::new(), 0));
        *compared += 1;
        if if group.higher_is_better() { value > *best } else { value < *best } {
            *best = value;
            at.clear();
        }
        if value == *best {
            at.push(row);
        }
    }
    for (_, found, _) in best.into_values().filter(|(_, _, compared)| *compared > 1) {
        found.into_iter().for_each(|row| table.rows[row][column].best = true);
    }
}

fn headline(group: &SeedGroup<'_>, values: Option<&BySeed>) -> TableEntry {
    let summary = values.and_then(BySeed::summary);
    let mut entry = test_entry(group, summary.as_ref());
    if let Some(summary) = summary {
        entry.text.push_str(&format!(" (n = {})", summary.n));
    }
    entry
}
