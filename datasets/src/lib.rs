//! Tasks of the long-range sequence benchmark, as plain arrays.
//!
//! A task is one file in [`tasks`] with one [`TaskDefinition`] and one line in [`registry`]. [`library`] knows the data
//! folder: original files under their original names, and a cache of what was derived from them.

pub mod duplicates;
pub mod formats;
pub mod irregular;
pub mod library;
pub mod limit;
mod litter;
pub mod normalise;
mod reading;
mod recordings;
pub mod registry;
pub mod resample;
mod sequences;
mod settings;
pub mod sheet;
pub mod signal;
mod small_file;
pub mod splits;
pub mod stored;
pub mod task;
pub mod tasks;
mod vocabulary;

pub use library::{DataError, Library};
pub use task::{
    Batch, ConfigError, Dataset, Info, InputSpec, Inputs, Metric, OutputSpec, Progress, Split, SplitSizes, Targets,
    Task, TaskDefinition, TaskSpec,
};
