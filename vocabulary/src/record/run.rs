//! `cell.yaml`: everything that decides a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::trial::TrialRecord;
use crate::metric::Metric;
use crate::scale::Scale;

/// The record of a run, as in `cell.yaml`: its resolved settings, their hash and where they come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`SCHEMA`](super::SCHEMA).
    pub schema: u32,
    /// Folder name.
    pub id: String,
    /// SHA-256 (hex) over everything that decides the result; of the number of epochs, what `extended_from` says.
    pub hash: String,
    /// Experiment name.
    pub experiment: String,
    /// The task.
    pub task: TaskRecord,
    /// The baseline.
    pub baseline: BaselineRecord,
    /// Resolved training settings.
    pub training: Value,
    /// SHA-256 (hex) of the checkpoint `training.initial_weights` that training begins with; absent: random weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_weights: Option<String>,
    /// How much of the recipe was run.
    #[serde(default)]
    pub scale: Scale,
    /// Where the settings come from, in the order in which they were applied.
    #[serde(default)]
    pub sources: Vec<String>,
    /// How the settings were tuned, where the experiment file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuning: Option<String>,
    /// Seed.
    pub seed: u64,
    /// Kind of device it runs on: `cpu`, `cuda`, `wgpu`, `tch` or `tch:cuda`. Older files name the index, too (`cuda:0`);
    /// see [`device_kind`].
    pub device: String,
    /// Values of the grid fields in this run.
    #[serde(default)]
    pub grid: BTreeMap<String, Value>,
    /// Of a trial of a search: its place there. The sampled values stand in `grid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialRecord>,
    /// Numbers of epochs for which the learning rate was planned before `training.epochs` took their place, where steps
    /// were taken by those plans: the run is another one than that of `training.epochs` from the beginning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended_from: Vec<u64>,
    /// The experiment file as resolved for the call that trained the run last, below the folder of the experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

impl RunRecord {
    /// `20 epochs, extended from 10`, where the learning rate was planned for another number of epochs at first.
    #[must_use]
    pub fn extension(&self) -> Option<String> {
        let (last, before) = (self.training.get("epochs").and_then(Value::as_u64), &self.extended_from);
        let names: Vec<String> = before.iter().map(ToString::to_string).collect();
        let last = last.filter(|_| !before.is_empty())?;
        let grows = before.iter().chain([&last]).is_sorted_by(|a, b| a < b);
        let word = if grows { "extended from" } else { "planned before as" };
        Some(format!("{last} epochs, {word} {}", names.join(", then ")))
    }
}

/// `device` without its index: `cuda` for `cuda:1`, `tch:cuda` for `tch:cuda:0`.
#[must_use]
pub fn device_kind(device: &str) -> &str {
    match device.rsplit_once(':') {
        Some((kind, index)) if !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()) => kind,
        _ => device,
    }
}

/// The task of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Registry name, e.g. `pathfinder`.
    pub name: String,
    /// Label in tables, e.g. `pathfinder32-2d`.
    pub label: String,
    /// Preprocessing variant and version.
    pub version: String,
    /// Data set shared between readings (1D and 2D), e.g. `pathfinder32`.
    pub data: String,
    /// Hash of the processed samples; absent until they were read.
    #[serde(default)]
    pub data_hash: Option<String>,
    /// Resolved settings.
    pub config: Value,
    /// Input shape, `[channels, positions…]` (for tokens `[1, length]`).
    pub shape: Vec<usize>,
    /// What is reported.
    pub metric: Metric,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// Value of the metric reached by guessing.
    pub chance: f64,
    /// Samples per split: train, validation, test.
    pub splits: [usize; 3],
    /// What a reader of results must know about the samples, e.g. that they are not the official ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The baseline of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineRecord {
    /// Registry name, e.g. `ccnn`.
    pub name: String,
    /// Label in tables, e.g. `ccnn-4-140`.
    pub label: String,
    /// Resolved settings.
    pub config: Value,
    /// Trainable parameters of the whole network; absent where it cannot be built for the task.
    #[serde(default)]
    pub parameters: Option<u64>,
}
