//! Time and memory of a run, estimated from a few training steps on synthetic samples.

use burn::tensor::Device;
use datasets::Split;
use serde_json::Value;

use super::speed::{self, BenchOptions, SampleSource, SpeedResult, StepTimes};
use crate::experiment::{Run, Training};

/// Most samples of a timed step; larger batches are extrapolated in proportion.
const TIMED_SAMPLES: usize = 8;

/// Seconds that a timed step should take at most: fewer samples are timed where one alone takes long.
const TIMED_SECONDS: f64 = 1.0;

/// Bytes per parameter of the weights of the best epoch, which the host keeps.
const BEST: u64 = 4;
/// Bytes per parameter while a checkpoint is written: weights, their gradients' two moments and the best weights, once as
/// bytes and once more in the file's form.
const CHECKPOINT: u64 = 2 * (4 + 2 * 4 + 4) + 4;

/// An estimate for one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    /// Seconds of one optimiser step, all its forward passes included, on a machine with nothing else to do.
    pub(crate) seconds_per_step: f64,
    /// Seconds of the same by the clock, other work on this machine included.
    pub(crate) clock_seconds_per_step: f64,
    /// Seconds of evaluating one sample.
    pub(crate) seconds_per_evaluated: f64,
    /// Peak memory of the process in bytes, without the samples of the task, where the system tells.
    pub(crate) peak_bytes: Option<u64>,
}

/// How long a run takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Duration {
    /// Seconds of everything: steps, a validation per epoch, and the test.
    pub(crate) seconds: f64,
    /// Those of them that evaluate.
    pub(crate) evaluation_seconds: f64,
    /// Epochs that fit into `max_time`, where not all do.
    pub(crate) epochs_within_limit: Option<f64>,
}

/// What decides how long a step of `run` takes and how much memory: runs that have it in common share a measurement.
pub(crate) fn kind(run: &Run) -> String {
    match &run.trial {
        None => format!("{} {} {} {:?}", run.task.config, run.baseline.name, run.baseline.config, run.training),
        Some(trial) => format!("{:?} {}", trial.entries, discrete(run)),
    }
}

/// The values of a trial that may change how long a step takes: words, switches and counts, but no real numbers.
fn discrete(run: &Run) -> String {
    let training = serde_json::to_value(&run.training).unwrap_or_default();
    let is_real = |field: &str| {
        let (settings, path) = match field.split_once('.') {
            Some(("training", path)) => (&training, path),
            Some((_, path)) => (&run.baseline.config, path),
            None => return false,
        };
        settings.pointer(&format!("/{}", path.replace('.', "/"))).is_some_and(Value::is_f64)
    };
    let values = run.grid.iter().filter(|(field, _)| !is_real(field));
    values.map(|(field, value)| format!("{field}={value} ")).collect()
}

/// Time steps of `run` on `device`: one of a single sample, and unless that one took long, warm ones of as many samples as
/// fit into a second.
///
/// # Errors
/// See [`speed::measure`].
pub(crate) fn measure(run: &Run, device: &Device) -> Result<Estimate, String> {
    let steps = |samples, warmup, steps| {
        speed::measure(
            run,
            BenchOptions { samples, passes: 1, warmup, steps, profile: false },
            SampleSource::Synthetic,
            device,
        )
        .map(StepTimes::summary)
    };
    let first = steps(1, 0, 1)?;
    let fit = samples_that_fit(first.seconds.min, run.training.batch_size);
    let measured = if fit > 0 { Some(steps(fit, 1, 2)?) } else { None };
    Ok(estimate(&first, measured.as_ref(), &run.training))
}

/// From a step of one sample, and where there is one, a warm step of more.
fn estimate(one: &SpeedResult, more: Option<&SpeedResult>, training: &Training) -> Estimate {
    let measured = more.unwrap_or(one);
    let scale = training.batch_size as f64 / measured.samples as f64;
    let passes = training.accumulate_grad_steps as f64;
    let share = |part: f64| (part / measured.seconds.median).clamp(0.0, 1.0);
    let (update, forward) = (share(measured.optimiser_seconds), share(measured.forward_seconds));
    // The update does not depend on the number of samples.
    let step = |seconds: f64| seconds * ((1.0 - update) * scale * passes + update);
    let clock = measured.seconds.min;
    let undisturbed = measured.undisturbed_seconds.map_or(clock, |summary| summary.min);
    Estimate {
        seconds_per_step: step(undisturbed),
        clock_seconds_per_step: step(clock),
        seconds_per_evaluated: undisturbed * forward / measured.samples as f64,
        peak_bytes: peak(one, more, training),
    }
}

/// Peak of a step of the whole batch, in proportion to the samples, or of writing a checkpoint.
fn peak(one: &SpeedResult, more: Option<&SpeedResult>, training: &Training) -> Option<u64> {
    let above = |measured: &SpeedResult| Some(measured.peak_memory_bytes?.saturating_sub(measured.base_memory_bytes?));
    let measured = more.unwrap_or(one);
    // Weights, gradients and two moments stay the same whatever the batch.
    let fixed = 4 * 4 * measured.parameters;
    let (base, peak) = (measured.base_memory_bytes?, above(measured)?);
    let per_sample = match more.filter(|more| more.samples > 1) {
        Some(more) => peak.saturating_sub(above(one)?) as f64 / (more.samples - 1) as f64,
        None => peak.saturating_sub(fixed) as f64 / measured.samples as f64,
    };
    // Where one sample already took as much as several, the steps tell nothing: everything beside the weights counts.
    let per_sample = per_sample.max(peak.saturating_sub(fixed) as f64 / measured.samples as f64 / 2.0);
    let missing = training.batch_size.saturating_sub(measured.samples) as f64;
    let summed = if training.accumulate_grad_steps > 1 { 4 * measured.parameters } else { 0 };
    let step = peak + (per_sample * missing) as u64 + summed + BEST * measured.parameters;
    let saving = (fixed + CHECKPOINT * measured.parameters).max(peak.min(fixed));
    Some(base + step.max(saving))
}

impl Estimate {
    /// How long `run` takes where a step takes as long as [`seconds_per_step`](Self::seconds_per_step).
    pub(crate) fn duration(&self, run: &Run) -> Duration {
        let splits = run.spec().splits;
        let per_epoch = run.training.steps_in_epoch(splits.get(Split::Train)) as u64;
        let evaluation =
            [Split::Validation, Split::Test].map(|split| splits.get(split) as f64 * self.seconds_per_evaluated);
        self.lasts(&run.training, per_epoch, evaluation)
    }

    /// The same for epochs of `per_epoch` steps, and so many seconds of validation and test.
    fn lasts(&self, training: &Training, per_epoch: u64, [validation, test]: [f64; 2]) -> Duration {
        let steps = training.total_steps(per_epoch);
        // `max_steps` may end within an epoch, which is validated, too.
        let epochs = steps.div_ceil(per_epoch.max(1)) as f64;
        let evaluation_seconds = epochs * validation + test;
        let seconds = steps as f64 * self.seconds_per_step + evaluation_seconds;
        let limit = training.max_time.map_or(f64::INFINITY, |limit| limit.as_secs_f64());
        if seconds - test <= limit {
            return Duration { seconds, evaluation_seconds, epochs_within_limit: None };
        }
        // The limit is looked at between steps; the epoch it cuts short is validated afterwards.
        let reached = limit / (per_epoch as f64 * self.seconds_per_step + validation);
        let evaluation_seconds = reached.ceil() * validation + test;
        Duration { seconds: limit + validation + test, evaluation_seconds, epochs_within_limit: Some(reached) }
    }
}

/// Samples of a timed step, where one sample takes `seconds`; 0 where that one has to do.
fn samples_that_fit(seconds: f64, batch_size: usize) -> usize {
    ((TIMED_SECONDS / seconds) as usize).min(TIMED_SAMPLES).min(batch_size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::speed::Summary;

    #[test]
    fn long_steps_are_timed_on_few_samples() {
        assert_eq!(samples_that_fit(0.01, 100), 8);
        assert_eq!(samples_that_fit(0.01, 2), 2);
        assert_eq!(samples_that_fit(0.4, 100), 2);
        assert_eq!(samples_that_fit(1.5, 100), 0);
    }

    fn summary(seconds: f64) -> Summary {
        Summary { min: seconds, median: seconds, max: seconds }
    }

    /// A step of `samples` samples and a second by the clock, half of it undisturbed: forward .3, backward .5, update .2.
    fn measured(samples: usize, above: u64) -> SpeedResult {
        SpeedResult {
            parameters: 1000,
            samples,
            passes: 1,
            seconds: summary(1.0),
            undisturbed_seconds: Some(summary(0.5)),
            cpu_seconds: None,
            data_seconds: 0.0,
            data_share: 0.0,
            forward_seconds: 0.3,
            backward_seconds: 0.5,
            optimiser_seconds: 0.2,
            base_memory_bytes: Some(1_000_000),
            peak_memory_bytes: Some(1_000_000 + above),
            device_memory_bytes: None,
            kernels: None,
        }
    }

    #[test]
    fn a_step_grows_with_samples_and_passes_but_its_update_does_not() {
        let training = Training { batch_size: 80, accumulate_grad_steps: 2, ..Training::default() };
        let found = estimate(&measured(1, 0), Some(&measured(8, 0)), &training);
        assert!((found.seconds_per_step - 0.5 * (0.8 * 20.0 + 0.2)).abs() < 1e-9, "{found:?}");
        assert!((found.clock_seconds_per_step - (0.8 * 20.0 + 0.2)).abs() < 1e-9, "{found:?}");
        assert!((found.seconds_per_evaluated - 0.5 * 0.3 / 8.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn memory_grows_with_samples_and_is_at_least_that_of_a_checkpoint() {
        let training = Training { batch_size: 28, ..Training::default() };
        let peak = |one, more| estimate(&measured(1, one), Some(&measured(8, more)), &training).peak_bytes;
        // 700 000 more bytes for 7 more samples, 20 samples more, and the weights of the best epoch.
        assert_eq!(peak(300_000, 1_000_000), Some(1_000_000 + 1_000_000 + 2_000_000 + 4_000));
        assert_eq!(peak(0, 0), Some(1_000_000 + (16 + 36) * 1_000));
    }

    #[test]
    fn evaluation_counts_and_a_limit_of_time_cuts_epochs() {
        let estimate = Estimate {
            seconds_per_step: 2.0,
            clock_seconds_per_step: 9.0,
            seconds_per_evaluated: 0.1,
            peak_bytes: None,
        };
        let training = Training { epochs: 10, ..Training::default() };
        let lasts = |training: &Training| estimate.lasts(training, 5, [10.0, 4.0]);
        let whole = lasts(&training);
        assert_eq!((whole.seconds, whole.evaluation_seconds), (10.0 * (5.0 * 2.0 + 10.0) + 4.0, 104.0));
        assert_eq!(whole.epochs_within_limit, None);
        let steps = lasts(&Training { max_steps: Some(12), ..training.clone() });
        assert_eq!((steps.seconds, steps.evaluation_seconds), (24.0 + 34.0, 34.0));
        let limit = |seconds| Some(std::time::Duration::from_secs(seconds));
        let cut = lasts(&Training { max_time: limit(50), ..training.clone() });
        assert_eq!((cut.seconds, cut.epochs_within_limit), (50.0 + 14.0, Some(2.5)));
        assert_eq!(lasts(&Training { max_time: limit(200), ..training }), whole);
    }
}
