//! How much of a recipe is run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

/// How much of a recipe is run. Models and lengths of inputs stay as they are at every scale.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
    Display,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Scale {
    /// As written.
    #[default]
    Paper,
    /// A run in minutes on a few cores: fewer samples and epochs, batches of at most 32, and at most 15 minutes.
    Laptop,
    /// A run in seconds: 5 steps of at most 4 samples. Its scores mean nothing.
    Smoke,
}

impl Scale {
    /// All scales, from the whole recipe down.
    pub const ALL: [Self; 3] = [Self::Paper, Self::Laptop, Self::Smoke];

    /// Returns the name in files: `paper`, `laptop` or `smoke`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What a scale other than [`Scale::Paper`] means for the scores, in a sentence.
    pub fn caveat(self) -> Option<&'static str> {
        match self {
            Self::Paper => None,
            Self::Laptop => Some(
                "Scale laptop: fewer samples, at most 5 epochs, batches of at most 32, at most 15 minutes per run. Models and \
                 lengths of inputs are those of the recipe; the scores are not those of its training.",
            ),
            Self::Smoke => Some(
                "Scale smoke: 5 steps of at most 4 samples, at most 32 samples evaluated per split. Models and lengths of \
                 inputs are those of the recipe; the scores mean nothing.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for scale in Scale::ALL {
            assert_eq!(scale.name().parse(), Ok(scale));
            assert_eq!(serde_json::to_value(scale).unwrap(), scale.name());
        }
        assert!("Smoke".parse::<Scale>().is_err());
    }
}
