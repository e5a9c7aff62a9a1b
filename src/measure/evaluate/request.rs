//! What is asked of a checkpoint.

use std::path::Path;

use datasets::Split;

/// What is to be evaluated.
pub(crate) struct Request<'a> {
    /// The checkpoint.
    pub(crate) checkpoint: &'a Path,
    /// Task, unless it is the run's.
    pub(crate) task: Option<&'a str>,
    /// Baseline, unless it is the run's.
    pub(crate) baseline: Option<&'a str>,
    /// `task.…=…` and `baseline.…=…`.
    pub(crate) set: &'a [String],
    pub(crate) split: Split,
    /// Samples per forward pass.
    pub(crate) batch_size: usize,
    /// Resolutions in samples per axis relative to the task's, at least one.
    pub(crate) resolutions: &'a [f64],
}
