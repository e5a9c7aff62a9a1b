//! What forbids a start: missing data, folders of other settings, and initial weights that do not fit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use burn::tensor::Device;
use datasets::{Library, Split};
use vocabulary::record::{Status, StopReason};

use super::run::is_complete;
use super::{RunnerError, identity, initial_weights};
use crate::experiment::{Missing, Plan, Run};
use crate::files::{FolderError, run_folder};

/// Files of initial weights that are there must fit their networks before anything starts.
pub(super) fn initial_weights(runs: &[Run], out: &Path, fresh: bool, device: &Device) -> Result<(), RunnerError> {
    let mut checked = BTreeSet::new();
    for run in runs {
        // Seeds and grids share files and networks.
        let key = (&run.training.initial_weights, &run.task.label, run.baseline.config.to_string());
        let failed = |error| RunnerError::InitialWeights { id: run.id.clone(), source: Box::new(error) };
        if !checked.contains(&key) && initial_weights::check(run, out, fresh, device).map_err(failed)? {
            checked.insert(key);
        }
    }
    Ok(())
}

/// The runs of `plan` that apply and are not done in the folder `out`.
pub(crate) fn not_done<'p>(plan: &'p Plan, out: &Path) -> Vec<&'p Run> {
    let is_done = |run: &Run| {
        let folder = out.join(&run.id);
        let status = run_folder::read_status(&folder).ok().flatten();
        let before = run_folder::read_record(&folder).ok().flatten();
        let pruned = |status: &Status| run.trial.is_some() && status.reason == Some(StopReason::Pruned);
        let ended = |status: &Status| pruned(status) || is_complete(status, before.as_ref(), &run.training);
        status.is_some_and(|status| ended(&status))
    };
    plan.runs.iter().filter(|run| run.not_applicable.is_none() && !is_done(run)).collect()
}

/// Under `missing: error`, the data of every run that is to be trained must be there before anything starts.
///
/// # Errors
/// What is missing.
pub(crate) fn data(plan: &Plan, out: &Path, library: &Library) -> Result<(), RunnerError> {
    if plan.missing == Missing::Skip { Ok(()) } else { data_of(not_done(plan, out), library) }
}

/// The same of all runs, which start anew.
pub(super) fn data_of_all(plan: &Plan, library: &Library) -> Result<(), RunnerError> {
    let wanted = plan.runs.iter().filter(|run| run.not_applicable.is_none());
    if plan.missing == Missing::Skip { Ok(()) } else { data_of(wanted, library) }
}

fn data_of<'r>(runs: impl IntoIterator<Item = &'r Run>, library: &Library) -> Result<(), RunnerError> {
    let checks = runs.into_iter().map(|run| run.task.task.check(library));
    let missing: BTreeSet<String> = checks.filter_map(|check| check.err().map(|error| error.to_string())).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.into_iter().collect::<Vec<_>>().join("\n");
    Err(RunnerError::MissingData(list))
}

/// Hash and sizes of the samples of a run, if they can be read.
fn samples_of(run: &Run, library: &Library) -> Option<(String, [usize; 3])> {
    let dataset = run.task.task.prepare(library, &()).ok()?;
    Some((dataset.content_hash().to_owned(), Split::ALL.map(|split| dataset.len(split))))
}

/// A folder that holds another configuration of a run is refused before anything starts. A file of samples that lies
/// elsewhere now is read, to see whether they are the same.
pub(super) fn unchanged(plan: &Plan, out: &Path, device: &str, library: &Library) -> Result<(), RunnerError> {
    let mut changed = Vec::new();
    let mut read: BTreeMap<String, Option<(String, [usize; 3])>> = BTreeMap::new();
    for run in &plan.runs {
        // One that cannot be read is that run's failure, and the others run.
        let before = match run_folder::read_record(&out.join(&run.id)) {
            Ok(before) => before,
            Err(FolderError::Record { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(before) = before else { continue };
        let moved = before.task.data_hash.is_some() && identity::has_moved(run, &before);
        let key = format!("{} {}", run.task.name, run.task.config);
        let elsewhere = moved.then(|| read.entry(key).or_insert_with(|| samples_of(run, library)));
        let samples = match &elsewhere {
            Some(Some((hash, sizes))) => Some((hash.as_str(), *sizes)),
            // What cannot be read is not the same.
            Some(None) => Some(("unknown", before.task.splits)),
            None => before.task.data_hash.as_deref().map(|hash| (hash, before.task.splits)),
        };
        let mut now = identity::record(run, &plan.name, device, samples)?;
        identity::keep_what_samples_tell(&mut now, &before, run);
        identity::go_on(&mut now, &before, &run.baseline.entry)?;
        if samples.is_none() {
            // A run that has not begun takes the weights that are there when it does.
            now.initial_weights.clone_from(&before.initial_weights);
        }
        let differences = identity::changes(&before, &now, &run.baseline.entry)?;
        if !differences.is_empty() {
            changed.push(format!("{}:\n    {}", run.id, differences.join("\n    ")));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    Err(RunnerError::Changed { folder: out.to_owned(), changes: changed })
}
