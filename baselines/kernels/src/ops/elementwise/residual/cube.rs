//! Element-wise steps on a GPU: one pass over the data each, in f32.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::activation::Activation;
use crate::gpu::{empty, per_element, row_major};
use crate::ops::elementwise::activation::cube::{gelu_at, gelu_slope};

/// How two operands become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Rule {
    /// `mask · σ(x)`
    Masked,
    /// `σ(x) + shortcut`
    Added,
    /// `σ(x + shortcut)`
    Joined,
}

/// `x` joined with `other` by `rule`. A mask may have one position that stands for all. `None` where the kernel does not apply.
pub(super) fn forward(x: &CubeTensor, other: &CubeTensor, activation: Activation, rule: Rule) -> Option<CubeTensor> {
    let [x, other] = row_major([x, other])?;
    let y = empty(&x, x.shape());
    let (count, dim, n) = per_element(&y);
    let share = share(&x, &other);
    // SAFETY: x and y have n elements, the other one for every `share` of them, and the kernel leaves out threads beyond n.
    unsafe {
        forward_kernel::launch_unchecked(
            &y.client.clone(),
            count,
            dim,
            x.into_tensor_arg(),
            other.into_tensor_arg(),
            y.clone().into_tensor_arg(),
            share,
            n,
            activation,
            rule,
        );
    }
    Some(y)
}

/// The gradient of `x`: `g` times the slope of [`forward`]. `None` where the kernel does not apply.
pub(super) fn backward(
    x: &CubeTensor,
    other: &CubeTensor,
    g: &CubeTensor,
    activation: Activation,
    rule: Rule,
) -> Option<CubeTensor> {
    let [x, other, g] = row_major([x, other, g])?;
    let dx = empty(&x, x.shape());
    let (count, dim, n) = per_element(&dx);
    let share = share(&x, &other);
    // SAFETY: x, g and dx have n elements, the other one for every `share` of them, and the kernel leaves out threads beyond n.
    unsafe {
        backward_kernel::launch_unchecked(
            &dx.client.clone(),
            count,
            dim,
            x.into_tensor_arg(),
            other.into_tensor_arg(),
            g.into_tensor_arg(),
            dx.clone().into_tensor_arg(),
            share,
            n,
            activation,
            rule,
        );
    }
    Some(dx)
}

/// `factor · g` where `y` is positive; `None` where the kernel does not apply.
pub(super) fn rectified_backward(y: &CubeTensor, g: &CubeTensor, factor: f32) -> Option<CubeTensor> {
    let [y, g] = row_major([y, g])?;
    let dx = empty(&y, y.shape());
    let (count, dim, n) = per_element(&dx);
    // SAFETY: all have n elements, and the kernel leaves out threads beyond them.
    unsafe {
        rectified_kernel::launch_unchecked(
            &dx.client.clone(),
            count,
            dim,
            y.into_tensor_arg(),
            g.into_tensor_arg(),
            dx.clone().into_tensor_arg(),
            factor,
            n,
        );
    }
    Some(dx)
}

/// Elements of `x` that share one of `other`.
fn share(x: &CubeTensor, other: &CubeTensor) -> u32 {
    (x.shape().num_elements() / other.shape().num_elements().max(1)) as u32
}

#[cube]
fn activate(x: f32, #[comptime] activation: Activation) -> f32 {
    match comptime!(activation) {
        Activation::Identity => x,
        Activation::Gelu => gelu_at(x),
        Activation::Relu => x.max(0.0f32),
    }
}

#[cube]
fn slope(x: f32, #[comptime] activation: Activation) -> f32 {
    match comptime!(activation) {
        Activation::Identity => 1.0f32.runtime(),
        Activation::Gelu => gelu_slope(x),
        Activation::Relu => select(x > 0.0f32, 1.0f32, 0.0f32),
    }
}

#[cube(launch_unchecked)]
fn forward_kernel(
    x: &Tensor<f32>,
    other: &Tensor<f32>,
    y: &mut Tensor<f32>,
    share: u32,
    n: u32,
    #[comptime] activation: Activation,
    #[comptime] rule: Rule,
) {
    if ABSOLUTE_POS < n as usize {
        let value = x[ABSOLUTE_POS];
        let other = other[ABSOLUTE_POS / share as usize];
        y[ABSOLUTE_POS] = match comptime!(rule) {
            Rule::Masked => activate(value, activation) * other,
            Rule::Added => activate(value, activation) + other,
            Rule::Joined => activate(value + other, activation),
        };
    }
}

#[cube(launch_unchecked)]
fn backward_kernel(
    x: &Tensor<f32>,
    other: &Tensor<f32>,
    g: &Tensor<f32>,
    dx: &mut Tensor<f32>,
    share: u32,
    n: u32,
    #[comptime] activation: Activation,
    #[comptime] rule: Rule,
) {
    if ABSOLUTE_POS < n as usize {
        let value = x[ABSOLUTE_POS];
        let other = other[ABSOLUTE_POS / share as usize];
        let g = g[ABSOLUTE_POS];
        dx[ABSOLUTE_POS] = match comptime!(rule) {
            Rule::Masked => g * other * slope(value, activation),
            Rule::Added => g * slope(value, activation),
            Rule::Joined => g * slope(value + other, activation),
        };
    }
}

#[cube(launch_unchecked)]
fn rectified_kernel(y: &Tensor<f32>, g: &Tensor<f32>, dx: &mut Tensor<f32>, factor: f32, n: u32) {
    if ABSOLUTE_POS < n as usize {
        dx[ABSOLUTE_POS] = select(y[ABSOLUTE_POS] > 0.0f32, factor * g[ABSOLUTE_POS], 0.0f32);
    }
}
