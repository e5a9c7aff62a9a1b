//! The training loop: one cell, from its first step or a checkpoint to its final metrics.

pub(crate) mod batches;
pub(crate) mod checkpoint;
pub(crate) mod journal;
pub(crate) mod objective;
pub(crate) mod optimiser;
pub(crate) mod progress;
pub(crate) mod schedule;
pub(crate) mod seeds;

mod records;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use baselines::{Forward, Model, Output};
use burn::tensor::{Device, Tensor};
use datasets::{Batch, DataError, Dataset, Split, TaskSpec};

use self::batches::EpochOrder;
use self::checkpoint::{CheckpointError, Extra, Weights};
use self::journal::{Journal, JournalError};
use self::objective::Score;
use self::optimiser::{EmptyGroup, Gradients, Optimiser};
use self::progress::{Best, Progress};
use self::seeds::Seeds;
use crate::experiment::Training;
use crate::experiment::training::Schedule;

/// Time between checkpoints within an epoch.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
/// Samples of the validation split that the probes look at.
const PROBED_SAMPLES: usize = 16;

/// What a cell trains with; fixed over its life.
pub(crate) struct Job<'a> {
    /// Hash of the configuration, stored in checkpoints.
    pub(crate) hash: &'a str,
    /// Labels for the diagnostics: baseline and task.
    pub(crate) labels: (&'a str, &'a str),
    /// Settings.
    pub(crate) settings: &'a Training,
    /// Seed of the cell, for messages.
    pub(crate) seed: u64,
    /// Random streams.
    pub(crate) seeds: Seeds,
    /// The samples.
    pub(crate) dataset: &'a dyn Dataset,
    /// Their description.
    pub(crate) spec: &'a TaskSpec,
    /// Where to compute, without autodiff.
    pub(crate) device: &'a Device,
    /// Folder of the cell.
    pub(crate) folder: PathBuf,
}

/// What changes while a cell trains.
pub(crate) struct State {
    /// The network, with autodiff.
    pub(crate) model: Box<dyn Model>,
    /// The optimiser.
    pub(crate) optimiser: Optimiser,
    /// Weights of the best epoch so far.
    pub(crate) best: Option<Weights>,
    /// The position.
    pub(crate) progress: Progress,
}

/// Follows a run and may ask it to stop.
pub(crate) trait Watch {
    /// An epoch of `steps` steps begins, or goes on from step `done`.
    fn epoch_begins(&mut self, progress: &Progress, steps: u64);
    /// A step was taken.
    fn step_taken(&mut self, progress: &Progress, samples_per_second: f64);
    /// An epoch is over.
    fn epoch_ended(&mut self, progress: &Progress, train: Score, validation: Score, seconds: f64);
    /// Whether to save and leave now.
    fn wants_to_stop(&self) -> bool;
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// All epochs.
    Epochs,
    /// No improvement for `early_stopping` epochs.
    EarlyStopping,
    /// `max_steps` of them.
    MaxSteps,
    /// `max_time` is used up.
    MaxTime,
    /// The watcher asked for it; a checkpoint was written.
    Stopped,
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrainError {
    /// The loss is not a number.
    #[error(
        "the training loss became {loss} in epoch {epoch}, step {step} (seed {seed}, batch of samples {samples:?}…); \
         the last checkpoint is intact; lower training.learning_rate or set training.grad_clip"
    )]
    NotFinite {
        /// The value.
        loss: f64,
        /// Epoch, from 1.
        epoch: u64,
        /// Step, from 0.
        step: u64,
        /// Seed.
        seed: u64,
        /// First positions of the batch.
        samples: Vec<usize>,
    },
    /// A parameter group selects nothing.
    #[error(transparent)]
    EmptyGroup(#[from] EmptyGroup),
    /// Samples cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Metrics cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Train until the settings or the watcher end it, then write the final metrics (unless the watcher stopped it).
pub(crate) fn train(
    job: &Job<'_>,
    state: &mut State,
    metrics: &mut Journal,
    diagnostics: &mut Journal,
    watch: &mut dyn Watch,
) -> Result<Finish, TrainError> {
    let mut clock = Clock::start(state.progress.seconds);
    let steps = job.settings.steps_in_epoch(job.dataset.len(Split::Train)) as u64;
    if state.progress.step == 0 && diagnostics.bytes() == 0 {
        probe(job, state, diagnostics)?;
        save(job, state, metrics, diagnostics, &mut clock)?;
    }
    let finish = loop {
        if let Some(finish) = finished(job.settings, &state.progress, &clock) {
            break finish;
        }
        let order = EpochOrder::new(
            job.dataset.len(Split::Train),
            job.settings.batch_size,
            job.seeds.order,
            state.progress.epoch,
        );
        // `max_steps` may end an epoch early; it then counts like a whole one.
        let left = job.settings.max_steps.map_or(u64::MAX, |most| most.saturating_sub(state.progress.step));
        let end = steps.min(state.progress.step_in_epoch.saturating_add(left));
        watch.epoch_begins(&state.progress, end);
        while state.progress.step_in_epoch < end && !clock.is_over(job.settings.max_time) {
            if watch.wants_to_stop() {
                save(job, state, metrics, diagnostics, &mut clock)?;
                return Ok(Finish::Stopped);
            }
            let begun = Instant::now();
            let (samples, learning_rate, gradient_norm) = step(job, state, &order, steps)?;
            state.progress.step_seconds += begun.elapsed().as_secs_f64();
            if state.progress.step.is_multiple_of(u64::from(job.settings.log_every)) {
                let lines = records::step(&state.progress, learning_rate, gradient_norm, clock.seconds());
                metrics.append(&lines)?;
            }
            watch.step_taken(&state.progress, samples as f64 / begun.elapsed().as_secs_f64());
            if clock.since_save() > CHECKPOINT_EVERY {
                save(job, state, metrics, diagnostics, &mut clock)?;
            }
        }
        let whole = state.progress.step_in_epoch == end;
        if !whole {
            // Time is up within an epoch: save the position for a later extension before the partial epoch is judged.
            save(job, state, metrics, diagnostics, &mut clock)?;
        }
        end_epoch(job, state, metrics, diagnostics, watch, &mut clock, whole)?;
    };
    conclude(job, state, metrics, &clock)?;
    Ok(finish)
}

/// One optimiser step over `accumulate_grad_steps` batches; returns samples, learning rate and gradient norm (if known).
fn step(
    job: &Job<'_>,
    state: &mut State,
    order: &EpochOrder,
    steps_per_epoch: u64,
) -> Result<(usize, f64, Option<f64>), TrainError> {
    let State { model, optimiser, progress, .. } = state;
    let device = job.device.clone().autodiff();
    let parts = job.settings.accumulate_grad_steps as u64;
    let mut sum = Gradients::new();
    let (mut used, mut samples) = (0, 0);
    for part in 0..parts {
        let positions = order.batch(progress.step_in_epoch * parts + part);
        if positions.is_empty() {
            continue;
        }
        let batch = job.dataset.read_for_training(positions, job.seeds.augmentation(progress.epoch))?;
        let mut ctx = Forward::training(job.seeds.dropout, progress.step * parts + part);
        let output = model.forward(batches::place(&batch, &job.spec.input, &device), &mut ctx);
        let (mut loss, mut score) = objective::evaluate(output, &batch.targets, &job.spec.target);
        let value = scalar(&loss);
        if let Some(penalty) = model.penalty() {
            loss = loss + penalty;
        }
        if !value.is_finite() {
            let (epoch, samples) = (progress.epoch + 1, positions.iter().copied().take(8).collect());
            return Err(TrainError::NotFinite { loss: value, epoch, step: progress.step, seed: job.seed, samples });
        }
        score.loss = value * score.targets as f64;
        progress.train.add(score);
        let mut gradients = loss.backward();
        optimiser::accumulate(&mut sum, model.take_gradients(&mut gradients));
        used += 1;
        samples += batch.size;
    }
    if used > 1 {
        optimiser::scale(&mut sum, 1.0 / f64::from(used));
    }
    let logged = (progress.step + 1).is_multiple_of(u64::from(job.settings.log_every));
    let norm = match job.settings.grad_clip {
        Some(limit) => Some(optimiser::clip(&mut sum, limit)),
        None => logged.then(|| optimiser::norm(&sum)),
    };
    let learning_rate = schedule::learning_rate(job.settings, progress.step, steps_per_epoch, progress.plateau_scale);
    optimiser.step(model.as_mut(), sum, learning_rate);
    progress.step += 1;
    progress.step_in_epoch += 1;
    progress.samples += samples as u64;
    Ok((samples, learning_rate, norm))
}

/// Validate, keep the best weights, lower the learning rate where due, and save. A partial epoch (time is up) is
/// judged too, but it leaves the checkpoint before it in place, so that an extension goes on from there.
fn end_epoch(
    job: &Job<'_>,
    state: &mut State,
    metrics: &mut Journal,
    diagnostics: &mut Journal,
    watch: &mut dyn Watch,
    clock: &mut Clock,
    whole: bool,
) -> Result<(), TrainError> {
    let (validation, _) = evaluate(job, state.model.as_ref(), Split::Validation)?;
    let metric = validation.metric(job.spec.metric);
    let progress = &mut state.progress;
    progress.epoch += 1;
    progress.step_in_epoch = 0;
    let train = std::mem::take(&mut progress.train);
    let better = progress.best.is_none_or(|best| {
        if job.spec.metric.higher_is_better() { metric > best.metric } else { metric < best.metric }
    });
    if better {
        progress.best = Some(Best { epoch: progress.epoch, metric, loss: validation.mean_loss() });
        (progress.stale_epochs, progress.plateau_epochs) = (0, 0);
    } else {
        progress.stale_epochs += 1;
        progress.plateau_epochs += 1;
    }
    if job.settings.schedule == Schedule::Plateau && progress.plateau_epochs > job.settings.plateau_patience {
        progress.plateau_scale *= job.settings.plateau_factor;
        progress.plateau_epochs = 0;
    }
    metrics.append(&records::epoch(job.spec, progress, train, validation, clock.seconds()))?;
    watch.epoch_ended(progress, train, validation, clock.seconds());
    probe(job, state, diagnostics)?;
    if better {
        state.best = Some(checkpoint::weights(state.model.as_ref()));
        save_best(job, state)?;
    }
    if whole {
        save(job, state, metrics, diagnostics, clock)?;
    }
    Ok(())
}

/// Test at the best validation epoch and write the final metrics.
fn conclude(job: &Job<'_>, state: &mut State, metrics: &mut Journal, clock: &Clock) -> Result<(), TrainError> {
    let mut model = state.model.evaluator();
    if let Some(best) = &state.best {
        let path = best_path(job);
        checkpoint::restore(model.as_mut(), best).map_err(|reason| CheckpointError::Invalid { path, reason })?;
        // An extension may have left the file of a later, partial epoch.
        save_best(job, state)?;
    }
    let (test, _) = evaluate(job, model.as_ref(), Split::Test)?;
    let parameters = baselines::network::count_parameters(model.as_ref());
    metrics.append(&records::conclusion(job.spec, &state.progress, test, parameters, clock.seconds()))?;
    metrics.sync()?;
    Ok(())
}

fn best_path(job: &Job<'_>) -> PathBuf {
    job.folder.join("checkpoints").join("best.safetensors")
}

fn save_best(job: &Job<'_>, state: &State) -> Result<(), TrainError> {
    if let Some(best) = &state.best {
        checkpoint::save(&best_path(job), job.hash, best, None, &state.progress)?;
    }
    Ok(())
}

/// Score of `model` on a whole split, in evaluation mode, and the number of samples.
pub(crate) fn evaluate(job: &Job<'_>, model: &dyn Model, split: Split) -> Result<(Score, usize), TrainError> {
    let size = job.settings.eval_batch_size.unwrap_or(job.settings.batch_size);
    Ok(score(model, job.dataset, job.spec, split, size, job.device)?)
}

/// The same, for batches of `size` samples on `device`.
pub(crate) fn score(
    model: &dyn Model,
    dataset: &dyn Dataset,
    spec: &TaskSpec,
    split: Split,
    size: usize,
    device: &Device,
) -> Result<(Score, usize), DataError> {
    let model = model.evaluator();
    let samples = dataset.len(split);
    let mut total = Score::default();
    for start in (0..samples).step_by(size.max(1)) {
        let positions: Vec<usize> = (start..(start + size).min(samples)).collect();
        let batch = dataset.read(split, &positions)?;
        let output = model.forward(batches::place(&batch, &spec.input, device), &mut Forward::evaluation());
        let (loss, mut score) = objective::evaluate(output, &batch.targets, &spec.target);
        score.loss = scalar(&loss) * score.targets as f64;
        total.add(score);
    }
    Ok((total, samples))
}

fn forward(job: &Job<'_>, model: &dyn Model, batch: &Batch, ctx: &mut Forward<'_>) -> Output {
    model.forward(batches::place(batch, &job.spec.input, job.device), ctx)
}

/// Variances and logit scale on the first validation samples, in evaluation mode.
fn probe(job: &Job<'_>, state: &State, diagnostics: &mut Journal) -> Result<(), TrainError> {
    let positions: Vec<usize> = (0..job.dataset.len(Split::Validation).min(PROBED_SAMPLES)).collect();
    if positions.is_empty() {
        return Ok(());
    }
    let batch = job.dataset.read(Split::Validation, &positions)?;
    let mut probes = Vec::new();
    forward(job, state.model.evaluator().as_ref(), &batch, &mut Forward::evaluation().with_probes(&mut probes));
    diagnostics.append(&records::diagnostics(job.labels, job.seed, state.progress.step, &probes))?;
    Ok(())
}

/// Write the `last` checkpoint; the journals reach the disk first, since it refers to their lengths.
fn save(
    job: &Job<'_>,
    state: &mut State,
    metrics: &Journal,
    diagnostics: &Journal,
    clock: &mut Clock,
) -> Result<(), TrainError> {
    metrics.sync()?;
    diagnostics.sync()?;
    state.progress.metrics_bytes = metrics.bytes();
    state.progress.diagnostics_bytes = diagnostics.bytes();
    state.progress.seconds = clock.seconds();
    let path = job.folder.join("checkpoints").join("last.safetensors");
    let extra = Extra { optimiser: &state.optimiser, best: state.best.as_ref() };
    checkpoint::save(&path, job.hash, &checkpoint::weights(state.model.as_ref()), Some(extra), &state.progress)?;
    clock.saved();
    Ok(())
}

fn finished(settings: &Training, progress: &Progress, clock: &Clock) -> Option<Finish> {
    if progress.epoch >= u64::from(settings.epochs) {
        Some(Finish::Epochs)
    } else if settings.max_steps.is_some_and(|most| progress.step >= most) {
        Some(Finish::MaxSteps)
    } else if settings.early_stopping.is_some_and(|patience| progress.stale_epochs >= patience) {
        Some(Finish::EarlyStopping)
    } else if progress.epoch > 0 && clock.is_over(settings.max_time) {
        Some(Finish::MaxTime)
    } else {
        None
    }
}

fn scalar(value: &Tensor<1>) -> f64 {
    f64::from(value.clone().inner().into_scalar::<f32>())
}

/// Training time over all attempts, and time since the last checkpoint.
struct Clock {
    before: f64,
    started: Instant,
    saved: Instant,
}

impl Clock {
    fn start(before: f64) -> Self {
        Self { before, started: Instant::now(), saved: Instant::now() }
    }

    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    fn is_over(&self, limit: Option<Duration>) -> bool {
        limit.is_some_and(|limit| self.seconds() >= limit.as_secs_f64())
    }

    fn since_save(&self) -> Duration {
        self.saved.elapsed()
    }

    fn saved(&mut self) {
        self.saved = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use baselines::registry;
    use datasets::{InputSpec, Inputs, TargetSpec, Targets};
    use serde_json::json;

    use super::*;

    /// Every registered baseline, a new one included, learns one batch of two kinds of waves within 20 steps.
    #[test]
    fn every_baseline_learns_a_batch_in_twenty_steps() {
        let device = Device::flex();
        for entry in registry::entries() {
            let rank = *entry.info.ranks.start();
            let shape = if rank == 1 { vec![48] } else { vec![20; rank] };
            let positions: usize = shape.iter().product();
            let spec = InputSpec::Values { channels: 1, shape };
            let size = 16;
            let wave = |sample: usize, t: usize| (t as f32 * [0.3, 0.9][sample % 2] + sample as f32).sin();
            let inputs = (0..size).flat_map(|sample| (0..positions).map(move |t| wave(sample, t))).collect();
            let labels = (0..size).map(|sample| (sample % 2) as i32).collect();
            let batch = Batch { size, inputs: Inputs::Values(inputs), targets: Targets::Labels(labels), lengths: None };
            let settings = Training { learning_rate: 0.003, grad_clip: Some(1.0), ..Training::default() };
            let config = (entry.resolve)(&json!({})).unwrap();
            let input = crate::experiment::fit::input(&spec);
            let mut model = (entry.build)(&config, &input, &baselines::OutputSpec::Classes(2), 7, &device).unwrap();
            let mut optimiser = Optimiser::new(&settings, model.as_ref()).unwrap();
            let autodiff = device.clone().autodiff();
            let mut losses = Vec::new();
            for step in 0..20 {
                let mut ctx = Forward::training(1, step);
                let output = model.forward(batches::place(&batch, &spec, &autodiff), &mut ctx);
                let (loss, _) = objective::evaluate(output, &batch.targets, &TargetSpec::Classes(2));
                losses.push(scalar(&loss));
                let mut gradients = loss.backward();
                let mut gradients = model.take_gradients(&mut gradients);
                optimiser::clip(&mut gradients, 1.0);
                optimiser.step(model.as_mut(), gradients, settings.learning_rate);
            }
            // The smallest: some overshoot on so small a batch once they have learnt it.
            let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
            assert!(best < 0.9 * losses[0], "{}: {losses:?}", entry.info.name);
        }
    }
}
