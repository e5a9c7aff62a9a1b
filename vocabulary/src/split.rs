//! Parts of a data set and their sizes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

/// A part of a data set.
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
    JsonSchema,
    Display,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Split {
    /// For the gradient.
    Train,
    /// For choosing the epoch.
    Validation,
    /// For the reported number.
    Test,
}

impl Split {
    /// All splits, in order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Returns the name in files: `train`, `validation` or `test`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Number of samples per split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SplitSizes {
    /// For the gradient.
    pub train: usize,
    /// For choosing the epoch.
    pub validation: usize,
    /// For the reported number.
    pub test: usize,
}

impl SplitSizes {
    /// Samples in `split`.
    pub fn get(&self, split: Split) -> usize {
        match split {
            Split::Train => self.train,
            Split::Validation => self.validation,
            Split::Test => self.test,
        }
    }
}

impl From<SplitSizes> for [usize; 3] {
    /// In the order of [`Split::ALL`].
    fn from(sizes: SplitSizes) -> Self {
        Split::ALL.map(|split| sizes.get(split))
    }
}
