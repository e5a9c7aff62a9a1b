//! The records of a run folder: what the runner writes and the report reads.
//!
//! ```text
//! <out>/<experiment>/experiment.yaml
//! <out>/<experiment>/<cell>/cell.yaml          one CellRecord
//! <out>/<experiment>/<cell>/status.json        one Status
//! <out>/<experiment>/<cell>/metrics.jsonl      one MetricLine per line
//! <out>/<experiment>/<cell>/diagnostics.jsonl  one DiagnosticLine per line
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of every record below; a reader refuses a newer one.
pub const SCHEMA: u32 = 1;

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricLine {
    /// Step, epoch or final.
    pub kind: MetricKind,
    /// Finished epochs, from 1 for the first epoch's own lines.
    pub epoch: u64,
    /// Optimiser steps taken.
    pub step: u64,
    /// `train`, `validation` or `test`; absent where it does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// E.g. `loss`, `accuracy`, `learning_rate`, `test_accuracy`.
    pub name: String,
    /// The value; null stands for a value that is not finite.
    pub value: Option<f64>,
    /// Of an epoch: whether `training.max_time` or `training.max_steps` ended it before its last step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Seconds of training since the cell began, summed over attempts.
    pub wall: f64,
}

/// What a [`MetricLine`] describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// One optimiser step, every few steps: train `loss` (of the task, the mean over the epoch so far), `penalty` (what the
    /// network added to the loss of this step, where it has one), `learning_rate`, `gradient_norm` (of both together).
    Step,
    /// One epoch: `loss` (of the task) and the task's metric, split train and validation; train `penalty` (mean over the
    /// steps, where the network has one); `seconds`.
    Epoch,
    /// The cell: `test_<metric>` (at the best validation epoch), `test_loss`, `best_validation_<metric>`, `best_epoch`,
    /// `parameters`, `seconds`, `samples_per_second`, `peak_memory_bytes` (largest resident memory of the process in the last
    /// attempt at the cell, samples of its task included, after what earlier cells left was given back).
    Final,
}

/// `status.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Where the cell stands.
    pub state: State,
    /// Machine-readable reason: `max_time`, `max_steps`, `early_stopping` (with state done), `nan`, `out_of_memory`, `disk_full`, `missing_data`,
    /// `not_applicable`, `interrupted`, `killed`, `error`.
    #[serde(default)]
    pub reason: Option<String>,
    /// Reason in words.
    #[serde(default)]
    pub message: Option<String>,
    /// Times the cell was started.
    pub attempts: u32,
    /// Start of the first attempt, RFC 3339 UTC.
    #[serde(default)]
    pub started: Option<String>,
    /// Last change of this file, RFC 3339 UTC.
    #[serde(default)]
    pub updated: Option<String>,
    /// Seconds of training, summed over attempts.
    pub seconds: f64,
    /// Finished epochs.
    pub epoch: u64,
    /// The epoch after them, where `training.max_time` or `training.max_steps` ended it before its last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_epoch: Option<PartialEpoch>,
    /// Host name.
    #[serde(default)]
    pub host: Option<String>,
    /// CPU threads used.
    #[serde(default)]
    pub threads: Option<usize>,
    /// Program and library versions: `bench`, `burn`.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Git commit of the working directory, with `-dirty` where it has changes.
    #[serde(default)]
    pub git: Option<String>,
}

impl Status {
    /// That of a cell that has not begun.
    #[must_use]
    pub fn pending() -> Self {
        Self {
            schema: SCHEMA,
            state: State::Pending,
            reason: None,
            message: None,
            attempts: 0,
            started: None,
            updated: None,
            seconds: 0.0,
            epoch: 0,
            partial_epoch: None,
            host: None,
            threads: None,
            versions: BTreeMap::new(),
            git: None,
        }
    }
}

impl Status {
    /// Epochs trained, a partial one as a fraction.
    #[must_use]
    pub fn epochs(&self) -> f64 {
        let partial = self.partial_epoch.map_or(0.0, |part| part.steps as f64 / part.of.max(1) as f64);
        self.epoch as f64 + partial
    }

    /// [`epochs`](Self::epochs) as in tables: whole numbers as such, others with two digits.
    #[must_use]
    pub fn epochs_text(&self) -> String {
        if self.partial_epoch.is_none() { self.epoch.to_string() } else { format!("{:.2}", self.epochs()) }
    }
}

/// How far an epoch came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialEpoch {
    /// Optimiser steps taken.
    pub steps: u64,
    /// Optimiser steps of a whole epoch.
    pub of: u64,
}

/// Where a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not begun.
    Pending,
    /// A process works on it; or was killed while it did, where nobody holds the lock.
    Running,
    /// Finished.
    Done,
    /// Ended by an error.
    Failed,
    /// Stopped by a signal; resumable.
    Interrupted,
    /// Not run, see the reason.
    Skipped,
}

impl State {
    /// As written in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Skipped => "skipped",
        }
    }
}

/// `cell.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Folder name.
    pub id: String,
    /// SHA-256 (hex) over everything that decides the result, number of epochs excepted.
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
    /// How much of the recipe was run: `paper` (all), `laptop` or `smoke`.
    #[serde(default = "paper")]
    pub scale: String,
    /// Where the settings come from, in the order in which they were applied.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Seed.
    pub seed: u64,
    /// Device it runs on, e.g. `cpu`.
    pub device: String,
    /// Values of the grid fields in this cell.
    #[serde(default)]
    pub grid: BTreeMap<String, Value>,
}

/// The scale of a recipe as written.
pub const PAPER: &str = "paper";

/// What a scale other than [`PAPER`] means, in a sentence; `None` for a scale as written.
pub fn describe_scale(scale: &str) -> Option<&'static str> {
    match scale {
        "paper" => None,
        "laptop" => Some(
            "Scale laptop: fewer samples, at most 5 epochs, batches of at most 32, at most 15 minutes per cell. Models and \
             lengths of inputs are those of the recipe; the scores are not those of its training.",
        ),
        "smoke" => Some(
            "Scale smoke: 5 steps of at most 4 samples, at most 32 samples evaluated per split. Models and lengths of \
             inputs are those of the recipe; the scores mean nothing.",
        ),
        _ => Some("Another scale than that of the recipe as written."),
    }
}

fn paper() -> String {
    PAPER.to_owned()
}

/// The task of a cell.
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
    /// `accuracy`, `mean_squared_error`, `bits_per_character` or `auc`.
    pub metric: String,
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

/// The baseline of a cell.
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

/// One line of `diagnostics.jsonl`, and one row of `bench diagnose`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiagnosticLine {
    /// Baseline label.
    pub baseline: String,
    /// Task label.
    pub task: String,
    /// Varied conditions, e.g. `initialisation: off`, `norm: off`, `mode: train`.
    #[serde(default)]
    pub conditions: BTreeMap<String, String>,
    /// Seed.
    pub seed: u64,
    /// Optimiser steps taken; 0 at initialisation.
    pub step: u64,
    /// Position of the layer in the forward pass, from 0.
    pub order: u32,
    /// Layer, e.g. `blocks.0.conv`.
    pub layer: String,
    /// `activation`, `kernel` or `logits`, with the statistic: `activation.variance`, `logits.std`, `logits.max_abs`. Or what a
    /// penalty judges, without its weight: `orthogonality` (sum of the squared cosines between different units of the layer),
    /// `orthonormality` (‖I − WᵀW‖², squared Frobenius norm), `kernel_norm` (‖k‖₂).
    pub quantity: String,
    /// The value; null where it is not finite.
    pub value: Option<f64>,
}
