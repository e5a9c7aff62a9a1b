//! The diagnostics of all runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;

use super::of_run::RunDiagnostics;
use super::read::read;
use crate::runs::group::SeedGroup;
use crate::runs::run::Runs;

/// The diagnostics of all runs, by their folders.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    of: BTreeMap<PathBuf, RunDiagnostics>,
    damaged: BTreeMap<PathBuf, String>,
}

impl Diagnostics {
    /// Read those of all runs. A damaged file is remembered, see [`damaged`](Self::damaged).
    pub(crate) fn read(runs: &Runs) -> Self {
        let mut all = Self::default();
        let found: Vec<_> = runs.all.par_iter().map(read).collect();
        for (run, found) in runs.all.iter().zip(found) {
            match found {
                Ok(found) => drop(all.of.insert(run.path.clone(), found)),
                Err(error) => drop(all.damaged.insert(run.path.clone(), error.to_string())),
            }
        }
        all
    }

    /// Those of the seeds of `group`, with the seed.
    pub(crate) fn of<'s>(&'s self, group: &'s SeedGroup<'_>) -> impl Iterator<Item = (u64, &'s RunDiagnostics)> {
        let runs = group.runs.iter();
        runs.filter_map(|run| Some((run.seed().unwrap_or_default(), self.of.get(&run.path)?)))
    }

    /// A sentence for every run of `group` whose file is damaged.
    pub(crate) fn damaged(&self, group: &SeedGroup<'_>) -> String {
        let damaged = group.runs.iter().filter_map(|run| Some((run, self.damaged.get(&run.path)?)));
        damaged.map(|(run, error)| format!(" {} is left out: {error}.", run.id)).collect()
    }
}
