//! The samples of timed steps: arbitrary ones, or the epochs of a task.

use datasets::{Batch, InputSpec, Inputs, OutputSpec, Targets, TaskSpec};

use crate::training::batches::{EpochOrder, Seeds};

/// The batches of one epoch after another.
pub(super) struct Epochs {
    /// As a run has them, shuffled before anything is timed.
    orders: Vec<EpochOrder>,
    /// Batches of an epoch.
    whole: u64,
    seeds: Seeds,
}

impl Epochs {
    /// Those that `batches` batches of `size` out of `samples` samples come from.
    pub(super) fn new(samples: usize, size: usize, seeds: Seeds, batches: u64) -> Self {
        let whole = (samples / size.max(1)).max(1) as u64;
        let order = |epoch| EpochOrder::new(samples, size, seeds.order, epoch);
        Self { orders: (0..batches.div_ceil(whole)).map(order).collect(), whole, seeds }
    }

    /// Positions of batch `index`, counted over all epochs, and the stream of its augmentation.
    pub(super) fn batch(&self, index: u64) -> (&[usize], u64) {
        let (epoch, index) = (index / self.whole, index % self.whole);
        let positions = self.orders.get(epoch as usize).map_or(&[][..], |order| order.batch(index));
        (positions, self.seeds.augmentation(epoch))
    }
}

/// A batch of the task's shape with arbitrary content.
pub(super) fn synthetic(spec: &TaskSpec, size: usize) -> Batch {
    let wave = |i: usize| (i as f32 * 0.37).sin();
    let rows = if matches!(spec.target, OutputSpec::Pair(_)) { 2 * size } else { size };
    let (inputs, length) = match &spec.input {
        InputSpec::Values { channels, shape } => {
            let positions: usize = shape.iter().product();
            (Inputs::Values((0..rows * channels * positions).map(wave).collect()), positions)
        }
        InputSpec::Tokens { vocabulary, length } => {
            (Inputs::Tokens((0..rows * length).map(|i| (i % vocabulary) as i32).collect()), *length)
        }
    };
    let targets = match spec.target {
        OutputSpec::Classes(n) | OutputSpec::Pair(n) => Targets::Labels((0..size).map(|i| (i % n) as i32).collect()),
        OutputSpec::Binary => Targets::Labels((0..size).map(|i| (i % 2) as i32).collect()),
        OutputSpec::Regression(n) => Targets::Values((0..size * n).map(wave).collect()),
        OutputSpec::PerStep(n) => Targets::Labels((0..size * length).map(|i| (i % n) as i32).collect()),
    };
    Batch { size, inputs, targets, lengths: None }
}

#[cfg(test)]
mod tests {
    use baselines::Forward;
    use burn::tensor::Device;

    use super::*;
    use crate::training::{batches::to_device, loss};

    /// Two rows per sample go through the network as one, whatever makes the samples.
    #[test]
    #[allow(clippy::unwrap_used)]
    fn pairs_are_timed_as_they_are_trained() {
        for input in
            [InputSpec::Tokens { vocabulary: 5, length: 12 }, InputSpec::Values { channels: 2, shape: vec![12] }]
        {
            let spec = TaskSpec {
                name: "pairs".into(),
                version: "pairs@test-1".into(),
                data: "pairs".into(),
                input,
                target: OutputSpec::Pair(3),
                metric: datasets::Metric::Accuracy,
                chance: 1.0 / 3.0,
                splits: datasets::SplitSizes { train: 8, validation: 8, test: 8 },
            };
            let device = Device::flex();
            let entry = baselines::registry::find("gru").unwrap();
            let (input, output) = (&spec.input, &spec.target);
            let model = (entry.build)(&serde_json::json!({"hidden": 4}), input, output, 0, &device).unwrap();
            let batch = synthetic(&spec, 5);
            let placed = to_device(batch.inputs, batch.lengths, &spec.input, &device.clone().autodiff());
            let output = model.forward(placed, &mut Forward::training(0, 0)).unwrap();
            let (loss, score) = loss::evaluate(output, &batch.targets, &spec.target).unwrap();
            assert_eq!(score.targets, 5);
            let gradients = model.take_gradients(&mut loss.backward());
            assert_eq!(gradients.len(), model.parameters().len());
            assert!(gradients.iter().all(Option::is_some));
        }
    }

    #[test]
    fn batches_of_a_task_go_on_from_epoch_to_epoch() {
        let seeds = Seeds::derive(1);
        let epochs = Epochs::new(25, 10, seeds, 3);
        let (first, stream) = epochs.batch(0);
        assert_eq!((first.len(), epochs.batch(1).0.len()), (10, 10));
        let (next, next_stream) = epochs.batch(2);
        assert!(next.len() == 10 && next != first && next_stream != stream);
        assert_eq!(first, EpochOrder::new(25, 10, seeds.order, 0).batch(0));
        // A split smaller than a batch is one batch.
        assert_eq!(Epochs::new(4, 10, seeds, 5).batch(3).0.len(), 4);
    }
}
