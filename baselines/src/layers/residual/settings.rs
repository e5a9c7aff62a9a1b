//! Settings that the baselines around residual blocks share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::BuildError;
use crate::layers::continuous::window::Window;
use kernels::Activation;

/// A nonlinearity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Nonlinearity {
    /// x Φ(x).
    #[default]
    Gelu,
    /// max(0, x).
    Relu,
}

impl From<Nonlinearity> for Activation {
    fn from(nonlinearity: Nonlinearity) -> Self {
        match nonlinearity {
            Nonlinearity::Gelu => Self::Gelu,
            Nonlinearity::Relu => Self::Relu,
        }
    }
}

/// Positions of a kernel per axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `auto`, `same`, `full` or a number of positions")]
pub enum KernelSize {
    /// From the size of the input.
    Rule(SizeRule),
    /// So many; an odd number unless the convolution is causal.
    Positions(usize),
}

/// How a kernel's size follows from the input's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SizeRule {
    /// `same` for sequences; for images 33, or `same` where that is less.
    Auto,
    /// The input's size; the next odd number where that is even and the convolution is centred.
    Same,
    /// Twice the input's size less one, so that every output sees every input.
    Full,
}

impl KernelSize {
    /// Positions per axis for inputs of `shape`, with a middle unless `causal`.
    pub(crate) fn per_axis(self, shape: &[usize], causal: bool) -> Vec<usize> {
        let same = |n: usize| if causal { n } else { n | 1 };
        let size = |&n: &usize| match self {
            Self::Rule(SizeRule::Auto) if shape.len() > 1 => Window::image_size(n),
            Self::Rule(SizeRule::Auto | SizeRule::Same) => same(n),
            Self::Rule(SizeRule::Full) => (2 * n).saturating_sub(1).max(1),
            Self::Positions(n) => n,
        };
        shape.iter().map(size).collect()
    }
}

impl Default for KernelSize {
    fn default() -> Self {
        Self::Rule(SizeRule::Auto)
    }
}

/// Whether a convolution looks back only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `auto`, `true` or `false`")]
pub enum Causal {
    /// As said.
    Fixed(bool),
    /// By the number of axes.
    Rule(CausalRule),
}

/// How causality follows from the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CausalRule {
    /// Sequences causal, images not.
    Auto,
}

impl Causal {
    /// Whether a convolution over so many axes looks back only.
    ///
    /// # Errors
    /// It should, and there is more than one axis.
    pub(crate) fn of(self, axes: usize) -> Result<bool, BuildError> {
        match self {
            Self::Fixed(true) if axes != 1 => {
                Err(BuildError::new("causal", "only sequences can be causal; use `auto` or `false` for images"))
            }
            Self::Fixed(causal) => Ok(causal),
            Self::Rule(CausalRule::Auto) => Ok(axes == 1),
        }
    }
}

impl Default for Causal {
    fn default() -> Self {
        Self::Rule(CausalRule::Auto)
    }
}
