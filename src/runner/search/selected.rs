//! `selected.yaml`: the best trial of every pair of task and baseline, as an experiment of its own.

use std::path::{Path, PathBuf};

use reports::{AddedSettings, ReportError, SearchedPair};
use serde::Serialize;

use crate::experiment::{Choice, ExperimentError, Overrides, Plan, Run, chosen, load_text};
use crate::files::atomic;
use crate::registry::Registry;

/// Name of the file, in the folder of the experiment.
const FILE: &str = "selected.yaml";

/// The file, and what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Selected {
    #[serde(rename = "file")]
    pub(crate) path: PathBuf,
    /// Pairs of task and baseline.
    pub(crate) pairs: usize,
    /// Pairs without a trial to choose, or whose trials are not all over: task and baseline.
    pub(crate) missing: Vec<String>,
    /// The seeds of the search, by which the trials were chosen.
    pub(crate) seeds: Vec<u64>,
}

/// Why the file is not written.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "selected-")]
pub(crate) enum SelectedError {
    /// The trials cannot be read.
    #[error("{FILE} is not written: {0}")]
    Trials(#[from] ReportError),
    /// What was made is no experiment file.
    #[error("{FILE} is not written, since it would be refused: {0}")]
    Refused(#[from] ExperimentError),
    /// What was made is another run than the trial.
    #[error(
        "{FILE} is not written, since its runs would not be those chosen: {id} is another; give every task and baseline a \
         `label:` that is no name of another one"
    )]
    Other { id: String },
    #[error("{FILE} is not written: {0}")]
    Text(#[from] serde_yaml::Error),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

/// Write the file of the trials of `plan` in `folder`; `None` where no trial can be chosen yet.
///
/// # Errors
/// The trials cannot be read, or the file cannot be written; what was chosen cannot be said in an experiment file.
pub(crate) fn write(
    plan: &Plan,
    folder: &Path,
    added: &AddedSettings,
    registry: &Registry,
) -> Result<Option<Selected>, SelectedError> {
    let mut runs = reports::load(&[folder.to_owned()], added)?;
    // Of other searches, too, trials may lie here.
    runs.all.retain(|run| plan.runs.iter().any(|planned| planned.id == run.id));
    let run_of = |pair: &SearchedPair| -> Option<&Run> {
        let trial = &pair.trials[pair.selected?];
        let id = &runs.all[*trial.runs.first()?].id;
        plan.runs.iter().find(|run| run.id == *id)
    };
    let (mut choices, mut missing) = (Vec::new(), Vec::new());
    for pair in &reports::searches(&runs) {
        match run_of(pair) {
            Some(run) => choices.push(Choice { run, trials: pair.trials.len() }),
            None => missing.push(format!("{} on {}", pair.baseline, pair.task)),
        }
    }
    if choices.is_empty() {
        return Ok(None);
    }
    choices.sort_by_key(|choice| choice.run.trial.as_ref().map(|trial| trial.entries));
    let text = serde_yaml::to_string(&chosen(plan, &choices))?;
    let made = load_text(FILE, text.clone(), &Overrides::default(), registry)?;
    for Choice { run, .. } in &choices {
        let same = |other: &&Run| {
            (&other.task.config, &other.baseline.name, &other.baseline.config, &other.training)
                == (&run.task.config, &run.baseline.name, &run.baseline.config, &run.training)
        };
        if !made.runs.iter().any(|other| same(&other)) {
            return Err(SelectedError::Other { id: run.id.clone() });
        }
    }
    let path = folder.join(FILE);
    atomic::replace(&path, text.as_bytes()).map_err(|source| SelectedError::Write { path: path.clone(), source })?;
    let mut seeds: Vec<u64> = plan.runs.iter().map(|run| run.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    Ok(Some(Selected { path, pairs: choices.len(), missing, seeds }))
}
