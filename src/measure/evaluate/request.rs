//! What is asked of a checkpoint.

use std::path::Path;

use datasets::Split;

/// Samples per forward pass, unless another number is asked for.
pub(crate) const BATCH_SIZE: u16 = 50;

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
    /// Whether the samples are those that the scale of the run leaves of its task, rather than all of them.
    pub(crate) at_scale: bool,
}
