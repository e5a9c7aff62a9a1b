//! Cells that differ in their seed alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::load::{Cell, Runs};
use crate::record::{CellRecord, State};
use crate::settings::{Settings, varied};
use vocabulary::Metric;
use vocabulary::record::fields::FILES;

/// Settings that are written out to tell runs of the same labels apart; beyond these, a hash does.
const MOST_TOLD: usize = 4;

/// What a row of a table stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GroupKey {
    /// Experiment name.
    pub experiment: String,
    /// Task label.
    pub task: String,
    /// Baseline label.
    pub baseline: String,
    /// Grid values, `field=value field=value`.
    pub grid: String,
}

impl GroupKey {
    /// The group of a cell.
    pub(crate) fn of(cell: &Cell) -> Self {
        Self {
            experiment: cell.experiment.clone(),
            task: cell.task().to_owned(),
            baseline: cell.baseline().to_owned(),
            grid: cell.grid(),
        }
    }

    /// Baseline and grid values: the name of a line in a figure.
    pub(crate) fn series(&self) -> String {
        if self.grid.is_empty() { self.baseline.clone() } else { format!("{} {}", self.baseline, self.grid) }
    }
}

/// The seeds of one group.
#[derive(Debug, Clone)]
pub(crate) struct Group<'a> {
    /// What they share.
    pub key: GroupKey,
    /// The cells, in order of seed.
    pub cells: Vec<&'a Cell>,
}

impl<'a> Group<'a> {
    /// A record of the group: its seeds differ in nothing a table shows.
    pub(crate) fn record(&self) -> Option<&'a CellRecord> {
        self.cells.iter().find_map(|c| c.record.as_ref())
    }

    /// What is reported; accuracy where it is not known.
    pub(crate) fn metric(&self) -> Metric {
        self.record().map_or(Metric::Accuracy, |r| r.task.metric)
    }

    /// Whether more of the metric is better.
    pub(crate) fn higher_is_better(&self) -> bool {
        self.metric().higher_is_better()
    }

    /// Number of cells per state.
    pub(crate) fn states(&self) -> BTreeMap<State, usize> {
        let mut states = BTreeMap::new();
        for cell in &self.cells {
            *states.entry(cell.status.state).or_insert(0) += 1;
        }
        states
    }
}

/// What the seeds of a row have in common. The hashes of samples and of initial weights are known only once a cell has begun;
/// cells that have not begun take part with `None`.
fn shared(record: &CellRecord) -> Settings {
    Settings::of(record).without(|path| path == "seed" || LATE.contains(&path))
}

/// Settings that a cell knows once it has begun.
const LATE: [&str; 2] = ["task.data_hash", "initial_weights"];

/// Whether training begins with random weights, rather than with given ones that may not be known yet.
fn begins_randomly(record: &CellRecord) -> bool {
    record.initial_weights.is_none() && record.training.get("initial_weights").is_none_or(Value::is_null)
}

/// Write into every cell in what it differs from others of the same experiment, labels and grid values, so that cells are of
/// one group where they agree in everything but their seed.
pub(crate) fn tell_apart(cells: &mut [Cell]) {
    let mut alike: BTreeMap<(String, String, String, String), Vec<usize>> = BTreeMap::new();
    for (index, cell) in cells.iter().enumerate() {
        let key = (cell.experiment.clone(), cell.task().to_owned(), cell.baseline().to_owned(), cell.plain_grid());
        alike.entry(key).or_default().push(index);
    }
    for members in alike.into_values() {
        let of = |index: &usize| cells[*index].record.as_ref();
        let mut settings: BTreeMap<usize, Settings> =
            members.iter().filter_map(|index| Some((*index, shared(of(index)?)))).collect();
        // Where a file lay does not tell runs apart that read the same from it; whether there was one does.
        for path in FILES.map(|name| format!("task.config.{name}")) {
            let mut first: BTreeMap<String, String> = BTreeMap::new();
            for (index, own) in &mut settings {
                let hash = of(index).and_then(|record| record.task.data_hash.clone());
                if let (Some(hash), Some(place)) = (hash, own.get(&path).map(str::to_owned)) {
                    own.set(&path, Some(first.entry(hash).or_insert(place).clone()));
                }
            }
        }
        for late in LATE {
            let random: BTreeSet<usize> = settings
                .keys()
                .copied()
                .filter(|index| late == "initial_weights" && of(index).is_some_and(begins_randomly))
                .collect();
            let mut known: BTreeMap<Settings, BTreeSet<String>> = BTreeMap::new();
            let all: BTreeMap<usize, Option<String>> = settings
                .keys()
                .filter(|index| !random.contains(*index))
                .map(|index| (*index, of(index).and_then(|r| Settings::of(r).get(late).map(str::to_owned))))
                .collect();
            for (index, value) in &all {
                known.entry(settings[index].clone()).or_default().extend(value.clone());
            }
            for (index, value) in all {
                let Some(own) = settings.get_mut(&index) else { continue };
                let values = &known[&own.clone()];
                // A cell that has not begun goes with the others where those agree.
                own.set(late, if values.len() == 1 { values.first().cloned() } else { value });
            }
        }
        let distinct: BTreeSet<&Settings> = settings.values().collect();
        let mut paths = varied(distinct.iter().copied());
        // Already written beside the labels.
        paths.remove("extended_from");
        let unknown = !settings.is_empty();
        let told: BTreeMap<usize, String> = members
            .iter()
            .map(|index| match settings.get(index) {
                Some(settings) => (*index, telling(settings, &paths)),
                None if unknown => (*index, "settings unknown".to_owned()),
                None => (*index, String::new()),
            })
            .collect();
        for (index, text) in told {
            cells[index].variant = text;
        }
    }
}

/// The values at `paths`, or a hash of them where there are many.
fn telling(settings: &Settings, paths: &BTreeSet<String>) -> String {
    let named: Vec<String> = paths.iter().map(|path| settings.named(path)).collect();
    if named.len() <= MOST_TOLD {
        return named.join(" ");
    }
    let hash = Sha256::digest(named.join("\n").as_bytes());
    let more = named.len() - MOST_TOLD;
    format!("{} and {more} more ({:02x}{:02x}{:02x})", named[..MOST_TOLD].join(" "), hash[0], hash[1], hash[2])
}

/// The groups of all cells, in order of their keys.
pub(crate) fn groups(runs: &Runs) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<GroupKey, Vec<&Cell>> = BTreeMap::new();
    for cell in &runs.cells {
        groups.entry(GroupKey::of(cell)).or_default().push(cell);
    }
    groups
        .into_iter()
        .map(|(key, mut cells)| {
            cells.sort_by_key(|c| c.seed());
            Group { key, cells }
        })
        .collect()
}
