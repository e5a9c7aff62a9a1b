//! Cells that differ in their seed alone.

use std::collections::BTreeMap;

use vocabulary::Metric;
use vocabulary::record::{CellRecord, State};

use super::cell::{Cell, Runs};

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

    /// The same, with the experiment where there are `several`.
    pub(crate) fn label(&self, several: bool) -> String {
        if several { format!("{}: {}", self.experiment, self.series()) } else { self.series() }
    }
}

/// The seeds of one group.
#[derive(Debug, Clone)]
pub(crate) struct SeedGroup<'a> {
    /// What they share.
    pub key: GroupKey,
    /// The cells, in order of seed.
    pub cells: Vec<&'a Cell>,
}

impl<'a> SeedGroup<'a> {
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

/// The groups of all cells, in order of their keys.
pub(crate) fn groups(runs: &Runs) -> Vec<SeedGroup<'_>> {
    let mut groups: BTreeMap<GroupKey, Vec<&Cell>> = BTreeMap::new();
    for cell in &runs.cells {
        groups.entry(GroupKey::of(cell)).or_default().push(cell);
    }
    groups
        .into_iter()
        .map(|(key, mut cells)| {
            cells.sort_by_key(|c| c.seed());
            SeedGroup { key, cells }
        })
        .collect()
}

/// The groups by the label of their task and by its metric: one label may stand for several tasks. A group that does not say
/// its metric goes with the first that does.
pub(crate) fn metric_columns<'g, 'a>(groups: &'g [SeedGroup<'a>]) -> Vec<(&'g str, Vec<&'g SeedGroup<'a>>)> {
    let mut columns: BTreeMap<(&str, &str), Vec<&SeedGroup<'a>>> = BTreeMap::new();
    let (known, unknown): (Vec<_>, Vec<_>) = groups.iter().partition(|group| group.record().is_some());
    for group in known {
        columns.entry((&group.key.task, group.metric().name())).or_default().push(group);
    }
    for group in unknown {
        let task = group.key.task.as_str();
        let home = columns.keys().find(|(label, _)| *label == task).copied();
        columns.entry(home.unwrap_or((task, ""))).or_default().push(group);
    }
    columns.into_iter().map(|((task, _), members)| (task, members)).collect()
}
