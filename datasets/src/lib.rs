//! Tasks of the long-range sequence benchmark, as plain arrays.
//!
//! A task is one file in a folder of [`tasks`] with one [`TaskDefinition`], and one line in the list of that folder.
//! [`library`] knows the data folder: original files under their original names, and a cache of what was derived from them.

mod config;
mod files;
pub mod formats;
pub mod library;
mod progress;
pub mod samples;
mod sequences;
pub mod splits;
mod task;
pub mod tasks;
mod text;

pub use self::{
    config::error::ConfigError,
    library::{DataError, Library},
    progress::Progress,
    task::{Batch, Dataset, Info, Inputs, Positions, Targets, Task, TaskDefinition, TaskSpec},
    tasks::registry,
};
pub use vocabulary::{InputSpec, Metric, OutputSpec, Split, SplitSizes};
