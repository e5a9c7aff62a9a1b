//! `training.initial_weights`: the weights of a file instead of random ones.

use std::path::Path;

use baselines::{BuildError, Model};
use burn::tensor::Device;

use vocabulary::record::State;

use crate::experiment::{Plan, Run};
use crate::files::run_folder;
use crate::files::weights::{self, Wanted, WeightsError};
use crate::origin;
use crate::training::{best_path, last_path};

/// Why a run cannot begin with the weights of a file.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "initial-weights-")]
pub(crate) enum InitialError {
    /// The network cannot be built.
    #[error("the model cannot be built: {0}")]
    Build(#[from] BuildError),
    /// The file is of no use.
    #[strum(transparent)]
    #[error("training.initial_weights: {0}")]
    Weights(#[from] WeightsError),
    /// The run that it begins with has not come to its end.
    #[error("training.initial_task: {id} is {state}, and not done; train that run to its end, then this one again")]
    NotTrained { id: String, state: String },
}

/// Let the runs of `plan` whose weights are those of another run know the file in the folder `out` of their experiment.
pub(crate) fn place(plan: &mut Plan, out: &Path) {
    for run in &mut plan.runs {
        if let Some(first) = &run.after {
            run.training.initial_weights = Some(best_path(&out.join(first)));
        }
    }
}

/// Refuse the weights of a run in `out` that has not been trained to its end.
fn check_first(run: &Run, out: &Path) -> Result<(), InitialError> {
    let Some(first) = &run.after else { return Ok(()) };
    let status = run_folder::read_status(&out.join(first)).ok().flatten();
    match status.map(|status| status.state) {
        Some(State::Done) => Ok(()),
        state => {
            let state = state.map_or_else(|| "not there".to_owned(), |state| state.to_string());
            Err(InitialError::NotTrained { id: first.clone(), state })
        }
    }
}

/// Put the weights of the file at `path` into `model`, the network of `run` in the folder `out` of its experiment; what is worth
/// telling of how they were found.
pub(crate) fn begin(
    path: &Path,
    run: &Run,
    out: &Path,
    model: &mut dyn Model,
    device: &Device,
) -> Result<Vec<String>, InitialError> {
    check_first(run, out)?;
    load(path, run, model, device)
}

fn load(path: &Path, run: &Run, model: &mut dyn Model, device: &Device) -> Result<Vec<String>, InitialError> {
    let spec = run.spec();
    let entry = &run.baseline.entry;
    let config = &run.baseline.config;
    let wanted = Wanted { entry, config, input: &spec.input, output: &spec.target, device };
    Ok(weights::load(&mut weights::File::open(path)?, model, &wanted)?)
}

/// Where the settings of `run` contradict what the name of the file says that it begins with: a network of other settings
/// computes something else with the same weights.
pub(crate) fn contradictions(run: &Run) -> Vec<String> {
    let found = run.training.initial_weights.as_deref().map(|path| origin::contradictions(path, run));
    found.into_iter().flatten().map(|text| format!("initial weights of {}: {text}", run.baseline.label)).collect()
}

/// Whether `run` could begin with the weights of its file, as far as can be said before anything starts: a file that is not
/// there yet, or within `out`, may be written by an earlier run. A run that has begun needs its file no more. False where
/// nothing was looked at.
///
/// # Errors
/// A file that is there and of no use.
pub(crate) fn check(run: &Run, out: &Path, fresh: bool, device: &Device) -> Result<bool, InitialError> {
    let Some(path) = run.training.initial_weights.as_deref().filter(|_| run.not_applicable.is_none()) else {
        return Ok(false);
    };
    let within = match (path.canonicalize(), out.canonicalize()) {
        (Ok(path), Ok(out)) => path.starts_with(out),
        (Err(_), _) => true,
        (Ok(_), Err(_)) => false,
    };
    if within || has_begun(run, out, fresh) {
        return Ok(false);
    }
    let mut model = run.build(0, device)?;
    load(path, run, model.as_mut(), device).map(|_| true)
}

/// Why `run` cannot begin with the weights of its file, as far as [`check`] can say; a file that is not there is one, which
/// another run may write before this one begins.
pub(crate) fn problem(run: &Run, out: &Path, fresh: bool, device: &Device) -> Option<String> {
    let path = run.training.initial_weights.as_deref().filter(|_| run.not_applicable.is_none())?;
    match check(run, out, fresh, device) {
        Err(error) => Some(error.to_string()),
        // Its run is one of those that come before it, or says so when it is not.
        Ok(false) if run.after.is_some() => None,
        Ok(false) if !has_begun(run, out, fresh) && !path.exists() => {
            Some(format!("training.initial_weights: {} is not there (yet)", path.display()))
        }
        Ok(_) => None,
    }
}

/// Whether `run` goes on from a checkpoint of its own.
fn has_begun(run: &Run, out: &Path, fresh: bool) -> bool {
    last_path(&out.join(&run.id)).exists() && !fresh
}
