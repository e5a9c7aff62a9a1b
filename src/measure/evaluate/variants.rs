//! The score of the best weights of a run on the test split of its task in other forms: what `evaluate` of an experiment asks
//! for.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use datasets::{DataError, Dataset, Library, Metric, Progress, Split};
use serde_json::{Map, Value};
use vocabulary::record::{Evaluated, Measurement, Variant, Verdict};

use super::checkpoint::{Opened, open};
use super::error::EvalError;
use super::judge::{At, EvalResult, judge};
use super::request::Request;
use crate::experiment::Asked;
use crate::registry::Registry;

/// What is judged, and by what means.
pub(crate) struct Judging<'a> {
    /// A checkpoint in the folder of its run.
    pub(crate) checkpoint: &'a Path,
    /// Samples per forward pass.
    pub(crate) batch_size: usize,
    pub(crate) registry: &'a Registry,
    pub(crate) library: &'a Library,
    pub(crate) device: &'a Device,
    /// Told of the samples that are prepared, which it may stop.
    pub(crate) progress: &'a dyn Progress,
}

/// What came of each of `asked`. The samples of the run's own task come from `own`.
///
/// # Errors
/// The checkpoint cannot be read, samples are not there, or `judging` was asked to stop. Where the task or the network has no
/// such form, or the network gives no number, that is the verdict.
pub(crate) fn variants(
    judging: &Judging<'_>,
    asked: &[Asked],
    own: &mut dyn FnMut() -> Result<Arc<dyn Dataset>, DataError>,
) -> Result<Vec<Evaluated>, EvalError> {
    let network = open(&judging.request(&[]), judging.registry, judging.device)?;
    let mut all = Vec::new();
    for Asked { variant, not_applicable } in asked {
        let found = match (not_applicable, variant) {
            (Some(reason), _) => Ok(Verdict::NotApplicable { reason: reason.clone() }),
            (None, Variant::Resample(resolution)) => judging.verdict(&network, own()?.as_ref(), *resolution),
            (None, Variant::Task(settings)) => judging.with_settings(settings),
        };
        all.push(Evaluated { variant: variant.clone(), verdict: found.or_else(refused)? });
    }
    Ok(all)
}

impl Judging<'_> {
    fn request<'r>(&'r self, set: &'r [String]) -> Request<'r> {
        Request {
            checkpoint: self.checkpoint,
            task: None,
            baseline: None,
            set,
            split: Split::Test,
            batch_size: self.batch_size,
            resolutions: &[1.0],
            at_scale: true,
        }
    }

    /// The verdict on `network` at `resolution`.
    fn verdict(&self, network: &Opened, samples: &dyn Dataset, resolution: f64) -> Result<Verdict, EvalError> {
        let at = At { split: Split::Test, batch_size: self.batch_size, resolution };
        let stop = || self.progress.stopped();
        let result = judge(&network.run, network.model.as_ref(), samples, &at, self.device, &stop)?;
        let measured = measurement(result, samples.len(Split::Test), network.run.spec().metric);
        Ok(Verdict::Measured(measured))
    }

    /// The verdict on the network on its task with `settings` in the place of its own.
    fn with_settings(&self, settings: &Map<String, Value>) -> Result<Verdict, EvalError> {
        let set: Vec<String> = settings.iter().map(|(name, value)| format!("task.{name}={value}")).collect();
        let network = open(&self.request(&set), self.registry, self.device).map_err(|error| match error {
            // It fits with the settings of the run.
            EvalError::Weights { .. } => EvalError::OtherNetwork { settings: set.join(", ") },
            other => other,
        })?;
        let samples = network.run.task.task.prepare(self.library, self.progress)?;
        self.verdict(&network, samples.as_ref(), 1.0)
    }
}

fn measurement(result: EvalResult, samples: usize, metric: Metric) -> Measurement {
    let EvalResult { score, shape, above_nyquist, seconds, .. } = result;
    Measurement {
        value: Some(score.metric(metric)).filter(|value| value.is_finite()),
        loss: score.mean_loss(),
        samples,
        targets: score.targets,
        shape,
        above_nyquist,
        seconds,
    }
}

/// The verdict where `error` says that there is no such form, or no number.
fn refused(error: EvalError) -> Result<Verdict, EvalError> {
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    match error {
        EvalError::Resolution { what, reason } => Ok(Verdict::NotApplicable { reason: format!("{what}: {reason}") }),
        EvalError::NotFinite { .. } => Ok(Verdict::NotFinite { reason: error.to_string() }),
        EvalError::Settings(_)
        | EvalError::NotApplicable { .. }
        | EvalError::OtherNetwork { .. }
        | EvalError::Build(_)
        | EvalError::Empty { .. } => Ok(Verdict::NotApplicable { reason: first_line(error.to_string()) }),
        other => Err(other),
    }
}
