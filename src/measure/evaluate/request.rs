//! What is to be evaluated, and what came of it.

use std::path::Path;

use datasets::{Metric, Split};

use crate::experiment::Cell;
use crate::origin::settings::Settings;
use crate::training::loss::Score;

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

/// What came of it.
pub(crate) struct Evaluation {
    /// The task and the network, as resolved.
    pub(crate) cell: Cell,
    pub(crate) metric: Metric,
    /// Per resolution asked for, in order.
    pub(crate) results: Vec<EvalResult>,
    /// Samples seen.
    pub(crate) samples: usize,
    pub(crate) parameters: usize,
    /// Settings of the task and the network, and where each comes from.
    pub(crate) settings: Settings,
    /// What a reader of the result must know about the samples, the weights and the settings.
    pub(crate) notes: Vec<String>,
}

/// What came of one resolution.
pub(crate) struct EvalResult {
    /// Samples per axis relative to the task's.
    pub(crate) resolution: f64,
    /// Positions per axis.
    pub(crate) shape: Vec<usize>,
    /// Sums over all targets.
    pub(crate) score: Score,
    /// Share of the filters of the kernel networks whose frequency is above the highest that the grid can show; absent
    /// without such filters. See [`baselines::Body::filter_frequencies`].
    pub(crate) above_nyquist: Option<f64>,
    /// Time of the forward passes, in seconds.
    pub(crate) seconds: f64,
}
