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
    /// Git commit of the sources that the program was built from, with `-dirty` where they had changes; absent where that
    /// is not known. Older files hold the commit of the working folder.
    #[serde(default)]
    pub git: Option<String>,
    /// What every attempt ran on, in order; `host`, `threads`, `versions` and `git` above are those of the last one. Older
    /// files have no list, and a cell begun by an older program names its last attempt alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provenance: Vec<Attempt>,
}

/// Where and with what a cell was trained in one attempt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Begin, RFC 3339 UTC; absent where an older program did not record it.
    #[serde(default)]
    pub started: Option<String>,
    /// Epochs that were finished when it began.
    #[serde(default)]
    pub from_epoch: Option<u64>,
    /// Host name.
    #[serde(default)]
    pub host: Option<String>,
    /// Device with its index, e.g. `cpu`, `cuda:1`.
    #[serde(default)]
    pub device: Option<String>,
    /// What the device is, e.g. `NVIDIA H200`; absent where it does not say.
    #[serde(default)]
    pub device_name: Option<String>,
    /// CPU threads used.
    #[serde(default)]
    pub threads: Option<usize>,
    /// Versions of the program, of Burn and of the compiler.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Git commit of the sources of the build; absent where it is not known, as for an archive without history.
    #[serde(default)]
    pub commit: Option<String>,
    /// Whether the sources had changes that the commit does not hold; absent where it is not known.
    #[serde(default)]
    pub dirty: Option<bool>,
}

impl Attempt {
    /// Commit with `-dirty` where the sources had changes, or `unknown`.
    #[must_use]
    pub fn source(&self) -> String {
        match (&self.commit, self.dirty) {
            (Some(commit), Some(true)) => format!("{commit}-dirty"),
            (Some(commit), _) => commit.clone(),
            (None, _) => "unknown".to_owned(),
        }
    }
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
            provenance: Vec::new(),
        }
    }

    /// What the attempts ran on. Of a file without a list, the last attempt; of one that an older program began, the list
    /// holds the last of the attempts before it.
    #[must_use]
    pub fn attempts_on_record(&self) -> Vec<Attempt> {
        if !self.provenance.is_empty() || self.attempts == 0 {
            return self.provenance.clone();
        }
        let dirty = self.git.as_ref().map(|git| git.ends_with("-dirty"));
        vec![Attempt {
            attempt: self.attempts,
            started: self.started.clone().filter(|_| self.attempts == 1),
            host: self.host.clone(),
            threads: self.threads,
            versions: self.versions.clone(),
            commit: self.git.as_deref().map(|git| git.trim_end_matches("-dirty").to_owned()),
            dirty,
            ..Attempt::default()
        }]
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
    /// How much of the recipe was run: `paper` (all), `laptop` or `smoke`.
    #[serde(default = "paper")]
    pub scale: String,
    /// Where the settings come from, in the order in which they were applied.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Seed.
    pub seed: u64,
    /// Kind of device it runs on: `cpu`, `cuda`, `wgpu`, `tch` or `tch:cuda`. Older files name the index, too (`cuda:0`);
    /// see [`device_kind`].
    pub device: String,
    /// Values of the grid fields in this cell.
    #[serde(default)]
    pub grid: BTreeMap<String, Value>,
    /// Numbers of epochs for which the learning rate was planned before `training.epochs` took their place, where steps
    /// were taken by those plans: the run is another one than that of `training.epochs` from the beginning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended_from: Vec<u64>,
    /// The experiment file as resolved for the call that trained the cell last, below the folder of the experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

impl CellRecord {
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
