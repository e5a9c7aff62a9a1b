//! The table of Long Range Arena: six tasks in a row, and an average only where none of them is missing.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::mean_std;
use crate::frame::BySeed;
use crate::group::{Group, GroupKey};
use crate::published::{self, Published};
use crate::statistics::Summary;
use crate::table::{Entry, Flag, Table};
use crate::tables::{deviations, headline_flags, plain, unfinished};
use vocabulary::Metric;

/// The tasks of the arena, as the papers order them, with the value that guessing reaches there.
///
/// ListOps and Image have ten classes, the others two. (The most frequent label of ListOps reaches 17 %; papers take a tenth.)
pub(crate) const TASKS: [(&str, f64); 6] =
    [("ListOps", 0.1), ("Text", 0.5), ("Retrieval", 0.5), ("Image", 0.1), ("Pathfinder", 0.5), ("Path-X", 0.5)];
/// The same pictures as pictures, which no average includes.
const PICTURES: [&str; 2] = ["2DImage", "2DPathfinder"];

/// One row per baseline, and below the published models that correspond to them; `None` where the runs have fewer than two
/// tasks of the arena.
pub(crate) fn table(
    groups: &[Group<'_>],
    values: &BTreeMap<GroupKey, BySeed>,
    published: &[Published],
    several: bool,
) -> Option<Table> {
    let mut rows: BTreeMap<(String, String), BTreeMap<&'static str, Vec<&Group<'_>>>> = BTreeMap::new();
    let mut models: BTreeSet<&'static str> = BTreeSet::new();
    // Where a task was run at another difficulty alone.
    let mut otherwise: BTreeSet<(String, String, &'static str)> = BTreeSet::new();
    for group in groups {
        let Some(record) = group.record() else { continue };
        let Some(found) = published::counterpart(record, None) else { continue };
        let task = found.task;
        if !TASKS.iter().any(|(name, _)| *name == task) && !PICTURES.contains(&task) {
            continue;
        }
        let experiment = if several { group.key.experiment.clone() } else { String::new() };
        if !found.same_difficulty {
            otherwise.insert((experiment, group.key.series(), task));
            continue;
        }
        models.extend(published::models(record).0);
        rows.entry((experiment, group.key.series())).or_default().entry(task).or_default().push(group);
    }
    let seen: BTreeSet<&str> = rows.values().flat_map(BTreeMap::keys).copied().collect();
    if TASKS.iter().filter(|(name, _)| seen.contains(name)).count() < 2 {
        return None;
    }
    let mut columns = vec!["Experiment".to_owned(), "Baseline".to_owned()];
    columns.extend(TASKS.iter().map(|(name, _)| format!("{name}#")));
    columns.extend(["Average#".to_owned(), "Above guessing#".to_owned()]);
    columns.extend(PICTURES.iter().map(|name| format!("{name}#")));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(
        "long-range-arena",
        "Long Range Arena",
        "Accuracy in percent, mean ± standard deviation over seeds. The average is that of all six sequence tasks, and stands \
         only where every one of them has a value: none is left out, and the remarks on any of them are those on it. Above guessing: the average of (accuracy − guessing) / \
         (1 − guessing). The two columns at the end read the same pictures in 2D.",
        &columns,
    );
    for ((experiment, series), tasks) in &rows {
        let value = |name: &str| {
            // Of several tasks, none is the one of the papers.
            let [group] = tasks.get(name)?.as_slice() else { return None };
            Summary::of(&plain(values.get(&group.key)?)).map(|summary| summary.mean)
        };
        let elsewhere =
            |name: &str| otherwise.iter().any(|(e, s, task)| e == experiment && s == series && *task == name);
        let entry = |name: &str| match tasks.get(name).map(Vec::as_slice) {
            None | Some([]) if elsewhere(name) => {
                Entry::text("another difficulty").flag(Flag::OtherDifficulty).class("quiet")
            }
            None | Some([]) => Entry::text("not run").flag(Flag::Missing).class("quiet"),
            Some([group]) => measured(group, values),
            Some(several) => {
                let one = |group: &&Group<'_>| format!("{}: {}", group.key.task, measured(group, values).text);
                let text = several.iter().map(one).collect::<Vec<_>>().join("; ");
                Entry { raw: Some(String::new()), ..Entry::text(text) }.flag(Flag::SeveralTasks)
            }
        };
        table.rows.push(row([experiment, series], &entry, &value));
    }
    for model in models {
        let found = |name: &str| published.iter().find(|p| p.task == name && p.model == model);
        if !TASKS.iter().any(|(name, _)| found(name).is_some()) {
            continue;
        }
        let entry = |name: &str| {
            found(name)
                .map_or_else(Entry::none, |p| Entry::number(format!("{:.2}", p.accuracy), p.accuracy).class("quiet"))
        };
        let value = |name: &str| found(name).map(|p| p.accuracy / 100.0);
        table.rows.push(row(["", &format!("{model}, published")], &entry, &value));
    }
    if !several {
        table.drop_first_column();
    }
    Some(table)
}

/// Mean and deviation of one task, with what there is to say about them.
fn measured(group: &Group<'_>, values: &BTreeMap<GroupKey, BySeed>) -> Entry {
    let summary = values.get(&group.key).and_then(|v| Summary::of(&plain(v)));
    let entry = match &summary {
        Some(s) => Entry::number(mean_std(s, Metric::Accuracy), 100.0 * s.mean),
        None => unfinished(group),
    };
    let entry = headline_flags(group, summary.as_ref()).into_iter().fold(entry, Entry::flag);
    let Some(record) = group.record().filter(|_| summary.is_some()) else { return entry };
    deviations(record, published::counterpart(record, None))
        .into_iter()
        .fold(entry, |entry, flag| if entry.flags.contains(&flag) { entry } else { entry.flag(flag) })
}

fn row(names: [&str; 2], entry: &dyn Fn(&str) -> Entry, value: &dyn Fn(&str) -> Option<f64>) -> Vec<Entry> {
    let mut row: Vec<Entry> = names.into_iter().map(Entry::text).collect();
    row.extend(TASKS.iter().map(|(name, _)| entry(name)));
    // What holds of a value holds of what it enters.
    let flags: BTreeSet<Flag> = row.iter().flat_map(|entry| entry.flags.iter().copied()).collect();
    let flags: Vec<Flag> = flags.into_iter().collect();
    let values: Vec<(f64, f64)> = TASKS.iter().filter_map(|(name, chance)| Some((value(name)?, *chance))).collect();
    let mean = |of: &dyn Fn((f64, f64)) -> f64| {
        if values.len() < TASKS.len() {
            let text = format!("– ({} of {})", values.len(), TASKS.len());
            return Entry { raw: Some(String::new()), ..Entry::text(text) }.flag(Flag::Incomplete).class("quiet");
        }
        let mean = 100.0 * values.iter().map(|v| of(*v)).sum::<f64>() / values.len() as f64;
        Entry::number(format!("{mean:.2}"), mean).flags(&flags)
    };
    row.push(mean(&|(value, _)| value));
    row.push(mean(&|(value, chance)| (value - chance) / (1.0 - chance)));
    row.extend(PICTURES.iter().map(|name| entry(name)));
    row
}
