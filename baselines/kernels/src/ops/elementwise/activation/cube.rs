//! Activations on a GPU: one pass over the data each, in f32.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use crate::gpu::{empty, per_element, row_major};

/// 1/√2
const HALF_ROOT: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// 1/√2π
const DENSITY: f32 = 0.398_942_3;

/// `x · Φ(x)`; `None` where `x` is not in f32.
pub(super) fn gelu(x: &CubeTensor) -> Option<CubeTensor> {
    let [x] = row_major([x])?;
    let y = empty(&x, x.shape().to_vec());
    let (count, dim, n) = per_element(&y);
    // SAFETY: both have n elements, and the kernel leaves out threads beyond them.
    unsafe {
        gelu_kernel::launch_unchecked(
            &x.client.clone(),
            count,
            dim,
            x.into_tensor_arg(),
            y.clone().into_tensor_arg(),
            n,
        );
    }
    Some(y)
}

/// `g · (Φ(x) + x · φ(x))`; `None` where they are not in f32.
pub(super) fn gelu_backward(x: &CubeTensor, g: &CubeTensor) -> Option<CubeTensor> {
    let [x, g] = row_major([x, g])?;
    let dx = empty(&x, x.shape().to_vec());
    let (count, dim, n) = per_element(&dx);
    // SAFETY: all have n elements, and the kernel leaves out threads beyond them.
    unsafe {
        gelu_backward_kernel::launch_unchecked(
            &x.client.clone(),
            count,
            dim,
            x.into_tensor_arg(),
            g.into_tensor_arg(),
            dx.clone().into_tensor_arg(),
            n,
        );
    }
    Some(dx)
}

/// `a · σ(b)` for `x = [a, b]` `[batch, 2 · channels, positions]`; `None` where `x` is not in f32.
pub(super) fn glu(x: &CubeTensor) -> Option<CubeTensor> {
    let [x] = row_major([x])?;
    let shape = x.shape();
    let y = empty(&x, vec![shape[0], shape[1] / 2, shape[2]]);
    let (count, dim, n) = per_element(&y);
    let half = u32::try_from(shape[1] / 2 * shape[2]).ok()?;
    // SAFETY: y has n elements and x twice as many; the kernel leaves out threads beyond them.
    unsafe {
        glu_kernel::launch_unchecked(
            &x.client.clone(),
            count,
            dim,
            x.into_tensor_arg(),
            y.clone().into_tensor_arg(),
            half,
            n,
        );
    }
    Some(y)
}

/// `[g · σ(b), g · a · σ(b) · (1 − σ(b))]` for `x = [a, b]`; `None` where they are not in f32.
pub(super) fn glu_backward(x: &CubeTensor, g: &CubeTensor) -> Option<CubeTensor> {
    let [x, g] = row_major([x, g])?;
    let shape = x.shape();
    let dx = empty(&x, shape.to_vec());
    let (count, dim, n) = per_element(&g);
    let half = u32::try_from(shape[1] / 2 * shape[2]).ok()?;
    // SAFETY: g has n elements, x and dx twice as many; the kernel leaves out threads beyond them.
    unsafe {
        glu_backward_kernel::launch_unchecked(
            &x.client.clone(),
            count,
            dim,
            x.into_tensor_arg(),
            g.into_tensor_arg(),
            dx.clone().into_tensor_arg(),
            half,
            n,
        );
    }
    Some(dx)
}

#[cube]
fn distribution(x: f32) -> f32 {
    0.5f32 + 0.5f32 * Erf::erf(x * HALF_ROOT)
}

/// x · Φ(x)
#[cube]
pub(in crate::ops::elementwise) fn gelu_at(x: f32) -> f32 {
    x * distribution(x)
}

/// Φ(x) + x · φ(x)
#[cube]
pub(in crate::ops::elementwise) fn gelu_slope(x: f32) -> f32 {
    distribution(x) + x * (x * x * -0.5f32).exp() * DENSITY
}

#[cube]
fn sigmoid(x: f32) -> f32 {
    1.0f32 / (1.0f32 + (-x).exp())
}

#[cube(launch_unchecked)]
fn gelu_kernel(x: &Tensor<f32>, y: &mut Tensor<f32>, n: u32) {
    if ABSOLUTE_POS < n as usize {
        y[ABSOLUTE_POS] = gelu_at(x[ABSOLUTE_POS]);
    }
}

#[cube(launch_unchecked)]
fn gelu_backward_kernel(x: &Tensor<f32>, g: &Tensor<f32>, dx: &mut Tensor<f32>, n: u32) {
    if ABSOLUTE_POS < n as usize {
        dx[ABSOLUTE_POS] = g[ABSOLUTE_POS] * gelu_slope(x[ABSOLUTE_POS]);
    }
}

/// `half` is the number of values of a sample's outputs.
#[cube(launch_unchecked)]
fn glu_kernel(x: &Tensor<f32>, y: &mut Tensor<f32>, half: u32, n: u32) {
    if ABSOLUTE_POS < n as usize {
        let half = half as usize;
        let at = ABSOLUTE_POS + ABSOLUTE_POS / half * half;
        y[ABSOLUTE_POS] = x[at] * sigmoid(x[at + half]);
    }
}

#[cube(launch_unchecked)]
fn glu_backward_kernel(x: &Tensor<f32>, g: &Tensor<f32>, dx: &mut Tensor<f32>, half: u32, n: u32) {
    if ABSOLUTE_POS < n as usize {
        let half = half as usize;
        let at = ABSOLUTE_POS + ABSOLUTE_POS / half * half;
        let gate = sigmoid(x[at + half]);
        let da = g[ABSOLUTE_POS] * gate;
        dx[at] = da;
        dx[at + half] = da * x[at] * (1.0f32 - gate);
    }
}
