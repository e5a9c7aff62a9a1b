//! `evaluations.json`: what a trained network was judged on beside the test split of its task.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::metric::Metric;

/// The file in the folder of a run.
pub const EVALUATIONS: &str = "evaluations.json";

/// Something that a trained network is judged on: the test split of its task, in another form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// With so many samples per axis, relative to the task's: 0.5 has every second one.
    Resample(f64),
    /// Of the task with these settings in the place of its own.
    Task(Map<String, Value>),
}

/// What the best weights of a run were judged on, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluations {
    /// [`SCHEMA`](super::SCHEMA).
    pub schema: u32,
    /// The hash of the run whose weights were judged, as in its record.
    pub run: String,
    /// What is measured.
    pub metric: Metric,
    /// One per variant asked for, in the order of the experiment file.
    pub variants: Vec<Evaluated>,
}

impl Evaluations {
    /// Whether these are the results of the run whose record has the hash `run`, on `variants` and nothing else.
    #[must_use]
    pub fn answer<'a>(&self, run: &str, variants: impl IntoIterator<Item = &'a Variant>) -> bool {
        self.run == run && self.variants.iter().map(|evaluated| &evaluated.variant).eq(variants)
    }
}

/// What came of one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// The variant.
    pub variant: Variant,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What came of a variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Verdict {
    /// The network was judged.
    Measured(Measurement),
    /// Task or network exist in one form only.
    NotApplicable {
        /// Why.
        reason: String,
    },
    /// The network gives no number.
    NotFinite {
        /// What it gives.
        reason: String,
    },
}

/// The score of a network on a split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The metric, accuracy as a share; absent where the samples have none, as the AUC of one class.
    pub value: Option<f64>,
    /// Mean loss over the targets.
    pub loss: f64,
    /// Samples seen.
    pub samples: usize,
    /// Targets scored: as many as samples, or more where every position has one.
    pub targets: u64,
    /// Positions per axis of an input.
    pub shape: Vec<usize>,
    /// Share of the filters of kernel networks whose frequency is above the highest that the grid can show; absent without
    /// such filters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above_nyquist: Option<f64>,
    /// Time of the forward passes, in seconds.
    pub seconds: f64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn of(variants: Vec<Variant>) -> Evaluations {
        let refused = |variant| Evaluated { variant, verdict: Verdict::NotApplicable { reason: "made up".into() } };
        let variants = variants.into_iter().map(refused).collect();
        Evaluations { schema: super::super::SCHEMA, run: "abc".into(), metric: Metric::Accuracy, variants }
    }

    #[test]
    fn files_are_read_as_they_were_written() {
        let measured = Measurement {
            value: Some(0.1 + 0.2),
            loss: 1.0 / 3.0,
            samples: 8,
            targets: 80,
            shape: vec![11],
            above_nyquist: None,
            seconds: 0.5,
        };
        let mut all = of(vec![Variant::Resample(1.0 / 3.0)]);
        let Value::Object(settings) = json!({"length": 512, "mode": "hard"}) else { unreachable!() };
        let verdict = Verdict::Measured(measured);
        all.variants.push(Evaluated { variant: Variant::Task(settings), verdict });
        let text = serde_json::to_string_pretty(&all).unwrap();
        assert_eq!(serde_json::from_str::<Evaluations>(&text).unwrap(), all);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value["variants"][0],
            json!({"variant": {"resample": 1.0 / 3.0}, "state": "not_applicable", "reason": "made up"})
        );
        assert_eq!(value["variants"][1]["variant"], json!({"task": {"length": 512, "mode": "hard"}}));
        assert_eq!(value["variants"][1]["state"], "measured");
    }

    #[test]
    fn another_request_or_another_run_is_not_answered() {
        let (half, double) = (Variant::Resample(0.5), Variant::Resample(2.0));
        let all = of(vec![half.clone(), double.clone()]);
        assert!(all.answer("abc", [&half, &double]));
        assert!(!all.answer("abd", [&half, &double]));
        for other in [vec![&half], vec![&double, &half], vec![&half, &double, &half], vec![]] {
            assert!(!all.answer("abc", other));
        }
    }
}
