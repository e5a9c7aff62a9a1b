//! What is reported for a task.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is reported for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of correct labels, 0 to 1; more is better.
    Accuracy,
    /// Mean squared error; less is better.
    MeanSquaredError,
    /// Cross-entropy per character in bits; less is better.
    BitsPerCharacter,
    /// Area under the receiver operating characteristic of two classes, 0 to 1 with 0.5 for guessing; more is better.
    #[serde(rename = "auc")]
    AreaUnderRoc,
}

impl Metric {
    /// `accuracy`, `mean_squared_error`, `bits_per_character` or `auc`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::MeanSquaredError => "mean_squared_error",
            Self::BitsPerCharacter => "bits_per_character",
            Self::AreaUnderRoc => "auc",
        }
    }

    /// Whether a larger value is better.
    pub fn higher_is_better(self) -> bool {
        matches!(self, Self::Accuracy | Self::AreaUnderRoc)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_those_of_records() {
        for metric in [Metric::Accuracy, Metric::MeanSquaredError, Metric::BitsPerCharacter, Metric::AreaUnderRoc] {
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
        }
    }
}
