//! Element-wise steps from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use super::activation::Activation;
use crate::ops::elementwise::activation::composed::{gelu, gelu_backward};
use crate::value::Value;

/// `mask · σ(x)`
pub(super) fn masked<B: Backend>(x: FloatTensor<B>, mask: FloatTensor<B>, activation: Activation) -> FloatTensor<B> {
    (Value::<B>(apply::<B>(x, activation)) * Value(mask)).0
}

/// `σ(x) + shortcut`
pub(super) fn added<B: Backend>(x: FloatTensor<B>, shortcut: FloatTensor<B>, activation: Activation) -> FloatTensor<B> {
    (Value::<B>(apply::<B>(x, activation)) + Value(shortcut)).0
}

/// `σ(x + shortcut)`
pub(super) fn joined<B: Backend>(
    x: FloatTensor<B>,
    shortcut: FloatTensor<B>,
    activation: Activation,
) -> FloatTensor<B> {
    apply::<B>((Value::<B>(x) + Value(shortcut)).0, activation)
}

/// `g · mask · σ'(x)`
pub(super) fn masked_backward<B: Backend>(
    x: FloatTensor<B>,
    mask: FloatTensor<B>,
    g: FloatTensor<B>,
    activation: Activation,
) -> FloatTensor<B> {
    activation_backward::<B>(x, (Value::<B>(g) * Value(mask)).0, activation)
}

/// `factor · g` where `y` is positive
pub(super) fn rectified_backward<B: Backend>(y: FloatTensor<B>, g: FloatTensor<B>, factor: f32) -> FloatTensor<B> {
    Value::<B>(B::relu_backward(y, g)).scale(f64::from(factor)).0
}

/// `g · σ'(x)`
pub(super) fn activation_backward<B: Backend>(
    x: FloatTensor<B>,
    g: FloatTensor<B>,
    activation: Activation,
) -> FloatTensor<B> {
    match activation {
        Activation::Identity => g,
        Activation::Gelu => gelu_backward::<B>(x, g),
        Activation::Relu => B::relu_backward(B::relu(x), g),
    }
}

/// `g · σ'(x + shortcut)`
pub(super) fn joined_backward<B: Backend>(
    x: FloatTensor<B>,
    shortcut: FloatTensor<B>,
    g: FloatTensor<B>,
    activation: Activation,
) -> FloatTensor<B> {
    activation_backward::<B>((Value::<B>(x) + Value(shortcut)).0, g, activation)
}

fn apply<B: Backend>(x: FloatTensor<B>, activation: Activation) -> FloatTensor<B> {
    match activation {
        Activation::Identity => x,
        Activation::Gelu => gelu::<B>(x),
        Activation::Relu => B::relu(x),
    }
}
