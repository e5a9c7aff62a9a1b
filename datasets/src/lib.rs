//! Tasks of the long-range sequence benchmark, as plain arrays.
//!
//! A task is one file in [`tasks`] with one [`TaskDefinition`] and one line in [`registry`]. [`library`] knows the data
//! folder: original files under their original names, and a cache of what was derived from them.

mod config;
mod files;
pub mod formats;
#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod given_data;
pub mod library;
pub mod preview;
mod progress;
pub mod registry;
pub mod samples;
mod sequences;
pub mod signal;
pub mod splits;
mod task;
pub mod tasks;
mod text;

pub use self::{
    config::error::ConfigError,
    library::{DataError, Library},
    progress::Progress,
    task::{Batch, Dataset, Info, Inputs, Targets, Task, TaskDefinition, TaskSpec},
};
pub use vocabulary::{InputSpec, Metric, OutputSpec, Split, SplitSizes};
