//! What `bench run --dry-run` says of one run.

use serde::Serialize;

/// One line of the dry run.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    pub id: String,
    pub task: String,
    pub baseline: String,
    pub seed: u64,
    /// Where the settings come from.
    pub sources: Vec<String>,
    /// How they were tuned, where the file says so.
    pub tuning: Option<String>,
    pub parameters: Option<u64>,
    /// Shape of one input: `[channels, positions…]`, for tokens `[length]`.
    pub input: Vec<usize>,
    /// Ids of tokens, where the input is tokens.
    pub vocabulary: Option<usize>,
    pub epochs: u32,
    /// Optimiser steps per epoch.
    pub steps_per_epoch: usize,
    /// Optimiser steps altogether, early stopping and `max_time` aside.
    pub steps: usize,
    /// Estimated seconds of training, validation and test on a machine with nothing else to do; absent with `--no-time`.
    pub seconds: Option<f64>,
    /// The same with steps as long as they were by the clock, other work on this machine included.
    pub seconds_by_clock: Option<f64>,
    /// Those of `seconds` that evaluate.
    pub evaluation_seconds: Option<f64>,
    /// Epochs expected within `max_time`, where not all are.
    pub epochs_within_limit: Option<f64>,
    /// Evaluations of the trained network beside the test, and how many of them are known not to apply.
    pub evaluations: [usize; 2],
    /// Estimated peak memory in bytes, without the samples of the task: measured, or with `--no-time` a lower bound (weights,
    /// gradients, two moments).
    pub memory_bytes: Option<u64>,
    /// Whether the memory was measured.
    pub memory_measured: bool,
    /// Why the run would not run, if so.
    pub not_applicable: Option<String>,
    /// What data are missing, with the command that fetches them.
    pub missing_data: Option<String>,
    /// Why the run cannot begin with its `training.initial_weights`, as far as can be said.
    pub initial_weights: Option<String>,
}
