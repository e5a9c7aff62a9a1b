//! The update in LibTorch, in as few passes as its functions allow.

use super::update::{AdamUpdate, Factors};
use crate::libtorch::{TorchTensor, new};

/// The update of [`adam`](super::adam): parameter, gradient and moments to parameter and moments.
pub(super) fn step(operands: &[TorchTensor; 4], update: AdamUpdate) -> [TorchTensor; 3] {
    let [value, gradient, first, second] = operands.each_ref().map(|operand| &operand.tensor);
    let Factors { coupled_decay, shrinkage, betas: [beta1, beta2], root, epsilon, rate } = update.into();
    let decayed = (coupled_decay != 0.0).then(|| gradient + value * coupled_decay);
    let gradient = decayed.as_ref().unwrap_or(gradient);
    let first = first.lerp(gradient, 1.0 - beta1);
    let second = second.lerp(&gradient.square(), 1.0 - beta2);
    let mut denominator = second.sqrt();
    // −rate · first / (root · √second + epsilon), the factors drawn together.
    let denominator = denominator.g_add_scalar_(epsilon / root).g_mul_scalar_(-root / rate);
    let value = if shrinkage == 1.0 {
        value.addcdiv(&first, &denominator)
    } else {
        (value * shrinkage).addcdiv_(&first, &denominator)
    };
    [new(value), new(first), new(second)]
}
