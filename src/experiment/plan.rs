//! A resolved experiment: its runs with all their settings.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use baselines::device::{DeviceChoice, DeviceError};
use baselines::{BuildError, Model};
use burn::tensor::Device;
use datasets::TaskSpec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vocabulary::record::Variant;

use super::search::{Search, Trial};
use super::{Scale, Training};

/// Most characters of a `source` and of a `tuning`.
pub const MAX_SOURCE: usize = 500;

/// A resolved experiment: every run with every setting.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name of the experiment and of its run folder.
    pub name: String,
    /// What the experiment shows.
    pub description: String,
    /// How much of the recipe is run.
    pub scale: Scale,
    /// What happens to runs whose data are not there.
    pub missing: Missing,
    /// What is measured before anything is trained.
    pub diagnosis: Option<Diagnosis>,
    /// How trials are drawn and pruned, where settings are searched.
    pub search: Option<Search>,
    /// Tasks × baselines × grid (or trials) × seeds, in the order of the file.
    pub runs: Vec<Run>,
    /// The whole experiment with every default written out, as it is stored in `experiment.yaml`.
    pub resolved: Value,
}

/// What happens to runs whose data are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// Nothing starts; the error names the command that fetches the data.
    #[default]
    Error,
    /// The run is skipped with reason `missing_data`, the others run.
    Skip,
}

/// What is measured of untrained networks on noise, before anything is trained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Diagnosis {
    /// Number of seeds, from 0.
    #[schemars(range(min = 1, max = 1000))]
    pub seeds: u64,
    /// Samples of the batch of noise: statistics of batch normalisation, and so the logits, depend on it.
    #[schemars(range(min = 1, max = 4096))]
    pub samples: u64,
    /// Settings that are varied, where a baseline has them.
    #[schemars(extend("minItems" = 1, "uniqueItems" = true))]
    pub vary: Vec<Vary>,
}

/// A setting that decides the scale at initialisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Vary {
    /// `initialisation` of kernel networks: corrected, original, off.
    Initialisation,
    /// `norm` as configured, and none.
    Norm,
    /// `blocks` or `layers`: half, as configured, twice.
    Depth,
}

impl Default for Diagnosis {
    fn default() -> Self {
        Self { seeds: 5, samples: 4, vary: vec![Vary::Initialisation, Vary::Norm] }
    }
}

/// Something that a trained network is judged on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// What.
    pub variant: Variant,
    /// Why there is no such thing for the task, if so.
    pub not_applicable: Option<String>,
}

/// One training run: a task, a baseline, training settings and a seed.
#[derive(Debug, Clone)]
pub struct Run {
    /// Unique, safe folder name, `<task>.<baseline>[.<grid field>-<value>…][.<scale>].s<seed>`, at most 120 characters; the
    /// scale where it is not `paper`.
    pub id: String,
    /// The task.
    pub task: RunTask,
    /// The baseline.
    pub baseline: RunBaseline,
    /// Training settings.
    pub training: Training,
    /// Seed of initial weights, order of samples and dropout.
    pub seed: u64,
    /// How much of the recipe is run; the settings are those of this scale.
    pub scale: Scale,
    /// Where the settings come from, in the order in which they were applied.
    pub sources: Vec<String>,
    /// How the settings were tuned, where the file says so.
    pub tuning: Option<String>,
    /// Values of the grid fields in this run, e.g. `training.learning_rate: 0.01`.
    pub grid: BTreeMap<String, Value>,
    /// Of a trial of a search: its place there; its values stand in `grid`.
    pub trial: Option<Trial>,
    /// Id of the run with whose best weights this one begins (`training.initial_task`), if so.
    pub after: Option<String>,
    /// What the trained network is judged on beside the test split of the task.
    pub evaluate: Vec<Asked>,
    /// Why the baseline cannot run on the task (`n/a` in tables), if so.
    pub not_applicable: Option<String>,
    /// Trainable parameters of the whole network; absent where it is not applicable.
    pub parameters: Option<u64>,
}

impl Plan {
    /// Open `device`, which has to compute in the precision of every run.
    ///
    /// # Errors
    /// It is missing, or cannot.
    pub fn open(&self, device: DeviceChoice) -> Result<Device, DeviceError> {
        let opened = device.open()?;
        self.runs.iter().try_for_each(|run| device.check(&opened, run.training.precision))?;
        Ok(opened)
    }
}

impl Run {
    /// The samples of the task.
    pub fn spec(&self) -> &TaskSpec {
        self.task.task.spec()
    }

    /// The network on `device`, with initial weights from `seed`.
    ///
    /// # Errors
    /// Settings that the baseline refuses.
    pub fn build(&self, seed: u64, device: &Device) -> Result<Box<dyn Model>, BuildError> {
        let spec = self.spec();
        (self.baseline.entry.build)(&self.baseline.config, &spec.input, &spec.target, seed, device)
    }
}

/// The task of a run.
#[derive(Clone)]
pub struct RunTask {
    /// Registry name, e.g. `pathfinder`.
    pub name: String,
    /// Label in tables and folder names, e.g. `pathfinder32-2d`.
    pub label: String,
    /// Resolved settings.
    pub config: Value,
    /// The configured task.
    pub task: Arc<dyn datasets::Task>,
}

impl fmt::Debug for RunTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunTask")
            .field("name", &self.name)
            .field("label", &self.label)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// The baseline of a run.
#[derive(Debug, Clone)]
pub struct RunBaseline {
    /// Registry name, e.g. `ccnn`.
    pub name: String,
    /// Label in tables and folder names, e.g. `ccnn-4-140`.
    pub label: String,
    /// Resolved settings.
    pub config: Value,
    /// What builds it.
    pub entry: baselines::registry::Entry,
}
