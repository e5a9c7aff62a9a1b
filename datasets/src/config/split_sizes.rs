//! Sizes of the three splits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::task::Split;

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
