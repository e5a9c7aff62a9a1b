//! The compared field, and what may follow from it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::str::FromStr;

use serde_json::Value;
use vocabulary::record::fields::DESCRIPTIVE;
use vocabulary::record::{RunRecord, device_kind};

use crate::error::ReportError;
use crate::runs::{Run, Runs, Settings, is_presentation, plain, within_record};

/// The field whose values are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// Task labels, between tasks that read the same data set.
    Task,
    /// Baseline labels.
    Baseline,
    /// Experiment names.
    Experiment,
    /// Kinds of devices.
    Device,
    /// Scales of the recipe: `paper`, `laptop`, `smoke`.
    Scale,
    /// A grid field or a setting: `baseline.omega_0`, `training.learning_rate`, `task.size`.
    Setting(String),
}

impl FromStr for Field {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "task" => Self::Task,
            "baseline" => Self::Baseline,
            "experiment" => Self::Experiment,
            "device" => Self::Device,
            "scale" => Self::Scale,
            other => Self::Setting(other.to_owned()),
        })
    }
}

/// What a scale changes.
const BUDGET: [&str; 18] = [
    "task.version",
    "task.data_hash",
    "task.splits",
    "task.config.train_samples",
    "task.config.validation_samples",
    "task.config.test_samples",
    "training.accumulate_grad_steps",
    "training.batch_size",
    "training.decay_factor",
    "training.epochs",
    "training.eval_batch_size",
    "training.max_steps",
    "training.max_time",
    "training.plateau_patience",
    "training.schedule_steps",
    "training.steps_per_epoch",
    "training.warmup_epochs",
    "training.warmup_steps",
];

impl Field {
    /// Returns the name on the command line.
    pub fn name(&self) -> &str {
        match self {
            Self::Task => "task",
            Self::Baseline => "baseline",
            Self::Experiment => "experiment",
            Self::Device => "device",
            Self::Scale => "scale",
            Self::Setting(name) => name,
        }
    }

    /// Whether it is a setting of the `task` or of the `baseline`.
    pub(super) fn is_setting_of(&self, part: &str) -> bool {
        matches!(self, Self::Setting(name) if name.strip_prefix(part).is_some_and(|rest| rest.starts_with('.')))
    }

    /// Whether pairs can differ in it.
    pub(super) fn check(&self) -> Result<(), ReportError> {
        let Self::Setting(name) = self else { return Ok(()) };
        let refuse = |reason: &str| Err(ReportError::NotComparable { field: name.clone(), reason: reason.to_owned() });
        if name == "seed" {
            return refuse("pairs are runs of the same seed, and `bench report` shows the value of every seed");
        }
        if DESCRIPTIVE.contains(&name.as_str()) {
            return refuse("it names or describes a run and decides nothing in it");
        }
        Ok(())
    }

    /// The value of a run, as shown.
    pub(super) fn value(&self, run: &Run, record: &RunRecord) -> Option<String> {
        let name = match self {
            Self::Task => return Some(record.task.label.clone()),
            Self::Baseline => return Some(record.baseline.label.clone()),
            Self::Experiment => return Some(run.experiment.clone()),
            Self::Device => return Some(device_kind(&record.device).to_owned()),
            Self::Scale => return Some(record.scale.name().to_owned()),
            Self::Setting(name) => name,
        };
        let shown = |value: &Value| if value.is_null() { "none".to_owned() } else { plain(value) };
        if let Some(value) = record.grid.get(name) {
            return Some(shown(value));
        }
        let all = serde_json::to_value(record).ok()?;
        let at = |path: &str| all.pointer(&format!("/{}", path.replace('.', "/"))).map(shown);
        // Random weights are no entry of the record.
        let absent = || (name == "initial_weights").then(|| "none".to_owned());
        at(&within_record(name)).or_else(|| at(name)).or_else(absent)
    }

    /// Whether the setting at `path` is what is compared, or is named by it.
    pub(super) fn covers(&self, path: &str) -> bool {
        let below = |whole: &str| path == whole || path.strip_prefix(whole).is_some_and(|rest| rest.starts_with('.'));
        match self {
            Self::Task => path == "task.name" || path == "task.chance" || is_presentation(path),
            Self::Baseline => below("baseline"),
            Self::Experiment => false,
            Self::Device => path == "device",
            Self::Scale => path == "scale",
            Self::Setting(name) => below(&within_record(name)) || below(name),
        }
    }

    /// Whether the setting at `path` may follow from what is compared: it may differ within a pair, which then says so.
    /// Grid values never follow from anything.
    pub(super) fn may_bring(&self, path: &str) -> bool {
        match self {
            Self::Task => path.starts_with("training.") || (path.starts_with("task.") && !is_data(path)),
            Self::Baseline => path.starts_with("training.") || is_presentation(path),
            // Two files that give the same names to what they compare.
            Self::Experiment => path != "seed" && path != "scale" && !is_data(path),
            Self::Device => path == "training.precision",
            Self::Scale => BUDGET.contains(&path),
            Self::Setting(_) if self.is_setting_of("task") => {
                path.starts_with("task.") && path != "task.name" && path != "task.metric"
            }
            Self::Setting(_) => false,
        }
    }

    /// Whether the samples of a pair must be the same ones.
    pub(super) fn keeps_samples(&self) -> bool {
        !self.covers("task.data_hash")
    }

    /// The part of the settings that the value is the name of.
    pub(super) fn named(&self, settings: &Settings) -> Settings {
        match self {
            // Samples and versions that were read or not yet do not make two tasks of one.
            Self::Task => settings.without(|path| !path.starts_with("task.") || path == "task.data_hash"),
            Self::Baseline => settings.without(|path| !path.starts_with("baseline.")),
            _ => Settings::default(),
        }
    }
}

fn is_data(path: &str) -> bool {
    path == "task.data" || path == "task.metric"
}

/// Fields that these runs have.
pub(super) fn known(runs: &Runs) -> String {
    let mut known: BTreeSet<String> = ["task", "baseline", "experiment", "device", "scale"].map(str::to_owned).into();
    for record in runs.records() {
        known.extend(record.grid.keys().cloned());
        let parts =
            [("task", &record.task.config), ("baseline", &record.baseline.config), ("training", &record.training)];
        for (part, config) in parts {
            if let Some(map) = config.as_object() {
                known.extend(map.keys().map(|key| format!("{part}.{key}")));
            }
        }
    }
    known.into_iter().collect::<Vec<_>>().join(", ")
}
