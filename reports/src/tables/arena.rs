//! The table of Long Range Arena: six tasks in a row, and an average only where none of them is missing.

use std::collections::{BTreeMap, BTreeSet};

use super::differences::Contests;
use super::remarks::{deviations, test_entry};
use super::table::{Flag, Table, TableEntry};
use crate::error::ReportError;
use crate::published::{self, Published, Range};
use crate::runs::{ByGroup, BySeed, Frames, GroupKey, Runs, SeedGroup, groups};

/// The tasks of the arena, as the papers order them, with the value that guessing reaches there.
///
/// ListOps and Image have ten classes, the others two. (The most frequent label of ListOps reaches 17 %; papers take a tenth.)
const TASKS: [(&str, f64); 6] =
    [("ListOps", 0.1), ("Text", 0.5), ("Retrieval", 0.5), ("Image", 0.1), ("Pathfinder", 0.5), ("Path-X", 0.5)];
/// The same pictures as pictures, which no average includes.
const PICTURES: [&str; 2] = ["2DImage", "2DPathfinder"];

/// Experiment, empty where there is only one, and name of the series.
type RowName = (String, String);

/// Accuracy on a task, and the value that guessing reaches there, both 0 to 1.
type TaskValue = (f64, f64);

/// What was run of the arena.
#[derive(Default)]
struct Ours<'g, 'a, 'b> {
    /// What is bold.
    bold: BTreeSet<&'b GroupKey>,
    /// Per row the groups of every task; of several groups, none is the one of the papers.
    rows: BTreeMap<RowName, BTreeMap<&'static str, Vec<&'g SeedGroup<'a>>>>,
    /// Where a task was run at another difficulty alone.
    otherwise: BTreeSet<(RowName, &'static str)>,
    /// Published models that correspond to the baselines.
    models: BTreeSet<&'static str>,
}

impl<'g, 'a, 'b> Ours<'g, 'a, 'b> {
    fn of(groups: &'g [SeedGroup<'a>], several_experiments: bool, contests: &'b Contests) -> Self {
        let mut ours = Self { bold: contests.leaders(), ..Self::default() };
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
pub(crate) fn long_range_arena(
    runs: &Runs,
    frames: &Frames,
    contests: &Contests,
) -> Result<Option<Table>, ReportError> {
    let groups = groups(runs);
    let ours = Ours::of(&groups, runs.has_several_experiments(), contests);
    if ours.tasks() < 2 {
        return Ok(None);
    }
    let values = frames.test_values(runs)?;
    let published = published::all()?;
    let mut table = empty();
    table.rows.extend(ours.rows.keys().map(|name| our_row(name, &ours, &values)));
    table.rows.extend(ours.models.iter().filter_map(|model| published_row(model, published)));
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
         (1 − guessing). The two columns at the end read the same pictures in 2D. Where sources print several values of a \
         published model, the lowest and the highest stand there; an average is of the six values of one source. Bold as in the first \
         table: ours alone, and no average.",
        &columns.join(" | "),
    )
}

fn our_row(name: &RowName, ours: &Ours<'_, '_, '_>, values: &ByGroup) -> Vec<TableEntry> {
    let groups = |task: &str| ours.rows.get(name).and_then(|row| row.get(task)).map_or(&[][..], Vec::as_slice);
    let elsewhere = |wanted: &str| ours.otherwise.iter().any(|(row, task)| row == name && *task == wanted);
    let value = |task: &str| match groups(task) {
        [group] => values.get(&group.key).and_then(BySeed::summary).map(|summary| summary.mean),
        _ => None,
    };
    let entry = |task: &str| match groups(task) {
        [] if elsewhere(task) => TableEntry::text("another difficulty").flag(Flag::OtherDifficulty).class("quiet"),
        [] => TableEntry::text("not run").flag(Flag::Missing).class("quiet"),
        [group] => measured(group, values).best(ours.bold.contains(&group.key)),
        several => {
            let one = |group: &&SeedGroup<'_>| format!("{}: {}", group.key.task, measured(group, values).text);
            let text = several.iter().map(one).collect::<Vec<_>>().join("; ");
            TableEntry::text(text).raw("").flag(Flag::SeveralTasks)
        }
    };
    let known: Vec<TaskValue> = TASKS.iter().filter_map(|(name, chance)| Some((value(name)?, *chance))).collect();
    row([&name.0, &name.1], &entry, |flags| match averages(&known) {
        Some(averages) => {
            averages.map(|mean| TableEntry::number(format!("{mean:.2}"), mean).flags(flags.iter().copied()))
        }
        None => [no_average(known.len()), no_average(known.len())],
    })
}

/// The row of a published model; `None` where no sequence task of it is known.
fn published_row(model: &str, published: &'static [Published]) -> Option<Vec<TableEntry>> {
    let values = |task: &str| published::values_of(model, task, published);
    let entry = |task: &str| match Range::of(values(task)) {
        Some(range) => match range.single() {
            Some(accuracy) => TableEntry::number(range.text(), accuracy).class("quiet"),
            None => TableEntry::text(range.text()).class("quiet"),
        },
        None => TableEntry::none(),
    };
    let known = TASKS.iter().filter(|(task, _)| !values(task).is_empty()).count();
    let sources: BTreeSet<&str> = TASKS.iter().flat_map(|(task, _)| values(task)).map(|v| v.place.as_str()).collect();
    let of_source = |source: &&str| -> Vec<TaskValue> {
        let value = |task: &str| values(task).into_iter().find(|v| v.place == **source).map(|v| v.accuracy / 100.0);
        TASKS.iter().filter_map(|(task, chance)| Some((value(task)?, *chance))).collect()
    };
    let whole: Vec<_> = sources.iter().map(of_source).filter_map(|values| averages(&values)).collect();
    let average = |of: usize| match Ends::of(whole.iter().map(|averages| averages[of])) {
        Some(ends) => ends.entry(),
        None => no_average(known),
    };
    (known > 0).then(|| row(["", &format!("{model}, published")], &entry, |_| [average(0), average(1)]))
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

/// A row, whose two averages are made with the remarks on its tasks.
fn row(
    names: [&str; 2],
    entry: &dyn Fn(&str) -> TableEntry,
    averages: impl FnOnce(&BTreeSet<Flag>) -> [TableEntry; 2],
) -> Vec<TableEntry> {
    let mut row: Vec<TableEntry> = names.into_iter().map(TableEntry::text).collect();
    row.extend(TASKS.iter().map(|(name, _)| entry(name)));
    // What holds of a value holds of what it enters.
    let flags: BTreeSet<Flag> = row.iter().flat_map(|entry| entry.flags.iter().copied()).collect();
    row.extend(averages(&flags));
    row.extend(PICTURES.iter().map(|name| entry(name)));
    row
}

/// Average and average above guessing, both in percent; `None` where a task is missing.
fn averages(values: &[TaskValue]) -> Option<[f64; 2]> {
    let mean = |of: &dyn Fn(TaskValue) -> f64| 100.0 * values.iter().map(|v| of(*v)).sum::<f64>() / values.len() as f64;
    let above = |(value, chance): TaskValue| (value - chance) / (1.0 - chance);
    (values.len() == TASKS.len()).then(|| [mean(&|(value, _)| value), mean(&above)])
}

/// What stands for an average where only so many tasks are known.
fn no_average(known: usize) -> TableEntry {
    let text = format!("– ({known} of {})", TASKS.len());
    TableEntry::text(text).raw("").flag(Flag::Incomplete).class("quiet")
}

/// The least and the greatest of several averages.
struct Ends(f64, f64);

impl Ends {
    fn of(averages: impl Iterator<Item = f64>) -> Option<Self> {
        averages.fold(None, |ends, average| {
            let Self(least, greatest) = ends.unwrap_or(Self(average, average));
            Some(Self(least.min(average), greatest.max(average)))
        })
    }

    fn entry(&self) -> TableEntry {
        let (least, greatest) = (format!("{:.2}", self.0), format!("{:.2}", self.1));
        if least == greatest {
            return TableEntry::number(least, self.0);
        }
        TableEntry::text(format!("{least}–{greatest}"))
    }
}
