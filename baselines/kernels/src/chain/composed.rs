//! Chains from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use super::Curve;
use crate::activation::composed::{gelu, gelu_backward};
use crate::value::Value;

/// `mask · σ(x)`
pub fn masked<B: Backend>(x: FloatTensor<B>, mask: FloatTensor<B>, curve: Curve) -> FloatTensor<B> {
    (Value::<B>(apply::<B>(x, curve)) * Value(mask)).0
}

/// `σ(x) + shortcut`
pub fn added<B: Backend>(x: FloatTensor<B>, shortcut: FloatTensor<B>, curve: Curve) -> FloatTensor<B> {
    (Value::<B>(apply::<B>(x, curve)) + Value(shortcut)).0
}

/// `σ(x + shortcut)`
pub fn joined<B: Backend>(x: FloatTensor<B>, shortcut: FloatTensor<B>, curve: Curve) -> FloatTensor<B> {
    apply::<B>((Value::<B>(x) + Value(shortcut)).0, curve)
}

/// `g · mask · σ'(x)`
pub fn masked_backward<B: Backend>(
    x: FloatTensor<B>,
    mask: FloatTensor<B>,
    g: FloatTensor<B>,
    curve: Curve,
) -> FloatTensor<B> {
    curve_backward::<B>(x, (Value::<B>(g) * Value(mask)).0, curve)
}

/// `factor · g` where `y` is positive
pub fn rectified_backward<B: Backend>(y: FloatTensor<B>, g: FloatTensor<B>, factor: f32) -> FloatTensor<B> {
    Value::<B>(B::relu_backward(y, g)).scale(f64::from(factor)).0
}

/// `g · σ'(x)`
pub fn curve_backward<B: Backend>(x: FloatTensor<B>, g: FloatTensor<B>, curve: Curve) -> FloatTensor<B> {
    match curve {
        Curve::Identity => g,
        Curve::Gelu => gelu_backward::<B>(x, g),
        Curve::Relu => B::relu_backward(B::relu(x), g),
    }
}

/// `g · σ'(x + shortcut)`
pub fn joined_backward<B: Backend>(
    x: FloatTensor<B>,
    shortcut: FloatTensor<B>,
    g: FloatTensor<B>,
    curve: Curve,
) -> FloatTensor<B> {
    curve_backward::<B>((Value::<B>(x) + Value(shortcut)).0, g, curve)
}

fn apply<B: Backend>(x: FloatTensor<B>, curve: Curve) -> FloatTensor<B> {
    match curve {
        Curve::Identity => x,
        Curve::Gelu => gelu::<B>(x),
        Curve::Relu => B::relu(x),
    }
}
