//! The table of Long Range Arena: six tasks in a row, and an average only where none of them is missing.

use std::collections::{BTreeMap, BTreeSet};

use super::flag::Flag;
use super::remarks::{deviations, test_entry};
use super::table::{Table, TableEntry};
use crate::error::ReportError;
use crate::published::{self, Published};
use crate::runs::cell::Runs;
use crate::runs::frame::{ByGroup, BySeed, Frames};
use crate::runs::group::{SeedGroup, groups};

/// The tasks of the arena, as the papers order them, with the value that guessing reaches there.
///
/// ListOps and Image have ten classes, the others two. (The most frequent label of ListOps reaches 17 %; papers take a tenth.)
const TASKS: [(&str, f64); 6] =
    [("ListOps", 0.1), ("Text", 0.5), ("Retrieval", 0.5), ("Image", 0.1), ("Pathfinder", 0.5), ("Path-X", 0.5)];
/// The same pictures as pictures, which no average includes.
const PICTURES: [&str; 2] = ["2DImage", "2DPathfinder"];

/// Experiment, empty where there is only one, and name of the series.
type RowName = (String, String);

/// What was run of the arena.
#[derive(Default)]
struct Ours<'g, 'a> {
    /// Per row the groups of every task; of several groups, none is the one of the papers.
    rows: BTreeMap<RowName, BTreeMap<&'static str, Vec<&'g SeedGroup<'a>>>>,
    /// Where a task was run at another difficulty alone.
    otherwise: BTreeSet<(RowName, &'static str)>,
    /// Published models that correspond to the baselines.
    models: BTreeSet<&'static str>,
}

impl<'g, 'a> Ours<'g, 'a> {
    fn of(groups: &'g [SeedGroup<'a>], several_experiments: bool) -> Self {
        let mut ours = Self::default();
        for group in groups {
            let Some(record) = group.record() else { continue };
            let Some(found) = published::counterpart(record, None) else { continue };
            let task = found.task;
            if !TASKS.iter().any(|(name, _)| *name == task) && !PICTURES.contains(&task) {
                continue;
            }
            let experiment = if several_experiments { group.key.experiment.clone() } else { String::new() };
            let row = (experiment, group.key.series());
            if !found.same_difficulty {
                ours.otherwise.insert((row, task));
                continue;
            }
            ours.models.extend(published::models(record).0);
            ours.rows.entry(row).or_default().entry(task).or_default().push(group);
        }
        ours
    }

    /// Number of sequence tasks.
    fn tasks(&self) -> usize {
        TASKS.iter().filter(|(name, _)| self.rows.values().any(|row| row.contains_key(name))).count()
    }
}

/// One row per baseline, and below the published models that correspond to them; `None` where the runs have fewer than two
/// tasks of the arena.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn long_range_arena(runs: &Runs, frames: &Frames) -> Result<Option<Table>, ReportError> {
    let groups = groups(runs);
    let ours = Ours::of(&groups, runs.has_several_experiments());
    if ours.tasks() < 2 {
        return Ok(None);
    }
    let values = frames.test_values(runs)?;
    let published = published::all()?;
    let mut table = empty();
    table.rows.extend(ours.rows.keys().map(|name| our_row(name, &ours, &values)));
    table.rows.extend(ours.models.iter().filter_map(|model| published_row(model, &published)));
    if !runs.has_several_experiments() {
        table.drop_first_column();
    }
    Ok(Some(table))
}

fn empty() -> Table {
    let mut columns = vec!["Experiment".to_owned(), "Baseline".to_owned()];
    columns.extend(TASKS.iter().map(|(name, _)| format!("{name}#")));
    columns.extend(["Average#".to_owned(), "Above guessing#".to_owned()]);
    columns.extend(PICTURES.iter().map(|name| format!("{name}#")));
    Table::new(
        "long-range-arena",
        "Long Range Arena",
        "Accuracy in percent, mean ± standard deviation over seeds. The average is that of all six sequence tasks, and stands \
         only where every one of them has a value: none is left out, and the remarks on any of them are those on it. Above guessing: the average of (accuracy − guessing) / \
         (1 − guessing). The two columns at the end read the same pictures in 2D.",
        &columns.join(" | "),
    )
}

fn our_row(name: &RowName, ours: &Ours<'_, '_>, values: &ByGroup) -> Vec<TableEntry> {
    let groups = |task: &str| ours.rows.get(name).and_then(|row| row.get(task)).map_or(&[][..], Vec::as_slice);
    let elsewhere = |wanted: &str| ours.otherwise.iter().any(|(row, task)| row == name && *task == wanted);
    let value = |task: &str| match groups(task) {
        [group] => values.get(&group.key).and_then(BySeed::summary).map(|summary| summary.mean),
        _ => None,
    };
    let entry = |task: &str| match groups(task) {
        [] if elsewhere(task) => TableEntry::text("another difficulty").flag(Flag::OtherDifficulty).class("quiet"),
        [] => TableEntry::text("not run").flag(Flag::Missing).class("quiet"),
        [group] => measured(group, values),
        several => {
            let one = |group: &&SeedGroup<'_>| format!("{}: {}", group.key.task, measured(group, values).text);
            let text = several.iter().map(one).collect::<Vec<_>>().join("; ");
            TableEntry::text(text).raw("").flag(Flag::SeveralTasks)
        }
    };
    row([&name.0, &name.1], &entry, &value)
}

/// The row of a published model; `None` where no sequence task of it is known.
fn published_row(model: &str, published: &[Published]) -> Option<Vec<TableEntry>> {
    let accuracy = |task: &str| published.iter().find(|p| p.task == task && p.model == model).map(|p| p.accuracy);
    let entry = |task: &str| {
        let shown = |accuracy| TableEntry::number(format!("{accuracy:.2}"), accuracy).class("quiet");
        accuracy(task).map_or_else(TableEntry::none, shown)
    };
    let known = TASKS.iter().any(|(task, _)| accuracy(task).is_some());
    known.then(|| {
        row(["", &format!("{model}, published")], &entry, &|task| accuracy(task).map(|accuracy| accuracy / 100.0))
    })
}

/// Mean and deviation of one task, with what there is to say about them.
fn measured(group: &SeedGroup<'_>, values: &ByGroup) -> TableEntry {
    let summary = values.get(&group.key).and_then(BySeed::summary);
    let entry = test_entry(group, summary.as_ref());
    let Some(record) = group.record().filter(|_| summary.is_some()) else { return entry };
    let mut deviations = deviations(record, published::counterpart(record, None));
    deviations.retain(|flag| !entry.flags.contains(flag));
    entry.flags(deviations)
}

fn row(names: [&str; 2], entry: &dyn Fn(&str) -> TableEntry, value: &dyn Fn(&str) -> Option<f64>) -> Vec<TableEntry> {
    let mut row: Vec<TableEntry> = names.into_iter().map(TableEntry::text).collect();
    row.extend(TASKS.iter().map(|(name, _)| entry(name)));
    // What holds of a value holds of what it enters.
    let flags: BTreeSet<Flag> = row.iter().flat_map(|entry| entry.flags.iter().copied()).collect();
    let values: Vec<(f64, f64)> = TASKS.iter().filter_map(|(name, chance)| Some((value(name)?, *chance))).collect();
    let mean = |of: &dyn Fn((f64, f64)) -> f64| {
        if values.len() < TASKS.len() {
            let text = format!("– ({} of {})", values.len(), TASKS.len());
            return TableEntry::text(text).raw("").flag(Flag::Incomplete).class("quiet");
        }
        let mean = 100.0 * values.iter().map(|v| of(*v)).sum::<f64>() / values.len() as f64;
        TableEntry::number(format!("{mean:.2}"), mean).flags(flags.iter().copied())
    };
    row.push(mean(&|(value, _)| value));
    row.push(mean(&|(value, chance)| (value - chance) / (1.0 - chance)));
    row.extend(PICTURES.iter().map(|name| entry(name)));
    row
}
