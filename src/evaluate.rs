//! `bench eval`: the score of a checkpoint, ours or a reference program's.

mod file_name;
pub(crate) mod origin;
mod told;

use std::path::{Path, PathBuf};
use std::time::Instant;

use baselines::registry::Entry;
use baselines::{BuildError, ReadError, Resolution};
use burn::tensor::Device;
use datasets::samples::resample::{self, Grid};
use datasets::{DataError, Library, Metric, Split};
use serde_json::{Map, Value};
use vocabulary::record::CellRecord;
use vocabulary::record::State as CellState;

use self::file_name::Named;
use self::origin::Settings;
use crate::experiment::diagnostic::with_suggestion;
use crate::experiment::yaml::shorten;
use crate::experiment::{Cell, ExperimentError, Overrides, Training, load_text};
use crate::registry::Registry;
use crate::run::folder::{self, FolderError};
use crate::train::{self, Pass, TrainError, objective::Score};
use crate::weights::{self, KERNEL_LENGTH, Own, Wanted, WeightsError};

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
    /// Settings of the task and the network, and where each comes from.
    pub(crate) settings: Settings,
    /// What a reader of the result must know about the samples, the weights and the settings.
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
    /// No task or baseline has that name.
    #[error("{message}\n  = accepted {what}s: {known}")]
    Unknown {
        /// What is wrong.
        message: String,
        /// `task` or `baseline`.
        what: &'static str,
        /// The names there are.
        known: String,
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
    /// The network gives no number.
    #[error(
        "the loss on the {split} split{at} is {loss}: the network overflows, or its weights are of a training that diverged; \
         this is no result"
    )]
    NotFinite {
        /// The split.
        split: &'static str,
        /// The resolution in words, where it is another one.
        at: String,
        /// The loss.
        loss: f64,
    },
    /// Nothing can be scored.
    #[error("the {split} split has no sample to score")]
    Empty {
        /// The split.
        split: &'static str,
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
    #[error("{source}{hint}")]
    Weights {
        /// Why.
        source: Box<WeightsError>,
        /// Settings to think of; may be empty.
        hint: String,
    },
    /// The network does not run to the end, or what it gave cannot be read.
    #[error("evaluation stopped: {0}")]
    Stopped(TrainError),
}

impl From<WeightsError> for EvalError {
    fn from(source: WeightsError) -> Self {
        Self::Weights { source: Box::new(source), hint: String::new() }
    }
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
    registry: &Registry,
    library: &Library,
    device: &Device,
    mut announce: impl FnMut(&str),
) -> Result<Evaluation, EvalError> {
    check_names(request, registry)?;
    let mut file = weights::File::open(request.checkpoint)?;
    let own = file.own().cloned();
    let found = folder::cell_of(request.checkpoint)?.map(|(folder, record)| Found { folder, record });
    // The name of a checkpoint of ours says nothing, and what a cell's record says is exact.
    let named = if own.is_none() { file_name::read(request.checkpoint) } else { None };
    let record = found.as_ref().map(|found| &found.record);
    let mut cell = resolve(request, record, named.as_ref(), registry)?;
    let spec = cell.task.task.spec();
    let entry = cell.baseline.entry.clone();
    let (input, output) = (&spec.input, &spec.target);
    let build = |config: &Value| (entry.build)(config, input, output, 0, device);
    let mut model = build(&cell.baseline.config)?;
    // The length of kernels was that of the inputs of training, whatever that of these is.
    let mut kept = None;
    let trained = own.as_ref().and_then(|own| own.kernel_length).filter(|_| record.is_some());
    if let (Some(length), Some(trained)) = (model.kernel_length(), trained)
        && length != trained
        && cell.baseline.config[KERNEL_LENGTH].is_null()
    {
        cell.baseline.config[KERNEL_LENGTH] = Value::from(trained);
        model = build(&cell.baseline.config)?;
        kept = Some(format!("the kernels are as long as in training, {trained} positions; the task has {length}"));
    }
    let grids = grids(request.resolutions, &cell, &entry, device)?;
    let settings = Settings::find(&cell, request.set, record, named.as_ref(), &entry);
    let wanted = Wanted { entry: &entry, config: &cell.baseline.config, shape: &input.shape(), build: &build };
    let loaded = weights::load(&mut file, model.as_mut(), &wanted).map_err(|error| EvalError::Weights {
        // Whoever follows the hint has to think of what it does not name.
        hint: match &error {
            WeightsError::Misfit { hint, .. } if !hint.is_empty() => settings.if_assumed(),
            _ => String::new(),
        },
        source: Box::new(error),
    })?;
    drop(file);
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
        let split = request.split.name();
        if score.targets == 0 {
            return Err(EvalError::Empty { split });
        }
        if !score.loss.is_finite() {
            let at =
                if resolution == 1.0 { String::new() } else { format!(" at {resolution} times the samples per axis") };
            return Err(EvalError::NotFinite { split, at, loss: score.mean_loss() });
        }
        let seconds = begun.elapsed().as_secs_f64();
        let above = frequencies.iter().filter(|&&frequency| frequency > resolution).count();
        let above_nyquist = (!frequencies.is_empty()).then(|| above as f64 / frequencies.len() as f64);
        passes.push(Passed { resolution, shape: grid, score, above_nyquist, seconds });
    }
    let mut notes = dataset.notes();
    notes.extend(loaded);
    notes.extend(kept);
    if let Some(found) = &found {
        notes.extend(found.about_samples(&cell, dataset.content_hash()));
        notes.extend(own.as_ref().and_then(|own| found.about_run(own)));
    }
    notes.extend(settings.contradictions.clone());
    if spec.metric == Metric::AreaUnderRoc && passes.iter().any(|pass| pass.score.metric(spec.metric).is_nan()) {
        notes.push("the samples are of one class alone, so that there is no AUC".to_owned());
    }
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
        settings,
        notes,
        cell,
    })
}

/// Where the name of the file `checkpoint` contradicts the settings of `cell`, which is to begin with its weights.
pub(crate) fn contradictions(checkpoint: &Path, cell: &Cell) -> Vec<String> {
    file_name::read(checkpoint).map(|named| Settings::contradictions(cell, &named)).unwrap_or_default()
}

/// Positions per axis at every resolution, where task and baseline have such.
fn grids(resolutions: &[f64], cell: &Cell, entry: &Entry, device: &Device) -> Result<Vec<Vec<usize>>, EvalError> {
    let spec = cell.task.task.spec();
    let refuse =
        |what: &str, reason: &str| Err(EvalError::Resolution { what: format!("`{what}`"), reason: reason.to_owned() });
    let mut grids = Vec::new();
    for &resolution in resolutions {
        let input = Grid::new(&spec.input, resolution).input().clone();
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
                    (entry.build)(&cell.baseline.config, &input, &spec.target, 0, device)?;
                }
                Resolution::Continuous => {}
            }
        }
        grids.push(input.shape());
    }
    Ok(grids)
}

/// Whether there are a task and a baseline of the names that were given.
fn check_names(request: &Request<'_>, registry: &Registry) -> Result<(), EvalError> {
    let tasks: Vec<&str> = registry.task_names().collect();
    let baselines: Vec<&str> = registry.baseline_names().collect();
    for (what, given, known) in [("task", request.task, tasks), ("baseline", request.baseline, baselines)] {
        if let Some(name) = given.filter(|name| !known.contains(name)) {
            let message = format!("--{what}: unknown {what} `{}`", shorten(name));
            let message = with_suggestion(message, name, known.iter().copied());
            return Err(EvalError::Unknown { message, what, known: known.join(", ") });
        }
    }
    Ok(())
}

/// The one cell that the checkpoint's record, its file name and the arguments describe.
fn resolve(
    request: &Request<'_>,
    record: Option<&CellRecord>,
    named: Option<&Named>,
    registry: &Registry,
) -> Result<Cell, EvalError> {
    let unnamed = |what| EvalError::Unnamed { checkpoint: request.checkpoint.to_owned(), what };
    let task = record.map(|r| Recorded { name: &r.task.name, config: &r.task.config });
    let mut task_part = part(request.task, task).ok_or_else(|| unnamed("task"))?;
    let baseline = record.map(|r| Recorded { name: &r.baseline.name, config: &r.baseline.config });
    let mut baseline_part = part(request.baseline, baseline).ok_or_else(|| unnamed("baseline"))?;
    if let Some(named) = named {
        named.fill(&mut task_part, &mut baseline_part);
    }
    // JSON is YAML, so the settings go the way of every experiment file, `--set` and its suggestions included.
    let text = serde_json::json!({ "tasks": [task_part], "baselines": [baseline_part] }).to_string();
    let overrides = Overrides { set: request.set.to_vec(), ..Overrides::default() };
    let plan = load_text("arguments", text, &overrides, registry)?;
    let mut cell = plan.cells.into_iter().next().ok_or_else(|| unnamed("task"))?;
    // The label of a record may be one that a file could not give.
    if let Some(record) = record {
        if record.task.name == cell.task.name {
            cell.task.label.clone_from(&record.task.label);
        }
        if record.baseline.name == cell.baseline.name {
            cell.baseline.label.clone_from(&record.baseline.label);
        }
    }
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
    config: &'a Value,
}

/// Name and settings of the task or baseline: those of the cell's record, unless another one is named.
fn part(named: Option<&str>, recorded: Option<Recorded<'_>>) -> Option<Map<String, Value>> {
    let recorded = recorded.filter(|recorded| named.is_none_or(|name| name == recorded.name));
    let name = named.or(recorded.map(|recorded| recorded.name))?;
    let mut all = Map::from_iter([("name".to_owned(), Value::from(name))]);
    if let Some(Recorded { config, .. }) = recorded {
        // An absent setting is written as null, which a file would not have.
        let config = config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        all.extend(config.map(|(key, value)| (key.clone(), value.clone())));
    }
    Some(all)
}

/// The cell that a checkpoint lies in.
struct Found {
    folder: PathBuf,
    record: CellRecord,
}

impl Found {
    /// How the samples, which have the hash `data_hash`, differ from those of training.
    fn about_samples(&self, cell: &Cell, data_hash: &str) -> Option<String> {
        let (then, now) = (&self.record.task, cell.task.task.spec());
        if then.name != cell.task.name {
            return Some(format!("the weights are of training on {}", then.label));
        }
        if then.version != now.version {
            return Some(format!(
                "training was on version {} of the task, these samples are of version {}",
                then.version, now.version
            ));
        }
        let without_null = |config: &Value| -> Map<String, Value> {
            let fields = config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
            fields.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        // Other settings are other samples, and the settings say so.
        let same = without_null(&then.config) == without_null(&cell.task.config);
        let before = then.data_hash.as_deref().filter(|before| same && *before != data_hash)?;
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        Some(format!(
            "the data are not those of training: their hash is {}, then it was {}",
            short(data_hash),
            short(before)
        ))
    }

    /// Where training stood, unless it came to its end.
    fn about_run(&self, own: &Own) -> Option<String> {
        if own.cell_hash != self.record.hash {
            return Some(
                "the checkpoint was written under another configuration than that of the cell it lies in, whose settings \
                 are used here"
                    .to_owned(),
            );
        }
        let epoch = own.progress.epoch;
        let of = self.record.training["epochs"].as_u64().map(|all| format!(" of {all}")).unwrap_or_default();
        let status = folder::read_status(&self.folder).ok().flatten()?;
        match (status.state, status.reason) {
            (CellState::Done, None) => None,
            (CellState::Done, Some(reason)) => {
                Some(format!("training ended early ({reason}): the weights are of epoch {epoch}{of} at the latest"))
            }
            (state, _) => Some(format!(
                "the cell is {}, not done: the weights are of epoch {epoch}{of} at the latest",
                state.name()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_of_the_cell_hold_unless_another_is_named() {
        let config = json!({"hidden": 8, "limit": null});
        let own = Some(Recorded { name: "rnn", config: &config });
        let whole = |named, own| part(named, own).map(Value::Object);
        assert_eq!(whole(None, own), Some(json!({"name": "rnn", "hidden": 8})));
        assert_eq!(whole(Some("rnn"), own), whole(None, own));
        assert_eq!(whole(Some("gru"), own), Some(json!({"name": "gru"})));
        assert_eq!(whole(None, None), None);
    }
}
