//! The score of a network on a split at one resolution.

use std::time::Instant;

use baselines::{Model, Resolution, precision::Precision};
use burn::tensor::Device;
use datasets::{Dataset, Split, samples::resample, samples::resample::Grid};

use super::error::EvalError;
use crate::experiment::{Run, Training};
use crate::training::{Pass, Score, score};

/// What a network is judged on.
pub(crate) struct At {
    pub(crate) split: Split,
    /// Samples per forward pass.
    pub(crate) batch_size: usize,
    /// Samples per axis relative to the task's.
    pub(crate) resolution: f64,
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

/// The score of `model`, the network of `run`, over the samples `at` of `dataset`, unless `stop` says before one of the
/// batches that nobody waits for it.
///
/// # Errors
/// See [`EvalError`]: there is no such resolution, no sample, or the loss is not finite.
pub(crate) fn judge(
    run: &Run,
    model: &dyn Model,
    dataset: &dyn Dataset,
    at: &At,
    device: &Device,
    stop: &dyn Fn() -> bool,
) -> Result<EvalResult, EvalError> {
    let &At { split, batch_size: size, resolution } = at;
    let shape = grid(resolution, run, device)?;
    let workers = Training::default().workers;
    let pass = Pass { spec: run.spec(), split, size, workers, device, resolution, precision: Precision::Float32 };
    let begun = Instant::now();
    let score = score(model, dataset, &pass, stop, None)?;
    let split = split.name();
    if score.targets == 0 {
        return Err(EvalError::Empty { split });
    }
    if !score.loss.is_finite() {
        let at = if resolution == 1.0 { String::new() } else { format!(" at {resolution} times the samples per axis") };
        return Err(EvalError::NotFinite { split, at, loss: score.mean_loss() });
    }
    let seconds = begun.elapsed().as_secs_f64();
    let frequencies = model.filter_frequencies()?;
    let above = frequencies.iter().filter(|&&frequency| frequency > resolution).count();
    let above_nyquist = (!frequencies.is_empty()).then(|| above as f64 / frequencies.len() as f64);
    Ok(EvalResult { resolution, shape, score, above_nyquist, seconds })
}

/// Positions per axis at `resolution`, where the task and the baseline of `run` have such.
///
/// # Errors
/// They have not, with the reason.
pub(crate) fn grid(resolution: f64, run: &Run, device: &Device) -> Result<Vec<usize>, EvalError> {
    let (spec, entry) = (run.spec(), &run.baseline.entry);
    let refuse =
        |what: &str, reason: &str| Err(EvalError::Resolution { what: format!("`{what}`"), reason: reason.to_owned() });
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
    Ok(input.shape())
}
