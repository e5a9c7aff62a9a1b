//! Where a training run stands: everything that a resume needs beside the tensors.

use serde::{Deserialize, Deserializer, Serialize};

use crate::training::{Score, health::StuckAtChance};

/// Position and running values of a training run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Finished epochs.
    pub(crate) epoch: u64,
    /// Optimiser steps taken in the current epoch.
    pub(crate) step_in_epoch: u64,
    pub(crate) step: u64,
    /// Sums over the current epoch, in training mode.
    pub(crate) train: Score,
    /// The penalty over the current epoch.
    #[serde(default)]
    pub(crate) penalty: Penalty,
    /// The training loss that was not yet judged.
    #[serde(default, rename = "canary")]
    pub(crate) stuck_at_chance: StuckAtChance,
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

/// What was added to the losses of several forward passes, summed up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Penalty {
    sum: f64,
    passes: u64,
}

impl Penalty {
    /// Add that of a forward pass.
    pub(crate) fn add(&mut self, value: f64) {
        self.sum += value;
        self.passes += 1;
    }

    /// Mean per forward pass; `None` where the network has no penalty.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.passes > 0).then(|| self.sum / self.passes as f64)
    }
}

/// The best validation result so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    /// Epoch, from 1.
    pub(crate) epoch: u64,
    /// Value of the task's metric.
    #[serde(deserialize_with = "or_not_a_number")]
    pub(crate) metric: f64,
    /// Validation loss.
    #[serde(deserialize_with = "or_not_a_number")]
    pub(crate) loss: f64,
}

impl Progress {
    /// The very beginning.
    pub(crate) fn start() -> Self {
        Self { plateau_scale: 1.0, ..Self::default() }
    }
}

/// JSON has no sign for a value that is not a number and writes null.
fn or_not_a_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_best_epoch_without_a_metric_survives_a_checkpoint() {
        let best = Best { epoch: 2, metric: f64::NAN, loss: 0.5 };
        let text = serde_json::to_string(&Progress { best: Some(best), ..Progress::start() }).unwrap();
        let back: Progress = serde_json::from_str(&text).unwrap();
        assert!(back.best.is_some_and(|best| best.metric.is_nan() && best.loss == 0.5));
    }
}
