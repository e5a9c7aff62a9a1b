//! The activations that element-wise operations know.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use crate::ops::gelu;

/// An activation σ, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// x
    Identity,
    /// x Φ(x), with the exact normal distribution function.
    Gelu,
    /// max(0, x)
    Relu,
}

impl Activation {
    /// σ(x), element by element.
    pub fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => x,
            Self::Gelu => gelu(x),
            Self::Relu => relu(x),
        }
    }
}
