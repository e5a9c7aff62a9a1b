//! One optimiser step.

use std::time::Instant;

use baselines::Forward;
use burn::tensor::Device;
use datasets::{Batch, DataError};

use super::gradients::LayerGradient;
use super::health::{Cause, finite};
use super::loss::Evaluated;
use super::prefetch::Batches;
use super::state::Penalty;
use super::{
    EpochOrder, Gradients, Job, State, TrainError, gradients, keep_workers_awake, learning_rate, loss, to_device,
};

/// What a step was.
pub(super) struct Taken {
    /// Samples of its batches.
    pub(super) samples: usize,
    /// Learning rate, before parameter groups.
    pub(super) learning_rate: f64,
    /// Norm of all gradients before clipping, penalty included, where it was computed.
    pub(super) gradient_norm: Option<f64>,
    /// The same per layer, where that was asked for.
    pub(super) gradients: Option<Vec<LayerGradient>>,
    /// Mean penalty of its forward passes, where the network has one.
    pub(super) penalty: Option<f64>,
    /// How long it took.
    pub(super) seconds: f64,
}

/// Take an optimiser step over `accumulate_grad_steps` batches. As in the reference programs, the penalty is part of every
/// forward pass's loss, so that accumulation averages it and clipping sees its gradient. The gradient of every layer is measured
/// if `looked_at`.
pub(super) fn step(
    job: &Job<'_>,
    state: &mut State,
    batches: &mut Batches<'_, Batch, DataError>,
    order: &EpochOrder,
    steps_per_epoch: u64,
    looked_at: bool,
) -> Result<Taken, TrainError> {
    let begun = Instant::now();
    let device = job.device.clone().autodiff();
    let parts = job.settings.accumulate_grad_steps as u64;
    let mut sum = Gradients::new();
    let mut penalty = Penalty::default();
    let (mut used, mut samples) = (0, 0);
    for part in 0..parts {
        // The only step of a small split may have fewer parts.
        let Some(batch) = batches.next() else { break };
        let batch = batch?;
        samples += batch.size;
        let index = state.progress.step_in_epoch * parts + part;
        let positions = order.batch(index);
        let mask = state.progress.step * parts + part;
        gradients::accumulate(&mut sum, pass(job, state, &device, (batch, positions), mask, &mut penalty)?);
        used += 1;
    }
    let State { model, optimiser, progress, .. } = state;
    if used > 1 {
        gradients::scale(&mut sum, 1.0 / f64::from(used));
    }
    let layers = looked_at.then(|| gradients::by_layer(model.parameters(), &sum)).transpose()?;
    let logged = (progress.step + 1).is_multiple_of(u64::from(job.settings.log_every));
    let gradient_norm = match job.settings.grad_clip {
        Some(limit) => Some(gradients::clip(&mut sum, limit)?),
        None => logged.then(|| gradients::norm(&sum)).transpose()?,
    };
    let penalty = penalty.mean();
    if gradient_norm.is_some_and(|norm| !norm.is_finite()) {
        let (name, value) = finite::gradient(model.as_ref(), &sum)?;
        let broken = (format!("the gradient of `{name}`"), value);
        return Err(job.not_finite(progress, broken, Cause::Gradient { penalty: penalty.is_some() }, &[]).into());
    }
    let learning_rate = learning_rate(job.settings, progress.step, steps_per_epoch, progress.plateau_scale);
    optimiser.step(model.as_mut(), sum, learning_rate);
    progress.step += 1;
    progress.step_in_epoch += 1;
    progress.samples += samples as u64;
    let seconds = begun.elapsed().as_secs_f64();
    progress.step_seconds += seconds;
    Ok(Taken { samples, learning_rate, gradient_norm, gradients: layers, penalty, seconds })
}

/// Forward and backward pass of a batch, of the samples at `positions`, with the dropout masks of number `mask`: its
/// gradients. Its loss goes into the progress, its penalty also into `penalty`.
fn pass(
    job: &Job<'_>,
    state: &mut State,
    device: &Device,
    (batch, positions): (Batch, &[usize]),
    mask: u64,
    penalty: &mut Penalty,
) -> Result<Gradients, TrainError> {
    let State { model, progress, .. } = state;
    let Batch { inputs, targets, lengths, .. } = batch;
    let mut ctx = Forward::training(job.seeds.dropout, mask).with_precision(job.settings.precision);
    let Evaluated { loss, pending } = keep_workers_awake(|| -> Result<_, TrainError> {
        let output = model.forward(to_device(inputs, lengths, &job.spec.input, device), &mut ctx)?;
        Ok(loss::evaluate(output, &targets, &job.spec.target))
    })?;
    let added = model.penalty()?;
    // Outside autodiff: what refers to the graph keeps all of it during the backward pass.
    let losses = std::iter::once(&loss).chain(&added).map(|loss| loss.clone().inner()).collect();
    let total = match added {
        Some(added) => loss + added,
        None => loss,
    };
    // Nothing is read before all of the pass is under way: a GPU would run dry.
    let gradients = keep_workers_awake(|| model.take_gradients(&mut total.backward()));
    let (losses, mut score) = pending.read(losses, &targets)?;
    let (value, added) = (losses.first().copied().unwrap_or(f64::NAN), losses.get(1).copied());
    if let Some(broken) = finite::broken_loss(value, added) {
        // The inputs are on the device; what was read once is read again.
        let batch = job.dataset.read_for_training(positions, job.seeds.augmentation(progress.epoch))?;
        let cause = finite::cause(&batch, positions, model.as_ref(), progress.step, value.is_finite())?;
        return Err(job.not_finite(progress, broken, cause, positions).into());
    }
    if let Some(added) = added {
        progress.penalty.add(added);
        penalty.add(added);
    }
    score.loss = value * score.targets as f64;
    progress.train.add(&score, job.spec.metric);
    progress.stuck_at_chance.add(&score);
    Ok(gradients)
}
