//! Runs that differ in their seed alone.

use std::collections::BTreeMap;

use vocabulary::Metric;
use vocabulary::record::{RunRecord, State};

use super::run::{Run, Runs};

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
    /// The group of a run.
    pub(crate) fn of(run: &Run) -> Self {
        Self {
            experiment: run.experiment.clone(),
            task: run.task().to_owned(),
            baseline: run.baseline().to_owned(),
            grid: run.grid(),
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
    /// The runs, in order of seed.
    pub runs: Vec<&'a Run>,
}

impl<'a> SeedGroup<'a> {
    /// A record of the group: its seeds differ in nothing a table shows.
    pub(crate) fn record(&self) -> Option<&'a RunRecord> {
        self.runs.iter().find_map(|c| c.record.as_ref())
    }

    /// What is reported; accuracy where it is not known.
    pub(crate) fn metric(&self) -> Metric {
        self.record().map_or(Metric::Accuracy, |r| r.task.metric)
    }

    /// Whether more of the metric is better.
    pub(crate) fn higher_is_better(&self) -> bool {
        self.metric().higher_is_better()
    }

    /// Number of runs per state.
    pub(crate) fn states(&self) -> BTreeMap<State, usize> {
        let mut states = BTreeMap::new();
        for run in &self.runs {
            *states.entry(run.status.state).or_insert(0) += 1;
        }
        states
    }
}

/// The groups of all runs, in order of their keys.
pub(crate) fn groups(runs: &Runs) -> Vec<SeedGroup<'_>> {
    let mut groups: BTreeMap<GroupKey, Vec<&Run>> = BTreeMap::new();
    for run in &runs.all {
        groups.entry(GroupKey::of(run)).or_default().push(run);
    }
    groups
        .into_iter()
        .map(|(key, mut runs)| {
            runs.sort_by_key(|c| c.seed());
            SeedGroup { key, runs }
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
