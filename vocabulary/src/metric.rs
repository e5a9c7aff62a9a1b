//! What is reported for a task.

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr, VariantArray};

/// The metric of a task.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Metric {
    /// Share of correct labels, 0 to 1; more is better.
    Accuracy,
    /// Mean squared error; less is better.
    MeanSquaredError,
    /// Cross-entropy per character in bits; less is better.
    BitsPerCharacter,
    /// Area under the receiver operating characteristic of two classes, 0 to 1 with 0.5 for guessing; more is better.
    #[serde(rename = "auc")]
    #[strum(serialize = "auc")]
    AreaUnderRoc,
}

impl Metric {
    /// Returns the name in files: `accuracy`, `mean_squared_error`, `bits_per_character` or `auc`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether a larger value is better.
    pub fn higher_is_better(self) -> bool {
        matches!(self, Self::Accuracy | Self::AreaUnderRoc)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_those_of_records() {
        for metric in Metric::VARIANTS {
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
        }
    }
}
