//! The score of a network on a whole split.

use baselines::{Forward, Model, precision::Precision};
use burn::tensor::Device;
use datasets::{Batch, DataError, Dataset, Split, TaskSpec, samples::resample::Grid};
use vocabulary::record::SampleOutcome;

use super::{Score, TrainError, loss, prefetch, to_device};

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
    /// What the operands of large matrix products are rounded to on GPUs.
    pub(crate) precision: Precision,
}

/// Score of `model` over `pass`, in evaluation mode, unless `stop` says before one of the batches that nobody waits for it.
/// What it makes of every sample is added to `outcomes`, see [`loss::outcomes`].
pub(crate) fn score(
    model: &dyn Model,
    dataset: &dyn Dataset,
    pass: &Pass<'_>,
    stop: &dyn Fn() -> bool,
    mut outcomes: Option<&mut Vec<SampleOutcome>>,
) -> Result<Score, TrainError> {
    let model = model.evaluator();
    let (samples, size) = (dataset.len(pass.split), pass.size.max(1));
    let grid = Grid::new(&pass.spec.input, pass.resolution);
    let read = |index: u64| -> Result<Batch, DataError> {
        let start = index as usize * size;
        let positions: Vec<usize> = (start..(start + size).min(samples)).collect();
        Ok(grid.resample(dataset.read(pass.split, &positions)?))
    };
    prefetch::ahead(pass.workers, 0..samples.div_ceil(size) as u64, &read, |batches| {
        let mut total = Score::default();
        while let Some(batch) = batches.next() {
            if stop() {
                return Err(TrainError::Stopped);
            }
            let Batch { inputs, targets, lengths, .. } = batch?;
            let mut ctx = Forward::evaluation().at_resolution(pass.resolution).with_precision(pass.precision);
            let output = model.forward(to_device(inputs, lengths, grid.input(), pass.device), &mut ctx)?;
            if let Some(outcomes) = outcomes.as_deref_mut() {
                outcomes.extend(loss::outcomes(&output, &targets)?);
            }
            let score = loss::evaluate(output, &targets, &pass.spec.target).score(&targets)?;
            total.add(&score, pass.spec.metric);
        }
        Ok(total)
    })
}
