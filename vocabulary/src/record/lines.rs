//! The lines of `metrics.jsonl` and `diagnostics.jsonl`, and the rows of `outcomes.parquet`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Formatter;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};
use strum::VariantArray;

use super::histogram::Histogram;
use crate::metric::Metric;
use crate::split::Split;

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricLine {
    /// Step, epoch or final.
    pub kind: MetricKind,
    /// Finished epochs, from 1 for the first epoch's own lines.
    pub epoch: u64,
    /// Optimiser steps taken.
    pub step: u64,
    /// Absent where it does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// E.g. `loss`, `accuracy`, `learning_rate`, `test_accuracy`.
    #[serde(deserialize_with = "metric_name")]
    pub name: Cow<'static, str>,
    /// The value; null stands for a value that is not finite.
    pub value: Option<f64>,
    /// Of an epoch: whether `training.max_time` or `training.max_steps` ended it before its last step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Seconds of training since the run began, summed over attempts.
    pub wall: f64,
}

/// Names that most lines have. A report of thousands of runs holds millions of lines, which share these texts.
const USUAL: [&str; 5] = ["loss", "penalty", "learning_rate", "gradient_norm", "seconds"];

fn metric_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, str>, D::Error> {
    struct Name;

    impl Visitor<'_> for Name {
        type Value = Cow<'static, str>;

        fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
            f.write_str("the name of a metric")
        }

        fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
            let metrics = Metric::VARIANTS.iter().map(|metric| metric.name());
            let usual = USUAL.into_iter().chain(metrics).find(|usual| *usual == name);
            Ok(usual.map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed))
        }
    }

    deserializer.deserialize_str(Name)
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
    /// The run: `test_<metric>` (at the best validation epoch), `test_loss`, `best_validation_<metric>`, `best_epoch`,
    /// `parameters`, `seconds`, `samples_per_second`, `peak_memory_bytes` (largest resident memory of the process in the last
    /// attempt at the run, samples of its task included, after what earlier runs left was given back).
    Final,
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
    /// What the value is:
    ///
    /// - `activation`, `kernel` or `logits` with a statistic over all their values: `activation.variance`, `logits.std`,
    ///   `logits.max_abs`; `logits.histogram`, at the beginning, after the first epoch and at the end;
    /// - `kernel.target_variance`: the variance 1 / (channels · size) of a generated kernel under which a convolution keeps
    ///   that of white inputs (CCNN, section 4.2, with a gain of 1);
    /// - of layers that generate their kernels: `mask.width` (in halves of the kernel's grid, mean over axes), `kernel.taps`
    ///   (points that the mask leaves, all axes together), `kernel.above_nyquist` (share of the filters of the kernel network
    ///   whose frequency the grid cannot hold, 0 to 1);
    /// - `gradient.norm`: Euclidean norm of the gradients of the layer's parameters in the step that led to `step`, the
    ///   gradient of a penalty included, before clipping;
    /// - what a penalty judges, without its weight: `orthogonality` (sum of the squared cosines between different units of
    ///   the layer), `orthonormality` (‖I − WᵀW‖², squared Frobenius norm), `kernel_norm` (‖k‖₂).
    pub quantity: String,
    /// The value; null where it is not finite, and of a histogram.
    pub value: Option<f64>,
    /// The values themselves, counted; of `logits.histogram` alone. Older files have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Histogram>,
}

/// One row of `outcomes.parquet`: what the tested network made of one sample of the test split, in order of the samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleOutcome {
    /// The label, from 0.
    pub label: i32,
    /// The class with the largest logit, from 0; −2 where a logit is not a number.
    pub prediction: i32,
    /// Cross-entropy, in nats.
    pub loss: f32,
}

/// A number that says how long or how hard every sample of the test split is: an optional column of `outcomes.parquet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleAttribute {
    /// What it is, with its unit, e.g. `length, tokens`.
    pub name: String,
    /// One per sample, in the same order.
    pub values: Vec<i32>,
}

/// One entry of `worst.json`: a sample that the tested network has wrong, with what it was given to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorstError {
    /// Place in the test split, from 0.
    pub position: u64,
    /// The label, from 0.
    pub label: i32,
    /// What the network says, from 0.
    pub prediction: i32,
    /// Cross-entropy in nats; null where it is not finite.
    pub loss: Option<f32>,
    /// The input as text, one per part, shortened; empty where it is drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
    /// The input as a small PNG file in base64; null where it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// `worst.json`: the errors with the largest loss, the worst first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorstErrors {
    /// Version of this file, [`SCHEMA`](super::SCHEMA).
    pub schema: u32,
    /// The errors.
    pub errors: Vec<WorstError>,
}

impl SampleOutcome {
    /// Whether the prediction is the label.
    pub fn is_right(&self) -> bool {
        self.prediction == self.label
    }
}
