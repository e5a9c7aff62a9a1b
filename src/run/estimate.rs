//! Time and memory of a cell, estimated by timing a few training steps on synthetic samples.

use std::time::Instant;

use baselines::{Forward, registry};
use burn::tensor::Device;
use datasets::{Batch, InputSpec, Inputs, TargetSpec, Targets, TaskSpec};

use super::memory;
use crate::experiment::{Cell, fit};
use crate::train::optimiser::Optimiser;
use crate::train::{batches, objective};

/// Largest number of samples in a timed step; larger batches are extrapolated in proportion.
const TIMED_SAMPLES: usize = 8;

/// An estimate for one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Seconds of one forward, backward and update over the whole batch.
    pub seconds_per_step: f64,
    /// Peak memory of the process in bytes, where the system tells.
    pub peak_bytes: Option<u64>,
}

/// Time one warm step of `cell` on `device`.
///
/// # Errors
/// The model cannot be built.
pub fn measure(cell: &Cell, device: &Device) -> Result<Estimate, String> {
    let spec = cell.task.task.spec();
    let entry = registry::find(&cell.baseline.name).ok_or_else(|| format!("no baseline `{}`", cell.baseline.name))?;
    let (input, output) = (fit::input(&spec.input), fit::output(&spec.target));
    let mut model =
        (entry.build)(&cell.baseline.config, &input, &output, 0, device).map_err(|error| error.to_string())?;
    let mut optimiser = Optimiser::new(&cell.training, model.as_ref()).map_err(|error| error.to_string())?;
    let size = cell.training.batch_size.min(TIMED_SAMPLES);
    let batch = synthetic(spec, size);
    memory::reset();
    let before = memory::peak_bytes();
    let autodiff = device.clone().autodiff();
    let mut seconds = f64::INFINITY;
    for step in 0..3 {
        let begun = Instant::now();
        let output = model.forward(batches::place(&batch, &spec.input, &autodiff), &mut Forward::training(0, step));
        let (loss, _) = objective::evaluate(output, &batch.targets, &spec.target);
        let mut gradients = loss.backward();
        let gradients = model.take_gradients(&mut gradients);
        optimiser.step(model.as_mut(), gradients, 0.0);
        if step > 0 {
            seconds = seconds.min(begun.elapsed().as_secs_f64());
        }
    }
    let scale = cell.training.batch_size as f64 / size as f64;
    let parts = cell.training.accumulate_grad_steps as f64;
    let peak_bytes = memory::peak_bytes().map(|peak| {
        let base = before.unwrap_or(0);
        base + (peak.saturating_sub(base) as f64 * scale) as u64
    });
    Ok(Estimate { seconds_per_step: seconds * scale * parts, peak_bytes })
}

/// A batch of the task's shape with arbitrary content.
pub(crate) fn synthetic(spec: &TaskSpec, size: usize) -> Batch {
    let wave = |i: usize| (i as f32 * 0.37).sin();
    let (inputs, length) = match &spec.input {
        InputSpec::Values { channels, shape } => {
            let positions: usize = shape.iter().product();
            (Inputs::Values((0..size * channels * positions).map(wave).collect()), positions)
        }
        InputSpec::Tokens { vocabulary, length } => {
            (Inputs::Tokens((0..size * length).map(|i| (i % vocabulary) as i32).collect()), *length)
        }
    };
    let targets = match spec.target {
        TargetSpec::Classes(n) => Targets::Labels((0..size).map(|i| (i % n) as i32).collect()),
        TargetSpec::Binary => Targets::Labels((0..size).map(|i| (i % 2) as i32).collect()),
        TargetSpec::Regression(n) => Targets::Values((0..size * n).map(wave).collect()),
        TargetSpec::PerStep(n) => Targets::Labels((0..size * length).map(|i| (i % n) as i32).collect()),
    };
    Batch { size, inputs, targets, lengths: None }
}
