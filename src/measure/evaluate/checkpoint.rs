//! The evaluation of a checkpoint, at one or several resolutions.

use baselines::{Model, Resolution};
use burn::tensor::Device;
use datasets::{Dataset, Library, Metric};
use serde_json::Value;

use super::error::EvalError;
use super::judge::{At, EvalResult, grid, judge};
use super::request::Request;
use super::resolve::{SourceRun, check_names, resolve};
use crate::experiment::Run;
use crate::files::run_folder;
use crate::files::weights::{self, KERNEL_LENGTH, Wanted, WeightsError};
use crate::origin::{Settings, file_name};
use crate::registry::Registry;

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
    let mut results = Vec::new();
    for &resolution in request.resolutions {
        if request.resolutions.len() > 1 {
            on_start(&format!("at {resolution} times the samples per axis"));
        }
        let at = At { split: request.split, batch_size: request.batch_size, resolution };
        results.push(judge(&opened.run, opened.model.as_ref(), dataset.as_ref(), &at, device, &|| false)?);
    }
    let Opened { run, model, settings, .. } = opened;
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
    request.resolutions.iter().try_for_each(|&resolution| grid(resolution, &run, device).map(drop))?;
    let settings = Settings::find(&run, request.set, record, named.as_ref(), &run.baseline.entry);
    let mut loaded = load(&mut file, model.as_mut(), &run, &settings, device)?;
    loaded.extend(kept);
    Ok(Opened { run, model, settings, source, own, loaded })
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
