//! `bench eval`: the score of a checkpoint, ours or a reference program's.

use std::path::{Path, PathBuf};
use std::time::Instant;

use baselines::registry::{self, Entry};
use baselines::{BuildError, ReadError, Resolution};
use burn::tensor::Device;
use datasets::resample::{self, Grid};
use datasets::{DataError, Library, Metric, Split};
use reports::record::CellRecord;
use serde_json::{Map, Value};

use crate::experiment::{Cell, ExperimentError, Overrides, Training, fit, load_text};
use crate::run::folder::{self, FolderError};
use crate::train::{self, Pass, TrainError, objective::Score};
use crate::weights::{self, WeightsError};

/// What is to be evaluated.
pub(crate) struct Request<'a> {
    /// The checkpoint.
    pub(crate) checkpoint: &'a Path,
    /// Task, unless it is the cell's.
    pub(crate) task: Option<&'a str>,
    /// Baseline, unless it is the cell's.
    pub(crate) baseline: Option<&'a str>,
    /// `task.…=…` and `baseline.…=…`.
    pub(crate) set: &'a [String],
    /// Which samples.
    pub(crate) split: Split,
    /// Samples per forward pass.
    pub(crate) batch_size: usize,
    /// Resolutions in samples per axis relative to the task's, at least one.
    pub(crate) resolutions: &'a [f64],
}

/// What came of it.
pub(crate) struct Evaluation {
    /// The task and the network, as resolved.
    pub(crate) cell: Cell,
    /// Metric of the task.
    pub(crate) metric: Metric,
    /// Per resolution asked for, in order.
    pub(crate) passes: Vec<Passed>,
    /// Samples seen.
    pub(crate) samples: usize,
    /// Trainable parameters.
    pub(crate) parameters: usize,
    /// What a reader of the result must know about the samples.
    pub(crate) notes: Vec<String>,
}

/// What came of one resolution.
pub(crate) struct Passed {
    /// Samples per axis relative to the task's.
    pub(crate) resolution: f64,
    /// Positions per axis.
    pub(crate) shape: Vec<usize>,
    /// Sums over all targets.
    pub(crate) score: Score,
    /// Share of the filters of the kernel networks whose frequency is above the highest that the grid can show; absent
    /// without such filters. See [`baselines::Body::filter_frequencies`].
    pub(crate) above_nyquist: Option<f64>,
    /// Time of the forward passes, in seconds.
    pub(crate) seconds: f64,
}

/// Why a checkpoint cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvalError {
    /// Neither an argument nor a cell folder says it.
    #[error("{checkpoint} lies in no cell folder that names the {what}: give --{what} NAME")]
    Unnamed {
        /// The checkpoint.
        checkpoint: PathBuf,
        /// `task` or `baseline`.
        what: &'static str,
    },
    /// Task, baseline or settings do not hold.
    #[error(transparent)]
    Settings(#[from] ExperimentError),
    /// The baseline cannot take the task's inputs.
    #[error("{baseline} does not run on {task}: {reason}")]
    NotApplicable {
        /// Baseline.
        baseline: String,
        /// Task.
        task: String,
        /// Why.
        reason: String,
    },
    /// Inputs or network exist at one resolution only.
    #[error("{what} cannot be evaluated at another resolution: {reason}; leave out --resample")]
    Resolution {
        /// Task or baseline.
        what: String,
        /// Why.
        reason: String,
    },
    /// The cell's folder is damaged.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The network cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The samples are not there.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The weights cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The network does not run to the end, or what it gave cannot be read.
    #[error("evaluation stopped: {0}")]
    Stopped(TrainError),
}

impl From<TrainError> for EvalError {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Data(error) => Self::Data(error),
            other => Self::Stopped(other),
        }
    }
}

impl From<ReadError> for EvalError {
    fn from(error: ReadError) -> Self {
        Self::Stopped(error.into())
    }
}

/// Evaluate a checkpoint on `device`. `announce` is told what is being done.
///
/// # Errors
/// Whatever does not hold; weights are checked before samples are read.
pub(crate) fn run(
    request: &Request<'_>,
    library: &Library,
    device: &Device,
    mut announce: impl FnMut(&str),
) -> Result<Evaluation, EvalError> {
    let cell = resolve(request)?;
    let spec = cell.task.task.spec();
    let entry = registry::find(&cell.baseline.name)
        .ok_or_else(|| BuildError::new("name", format!("no baseline is called `{}`", cell.baseline.name)))?;
    let (input, output) = (fit::input(&spec.input), fit::output(&spec.target));
    let build = |config: &Value| (entry.build)(config, &input, &output, 0, device);
    let mut model = build(&cell.baseline.config)?;
    let grids = grids(request.resolutions, &cell, &entry, device)?;
    weights::load(request.checkpoint, model.as_mut(), &entry, &cell.baseline.config, input.rank(), &build)?;
    announce(&format!("preparing {}", cell.task.label));
    let dataset = cell.task.task.prepare(library, &())?;
    announce(&format!("evaluating {} samples", dataset.len(request.split)));
    let frequencies = model.filter_frequencies()?;
    let mut passes = Vec::new();
    for (&resolution, grid) in request.resolutions.iter().zip(grids) {
        if request.resolutions.len() > 1 {
            announce(&format!("at {resolution} times the samples per axis"));
        }
        let workers = Training::default().workers;
        let pass = Pass { spec, split: request.split, size: request.batch_size, workers, device, resolution };
        let begun = Instant::now();
        let (score, _) = train::score(model.as_ref(), dataset.as_ref(), &pass)?;
        let seconds = begun.elapsed().as_secs_f64();
        let above = frequencies.iter().filter(|&&frequency| frequency > resolution).count();
        let above_nyquist = (!frequencies.is_empty()).then(|| above as f64 / frequencies.len() as f64);
        passes.push(Passed { resolution, shape: grid, score, above_nyquist, seconds });
    }
    let mut notes = dataset.notes();
    if entry.resolution == Resolution::AsIs && request.resolutions.iter().any(|&r| r != 1.0) {
        notes.push(format!(
            "{} has no kernels or steps that follow the resolution: it ran on the other number of samples as it is",
            entry.info.name
        ));
    }
    Ok(Evaluation {
        metric: spec.metric,
        passes,
        samples: dataset.len(request.split),
        parameters: baselines::network::count_parameters(model.as_ref()),
        notes,
        cell,
    })
}

/// Positions per axis at every resolution, where task and baseline have such.
fn grids(resolutions: &[f64], cell: &Cell, entry: &Entry, device: &Device) -> Result<Vec<Vec<usize>>, EvalError> {
    let spec = cell.task.task.spec();
    let refuse =
        |what: &str, reason: &str| Err(EvalError::Resolution { what: format!("`{what}`"), reason: reason.to_owned() });
    let mut grids = Vec::new();
    for &resolution in resolutions {
        let input = fit::input(Grid::new(&spec.input, resolution).input());
        if resolution != 1.0 {
            if let Some(reason) = resample::refusal(spec) {
                return refuse(&cell.task.name, reason);
            }
            // Ids given as numbers are values to the model, but not to be averaged.
            if cell.task.config.get("tokens").is_some_and(|tokens| tokens == "scalar") {
                return refuse(
                    &cell.task.name,
                    "its inputs are ids of tokens, and there is nothing between two tokens",
                );
            }
            match entry.resolution {
                Resolution::Fixed => return refuse(&cell.baseline.name, "a layer of it is over all positions"),
                // Poolings need so many positions.
                Resolution::AsIs => {
                    (entry.build)(&cell.baseline.config, &input, &fit::output(&spec.target), 0, device)?;
                }
                Resolution::Continuous => {}
            }
        }
        grids.push(input.shape());
    }
    Ok(grids)
}

/// The one cell that the checkpoint's folder and the arguments describe.
fn resolve(request: &Request<'_>) -> Result<Cell, EvalError> {
    let record = own_cell(request.checkpoint)?;
    let record = record.as_ref();
    let unnamed = |what| EvalError::Unnamed { checkpoint: request.checkpoint.to_owned(), what };
    let task = record.map(|r| Recorded { name: &r.task.name, label: &r.task.label, config: &r.task.config });
    let task = part(request.task, task).ok_or_else(|| unnamed("task"))?;
    let baseline =
        record.map(|r| Recorded { name: &r.baseline.name, label: &r.baseline.label, config: &r.baseline.config });
    let baseline = part(request.baseline, baseline).ok_or_else(|| unnamed("baseline"))?;
    // JSON is YAML, so the settings go the way of every experiment file, `--set` and its suggestions included.
    let text = serde_json::json!({ "tasks": [task], "baselines": [baseline] }).to_string();
    let overrides = Overrides { set: request.set.to_vec(), ..Overrides::default() };
    let plan = load_text("arguments", text, &overrides)?;
    let cell = plan.cells.into_iter().next().ok_or_else(|| unnamed("task"))?;
    match &cell.not_applicable {
        Some(reason) => Err(EvalError::NotApplicable {
            baseline: cell.baseline.name.clone(),
            task: cell.task.name.clone(),
            reason: reason.clone(),
        }),
        None => Ok(cell),
    }
}

/// A task or baseline in the record of a cell.
#[derive(Clone, Copy)]
struct Recorded<'a> {
    name: &'a str,
    label: &'a str,
    config: &'a Value,
}

/// Name, label and settings of the task or baseline: those of the cell's record, unless another one is named.
fn part(named: Option<&str>, recorded: Option<Recorded<'_>>) -> Option<Value> {
    let recorded = recorded.filter(|recorded| named.is_none_or(|name| name == recorded.name));
    let name = named.or(recorded.map(|recorded| recorded.name))?;
    let mut all = Map::from_iter([("name".to_owned(), Value::from(name))]);
    if let Some(Recorded { label, config, .. }) = recorded {
        all.insert("label".to_owned(), Value::from(label));
        // An absent setting is written as null, which a file would not have.
        let config = config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        all.extend(config.map(|(key, value)| (key.clone(), value.clone())));
    }
    Some(Value::Object(all))
}

/// The record of the cell whose folder, or whose folder `checkpoints`, the file lies in.
fn own_cell(checkpoint: &Path) -> Result<Option<CellRecord>, FolderError> {
    for folder in checkpoint.ancestors().skip(1).take(2) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        if let Some(record) = folder::read_cell(folder)? {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_of_the_cell_hold_unless_another_is_named() {
        let config = json!({"hidden": 8, "limit": null});
        let own = Some(Recorded { name: "rnn", label: "small", config: &config });
        assert_eq!(part(None, own), Some(json!({"name": "rnn", "label": "small", "hidden": 8})));
        assert_eq!(part(Some("rnn"), own), part(None, own));
        assert_eq!(part(Some("gru"), own), Some(json!({"name": "gru"})));
        assert_eq!(part(None, None), None);
    }
}
