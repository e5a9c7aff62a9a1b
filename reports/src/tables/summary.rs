//! Task × baseline at a glance.

use std::collections::BTreeSet;

use super::differences::{BOLD, Contests};
use super::remarks::test_entry;
use super::table::{Column, Flag, Table, TableEntry};
use crate::error::ReportError;
use crate::format::metric_name;
use crate::runs::{BySeed, Frames, GroupKey, Runs, SeedGroup, groups, metric_columns};

/// Task × baseline at a glance: mean ± std of the test metric over seeds.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn summary(runs: &Runs, frames: &Frames, contests: &Contests) -> Result<Table, ReportError> {
    let (groups, bold) = (groups(runs), contests.leaders());
    let values = frames.test_values(runs)?;
    let several = runs.has_several_experiments();
    let row_of = |key: &GroupKey| (if several { key.experiment.clone() } else { String::new() }, key.series());
    let rows: BTreeSet<(String, String)> = groups.iter().map(|g| row_of(&g.key)).collect();
    let columns = metric_columns(&groups);

    let mut table = Table::new(
        "summary",
        "At a glance",
        &format!(
            "Test metric of the epoch that was best on validation: mean ± standard deviation over n seeds. Arrows say whether \
             more or less is better. {BOLD} That is the error over seeds; how far other test samples would move an accuracy \
             stands in the table of results."
        ),
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
                Some(group) => headline(group, values.get(&group.key)).best(bold.contains(&group.key)),
                None => TableEntry::text("not run").flag(Flag::Missing).class("quiet"),
            });
        }
        table.rows.push(entries);
    }
    if !several {
        table.drop_first_column();
    }
    Ok(table)
}

fn headline(group: &SeedGroup<'_>, values: Option<&BySeed>) -> TableEntry {
    let summary = values.and_then(BySeed::summary);
    let mut entry = test_entry(group, summary.as_ref());
    if let Some(summary) = summary {
        entry.text.push_str(&format!(" (n = {})", summary.n));
    }
    entry
}
