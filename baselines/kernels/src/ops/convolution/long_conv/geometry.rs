//! How kernels lie over inputs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the taps of a kernel lie relative to the output sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Alignment {
    /// The last tap multiplies the current sample, the first the oldest: `y[t] = Σ_s k[s] · x[t − (K − 1) + s]`.
    Causal,
    /// The tap `K / 2` multiplies the current sample: `y[t] = Σ_s k[s] · x[t − K / 2 + s]`. With an even number of taps
    /// the kernel therefore reaches one sample further to the left than to the right.
    Centred,
}

impl Alignment {
    /// Taps before the one that multiplies the current sample.
    pub fn left(self, taps: usize) -> usize {
        match self {
            Self::Causal => taps.saturating_sub(1),
            Self::Centred => taps / 2,
        }
    }
}

/// How a kernel `[out, in, height, width]` lies over an input `[batch, in, height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Taps before the one that multiplies the current sample, per axis.
    pub(super) left: [usize; 2],
    /// Whether every channel has one kernel of its own, `[channels, 1, height, width]`.
    pub(super) depthwise: bool,
}
