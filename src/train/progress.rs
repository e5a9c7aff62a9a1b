//! Where a training run stands: everything that a resume needs beside the tensors.

use serde::{Deserialize, Serialize};

use super::objective::Score;

/// Position and running values of a training run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Finished epochs.
    pub(crate) epoch: u64,
    /// Optimiser steps taken in the current epoch.
    pub(crate) step_in_epoch: u64,
    /// Optimiser steps taken.
    pub(crate) step: u64,
    /// Sums over the current epoch, in training mode.
    pub(crate) train: Score,
    /// The best epoch so far.
    pub(crate) best: Option<Best>,
    /// Epochs since the best one.
    pub(crate) stale_epochs: u32,
    /// Epochs since the best one or the last reduction of the learning rate.
    pub(crate) plateau_epochs: u32,
    /// Product of all reductions of the learning rate.
    pub(crate) plateau_scale: f64,
    /// Training samples seen.
    pub(crate) samples: u64,
    /// Seconds of training, evaluation included, over all attempts.
    pub(crate) seconds: f64,
    /// Seconds spent in training steps alone, over all attempts.
    pub(crate) step_seconds: f64,
    /// Length of `metrics.jsonl` that belongs to this position.
    pub(crate) metrics_bytes: u64,
    /// Length of `diagnostics.jsonl` that belongs to this position.
    pub(crate) diagnostics_bytes: u64,
}

/// The best validation result so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    /// Epoch, from 1.
    pub(crate) epoch: u64,
    /// Value of the task's metric.
    pub(crate) metric: f64,
    /// Validation loss.
    pub(crate) loss: f64,
}

impl Progress {
    /// The very beginning.
    pub(crate) fn start() -> Self {
        Self { plateau_scale: 1.0, ..Self::default() }
    }
}
