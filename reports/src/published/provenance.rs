//! Where a published value comes from, in typed words.

use serde::de::value::StrDeserializer;
use serde::{Deserialize, Deserializer};

/// What else tells two values of one model and task apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Variant {
    /// Grey pictures.
    Grey,
    /// Colour pictures.
    Colour,
    /// Trained again, by others than the authors of the model.
    Rerun,
    /// Pretrained on the training samples of the task.
    Pretrained,
}

/// What the printed run, or its epoch, was chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Selection {
    /// The epoch, on validation samples.
    Validation,
    /// The epoch, on the test samples.
    BestOnTest,
    /// The best of several lengths of the texts.
    BestLength,
    /// A seed that was picked for the task.
    OneChosenSeed,
    /// Not stated.
    NotStated,
}

impl Selection {
    /// What there is to say beside the value.
    pub(super) fn remark(self) -> Option<&'static str> {
        match self {
            Self::Validation | Self::NotStated => None,
            Self::BestOnTest => Some("epoch chosen on the test samples"),
            Self::BestLength => Some("best of several lengths"),
            Self::OneChosenSeed => Some("one chosen seed"),
        }
    }
}

/// Whether a value was read where it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reading {
    /// In the source that measured it, or in the table of the paper that compares itself with it.
    FirstHand,
    /// In another paper.
    SecondHand,
}

/// Words with spaces between them.
pub(super) fn words<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'word> Deserialize<'word>,
{
    let text = String::deserialize(deserializer)?;
    text.split_whitespace().map(|word| T::deserialize(StrDeserializer::<D::Error>::new(word))).collect()
}
