//! How a continuous state equation becomes a recurrence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the continuous state equation `s' = A s + B u` is stepped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Discretisation {
    /// Zero-order hold: the input is constant between samples.
    Zoh,
    /// The bilinear transform (the trapezoidal rule).
    Bilinear,
}

/// From `x`, a step times an eigenvalue of the state matrix, to the factor φ on the input and the logarithm λ of the
/// multiplier of the state per sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepRule {
    /// `φ = (eˣ − 1) / x` and `λ = x`.
    Zoh,
    /// `φ = 1 / (1 − x/2)` and `λ = log((1 + x/2) / (1 − x/2))`.
    Bilinear,
    /// `φ = 1` and `λ = x`: a recurrence that is discrete from the start.
    Discrete,
}

impl From<Discretisation> for StepRule {
    fn from(discretisation: Discretisation) -> Self {
        match discretisation {
            Discretisation::Zoh => Self::Zoh,
            Discretisation::Bilinear => Self::Bilinear,
        }
    }
}
