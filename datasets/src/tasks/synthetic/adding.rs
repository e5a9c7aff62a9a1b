//! The adding problem: the sum of the two marked numbers of a long sequence.
//!
//! Source: Hochreiter & Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997, experiment 4, in the form
//! of Le, Jaitly & Hinton, arXiv 1504.00941: values uniform in [0, 1), one marker in each half, squared error.

use rand::Rng;
use serde_json::json;

use crate::config::{ConfigError, any_sizes, settings, within};
use crate::library::{CacheKey, DataError, Library, SampleStore, sample_stream};
use crate::progress::Progress;
use crate::samples::Stored;
use crate::splits::usual_number;
use crate::task::{Batch, Dataset, Info, Inputs, Targets, Task, TaskDefinition, TaskSpec};
use vocabulary::{InputSpec, Metric, OutputSpec, Split, SplitSizes};

/// Sizes of the splits where the experiment says nothing else.
const USUAL: SplitSizes = SplitSizes { train: 20_000, validation: 2_000, test: 2_000 };

settings! {
    /// Settings of the adding problem.
    pub struct Config {
        /// Steps of a sequence, 2 to 1 000 000.
        #[schemars(range(min = 2, max = 1_000_000))]
        pub length: usize = 400,
        ..generated("Sequences", "error", USUAL),
        /// Seed of the generator; every sequence has its own stream.
        pub seed: u64 = 0,
    }
}

/// The adding problem.
pub struct Adding;

impl TaskDefinition for Adding {
    type Config = Config;
    const INFO: Info = Info {
        name: "adding",
        summary: "adding problem: sum of the two marked values of a sequence (regression, squared error; chance 0.167)",
        source: "Hochreiter & Schmidhuber 1997; Le, Jaitly & Hinton, arXiv 1504.00941",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        within("length", config.length, 2..=1_000_000)?;
        let splits = any_sizes(config.sizes())?;
        let length = config.length;
        let spec = TaskSpec {
            name: format!("adding{length}"),
            version: "adding@generated-2".to_owned(),
            data: format!("adding{length}"),
            input: InputSpec::Values { channels: 2, shape: vec![length] },
            target: OutputSpec::Regression(1),
            metric: Metric::MeanSquaredError,
            // The variance of a sum of two uniform values, reached by always answering 1.
            chance: 1.0 / 6.0,
            splits,
        };
        Ok(Box::new(AddingTask { spec, length, seed: config.seed }))
    }
}

struct AddingTask {
    spec: TaskSpec,
    length: usize,
    seed: u64,
}

impl AddingTask {
    fn key(&self, sizes: SplitSizes) -> CacheKey {
        CacheKey {
            name: self.spec.data.clone(),
            version: 3,
            spec: json!({ "length": self.length, "seed": self.seed }),
            // Values as f32, then the two marked steps as u32; the label is their sum.
            input_bytes: 4 * self.length + 8,
            label_bytes: 4,
            sizes,
        }
    }
}

impl Task for AddingTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let (length, seed) = (self.length, self.seed);
        let sizes = self.spec.splits;
        let store = library.cached(&self.key(sizes), progress, |writer| {
            writer.generate(progress, |position, input, label| {
                generate(seed, usual_number(&USUAL, &sizes, position), length, input, label);
                Ok(())
            })
        })?;
        Ok(Box::new(Stored::new(store, "values and markers as two channels", move |store, split, positions| {
            batch(store, split, positions, length)
        })))
    }

    fn check(&self, _library: &Library) -> Result<(), DataError> {
        Ok(())
    }
}

fn generate(seed: u64, number: u64, length: usize, input: &mut [u8], label: &mut [u8]) {
    let mut stream = sample_stream(seed, number);
    let half = length / 2;
    let marks = [stream.random_range(0..half as u32), stream.random_range(half as u32..length as u32)];
    let (values, tail) = input.split_at_mut(4 * length);
    let mut sum = 0.0f32;
    for (step, out) in values.chunks_exact_mut(4).enumerate() {
        let value: f32 = stream.random();
        if marks.contains(&(step as u32)) {
            sum += value;
        }
        out.copy_from_slice(&value.to_le_bytes());
    }
    tail[..4].copy_from_slice(&marks[0].to_le_bytes());
    tail[4..].copy_from_slice(&marks[1].to_le_bytes());
    label.copy_from_slice(&sum.to_le_bytes());
}

fn batch(store: &SampleStore, split: Split, positions: &[usize], length: usize) -> Result<Batch, DataError> {
    let mut values = vec![0.0f32; positions.len() * 2 * length];
    let mut sums = vec![0.0f32; positions.len()];
    store.visit(split, positions, |slot, input, label| {
        let (numbers, marks) = values[slot * 2 * length..(slot + 1) * 2 * length].split_at_mut(length);
        for (number, bytes) in numbers.iter_mut().zip(input.chunks_exact(4)) {
            *number = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        for bytes in input[4 * length..].chunks_exact(4) {
            let step = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
            marks[step] = 1.0;
        }
        sums[slot] = f32::from_le_bytes([label[0], label[1], label[2], label[3]]);
    })?;
    Ok(Batch { size: positions.len(), inputs: Inputs::Values(values), targets: Targets::Values(sums), lengths: None })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn values(batch: Batch) -> (Vec<f32>, Vec<f32>) {
        match (batch.inputs, batch.targets) {
            (Inputs::Values(inputs), Targets::Values(targets)) => (inputs, targets),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_target_is_the_sum_of_the_marked_values_and_guessing_costs_a_sixth() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { length: 31, train_samples: 4000, validation_samples: 3, test_samples: 2, seed: 5 };
        let task = Adding::build(config).unwrap();
        let data = task.prepare(&Library::open(folder.path()), &()).unwrap();
        let positions: Vec<usize> = (0..4000).collect();
        let (inputs, targets) = values(data.read(Split::Train, &positions).unwrap());
        let mut error = 0.0f64;
        for (input, target) in inputs.chunks_exact(62).zip(&targets) {
            let (numbers, marks) = input.split_at(31);
            assert_eq!(marks[..15].iter().sum::<f32>(), 1.0);
            assert_eq!(marks[15..].iter().sum::<f32>(), 1.0);
            assert!(numbers.iter().all(|value| (0.0..1.0).contains(value)));
            let sum: f32 = numbers.iter().zip(marks).map(|(value, mark)| value * mark).sum();
            assert_eq!(sum, *target);
            error += f64::from(target - 1.0).powi(2);
        }
        let error = error / 4000.0;
        // Four standard errors of the mean square of a triangular variable: 4 · sqrt(7/180 / 4000).
        assert!((error - task.spec().chance).abs() < 0.0125, "{error}");
    }

    #[test]
    fn splits_differ_and_reading_order_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { length: 8, train_samples: 3, validation_samples: 3, test_samples: 3, seed: 0 };
        let data = Adding::build(config).unwrap().prepare(&Library::open(folder.path()), &()).unwrap();
        let read = |split, positions: &[usize]| values(data.read(split, positions).unwrap());
        assert_ne!(read(Split::Train, &[0]), read(Split::Test, &[0]));
        let (two, _) = read(Split::Validation, &[2, 1]);
        assert_eq!(two[..16], read(Split::Validation, &[2]).0);
        assert_eq!(two[16..], read(Split::Validation, &[1]).0);
        assert_eq!(data.len(Split::Test), 3);
    }

    #[test]
    fn a_length_of_one_is_refused_by_name() {
        let error = Adding::build(Config { length: 1, ..Config::default() }).err().unwrap();
        assert_eq!(error.field, "length");
        let error = Adding::build(Config { test_samples: 0, ..Config::default() }).err().unwrap();
        assert_eq!(error.field, "test_samples");
    }
}
