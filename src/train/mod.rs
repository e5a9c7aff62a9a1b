//! The training loop: one cell, from its first step or a checkpoint to its final metrics.

pub(crate) mod attend;
pub(crate) mod batches;
pub(crate) mod canary;
pub(crate) mod checkpoint;
pub(crate) mod finite;
pub(crate) mod journal;
pub(crate) mod objective;
pub(crate) mod optimiser;
pub(crate) mod pipeline;
pub(crate) mod progress;
pub(crate) mod schedule;
pub(crate) mod seeds;

mod ranking;
mod records;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use baselines::read::{read, read_scalar};
use baselines::{Forward, ForwardError, Model, Output, ReadError};
use burn::tensor::{Device, Tensor};
use datasets::samples::resample::Grid;
use datasets::{Batch, DataError, Dataset, Split, TaskSpec};

use self::attend::attended;
use self::batches::EpochOrder;
use self::checkpoint::{CheckpointError, Extra, Weights};
use self::finite::{Cause, NotFinite, Where};
use self::journal::{Journal, JournalError};
use self::objective::Score;
use self::optimiser::{EmptyGroup, Gradients, Optimiser};
use self::pipeline::Batches;
use self::progress::{Best, Penalty, Progress};
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
    /// Resident memory that earlier cells of the process have left, in bytes.
    pub(crate) left_over_bytes: u64,
}

impl Job<'_> {
    /// What a checkpoint of `state` says of its network.
    fn label(&self, state: &State) -> checkpoint::Label<'_> {
        checkpoint::Label { cell_hash: self.hash, kernel_length: state.model.kernel_length() }
    }

    /// The error of a value that is not finite, named with the value in `broken`, at the position in `progress`.
    fn not_finite(
        &self,
        progress: &Progress,
        (what, value): (String, f64),
        cause: Cause,
        samples: &[usize],
    ) -> Box<NotFinite> {
        let place = Where { epoch: progress.epoch + 1, step: progress.step, seed: self.seed, samples: samples.into() };
        let initial_weights = self.settings.initial_weights.clone();
        Box::new(NotFinite { what, value, place, cause, initial_weights })
    }
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
    fn epoch_ended(&mut self, progress: &Progress, epoch: &Epoch<'_>);
    /// Whether the training loss is still that of guessing was looked at: `warning` says so, where it is.
    fn loss_judged(&mut self, warning: Option<String>);
    /// Something that a reader of the results must know, and that does not end the training.
    fn warned(&mut self, warning: String);
    /// Whether to save and leave now.
    fn wants_to_stop(&self) -> bool;
}

/// What came of an epoch.
pub(crate) struct Epoch<'a> {
    /// Its number, from 1.
    pub(crate) number: u64,
    /// Steps taken and steps of a whole epoch, where a limit ended it before its last step.
    pub(crate) partial: Option<[u64; 2]>,
    /// Score in training mode.
    pub(crate) train: &'a Score,
    /// Score on the validation split.
    pub(crate) validation: &'a Score,
    /// Seconds of training so far, over all attempts.
    pub(crate) seconds: f64,
    /// Seconds that the steps of this attempt at the epoch have waited for their samples.
    pub(crate) waited: f64,
}

/// How the steps of an epoch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Steps {
    /// All were taken.
    Whole,
    /// `max_time` is used up.
    TimeUp,
    /// The watcher asked for it.
    Stopped,
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
    /// A loss, a penalty, a gradient, a parameter or a moment is infinite or not a number.
    #[error(transparent)]
    NotFinite(#[from] Box<NotFinite>),
    /// A parameter group selects nothing.
    #[error(transparent)]
    EmptyGroup(#[from] EmptyGroup),
    /// Samples cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network gave nothing.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// What it gave cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Metrics cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Nobody waits for an evaluation any longer.
    #[error("stopped during an evaluation")]
    Stopped,
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
        // `max_steps` may end an epoch early.
        let left = job.settings.max_steps.map_or(u64::MAX, |most| most.saturating_sub(state.progress.step));
        let last = steps.min(state.progress.step_in_epoch.saturating_add(left));
        watch.epoch_begins(&state.progress, last);
        let (ended, waited) = take_steps(job, state, [steps, last], metrics, diagnostics, watch, &mut clock)?;
        let limit = match ended {
            Steps::Stopped => {
                save(job, state, metrics, diagnostics, &mut clock)?;
                return Ok(Finish::Stopped);
            }
            Steps::TimeUp => Finish::MaxTime,
            Steps::Whole if last < steps => Finish::MaxSteps,
            Steps::Whole => match end_epoch(job, state, metrics, diagnostics, watch, &mut clock, waited) {
                Err(TrainError::Stopped) => {
                    // All steps of the epoch are taken; it is judged when training goes on.
                    save(job, state, metrics, diagnostics, &mut clock)?;
                    return Ok(Finish::Stopped);
                }
                ended => {
                    ended?;
                    continue;
                }
            },
        };
        // The position stays that within the epoch: a later extension goes on from there, as if nobody had looked, and
        // what is stopped or killed from here on looks again.
        save(job, state, metrics, diagnostics, &mut clock)?;
        match judge(job, state, metrics, diagnostics, watch, &clock, Some(steps), waited) {
            Err(TrainError::Stopped) => return Ok(Finish::Stopped),
            judged => judged?,
        }
        break limit;
    };
    match conclude(job, state, metrics, watch, &clock) {
        Err(TrainError::Stopped) => Ok(Finish::Stopped),
        concluded => concluded.map(|()| finish),
    }
}

/// What is left of the first `last` of the epoch's `steps` steps, unless time or the watcher end them; with the seconds that
/// they waited for their samples, which `training.workers` threads read ahead.
fn take_steps(
    job: &Job<'_>,
    state: &mut State,
    [steps, last]: [u64; 2],
    metrics: &mut Journal,
    diagnostics: &Journal,
    watch: &mut dyn Watch,
    clock: &mut Clock,
) -> Result<(Steps, f64), TrainError> {
    let Progress { epoch, step_in_epoch, .. } = state.progress;
    let order = EpochOrder::new(job.dataset.len(Split::Train), job.settings.batch_size, job.seeds.order, epoch);
    let parts = job.settings.accumulate_grad_steps as u64;
    let stream = job.seeds.augmentation(epoch);
    let read = |index| job.dataset.read_for_training(order.batch(index), stream);
    let end = (last * parts).min(order.batches());
    pipeline::ahead(job.settings.workers, (step_in_epoch * parts).min(end)..end, &read, |batches| {
        while state.progress.step_in_epoch < last {
            // An epoch that has begun takes at least one step, lest there be nothing to judge.
            if state.progress.step_in_epoch > 0 && clock.is_over(job.settings.max_time) {
                return Ok((Steps::TimeUp, batches.waited().as_secs_f64()));
            }
            if watch.wants_to_stop() {
                return Ok((Steps::Stopped, batches.waited().as_secs_f64()));
            }
            let begun = Instant::now();
            let taken = step(job, state, batches, &order, steps)?;
            state.progress.step_seconds += begun.elapsed().as_secs_f64();
            let step = state.progress.step;
            if step.is_multiple_of(u64::from(job.settings.log_every)) {
                metrics.append(&records::step(&state.progress, &taken, clock.seconds()))?;
            }
            watch.step_taken(&state.progress, taken.samples as f64 / begun.elapsed().as_secs_f64());
            if step.is_multiple_of(canary::STEPS) {
                watch.loss_judged(state.progress.canary.judge(&job.spec.target, step));
            }
            if clock.since_save() > CHECKPOINT_EVERY {
                save(job, state, metrics, diagnostics, clock)?;
            }
        }
        Ok((Steps::Whole, batches.waited().as_secs_f64()))
    })
}

/// One optimiser step.
struct Taken {
    samples: usize,
    learning_rate: f64,
    /// Norm of all gradients before clipping, penalty included, where it was computed.
    gradient_norm: Option<f64>,
    /// Mean penalty of its forward passes, where the network has one.
    penalty: Option<f64>,
}

/// One optimiser step over `accumulate_grad_steps` batches. As in the reference programs, the penalty is part of every
/// forward pass's loss, so that accumulation averages it and clipping sees its gradient.
fn step(
    job: &Job<'_>,
    state: &mut State,
    batches: &mut Batches<'_, Batch, DataError>,
    order: &EpochOrder,
    steps_per_epoch: u64,
) -> Result<Taken, TrainError> {
    let State { model, optimiser, progress, .. } = state;
    let device = job.device.clone().autodiff();
    let parts = job.settings.accumulate_grad_steps as u64;
    let mut sum = Gradients::new();
    let mut step_penalty = Penalty::default();
    let (mut used, mut samples) = (0, 0);
    for part in 0..parts {
        // The only step of a small split may have fewer parts.
        let Some(batch) = batches.next() else { break };
        let batch = batch?;
        let mut ctx = Forward::training(job.seeds.dropout, progress.step * parts + part);
        let (mut loss, mut score) = attended(|| -> Result<_, TrainError> {
            let output = model.forward(batches::place(&batch, &job.spec.input, &device), &mut ctx)?;
            Ok(objective::evaluate(output, &batch.targets, &job.spec.target)?)
        })?;
        let penalty = model.penalty()?;
        let [value, penalty_value] = scalars(&loss, penalty.as_ref())?;
        if let Some(broken) = finite::broken_loss(value, penalty.as_ref().map(|_| penalty_value)) {
            let positions = order.batch(progress.step_in_epoch * parts + part);
            let cause = finite::cause(&batch, positions, model.as_ref(), progress.step, value.is_finite())?;
            return Err(job.not_finite(progress, broken, cause, positions).into());
        }
        if let Some(penalty) = penalty {
            progress.penalty.add(penalty_value);
            step_penalty.add(penalty_value);
            loss = loss + penalty;
        }
        score.loss = value * score.targets as f64;
        progress.train.add(&score, job.spec.metric);
        progress.canary.add(&score);
        let gradients = attended(|| model.take_gradients(&mut loss.backward()));
        optimiser::accumulate(&mut sum, gradients);
        used += 1;
        samples += batch.size;
    }
    if used > 1 {
        optimiser::scale(&mut sum, 1.0 / f64::from(used));
    }
    let logged = (progress.step + 1).is_multiple_of(u64::from(job.settings.log_every));
    let norm = match job.settings.grad_clip {
        Some(limit) => Some(optimiser::clip(&mut sum, limit)?),
        None => logged.then(|| optimiser::norm(&sum)).transpose()?,
    };
    if norm.is_some_and(|norm| !norm.is_finite()) {
        let (name, value) = finite::gradient(model.as_ref(), &sum)?;
        let broken = (format!("the gradient of `{name}`"), value);
        let cause = Cause::Gradient { penalty: step_penalty.mean().is_some() };
        return Err(job.not_finite(progress, broken, cause, &[]).into());
    }
    let learning_rate = schedule::learning_rate(job.settings, progress.step, steps_per_epoch, progress.plateau_scale);
    optimiser.step(model.as_mut(), sum, learning_rate);
    progress.step += 1;
    progress.step_in_epoch += 1;
    progress.samples += samples as u64;
    Ok(Taken { samples, learning_rate, gradient_norm: norm, penalty: step_penalty.mean() })
}

/// Judge a whole epoch, count it, lower the learning rate where due, and save. Stopped while it is judged, nothing has changed.
fn end_epoch(
    job: &Job<'_>,
    state: &mut State,
    metrics: &mut Journal,
    diagnostics: &mut Journal,
    watch: &mut dyn Watch,
    clock: &mut Clock,
    waited: f64,
) -> Result<(), TrainError> {
    judge(job, state, metrics, diagnostics, watch, clock, None, waited)?;
    save(job, state, metrics, diagnostics, clock)
}

/// Validate, record the epoch, and keep the weights where they are the best so far.
///
/// A whole epoch is counted: it ends patience and may lower the learning rate. One that a limit ended before the last of its
/// `steps` steps is recorded as partial and may be the best, but counts for nothing else, and its position remains.
#[expect(clippy::too_many_arguments, reason = "the parts of a run, which is one call further up")]
fn judge(
    job: &Job<'_>,
    state: &mut State,
    metrics: &mut Journal,
    diagnostics: &mut Journal,
    watch: &mut dyn Watch,
    clock: &Clock,
    steps: Option<u64>,
    waited: f64,
) -> Result<(), TrainError> {
    // What the last update has broken must not be judged, let alone saved.
    let weights = checkpoint::weights(state.model.as_ref())?;
    if let Some((name, value)) = finite::tensor(&weights) {
        let cause = Cause::Weights { name: name.clone() };
        return Err(job.not_finite(&state.progress, (format!("parameter `{name}`"), value), cause, &[]).into());
    }
    let (validation, _) = evaluate(job, state.model.as_ref(), Split::Validation, watch)?;
    if !validation.loss.is_finite() {
        let samples = finite::unfit_samples(job.dataset, Split::Validation)?;
        watch.warned(finite::validation_warning(validation.mean_loss(), state.progress.epoch + 1, &samples));
    }
    let metric = validation.metric(job.spec.metric);
    let progress = &mut state.progress;
    let number = progress.epoch + 1;
    let partial = steps.map(|steps| [progress.step_in_epoch, steps]);
    let (train, penalty) = (std::mem::take(&mut progress.train), std::mem::take(&mut progress.penalty));
    let better = is_better(progress.best.map(|best| best.metric), metric, job.spec.metric.higher_is_better());
    if better {
        progress.best = Some(Best { epoch: number, metric, loss: validation.mean_loss() });
    }
    if partial.is_none() {
        count_epoch(job.settings, progress, better);
    }
    let seconds = clock.seconds();
    let scores = records::Scores { train: &train, validation: &validation, penalty: penalty.mean() };
    metrics.append(&records::epoch(job.spec, progress.step, number, partial.is_some(), &scores, seconds))?;
    watch.epoch_ended(progress, &Epoch { number, partial, train: &train, validation: &validation, seconds, waited });
    probe(job, state, diagnostics)?;
    if better {
        state.best = Some(weights);
        save_best(job, state)?;
    }
    Ok(())
}

/// Whether an epoch with `metric` is better than the best one so far.
fn is_better(best: Option<f64>, metric: f64, higher: bool) -> bool {
    best.is_none_or(|best| {
        // A metric that does not exist, as the AUC of one class, gives way to any that does.
        let undefined = best.is_nan() && !metric.is_nan();
        undefined || if higher { metric > best } else { metric < best }
    })
}

/// The number of the epoch, from 1, after which early stopping with `patience` ends a training whose whole epochs have these
/// validation metrics.
pub(crate) fn patience_ends(metrics: impl IntoIterator<Item = f64>, higher: bool, patience: u32) -> Option<u64> {
    let (mut best, mut stale) = (None, 0);
    for (index, metric) in metrics.into_iter().enumerate() {
        if is_better(best, metric, higher) {
            (best, stale) = (Some(metric), 0);
        } else {
            stale += 1;
        }
        if stale >= patience {
            return Some(index as u64 + 1);
        }
    }
    None
}

/// Move on to the next epoch.
fn count_epoch(settings: &Training, progress: &mut Progress, better: bool) {
    progress.epoch += 1;
    progress.step_in_epoch = 0;
    if better {
        (progress.stale_epochs, progress.plateau_epochs) = (0, 0);
    } else {
        progress.stale_epochs += 1;
        progress.plateau_epochs += 1;
    }
    if settings.schedule == Schedule::Plateau && progress.plateau_epochs > settings.plateau_patience {
        progress.plateau_scale *= settings.plateau_factor;
        progress.plateau_epochs = 0;
    }
}

/// Test at the best validation epoch and write the final metrics.
///
/// The seconds of the run then hold the evaluations, too, also where a limit ended it within an epoch; those of the checkpoint
/// remain those of its position.
fn conclude(
    job: &Job<'_>,
    state: &mut State,
    metrics: &mut Journal,
    watch: &dyn Watch,
    clock: &Clock,
) -> Result<(), TrainError> {
    let mut model = state.model.evaluator();
    if let Some(best) = &state.best {
        let path = best_path(job);
        checkpoint::restore(model.as_mut(), best).map_err(|reason| CheckpointError::Invalid { path, reason })?;
        // An extension may have left the file of a later, partial epoch.
        save_best(job, state)?;
    }
    if let Some(best) = state.progress.best.filter(|best| best.metric.is_nan() && !best.loss.is_finite()) {
        // No epoch could be chosen.
        let broken = ("the validation loss of every epoch".to_owned(), best.loss);
        let samples = finite::unfit_samples(job.dataset, Split::Validation)?;
        let cause = Cause::Evaluation { split: Split::Validation, samples };
        return Err(job.not_finite(&state.progress, broken, cause, &[]).into());
    }
    let (test, _) = evaluate(job, model.as_ref(), Split::Test, watch)?;
    if test.metric(job.spec.metric).is_nan() && !test.loss.is_finite() {
        let samples = finite::unfit_samples(job.dataset, Split::Test)?;
        let broken = ("the test loss".to_owned(), test.mean_loss());
        let cause = Cause::Evaluation { split: Split::Test, samples };
        return Err(job.not_finite(&state.progress, broken, cause, &[]).into());
    }
    let parameters = baselines::network::count_parameters(model.as_ref());
    let peak = crate::run::memory::peak_bytes().map(|peak| peak.saturating_sub(job.left_over_bytes));
    state.progress.seconds = clock.seconds();
    let seconds = state.progress.seconds;
    metrics.append(&records::conclusion(job.spec, &state.progress, &test, parameters, peak, seconds))?;
    metrics.sync()?;
    Ok(())
}

fn best_path(job: &Job<'_>) -> PathBuf {
    job.folder.join("checkpoints").join("best.safetensors")
}

fn save_best(job: &Job<'_>, state: &State) -> Result<(), TrainError> {
    if let Some(best) = &state.best {
        checkpoint::save(&best_path(job), job.label(state), best, None, &state.progress)?;
    }
    Ok(())
}

/// Score of `model` on a whole split, in evaluation mode, and the number of samples.
///
/// # Errors
/// [`TrainError::Stopped`] where the watcher does not want to wait for the end.
fn evaluate(job: &Job<'_>, model: &dyn Model, split: Split, watch: &dyn Watch) -> Result<(Score, usize), TrainError> {
    let size = job.settings.eval_batch_size.unwrap_or(job.settings.batch_size);
    let pass = Pass { spec: job.spec, split, size, workers: job.settings.workers, device: job.device, resolution: 1.0 };
    score_unless(model, job.dataset, &pass, &|| watch.wants_to_stop())
}

/// One evaluation of a split.
pub(crate) struct Pass<'a> {
    /// Description of the samples.
    pub(crate) spec: &'a TaskSpec,
    /// Which of them.
    pub(crate) split: Split,
    /// Samples per forward pass.
    pub(crate) size: usize,
    /// Threads that read ahead.
    pub(crate) workers: usize,
    /// Where to compute.
    pub(crate) device: &'a Device,
    /// Samples per axis relative to the task's, see [`datasets::samples::resample`].
    pub(crate) resolution: f64,
}

/// Score of `model` over `pass`, and the number of samples.
pub(crate) fn score(model: &dyn Model, dataset: &dyn Dataset, pass: &Pass<'_>) -> Result<(Score, usize), TrainError> {
    score_unless(model, dataset, pass, &|| false)
}

/// As [`score`], unless `stop` says before one of the batches that nobody waits for it.
fn score_unless(
    model: &dyn Model,
    dataset: &dyn Dataset,
    pass: &Pass<'_>,
    stop: &dyn Fn() -> bool,
) -> Result<(Score, usize), TrainError> {
    let model = model.evaluator();
    let (samples, size) = (dataset.len(pass.split), pass.size.max(1));
    let grid = Grid::new(&pass.spec.input, pass.resolution);
    let read = |index: u64| -> Result<Batch, DataError> {
        let start = index as usize * size;
        let positions: Vec<usize> = (start..(start + size).min(samples)).collect();
        Ok(grid.resample(dataset.read(pass.split, &positions)?))
    };
    pipeline::ahead(pass.workers, 0..samples.div_ceil(size) as u64, &read, |batches| {
        let mut total = Score::default();
        while let Some(batch) = batches.next() {
            if stop() {
                return Err(TrainError::Stopped);
            }
            let batch = batch?;
            let mut ctx = Forward::evaluation().at_resolution(pass.resolution);
            let output = model.forward(batches::place(&batch, grid.input(), pass.device), &mut ctx)?;
            let (loss, mut score) = objective::evaluate(output, &batch.targets, &pass.spec.target)?;
            score.loss = scalar(&loss)? * score.targets as f64;
            total.add(&score, pass.spec.metric);
        }
        Ok((total, samples))
    })
}

fn forward(job: &Job<'_>, model: &dyn Model, batch: &Batch, ctx: &mut Forward<'_>) -> Result<Output, ForwardError> {
    model.forward(batches::place(batch, &job.spec.input, job.device), ctx)
}

/// Variances and logit scale on the first validation samples, in evaluation mode, and what penalties judge.
fn probe(job: &Job<'_>, state: &State, diagnostics: &mut Journal) -> Result<(), TrainError> {
    let positions: Vec<usize> = (0..job.dataset.len(Split::Validation).min(PROBED_SAMPLES)).collect();
    let model = state.model.evaluator();
    let mut probes = Vec::new();
    if !positions.is_empty() {
        let batch = job.dataset.read(Split::Validation, &positions)?;
        forward(job, model.as_ref(), &batch, &mut Forward::evaluation().with_probes(&mut probes))?;
    }
    let seen = records::Seen { probes: &probes, measures: &model.measures()? };
    diagnostics.append(&records::diagnostics(job.labels, job.seed, state.progress.step, &seen))?;
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
    let weights = checkpoint::weights(state.model.as_ref())?;
    let saved = checkpoint::save(&path, job.label(state), &weights, Some(extra), &state.progress);
    if let Err(CheckpointError::NotFinite { tensor, value }) = saved {
        let cause = Cause::of_tensor(&tensor);
        return Err(job.not_finite(&state.progress, (format!("`{tensor}`"), value), cause, &[]).into());
    }
    saved?;
    clock.saved();
    Ok(())
}

/// What ends the training here, at the edge of an epoch. An epoch that has begun is gone on with and judged first, unless
/// there are as many epochs as wanted already.
fn finished(settings: &Training, progress: &Progress, clock: &Clock) -> Option<Finish> {
    if progress.epoch >= u64::from(settings.epochs) {
        Some(Finish::Epochs)
    } else if progress.step_in_epoch > 0 {
        None
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

fn scalar(value: &Tensor<1>) -> Result<f64, ReadError> {
    read_scalar(value.clone().inner(), "the loss").map(f64::from)
}

/// A loss, and the penalty beside it (0 where there is none), in one transfer.
fn scalars(loss: &Tensor<1>, penalty: Option<&Tensor<1>>) -> Result<[f64; 2], ReadError> {
    let Some(penalty) = penalty else { return Ok([scalar(loss)?, 0.0]) };
    let both = read(Tensor::cat(vec![loss.clone().inner(), penalty.clone().inner()], 0), "the loss and its penalty")?;
    match both[..] {
        [loss, penalty] => Ok([f64::from(loss), f64::from(penalty)]),
        _ => Err(ReadError::new("the loss and its penalty", format!("{} values instead of two", both.len()))),
    }
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
    use datasets::{InputSpec, Inputs, OutputSpec, Targets};
    use serde_json::json;

    use super::*;

    /// Waves of two kinds and of different lengths; one sample cannot be read if that is asked for. Training samples are
    /// shifted by their stream.
    #[derive(Default)]
    struct Waves {
        unreadable: Option<usize>,
        /// A sample of the validation split that holds a value that is no number.
        unfit: Option<usize>,
    }

    const LENGTH: usize = 24;

    impl Dataset for Waves {
        fn len(&self, split: Split) -> usize {
            if split == Split::Train { 90 } else { 31 }
        }

        fn content_hash(&self) -> &str {
            "waves"
        }

        fn read(&self, split: Split, positions: &[usize]) -> Result<Batch, DataError> {
            let mut batch = self.shifted(positions, if split == Split::Train { 0 } else { 5 })?;
            let unfit = self.unfit.filter(|_| split == Split::Validation);
            if let (Some(row), Inputs::Values(values)) =
                (positions.iter().position(|p| Some(*p) == unfit), &mut batch.inputs)
            {
                values[row * LENGTH] = f32::NAN;
            }
            Ok(batch)
        }

        fn read_for_training(&self, positions: &[usize], stream: u64) -> Result<Batch, DataError> {
            self.shifted(positions, stream % 7)
        }
    }

    impl Waves {
        fn shifted(&self, positions: &[usize], shift: u64) -> Result<Batch, DataError> {
            if let Some(sample) = self.unreadable.filter(|sample| positions.contains(sample)) {
                return Err(datasets::ConfigError::new("waves", format!("sample {sample} is gone")).into());
            }
            let lengths: Vec<usize> = positions.iter().map(|p| 8 + p * 5 % (LENGTH - 7)).collect();
            let value = |p: usize, t: usize| ((t as f32 + shift as f32) * [0.3, 0.8][p % 2] + p as f32).sin();
            let inputs = positions
                .iter()
                .zip(&lengths)
                .flat_map(|(&p, &length)| (0..LENGTH).map(move |t| if t < length { value(p, t) } else { 0.0 }));
            Ok(Batch {
                size: positions.len(),
                inputs: Inputs::Values(inputs.collect()),
                targets: Targets::Labels(positions.iter().map(|p| (p % 2) as i32).collect()),
                lengths: Some(lengths.clone()),
            })
        }
    }

    /// Says nothing, and asks to stop at the look of this number, if any.
    #[derive(Default)]
    struct Silent {
        looks: std::cell::Cell<u32>,
        stop_at: Option<u32>,
    }

    impl Watch for Silent {
        fn epoch_begins(&mut self, _progress: &Progress, _steps: u64) {}
        fn step_taken(&mut self, _progress: &Progress, _samples_per_second: f64) {}
        fn epoch_ended(&mut self, _progress: &Progress, _epoch: &Epoch<'_>) {}
        fn loss_judged(&mut self, _warning: Option<String>) {}
        fn warned(&mut self, _warning: String) {}
        fn wants_to_stop(&self) -> bool {
            self.looks.set(self.looks.get() + 1);
            self.stop_at == Some(self.looks.get())
        }
    }

    fn waves() -> TaskSpec {
        TaskSpec {
            name: "waves".into(),
            version: "waves@test-1".into(),
            data: "waves".into(),
            input: InputSpec::Values { channels: 1, shape: vec![LENGTH] },
            target: OutputSpec::Binary,
            metric: datasets::Metric::AreaUnderRoc,
            chance: 0.5,
            splits: datasets::SplitSizes { train: 90, validation: 31, test: 31 },
        }
    }

    /// Eight epochs of eleven steps.
    fn eight_epochs() -> Training {
        Training { epochs: 8, batch_size: 8, learning_rate: 0.03, ..Training::default() }
    }

    /// Train a GRU on the waves in a folder of its own; its metrics without times.
    fn train_on_waves(dataset: &Waves, settings: &Training) -> Result<(Vec<serde_json::Value>, State), TrainError> {
        train_with_a_stop(dataset, settings, &mut Silent::default())
    }

    /// The same, gone on with from the checkpoint where `watch` stops it.
    fn train_with_a_stop(
        dataset: &Waves,
        settings: &Training,
        watch: &mut Silent,
    ) -> Result<(Vec<serde_json::Value>, State), TrainError> {
        let (folder, device, spec) = (tempfile::tempdir().unwrap(), Device::flex(), waves());
        std::fs::create_dir(folder.path().join("checkpoints")).unwrap();
        let entry = registry::find("gru").unwrap();
        let input = &spec.input;
        let seeds = Seeds::derive(2);
        let config = json!({"hidden": 8});
        let model = (entry.build)(&config, input, &baselines::OutputSpec::Binary, seeds.init, &device).unwrap();
        let optimiser = Optimiser::new(settings, model.as_ref()).unwrap();
        let mut state = State { model, optimiser, best: None, progress: Progress::start() };
        let journal = |name: &str, keep| Journal::open(&folder.path().join(name), keep).unwrap();
        let (mut metrics, mut diagnostics) = (journal("metrics", 0), journal("diagnostics", 0));
        let job = Job {
            hash: "",
            labels: ("gru", "waves"),
            settings,
            seed: 2,
            seeds,
            dataset,
            spec: &spec,
            device: &device,
            folder: folder.path().to_owned(),
            left_over_bytes: 0,
        };
        if train(&job, &mut state, &mut metrics, &mut diagnostics, watch)? == Finish::Stopped {
            let last = checkpoint::load(&folder.path().join("checkpoints/last.safetensors")).unwrap().unwrap();
            let mut model = (entry.build)(&config, input, &baselines::OutputSpec::Binary, seeds.init, &device).unwrap();
            let mut optimiser = Optimiser::new(settings, model.as_ref()).unwrap();
            last.restore_model(model.as_mut()).unwrap();
            last.restore_optimiser(&mut optimiser, &device);
            state = State { model, optimiser, best: last.best(), progress: last.progress };
            metrics = journal("metrics", state.progress.metrics_bytes);
            diagnostics = journal("diagnostics", state.progress.diagnostics_bytes);
            let finish = train(&job, &mut state, &mut metrics, &mut diagnostics, watch)?;
            assert_ne!(finish, Finish::Stopped, "a second time");
        }
        let text = std::fs::read_to_string(folder.path().join("metrics")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let timed = ["seconds", "samples_per_second", "peak_memory_bytes"];
        let lines = lines.filter(|line| !timed.iter().any(|name| line["name"] == *name)).map(|mut line| {
            line["wall"] = json!(0);
            line
        });
        Ok((lines.collect(), state))
    }

    #[test]
    fn two_classes_are_trained_by_their_ranking_whoever_reads_the_samples() {
        let with = |workers| train_on_waves(&Waves::default(), &Training { workers, ..eight_epochs() }).unwrap();
        let (lines, state) = with(0);
        for workers in [1, 2] {
            assert_eq!(with(workers).0, lines, "{workers} workers");
        }
        let area = |name: &str| lines.iter().find(|line| line["name"] == name).unwrap()["value"].as_f64().unwrap();
        assert!((0.6..=1.0).contains(&area("best_validation_auc")), "{}", area("best_validation_auc"));
        // The score of a split does not depend on the batches it is read in, nor on the threads.
        let (spec, device) = (waves(), Device::flex());
        let of = |size, workers| {
            let pass = Pass { spec: &spec, split: Split::Test, size, workers, device: &device, resolution: 1.0 };
            let (score, samples) = score(state.model.as_ref(), &Waves::default(), &pass).unwrap();
            assert_eq!((samples, score.targets), (31, 31));
            score
        };
        let whole = of(31, 0);
        for (size, workers) in [(1, 0), (7, 2), (7, 1)] {
            let parts = of(size, workers);
            assert_eq!(parts.metric(spec.metric), whole.metric(spec.metric), "{size} samples at a time");
            assert!((parts.mean_loss() - whole.mean_loss()).abs() < 1e-6 && parts.correct == whole.correct);
        }
    }

    /// Between steps, while an epoch is judged, whole or not, and while the result is measured.
    #[test]
    fn whenever_training_is_stopped_it_goes_on_as_if_it_had_not_been() {
        let whole = Training { epochs: 2, schedule: Schedule::Constant, ..eight_epochs() };
        let cut = Training { max_steps: Some(14), ..whole.clone() };
        for settings in [whole, cut] {
            let mut watch = Silent::default();
            let (lines, _) = train_with_a_stop(&Waves::default(), &settings, &mut watch).unwrap();
            let looks = watch.looks.get();
            // Eleven steps and four batches of the validation split; as many of the test split at the end.
            assert_eq!(looks, if settings.max_steps.is_some() { 11 + 4 + 3 + 4 + 4 } else { 11 + 4 + 11 + 4 + 4 });
            for look in 1..=looks {
                let mut watch = Silent { stop_at: Some(look), ..Silent::default() };
                let (stopped, _) = train_with_a_stop(&Waves::default(), &settings, &mut watch).unwrap();
                assert_eq!(stopped, lines, "stopped at look {look} of {looks}");
            }
        }
    }

    #[test]
    fn a_sample_that_cannot_be_read_ends_training_with_its_error() {
        for workers in [0, 2] {
            let waves = Waves { unreadable: Some(40), ..Waves::default() };
            let error = train_on_waves(&waves, &Training { workers, ..eight_epochs() }).err().unwrap();
            assert!(matches!(&error, TrainError::Data(_)) && error.to_string().contains("sample 40"), "{error}");
        }
    }

    #[test]
    fn an_epoch_cut_short_is_recorded_as_such_and_counts_for_nothing_else() {
        let limited = Training { max_steps: Some(14), schedule: Schedule::Constant, ..eight_epochs() };
        let (lines, state) = train_on_waves(&Waves::default(), &limited).unwrap();
        let Progress { epoch, step_in_epoch, step, stale_epochs, .. } = state.progress;
        assert_eq!((epoch, step_in_epoch, step), (1, 3, 14));
        assert_eq!(stale_epochs, 0);
        let of = |epoch: u64| lines.iter().filter(move |line| line["kind"] == "epoch" && line["epoch"] == epoch);
        assert!(of(1).count() > 3 && of(1).all(|line| line["partial"].is_null()));
        assert!(of(2).count() > 3 && of(2).all(|line| line["partial"] == true));
        assert_eq!(of(3).count(), 0);
        // The whole epoch before it is the same without a limit.
        let (all, _) = train_on_waves(&Waves::default(), &Training { max_steps: None, ..limited }).unwrap();
        let first = |lines: &[serde_json::Value]| {
            let of_it = lines.iter().filter(|line| line["epoch"] == 1 && line["kind"] != "final");
            of_it.cloned().collect::<Vec<_>>()
        };
        assert_eq!(first(&all), first(&lines));
    }

    #[test]
    fn patience_is_replayed_as_it_counts_in_training() {
        let ends = |metrics: &[f64], higher, patience| patience_ends(metrics.iter().copied(), higher, patience);
        assert_eq!(ends(&[0.5, 0.6, 0.6, 0.5, 0.7], true, 2), Some(4));
        assert_eq!(ends(&[0.5, 0.6, 0.6, 0.7, 0.7], true, 2), None);
        assert_eq!(ends(&[0.5, 0.6, 0.6, 0.7], false, 3), Some(4));
        assert_eq!(ends(&[f64::NAN, f64::NAN, 0.1, 0.2], true, 1), Some(2));
        assert_eq!(ends(&[f64::NAN, 0.1, 0.2], true, 1), None);
        // As the training itself counts.
        let stopped = Training { early_stopping: Some(1), schedule: Schedule::Constant, ..eight_epochs() };
        let (all, _) =
            train_on_waves(&Waves::default(), &Training { early_stopping: None, ..stopped.clone() }).unwrap();
        let (_, state) = train_on_waves(&Waves::default(), &stopped).unwrap();
        let of = all.iter().filter(|l| l["kind"] == "epoch" && l["split"] == "validation" && l["name"] == "auc");
        let found = patience_ends(of.map(|line| line["value"].as_f64().unwrap()), true, 1);
        assert_eq!(found.unwrap_or(8), state.progress.epoch);
    }

    #[test]
    fn limits_end_training_at_the_edges_of_epochs_and_a_begun_one_is_judged_first() {
        let clock = Clock::start(100.0);
        let at = |epoch, step_in_epoch, step, stale_epochs| Progress {
            epoch,
            step_in_epoch,
            step,
            stale_epochs,
            ..Progress::start()
        };
        let limits = Training {
            max_time: Some(Duration::from_secs(5)),
            early_stopping: Some(2),
            max_steps: Some(14),
            ..eight_epochs()
        };
        assert_eq!(finished(&limits, &at(1, 3, 14, 2), &clock), None);
        assert_eq!(finished(&limits, &at(1, 0, 11, 0), &clock), Some(Finish::MaxTime));
        assert_eq!(finished(&limits, &at(1, 0, 11, 2), &clock), Some(Finish::EarlyStopping));
        assert_eq!(finished(&limits, &at(1, 0, 14, 2), &clock), Some(Finish::MaxSteps));
        assert_eq!(finished(&limits, &at(0, 0, 0, 0), &clock), None, "the first epoch takes a step whatever the time");
        // Fewer epochs are wanted than were begun.
        assert_eq!(finished(&limits, &at(8, 3, 99, 0), &clock), Some(Finish::Epochs));
    }

    #[test]
    fn samples_that_are_not_numbers_are_named_where_they_are_evaluated() {
        let waves = Waves { unfit: Some(17), ..Waves::default() };
        let error = train_on_waves(&waves, &Training { epochs: 2, ..eight_epochs() }).err().unwrap();
        let TrainError::NotFinite(found) = &error else { unreachable!("{error}") };
        assert_eq!(found.cause, Cause::Evaluation { split: Split::Validation, samples: vec![17] });
        assert!(error.to_string().contains("[17] of the validation split"), "{error}");
    }

    #[test]
    fn what_the_last_update_broke_is_neither_judged_nor_saved() {
        let wild = Training { learning_rate: 1e39, max_steps: Some(1), ..eight_epochs() };
        let error = train_on_waves(&Waves::default(), &wild).err().unwrap();
        let TrainError::NotFinite(found) = &error else { unreachable!("{error}") };
        assert!(matches!(found.cause, Cause::Weights { .. }), "{error}");
    }

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
            let input = &spec;
            let mut model = (entry.build)(&config, input, &baselines::OutputSpec::Classes(2), 7, &device).unwrap();
            let mut optimiser = Optimiser::new(&settings, model.as_ref()).unwrap();
            let autodiff = device.clone().autodiff();
            let mut losses = Vec::new();
            for step in 0..20 {
                let mut ctx = Forward::training(1, step);
                let output = model.forward(batches::place(&batch, &spec, &autodiff), &mut ctx).unwrap();
                let (loss, _) = objective::evaluate(output, &batch.targets, &OutputSpec::Classes(2)).unwrap();
                losses.push(scalar(&loss).unwrap());
                let mut gradients = loss.backward();
                let mut gradients = model.take_gradients(&mut gradients);
                optimiser::clip(&mut gradients, 1.0).unwrap();
                optimiser.step(model.as_mut(), gradients, settings.learning_rate);
            }
            // The smallest: some overshoot on so small a batch once they have learnt it.
            let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
            assert!(best < 0.9 * losses[0], "{}: {losses:?}", entry.info.name);
        }
    }
}
