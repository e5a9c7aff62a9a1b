//! Element-wise steps in LibTorch: one function for the activation, and the rest in its result where that is new.

use tch::Tensor;

use super::activation::Activation;
use crate::libtorch::{TorchTensor, new};

/// `mask · σ(x)`
pub(super) fn masked(x: &TorchTensor, mask: &TorchTensor, activation: Activation) -> TorchTensor {
    new(match activated(&x.tensor, activation) {
        Some(mut y) => y.g_mul_(&mask.tensor),
        None => &x.tensor * &mask.tensor,
    })
}

/// `σ(x) + shortcut`
pub(super) fn added(x: &TorchTensor, shortcut: &TorchTensor, activation: Activation) -> TorchTensor {
    new(match activated(&x.tensor, activation) {
        Some(mut y) => y.g_add_(&shortcut.tensor),
        None => &x.tensor + &shortcut.tensor,
    })
}

/// `σ(x + shortcut)`
pub(super) fn joined(x: &TorchTensor, shortcut: &TorchTensor, activation: Activation) -> TorchTensor {
    let mut sum = &x.tensor + &shortcut.tensor;
    new(match activation {
        Activation::Identity => sum,
        Activation::Relu => sum.relu_(),
        Activation::Gelu => sum.gelu_("none"),
    })
}

/// The gradient of [`masked`] by `x` from what was saved; `None` where that is nothing.
pub(super) fn masked_backward(
    saved: &[TorchTensor],
    g: &TorchTensor,
    factor: f32,
    activation: Activation,
) -> Option<TorchTensor> {
    Some(match (activation, saved) {
        (Activation::Relu, [y]) => new(y.tensor.threshold_backward(&g.tensor, 0.0).g_mul_scalar_(f64::from(factor))),
        (_, [mask]) => new(&g.tensor * &mask.tensor),
        (_, [x, mask]) => slope(x, &new(&g.tensor * &mask.tensor), activation),
        _ => return None,
    })
}

/// The gradient of [`joined`] from what was saved: nothing, the output of a rectifier, or both operands.
pub(super) fn joined_backward(saved: &[TorchTensor], g: &TorchTensor, activation: Activation) -> TorchTensor {
    match saved {
        [x, shortcut] => slope(&new(&x.tensor + &shortcut.tensor), g, activation),
        [y] => slope(y, g, activation),
        _ => g.clone(),
    }
}

/// `g · σ'(x)`; for a rectifier, its output serves as well as its input.
pub(super) fn slope(x: &TorchTensor, g: &TorchTensor, activation: Activation) -> TorchTensor {
    match activation {
        Activation::Identity => g.clone(),
        Activation::Gelu => new(x.tensor.gelu_backward(&g.tensor, "none")),
        Activation::Relu => new(x.tensor.threshold_backward(&g.tensor, 0.0)),
    }
}

/// `σ(x)` in memory of its own; `None` for the identity.
fn activated(x: &Tensor, activation: Activation) -> Option<Tensor> {
    match activation {
        Activation::Identity => None,
        Activation::Gelu => Some(x.gelu("none")),
        Activation::Relu => Some(x.relu()),
    }
}
