//! The evaluation of a checkpoint, at one or several resolutions.

use std::time::Instant;

use baselines::{Model, Resolution, precision::Precision};
use burn::tensor::Device;
use datasets::{Dataset, Library, Metric, samples::resample, samples::resample::Grid};
use serde_json::Value;

use super::error::EvalError;
use super::request::Request;
use super::resolve::{SourceRun, check_names, resolve};
use crate::experiment::{Run, Training};
use crate::files::run_folder;
use crate::files::weights::{self, KERNEL_LENGTH, Wanted, WeightsError};
use crate::origin::{Settings, file_name};
use crate::registry::Registry;
use crate::training::{Pass, Score, score};

/// What came of it.
pub(crate) struct Evaluation {
    /// The task and the network, as resolved.
    pub(crate) run: Run,
    pub(crate) metric: Metric,
    /// Per resolution asked for, in order.
    pub(crate) results: Vec<EvalResult>,
    /// Samples seen.
    pub(crate) samples: usize,
    pub(crate) parameters: usize,
    /// Settings of the task and the network, and where each comes from.
    pub(crate) settings: Settings,
    /// What a reader of the result must know about the samples, the weights and the settings.
    pub(crate) notes: Vec<String>,
}

/// What came of one resolution.
pub(crate) struct EvalResult {
    /// Samples per axis relative to the task's.
    pub(crate) resolution: f64,
    /// Positions per axis.
    pub(crate) shape: Vec<usize>,
    /// Sums over all targets.
    pub(crate) score: Score,
    /// Share of the filters of the kernel networks whose frequency is above the highest that the grid can show; absent
    /// without such filters. See [`baselines::Model::filter_frequencies`].
    pub(crate) above_nyquist: Option<f64>,
    /// Time of the forward passes, in seconds.
    pub(crate) seconds: f64,
}

/// Evaluate a checkpoint on `device`. `on_start` is called with what begins, in words.
///
/// # Errors
/// See [`EvalError`]; weights are checked before samples are read.
pub(crate) fn evaluate(
    request: &Request<'_>,
    registry: &Registry,
    library: &Library,
    device: &Device,
    on_start: &mut dyn FnMut(&str),
) -> Result<Evaluation, EvalError> {
    let opened = open(request, registry, device)?;
    on_start(&format!("preparing {}", opened.run.task.label));
    let dataset = opened.run.task.task.prepare(library, &())?;
    on_start(&format!("evaluating {} samples", dataset.len(request.split)));
    let mut notes = opened.notes(Some(dataset.as_ref()));
    let Opened { run, model, grids, settings, .. } = opened;
    let results = results(request, &run, model.as_ref(), dataset.as_ref(), grids, device, on_start)?;
    let (metric, entry) = (run.spec().metric, &run.baseline.entry);
    if metric == Metric::AreaUnderRoc && results.iter().any(|result| result.score.metric(metric).is_nan()) {
        notes.push("the samples are of one class alone, so that there is no AUC".to_owned());
    }
    if entry.resolution == Resolution::AsIs && request.resolutions.iter().any(|&r| r != 1.0) {
        notes.push(format!(
            "{} has no kernels or steps that follow the resolution: it ran on the other number of samples as it is",
            entry.info.name
        ));
    }
    Ok(Evaluation {
        metric,
        results,
        samples: dataset.len(request.split),
        parameters: baselines::network::count_parameters(model.as_ref()),
        settings,
        notes,
        run,
    })
}

/// A checkpoint whose weights are in its network.
pub(crate) struct Opened {
    /// The task and the network, as resolved.
    pub(crate) run: Run,
    pub(crate) model: Box<dyn Model>,
    /// Settings of the task and the network, and where each comes from.
    pub(crate) settings: Settings,
    /// Positions per axis at every resolution.
    grids: Vec<Vec<usize>>,
    /// The run that it is of, and where training stood.
    source: Option<SourceRun>,
    own: Option<weights::Own>,
    /// How its weights were found.
    loaded: Vec<String>,
}

impl Opened {
    /// What a reader must know about the samples of `dataset`, where there are such, the weights and the settings.
    pub(crate) fn notes(&self, dataset: Option<&dyn Dataset>) -> Vec<String> {
        let mut notes = dataset.map(Dataset::notes).unwrap_or_default();
        notes.extend(self.loaded.iter().cloned());
        if let Some(source) = &self.source {
            notes.extend(dataset.and_then(|dataset| source.about_samples(&self.run, dataset.content_hash())));
            notes.extend(self.own.as_ref().and_then(|own| source.about_run(own)));
        }
        notes.extend(self.settings.contradictions.clone());
        notes
    }
}

/// Build the network of a checkpoint on `device` and put the weights into it.
///
/// # Errors
/// See [`EvalError`].
pub(crate) fn open(request: &Request<'_>, registry: &Registry, device: &Device) -> Result<Opened, EvalError> {
    check_names(request, registry)?;
    let mut file = weights::File::open(request.checkpoint)?;
    let own = file.own.clone();
    let source = run_folder::run_of(request.checkpoint)?.map(|(folder, record)| SourceRun { folder, record });
    // The name of a checkpoint of ours says nothing, and what a run's record says is exact.
    let named = if own.is_none() { file_name::read(request.checkpoint) } else { None };
    let record = source.as_ref().map(|source| &source.record);
    let mut run = resolve(request, record, named.as_ref(), registry)?;
    let trained = own.as_ref().and_then(|own| own.kernel_length).filter(|_| record.is_some());
    let (mut model, kept) = build(&mut run, trained, device)?;
    let grids = grids(request.resolutions, &run, device)?;
    let settings = Settings::find(&run, request.set, record, named.as_ref(), &run.baseline.entry);
    let mut loaded = load(&mut file, model.as_mut(), &run, &settings, device)?;
    loaded.extend(kept);
    Ok(Opened { run, model, settings, grids, source, own, loaded })
}

/// The network of `run`, and a note where its kernels keep the length that they were `trained` for: that of the inputs of
/// training, whatever that of these is.
fn build(
    run: &mut Run,
    trained: Option<usize>,
    device: &Device,
) -> Result<(Box<dyn Model>, Option<String>), EvalError> {
    let model = run.build(0, device)?;
    if let (Some(length), Some(trained)) = (model.kernel_length(), trained)
        && length != trained
        && run.baseline.config[KERNEL_LENGTH].is_null()
    {
        run.baseline.config[KERNEL_LENGTH] = Value::from(trained);
        let model = run.build(0, device)?;
        let note = format!("the kernels are as long as in training, {trained} positions; the task has {length}");
        return Ok((model, Some(note)));
    }
    Ok((model, None))
}

/// Put the weights of `file` into `model`; what a reader must know of how they were found.
fn load(
    file: &mut weights::File,
    model: &mut dyn Model,
    run: &Run,
    settings: &Settings,
    device: &Device,
) -> Result<Vec<String>, EvalError> {
    let spec = run.spec();
    let entry = &run.baseline.entry;
    let config = &run.baseline.config;
    let wanted = Wanted { entry, config, input: &spec.input, output: &spec.target, device };
    weights::load(file, model, &wanted).map_err(|error| EvalError::Weights {
        // Whoever follows the hint has to think of what it does not name.
        hint: match &error {
            WeightsError::Mismatch { hint, .. } if !hint.is_empty() => settings.if_assumed(),
            _ => String::new(),
        },
        source: Box::new(error),
    })
}

/// The scores of `model` at every resolution, whose inputs have these `grids`.
fn results(
    request: &Request<'_>,
    run: &Run,
    model: &dyn Model,
    dataset: &dyn Dataset,
    grids: Vec<Vec<usize>>,
    device: &Device,
    on_start: &mut dyn FnMut(&str),
) -> Result<Vec<EvalResult>, EvalError> {
    let spec = run.spec();
    let frequencies = model.filter_frequencies()?;
    let mut results = Vec::new();
    for (&resolution, shape) in request.resolutions.iter().zip(grids) {
        if request.resolutions.len() > 1 {
            on_start(&format!("at {resolution} times the samples per axis"));
        }
        let workers = Training::default().workers;
        let (split, size, precision) = (request.split, request.batch_size, Precision::Float32);
        let pass = Pass { spec, split, size, workers, device, resolution, precision };
        let begun = Instant::now();
        let score = score(model, dataset, &pass, &|| false, None)?;
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
        results.push(EvalResult { resolution, shape, score, above_nyquist, seconds });
    }
    Ok(results)
}

/// Positions per axis at every resolution, where task and baseline have such.
fn grids(resolutions: &[f64], run: &Run, device: &Device) -> Result<Vec<Vec<usize>>, EvalError> {
    let (spec, entry) = (run.spec(), &run.baseline.entry);
    let refuse =
        |what: &str, reason: &str| Err(EvalError::Resolution { what: format!("`{what}`"), reason: reason.to_owned() });
    let mut grids = Vec::new();
    for &resolution in resolutions {
        let input = Grid::new(&spec.input, resolution).input().clone();
        if resolution != 1.0 {
            if let Some(reason) = resample::refusal(spec) {
                return refuse(&run.task.name, reason);
            }
            // Ids given as numbers are values to the model, but not to be averaged.
            if run.task.config.get("tokens").is_some_and(|tokens| tokens == "scalar") {
                return refuse(&run.task.name, "its inputs are ids of tokens, and there is nothing between two tokens");
            }
            match entry.resolution {
                Resolution::Fixed => return refuse(&run.baseline.name, "a layer of it is over all positions"),
                // Poolings need so many positions.
                Resolution::AsIs => {
                    (entry.build)(&run.baseline.config, &input, &spec.target, 0, device)?;
                }
                Resolution::Continuous => {}
            }
        }
        grids.push(input.shape());
    }
    Ok(grids)
}
