//! Where settings come from, what a smaller scale means, and which data are missing.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::Scale;
use vocabulary::record::{RunRecord, State, StopReason};

use crate::runs::{Runs, SeedGroup};
use crate::tables::table::{Table, TableEntry};

/// Where the settings of a run come from, and last how they were tuned, as far as its experiment file says so.
fn provenance(record: &RunRecord) -> Vec<String> {
    let tuning = record.tuning.iter().map(|tuning| format!("tuning: {tuning}"));
    record.sources.iter().cloned().chain(tuning).collect()
}

/// Every distinct list of sources and tuning, numbered in order of first use.
pub(crate) struct Recipes {
    numbers: BTreeMap<Vec<String>, usize>,
}

impl Recipes {
    /// The recipes of all runs.
    pub(crate) fn of(runs: &Runs) -> Self {
        let mut numbers = BTreeMap::new();
        for recipe in runs.records().map(provenance).filter(|recipe| !recipe.is_empty()) {
            let next = numbers.len() + 1;
            numbers.entry(recipe).or_insert(next);
        }
        Self { numbers }
    }

    /// `R3`, with the sources in full as the raw value; every recipe that a seed of the group was trained by.
    pub(crate) fn entry(&self, group: &SeedGroup<'_>) -> TableEntry {
        let records = group.runs.iter().filter_map(|c| c.record.as_ref());
        let used: BTreeMap<usize, String> = records
            .map(provenance)
            .filter_map(|recipe| Some((*self.numbers.get(&recipe)?, recipe.join("; "))))
            .collect();
        if used.is_empty() {
            return TableEntry::none();
        }
        let names: Vec<String> = used.keys().map(|number| format!("R{number}")).collect();
        let raw = used.into_values().collect::<Vec<_>>().join("; ");
        TableEntry::text(names.join(", ")).raw(raw)
    }

    /// What every number stands for; `None` where no run names a source.
    pub(crate) fn table(&self, runs: &Runs) -> Option<Table> {
        if self.numbers.is_empty() {
            return None;
        }
        let mut table = Table::new(
            "recipes",
            "Recipes",
            "Where the settings of the runs come from, as the experiment file says it: later sources refine earlier ones; and how \
             they were tuned, where it says so.",
            "Recipe | Runs=Cells | Source",
        );
        let mut recipes: Vec<(&Vec<String>, &usize)> = self.numbers.iter().collect();
        recipes.sort_by_key(|(_, number)| **number);
        for (sources, number) in recipes {
            let users = runs.all.iter().filter(|c| c.record.as_ref().is_some_and(|r| provenance(r) == *sources));
            let pairs: BTreeSet<String> = users.map(|c| format!("{} × {}", c.task(), c.baseline())).collect();
            table.rows.push(vec![
                TableEntry::text(format!("R{number}")),
                TableEntry::text(pairs.into_iter().collect::<Vec<_>>().join(", ")),
                TableEntry::text(sources.join("; ")),
            ]);
        }
        Some(table)
    }
}

/// The tasks whose data were not there, with what fetches them; `None` where nothing was missing.
pub(crate) fn missing_data(runs: &Runs) -> Option<Table> {
    let mut missing: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for run in &runs.all {
        if run.status.state == State::Skipped && run.status.reason == Some(StopReason::MissingData) {
            *missing.entry((run.task(), run.status.message.as_deref().unwrap_or_default())).or_default() += 1;
        }
    }
    if missing.is_empty() {
        return None;
    }
    let mut table = Table::new(
        "missing-data",
        "Missing data",
        "Tasks that were not run because their files are not there. Fetch them and run the experiment again: it does what \
         is not done.",
        "Task | Runs skipped=Cells skipped# | What is missing, and the command that fetches it",
    );
    for ((task, message), runs) in missing {
        table.rows.push(vec![TableEntry::text(task), TableEntry::text(runs.to_string()), TableEntry::text(message)]);
    }
    Some(table)
}

/// The scales of the runs other than `paper`.
pub(crate) fn scales(runs: &Runs) -> BTreeSet<Scale> {
    runs.records().map(|r| r.scale).filter(|scale| scale.caveat().is_some()).collect()
}

/// Say in the caption of `table` at which scale its rows were run, where that is not the recipe's own.
pub(crate) fn name_scales(table: &mut Table, runs: &Runs) {
    for sentence in scales(runs).into_iter().filter_map(Scale::caveat) {
        table.caption.push(' ');
        table.caption.push_str(sentence);
    }
}
