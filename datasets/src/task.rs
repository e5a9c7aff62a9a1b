//! What a task is: a specification, a preparation, and samples read by position.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    config::{error::ConfigError, split_sizes::SplitSizes},
    library::{DataError, Library},
    progress::Progress,
};

/// One task: its settings and how to make a [`Task`] of them.
pub trait TaskDefinition: Send + Sync + 'static {
    /// Settings as they stand in an experiment file. Unknown keys must be refused (`#[serde(deny_unknown_fields)]`).
    type Config: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;

    /// Name, summary and source.
    const INFO: Info;

    /// Check the settings and make the task; touches no files but one that a setting names and sizes follow from.
    ///
    /// # Errors
    /// A setting out of its range: [`ConfigError`] names the field.
    fn build(config: Self::Config) -> Result<Box<dyn Task>, ConfigError>;
}

/// A description of a task that needs no instance.
#[derive(Debug, Clone)]
pub struct Info {
    /// Name in experiment files, e.g. `pathfinder`.
    pub name: &'static str,
    /// One line for `bench list tasks`.
    pub summary: &'static str,
    /// Where the task comes from.
    pub source: &'static str,
}

/// A configured task.
pub trait Task: Send + Sync {
    /// Name, version, shapes, sizes, metric.
    fn spec(&self) -> &TaskSpec;

    /// Make the samples available: read the original files, or the cache, or generate.
    ///
    /// # Errors
    /// [`DataError::Missing`] with the command that fetches the files; a damaged file with expected and found checksum.
    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError>;

    /// Whether [`prepare`](Self::prepare) would find (or can generate) its samples; cheap, reads no sample.
    ///
    /// # Errors
    /// [`DataError::Missing`] with the command that fetches the files.
    fn check(&self, library: &Library) -> Result<(), DataError>;
}

/// Samples of a prepared task, read by position from any thread.
///
/// The first samples of a split are a fair sample of it (see [`splits`](crate::splits)), and none of them depends on the size
/// of this or another split: a test over the registry holds every task to that.
pub trait Dataset: Send + Sync {
    /// Number of samples in a split.
    fn len(&self, split: Split) -> usize;

    /// SHA-256 (hex) over every processed sample and label, splits and permutation included.
    fn content_hash(&self) -> &str;

    /// What a reader of results must know about these samples, e.g. that they are a subset of the official ones.
    fn notes(&self) -> Vec<String> {
        vec![]
    }

    /// What these samples are like, as names and values: sizes, vocabulary, lengths. For people; nothing depends on it.
    ///
    /// # Errors
    /// A file that has become unreadable.
    fn describe(&self) -> Result<Vec<(String, String)>, DataError> {
        Ok(vec![])
    }

    /// The samples at `positions` of `split`, in that order.
    ///
    /// # Errors
    /// A file that has become unreadable.
    fn read(&self, split: Split, positions: &[usize]) -> Result<Batch, DataError>;

    /// Training samples as the gradient sees them: augmented where the task says so. What is drawn for a sample depends on
    /// `stream` (another one every epoch) and its position alone, not on the batch that it is part of.
    ///
    /// # Errors
    /// A file that has become unreadable.
    fn read_for_training(&self, positions: &[usize], _stream: u64) -> Result<Batch, DataError> {
        self.read(Split::Train, positions)
    }
}

/// Part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// For the gradient.
    Train,
    /// For choosing the epoch.
    Validation,
    /// For the reported number.
    Test,
}

impl Split {
    /// All three, in order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// `train`, `validation` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// Everything that can be said about a task without its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// Label in tables and folder names: short, without spaces or dots, e.g. `pathfinder32-2d`.
    pub name: String,
    /// Preprocessing variant and version, e.g. `pathfinder@generated-1`.
    pub version: String,
    /// Data set the samples come from; two readings of one data set (1D and 2D) share it, e.g. `pathfinder32`.
    pub data: String,
    /// Shape of one input.
    pub input: InputSpec,
    /// Kind of target.
    pub target: OutputSpec,
    /// What is reported.
    pub metric: Metric,
    /// Value of the metric reached by guessing (majority class, or mean target).
    pub chance: f64,
    /// Sizes of the splits.
    pub splits: SplitSizes,
}

/// Shape of one input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputSpec {
    /// Real values, `[channels, shape…]`.
    Values {
        /// Channels per position.
        channels: usize,
        /// `[length]`, `[height, width]` or `[depth, height, width]`.
        shape: Vec<usize>,
    },
    /// Token ids in `0..vocabulary`; id 0 is padding where lengths differ.
    Tokens {
        /// Number of ids.
        vocabulary: usize,
        /// Length after padding.
        length: usize,
    },
}

/// Kind of target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetSpec {
    /// One of `n` classes.
    Classes(usize),
    /// One of two classes, predicted with one logit.
    Binary,
    /// `n` real values.
    Regression(usize),
    /// One of `n` classes at every step; label −1 is ignored.
    PerStep(usize),
    /// One of `n` classes for two inputs of the same shape, such as two documents. A batch then holds two rows per
    /// sample, one after the other (and two lengths).
    Pair(usize),
}

/// What is reported for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of correct labels, 0 to 1; more is better.
    Accuracy,
    /// Mean squared error; less is better.
    MeanSquaredError,
    /// Cross-entropy per character in bits; less is better.
    BitsPerCharacter,
    /// Area under the receiver operating characteristic of two classes, 0 to 1 with 0.5 for guessing; more is better.
    #[serde(rename = "auc")]
    AreaUnderRoc,
}

impl Metric {
    /// `accuracy`, `mean_squared_error`, `bits_per_character` or `auc`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::MeanSquaredError => "mean_squared_error",
            Self::BitsPerCharacter => "bits_per_character",
            Self::AreaUnderRoc => "auc",
        }
    }

    /// Whether a larger value is better.
    pub fn higher_is_better(self) -> bool {
        matches!(self, Self::Accuracy | Self::AreaUnderRoc)
    }
}

/// Samples of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Number of samples.
    pub size: usize,
    /// Row-major inputs.
    pub inputs: Inputs,
    /// Row-major targets.
    pub targets: Targets,
    /// Valid positions per sample where lengths differ and the input is padded on the right.
    pub lengths: Option<Vec<usize>>,
}

/// Inputs of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Inputs {
    /// `[batch, channels, shape…]`; `[2 · batch, channels, shape…]` for pairs.
    Values(Vec<f32>),
    /// `[batch, length]`; `[2 · batch, length]` for pairs.
    Tokens(Vec<i32>),
}

/// Targets of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// `[batch]`, or `[batch, length]` for per-step tasks with −1 where a step does not count.
    Labels(Vec<i32>),
    /// `[batch, outputs]`
    Values(Vec<f32>),
}
