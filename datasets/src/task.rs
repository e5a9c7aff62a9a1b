//! What a task is: a specification, a preparation, and samples read by position.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::config::ConfigError;
use crate::library::{DataError, Library};
use crate::progress::Progress;
use vocabulary::record::SampleAttribute;
use vocabulary::{InputSpec, Metric, OutputSpec, Split, SplitSizes};

/// One task: its settings and how to make a [`Task`] of them.
pub trait TaskDefinition: Send + Sync + 'static {
    /// Settings as they stand in an experiment file. Unknown keys must be refused (`#[serde(deny_unknown_fields)]`). The names
    /// `order` and `bag` are taken: they are [controls](crate::samples::control) of every task.
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

    /// What the positions of an input are, for [controls](crate::samples::control) that permute or count them.
    fn positions(&self) -> Positions {
        Positions::Valid
    }
}

/// What the positions of an input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Positions {
    /// Each has a value of its own, as far as a sample reaches (`lengths` of its batch).
    Valid,
    /// Each has the id of a token, given as an id or as a value; id 0 is padding and no token.
    Ids {
        /// Whether the padding stands in front of the tokens, where no `lengths` tell it.
        padded_left: bool,
    },
    /// Some have no value, or each stands for a time of its own.
    Irregular,
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

    /// How long or how hard the samples at `positions` of `split` are, where the task knows it: numbers that accuracy may depend
    /// on. Nothing of training depends on them.
    ///
    /// # Errors
    /// A file that has become unreadable.
    fn attributes(&self, _split: Split, _positions: &[usize]) -> Result<Vec<SampleAttribute>, DataError> {
        Ok(vec![])
    }

    /// The sample at `position` of `split` as people read it, one text per part of a pair; nothing where it is no text.
    ///
    /// # Errors
    /// A file that has become unreadable.
    fn texts(&self, _split: Split, _position: usize) -> Result<Vec<String>, DataError> {
        Ok(vec![])
    }

    /// Training samples as the gradient sees them: augmented where the task says so. What is drawn for a sample depends on
    /// `stream` (another one every epoch) and its position alone, not on the batch that it is part of.
    ///
    /// # Errors
    /// A file that has become unreadable.
    fn read_for_training(&self, positions: &[usize], _stream: u64) -> Result<Batch, DataError> {
        self.read(Split::Train, positions)
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
