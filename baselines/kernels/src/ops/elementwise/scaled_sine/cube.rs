//! Sines of a multiple on a GPU: one pass over the data each, in f32.

#![allow(unsafe_code, reason = "launches without bounds checks")]

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use crate::gpu::{empty, per_element, row_major};

/// `sin(factor · x)`; `None` where the kernel does not apply.
pub(super) fn forward(x: &CubeTensor, factor: f32) -> Option<CubeTensor> {
    let [x] = row_major([x])?;
    let y = empty(&x, x.shape());
    let (count, dim, n) = per_element(&y);
    let client = y.client.clone();
    // SAFETY: both have n elements, and the kernel leaves out threads beyond them.
    unsafe {
        forward_kernel::launch_unchecked(
            &client,
            count,
            dim,
            x.into_tensor_arg(),
            y.clone().into_tensor_arg(),
            factor,
            n,
        );
    }
    Some(y)
}

/// `g · factor · cos(factor · x)`; `None` where the kernel does not apply.
pub(super) fn backward(x: &CubeTensor, g: &CubeTensor, factor: f32) -> Option<CubeTensor> {
    let [x, g] = row_major([x, g])?;
    let dx = empty(&x, x.shape());
    let (count, dim, n) = per_element(&dx);
    // SAFETY: all have n elements, and the kernel leaves out threads beyond them.
    unsafe {
        backward_kernel::launch_unchecked(
            &dx.client.clone(),
            count,
            dim,
            x.into_tensor_arg(),
            g.into_tensor_arg(),
            dx.clone().into_tensor_arg(),
            factor,
            n,
        );
    }
    Some(dx)
}

#[cube(launch_unchecked)]
fn forward_kernel(x: &Tensor<f32>, y: &mut Tensor<f32>, factor: f32, n: u32) {
    if ABSOLUTE_POS < n as usize {
        y[ABSOLUTE_POS] = (x[ABSOLUTE_POS] * factor).sin();
    }
}

#[cube(launch_unchecked)]
fn backward_kernel(x: &Tensor<f32>, g: &Tensor<f32>, dx: &mut Tensor<f32>, factor: f32, n: u32) {
    if ABSOLUTE_POS < n as usize {
        dx[ABSOLUTE_POS] = g[ABSOLUTE_POS] * factor * (x[ABSOLUTE_POS] * factor).cos();
    }
}
