//! A task: whether more than half of the steps of a sequence are +1.

use bench::datasets::library::{CacheKey, SampleStore, sample_stream};
use bench::datasets::samples::Stored;
use bench::datasets::splits::sample_number;
use bench::datasets::{
    Batch, ConfigError, DataError, Dataset, Info, InputSpec, Inputs, Library, Metric, OutputSpec, Progress, Split,
    SplitSizes, Targets, Task, TaskDefinition, TaskSpec,
};
use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Settings; unknown keys in an experiment file are refused.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Steps of a sequence: odd, so that there is a majority.
    #[schemars(range(min = 1, max = 65_535))]
    pub length: usize,
    /// Sequences for training.
    #[schemars(range(min = 1))]
    pub train_samples: usize,
    /// Sequences for choosing the epoch.
    #[schemars(range(min = 1))]
    pub validation_samples: usize,
    /// Sequences for the reported accuracy.
    #[schemars(range(min = 1))]
    pub test_samples: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { length: 101, train_samples: 2_000, validation_samples: 500, test_samples: 500 }
    }
}

/// The majority task.
pub struct Majority;

impl TaskDefinition for Majority {
    type Config = Config;
    const INFO: Info = Info {
        name: "majority",
        summary: "whether more than half of the steps are +1 (chance 50 %)",
        source: "an example",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        let Config { length, train_samples: train, validation_samples: validation, test_samples: test } = config;
        if length % 2 == 0 || length > 65_535 {
            return Err(ConfigError::new("length", "must be odd and at most 65 535"));
        }
        for (field, samples) in [("train_samples", train), ("validation_samples", validation), ("test_samples", test)] {
            if samples == 0 {
                return Err(ConfigError::new(field, "must be at least 1"));
            }
        }
        let spec = TaskSpec {
            name: format!("majority{length}"),
            version: "majority@generated-1".to_owned(),
            data: format!("majority{length}"),
            input: InputSpec::Values { channels: 1, shape: vec![length] },
            target: OutputSpec::Classes(2),
            metric: Metric::Accuracy,
            chance: 0.5,
            splits: SplitSizes { train, validation, test },
        };
        Ok(Box::new(Configured { spec, length }))
    }
}

struct Configured {
    spec: TaskSpec,
    length: usize,
}

impl Task for Configured {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let (length, sizes) = (self.length, self.spec.splits);
        let key = CacheKey {
            name: self.spec.data.clone(),
            version: 1,
            spec: json!({ "length": length }),
            input_bytes: length,
            label_bytes: 1,
            sizes,
        };
        let store = library.cached(&key, progress, |writer| {
            writer.generate(progress, |position, input, label| {
                // Every sample has a stream of its own, so no split depends on the size of another.
                let mut stream = sample_stream(0, sample_number(&sizes, position));
                input.iter_mut().for_each(|step| *step = u8::from(stream.random::<bool>()));
                label[0] = u8::from(2 * input.iter().filter(|step| **step == 1).count() > input.len());
                Ok(())
            })
        })?;
        Ok(Box::new(Stored::new(store, "steps as -1 and +1", move |store, split, positions| {
            batch(store, split, positions, length)
        })))
    }

    fn check(&self, _library: &Library) -> Result<(), DataError> {
        Ok(())
    }
}

fn batch(store: &SampleStore, split: Split, positions: &[usize], length: usize) -> Result<Batch, DataError> {
    let mut values = vec![0.0; positions.len() * length];
    let mut labels = vec![0; positions.len()];
    store.visit(split, positions, |slot, input, label| {
        for (value, step) in values[slot * length..].iter_mut().zip(input) {
            *value = if *step == 1 { 1.0 } else { -1.0 };
        }
        labels[slot] = i32::from(label[0]);
    })?;
    Ok(Batch { size: positions.len(), inputs: Inputs::Values(values), targets: Targets::Labels(labels), lengths: None })
}
