//! The place of a run in a search over settings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr};

/// The place of a run in a search, as in `cell.yaml`. It decides nothing in the run: the same values in a grid are the same run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// Number among the trials of its task and baseline, from 1, in the order in which they were drawn.
    pub number: u64,
    /// The searched fields that this baseline has, e.g. `training.learning_rate: log`; their values stand in `grid`.
    #[serde(default)]
    pub fields: BTreeMap<String, RangeScale>,
    /// Epochs after which the worse trials are pruned, in ascending order; empty without halving.
    #[serde(default)]
    pub rungs: Vec<u64>,
}

/// How the values of a searched field are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Display, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RangeScale {
    /// Uniformly.
    Linear,
    /// Uniformly in the logarithm.
    Log,
    /// Values of a list.
    Choice,
    /// A way that a newer program knows.
    #[serde(other)]
    Other,
}
