//! What programs in PyTorch and in Flax understand by the same layers.

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layers::linear::Pointwise;
use crate::{HeadInit, Init};

/// Whose defaults the layers of a network have where those of PyTorch and Flax differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Conventions {
    /// GELU with the normal distribution function, layer normalisation with an epsilon of 1e-5, a running variance without
    /// bias to which a batch adds a tenth, and linear maps from U(±1/√fan_in) with biases.
    #[default]
    Torch,
    /// GELU by its approximation with a tanh, layer normalisation with an epsilon of 1e-6, a biased running variance to which
    /// a batch adds a hundredth, and linear maps from the truncated normal distribution of variance 1 / fan_in, biases zero.
    Flax,
}

impl Conventions {
    /// Epsilon of layer normalisation.
    pub(crate) fn layer_epsilon(self) -> f64 {
        match self {
            Self::Torch => 1e-5,
            Self::Flax => 1e-6,
        }
    }

    /// Weight of a batch in the running statistics of batch normalisation.
    pub(crate) fn batch_weight(self) -> f64 {
        match self {
            Self::Torch => 0.1,
            Self::Flax => 0.01,
        }
    }

    /// Factor on the biased variance of `n` values before it enters the running one.
    pub(crate) fn variance_factor(self, n: f64) -> f64 {
        match self {
            Self::Torch => n / (n - 1.0).max(1.0),
            Self::Flax => 1.0,
        }
    }

    /// The Gaussian error linear unit, element by element.
    pub fn gelu(self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Torch => kernels::gelu(x),
            Self::Flax => gelu_tanh(x),
        }
    }

    /// A linear map with initial weights.
    pub(crate) fn linear(self, inputs: usize, outputs: usize, init: &mut Init) -> Pointwise {
        match self {
            Self::Torch => Pointwise::torch(inputs, outputs, init),
            Self::Flax => Pointwise::lecun_normal(inputs, outputs, init),
        }
    }

    /// How the head of a network starts.
    pub(crate) fn head(self) -> HeadInit {
        match self {
            Self::Torch => HeadInit::Torch,
            Self::Flax => HeadInit::LecunNormal,
        }
    }
}

/// `½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))`, the approximation of Hendrycks and Gimpel 2016, arXiv 1606.08415.
fn gelu_tanh(x: Tensor<3>) -> Tensor<3> {
    // ½ (1 + tanh u) = σ(2 u)
    let twice = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
    let cubic = (x.clone() * x.clone() * 0.044_715 + 1.0) * x.clone();
    x * sigmoid(cubic * twice)
}
