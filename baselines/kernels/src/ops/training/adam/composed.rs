//! The update from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use super::update::{AdamUpdate, Factors};
use crate::value::Value;

/// The update of [`adam`](super::adam): parameter, gradient and moments to parameter and moments.
pub(super) fn step<B: Backend>(operands: [FloatTensor<B>; 4], update: AdamUpdate) -> [FloatTensor<B>; 3] {
    let [value, mut gradient, first, second] = operands.map(Value::<B>);
    let Factors { coupled_decay, shrinkage, betas: [beta1, beta2], root, epsilon, rate } = update.into();
    if coupled_decay != 0.0 {
        gradient = gradient + value.clone().scale(coupled_decay);
    }
    let squared = gradient.clone() * gradient.clone();
    let first = first.scale(beta1) + gradient.scale(1.0 - beta1);
    let second = second.scale(beta2) + squared.scale(1.0 - beta2);
    let denominator = Value::<B>(B::float_sqrt(second.clone().0)).scale(root).shift(epsilon);
    let step = Value::<B>(B::float_div(first.clone().0, denominator.0)).scale(rate);
    let value = if shrinkage == 1.0 { value } else { value.scale(shrinkage) };
    [(value - step).0, first.0, second.0]
}
