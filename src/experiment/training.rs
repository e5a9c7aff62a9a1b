//! Training settings of one run, as they stand under `training:` in an experiment file.

use std::path::PathBuf;
use std::time::Duration;

pub use baselines::precision::Precision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Durations: numbers with their units, of which one at least is not zero.
const SOME_TIME: &str =
    "^\\s*([0-9]+\\s*[A-Za-zµ]+\\s*)*[0-9]*[1-9][0-9]*\\s*[A-Za-zµ]+\\s*([0-9]+\\s*[A-Za-zµ]+\\s*)*$";

/// Largest number of reading threads.
const MOST_WORKERS: usize = 64;

/// Training settings; every field has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Passes over the training split.
    #[schemars(range(min = 1))]
    pub epochs: u32,
    /// Samples per forward pass.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// Forward passes whose gradients are averaged before one optimiser step.
    #[schemars(range(min = 1))]
    pub accumulate_grad_steps: usize,
    /// How the operands of the large matrix products are rounded: `float32` on every device, `tf32` and `bfloat16` on CUDA.
    pub precision: Precision,
    /// Which optimiser.
    pub optimiser: Optimiser,
    /// Peak learning rate.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// Checkpoint (`…/checkpoints/best.safetensors` of another run) whose weights training begins with, instead of random ones;
    /// the optimiser begins anew. A path from the working folder, read when the run starts, so that it may
    /// be that of a run before it in the same experiment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_weights: Option<PathBuf>,
    /// Label of another task of the experiment, instead of `initial_weights`: training begins with the best weights of the run of
    /// the same baseline, values of the grid and seed on that task, which is trained first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_task: Option<String>,
    /// Decay rates of the two moment estimates, each in [0, 1).
    #[schemars(extend("items" = { "type": "number", "format": "double", "minimum": 0, "exclusiveMaximum": 1 }))]
    pub betas: [f64; 2],
    /// Added to the denominator of the update.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub epsilon: f64,
    /// Weight decay: decoupled under `adamw`, added to the gradient under `adam`.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Course of the learning rate after the warm-up.
    pub schedule: Schedule,
    /// Epochs (fractions allowed) over which the learning rate rises linearly from zero.
    #[schemars(range(min = 0.0))]
    pub warmup_epochs: f64,
    /// The same in optimiser steps, instead of `warmup_epochs`.
    pub warmup_steps: Option<u64>,
    /// Optimiser steps after which `cosine` and `chained-cosine` have reached their end, warm-up included; absent: those of the
    /// whole training.
    #[schemars(range(min = 1))]
    pub schedule_steps: Option<u64>,
    /// Learning rate at the end of `cosine`, and the floor of `exponential` and `plateau`.
    #[schemars(range(min = 0.0))]
    pub min_learning_rate: f64,
    /// Factor applied by `exponential` after every epoch, in (0, 1].
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub decay_factor: f64,
    /// Factor applied by `plateau`, in (0, 1).
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub plateau_factor: f64,
    /// Epochs without a better validation metric before `plateau` lowers the learning rate.
    #[schemars(range(min = 1))]
    pub plateau_patience: u32,
    /// Upper bound of the norm of all gradients together; absent: no clipping.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub grad_clip: Option<f64>,
    /// Stop after this many epochs without a better validation metric; absent: never.
    #[schemars(range(min = 1))]
    pub early_stopping: Option<u32>,
    /// Training time after which the run ends as done, e.g. `15m`, `90s`, `1h 30m`; absent: no limit.
    #[serde(with = "time_text")]
    #[schemars(with = "Option<String>", extend("pattern" = SOME_TIME))]
    pub max_time: Option<Duration>,
    /// Optimiser steps after which training ends as done, even within an epoch; absent: `epochs` decides alone.
    #[schemars(range(min = 1))]
    pub max_steps: Option<u64>,
    /// Optimiser steps per epoch, where fewer than a whole pass are wanted; absent: the whole training split.
    #[schemars(range(min = 1))]
    pub steps_per_epoch: Option<usize>,
    /// Samples per forward pass in evaluation; absent: `batch_size`.
    #[schemars(range(min = 1))]
    pub eval_batch_size: Option<usize>,
    /// Threads that read, decode and augment batches ahead of their use, 0 (none) to 64; results do not depend on them.
    /// Up to 3 batches per thread lie ready in memory.
    #[schemars(range(max = 64))]
    pub workers: usize,
    /// Optimiser steps between two `step` lines of `metrics.jsonl`.
    #[schemars(range(min = 1))]
    pub log_every: u32,
}

/// Optimisers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Optimiser {
    /// Adam (Kingma and Ba, 2015), weight decay as an L2 term.
    Adam,
    /// AdamW (Loshchilov and Hutter, 2019), decoupled weight decay.
    AdamW,
}

/// Course of the learning rate after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// The peak until the end.
    Constant,
    /// Half a cosine from the peak down to `min_learning_rate`, updated every step.
    Cosine,
    /// What PyTorch's `LinearLR` and `CosineAnnealingLR` give when both are stepped at every optimiser step, as in CCNN's
    /// program: the cosine falls during the warm-up, too, and the rate ends the warm-up at 2 / (1 + cos(π (w − 1) / (t − w)))
    /// times `learning_rate`, for w steps of warm-up out of t: 1.106 times for 10 of 60 epochs.
    ChainedCosine,
    /// Times `decay_factor` after every epoch, down to `min_learning_rate`.
    Exponential,
    /// Times `plateau_factor` whenever the validation metric stops improving.
    Plateau,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 50,
            accumulate_grad_steps: 1,
            precision: Precision::Float32,
            optimiser: Optimiser::AdamW,
            learning_rate: 0.001,
            initial_weights: None,
            initial_task: None,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: 0.0,
            schedule: Schedule::Cosine,
            warmup_epochs: 0.0,
            warmup_steps: None,
            schedule_steps: None,
            min_learning_rate: 0.0,
            decay_factor: 0.97,
            plateau_factor: 0.2,
            plateau_patience: 20,
            grad_clip: None,
            early_stopping: None,
            max_time: None,
            max_steps: None,
            steps_per_epoch: None,
            eval_batch_size: None,
            workers: 1,
            log_every: 10,
        }
    }
}

/// A training setting out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidSetting {
    /// Name of the field.
    pub field: &'static str,
    /// What is wrong, and which values are right.
    pub message: String,
}

impl Training {
    /// Check every range that the types do not express.
    ///
    /// # Errors
    /// The first setting out of its range.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        let steps = |steps: Option<u64>| steps.map_or(1, |steps| usize::try_from(steps).unwrap_or(usize::MAX));
        let at_least_one = [
            ("epochs", self.epochs as usize),
            ("batch_size", self.batch_size),
            ("accumulate_grad_steps", self.accumulate_grad_steps),
            ("plateau_patience", self.plateau_patience as usize),
            ("log_every", self.log_every as usize),
            ("early_stopping", self.early_stopping.map_or(1, |n| n as usize)),
            ("max_steps", steps(self.max_steps)),
            ("schedule_steps", steps(self.schedule_steps)),
            ("steps_per_epoch", self.steps_per_epoch.unwrap_or(1)),
            ("eval_batch_size", self.eval_batch_size.unwrap_or(1)),
        ];
        for (field, value) in at_least_one {
            if value == 0 {
                return Err(InvalidSetting { field, message: "must be at least 1, found 0".into() });
            }
        }
        if self.workers > MOST_WORKERS {
            let message = format!("must be at most {MOST_WORKERS}, found {}", self.workers);
            return Err(InvalidSetting { field: "workers", message });
        }
        let (floor, decay, plateau) = (self.min_learning_rate, self.decay_factor, self.plateau_factor);
        let ranges: [(&'static str, f64, &str, bool); 10] = [
            ("learning_rate", self.learning_rate, "greater than 0", self.learning_rate > 0.0),
            ("betas", self.betas[0], "in [0, 1)", (0.0..1.0).contains(&self.betas[0])),
            ("betas", self.betas[1], "in [0, 1)", (0.0..1.0).contains(&self.betas[1])),
            ("epsilon", self.epsilon, "greater than 0", self.epsilon > 0.0),
            ("weight_decay", self.weight_decay, "0 or more", self.weight_decay >= 0.0),
            ("warmup_epochs", self.warmup_epochs, "0 or more", self.warmup_epochs >= 0.0),
            ("min_learning_rate", floor, "between 0 and learning_rate", (0.0..=self.learning_rate).contains(&floor)),
            ("decay_factor", decay, "greater than 0 and at most 1", decay > 0.0 && decay <= 1.0),
            ("plateau_factor", plateau, "between 0 and 1, both excluded", plateau > 0.0 && plateau < 1.0),
            ("grad_clip", self.grad_clip.unwrap_or(1.0), "greater than 0", self.grad_clip.is_none_or(|c| c > 0.0)),
        ];
        for (field, value, range, holds) in ranges {
            if !holds {
                return Err(InvalidSetting { field, message: format!("must be {range}, found {value}") });
            }
        }
        if self.initial_task.is_some() && self.initial_weights.is_some() {
            let message = "names a task, and `initial_weights` a file; keep one of them".into();
            return Err(InvalidSetting { field: "initial_task", message });
        }
        if let Some(steps) = self.warmup_steps
            && self.warmup_epochs != 0.0
        {
            let message = format!("{steps} steps, and `warmup_epochs` is {} too; keep one of them", self.warmup_epochs);
            return Err(InvalidSetting { field: "warmup_steps", message });
        }
        if self.schedule == Schedule::ChainedCosine && self.min_learning_rate != 0.0 {
            let message = format!("must be 0 under `schedule: chained-cosine`, found {}", self.min_learning_rate);
            return Err(InvalidSetting { field: "min_learning_rate", message });
        }
        if self.max_time.is_some_and(|time| time.is_zero()) {
            return Err(InvalidSetting { field: "max_time", message: "must be longer than 0s".into() });
        }
        Ok(())
    }

    /// Optimiser steps in one epoch over `samples` training samples: whole groups of `accumulate_grad_steps` whole
    /// batches, at least one. What is left over is dropped; it comes at another place in the next epoch's order.
    pub fn steps_in_epoch(&self, samples: usize) -> usize {
        let whole = (samples / self.batch_size.max(1) / self.accumulate_grad_steps.max(1)).max(1);
        self.steps_per_epoch.map_or(whole, |limit| limit.min(whole))
    }

    /// Optimiser steps of the whole training, at `steps_per_epoch` in an epoch; early stopping and `max_time` aside.
    pub fn total_steps(&self, steps_per_epoch: u64) -> u64 {
        let all = u64::from(self.epochs).saturating_mul(steps_per_epoch);
        self.max_steps.map_or(all, |limit| limit.min(all))
    }

    /// Optimiser steps after which a cosine has reached its end, warm-up included.
    pub fn schedule_length(&self, steps_per_epoch: u64) -> u64 {
        self.schedule_steps.unwrap_or_else(|| self.total_steps(steps_per_epoch))
    }

    /// Optimiser steps of the warm-up, at `steps_per_epoch` in an epoch.
    pub fn warmup(&self, steps_per_epoch: u64) -> u64 {
        self.warmup_steps.unwrap_or_else(|| (self.warmup_epochs * steps_per_epoch as f64).round() as u64)
    }
}

/// A duration as people write it: `15m`, `90s`, `1h 30m`.
mod time_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use serde_json::Value;

    #[expect(clippy::ref_option, reason = "the signature serde asks for")]
    pub(super) fn serialize<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_some(&humantime::format_duration(*time).to_string()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let time = match Value::deserialize(deserializer)? {
            Value::Null => return Ok(None),
            Value::String(text) => humantime::parse_duration(&text).ok(),
            _ => None,
        };
        let wrong = || D::Error::custom("not a time, expected a duration with its unit, such as `15m` or `1h 30m`");
        time.map(Some).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn serialises_every_default_and_reads_it_back() {
        let value = serde_json::to_value(Training::default()).unwrap();
        let Some(map) = value.as_object() else { unreachable!() };
        assert_eq!(map.len(), 25);
        assert_eq!(value["precision"], "float32");
        assert_eq!(value["optimiser"], "adamw");
        assert_eq!(value["max_time"], serde_json::Value::Null);
        assert_eq!(serde_json::from_value::<Training>(value).unwrap(), Training::default());
    }

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, seconds) in [("15m", 900), ("90s", 90), ("1h30m", 5400), ("1h 30m", 5400)] {
            let training: Training = serde_json::from_value(serde_json::json!({ "max_time": text })).unwrap();
            assert_eq!(training.max_time, Some(Duration::from_secs(seconds)));
            let back: Training = serde_json::from_value(serde_json::to_value(&training).unwrap()).unwrap();
            assert_eq!(back, training);
        }
        let error = serde_json::from_value::<Training>(serde_json::json!({ "max_time": "fast" })).unwrap_err();
        assert!(error.is_data(), "{error}");
    }

    #[test]
    fn names_the_setting_out_of_range() {
        let with = |change: fn(&mut Training)| {
            let mut training = Training::default();
            change(&mut training);
            training.validate().unwrap_err()
        };
        // The setting, and the value that it has.
        let names = |change: fn(&mut Training), field: &str, found: &str| {
            let error = with(change);
            assert!(error.field == field && error.to_string().ends_with(found), "{error}");
        };
        names(|t| t.batch_size = 0, "batch_size", " 0");
        names(|t| t.learning_rate = -0.1, "learning_rate", " -0.1");
        names(|t| t.workers = 65, "workers", " 65");
        names(|t| t.betas[1] = 1.0, "betas", " 1");
        names(|t| t.plateau_factor = 1.0, "plateau_factor", " 1");
        names(|t| t.max_time = Some(Duration::ZERO), "max_time", " 0s");
        names(|t| t.decay_factor = 0.0, "decay_factor", " 0");
        names(|t| t.max_steps = Some(0), "max_steps", " 0");
        let both = with(|t| (t.warmup_steps, t.warmup_epochs) = (Some(100), 2.0));
        assert!(both.field == "warmup_steps" && both.to_string().contains("`warmup_epochs` is 2"), "{both}");
        let cosine = with(|t| (t.schedule, t.min_learning_rate) = (Schedule::ChainedCosine, 1e-6));
        assert_eq!(cosine.field, "min_learning_rate");
        assert!(Training::default().validate().is_ok());
    }

    #[test]
    fn steps_count_whole_groups_of_whole_batches() {
        let mut training = Training { batch_size: 10, ..Training::default() };
        assert_eq!(training.steps_in_epoch(103), 10);
        training.accumulate_grad_steps = 3;
        assert_eq!(training.steps_in_epoch(103), 3);
        assert_eq!(training.steps_in_epoch(4), 1);
        training.steps_per_epoch = Some(2);
        assert_eq!(training.steps_in_epoch(103), 2);
    }

    #[test]
    fn steps_of_the_whole_training_and_of_the_warm_up() {
        let mut training = Training { epochs: 6, warmup_epochs: 1.5, ..Training::default() };
        assert_eq!((training.total_steps(100), training.warmup(100)), (600, 150));
        training.max_steps = Some(250);
        (training.warmup_epochs, training.warmup_steps) = (0.0, Some(40));
        assert_eq!((training.total_steps(100), training.warmup(100)), (250, 40));
        training.max_steps = Some(1_000);
        assert_eq!(training.total_steps(100), 600);
    }
}
