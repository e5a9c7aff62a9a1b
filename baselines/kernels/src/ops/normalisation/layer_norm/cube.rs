//! Normalisation on a GPU, in f32: a thread per sample and position, so that neighbours read neighbours.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::cubecl::{self, calculate_cube_count_elemwise, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use crate::gpu::empty;

/// Sites (samples times positions) below which a thread each leaves most of a GPU idle.
const FEW: usize = 1024;

/// The output; `None` where the kernel does not apply.
pub(super) fn forward(x: &CubeTensor, epsilon: f64, centred: bool) -> Option<CubeTensor> {
    let sites = sites(x)?;
    let y = empty(x, x.shape());
    let dim = CubeDim::new(&x.client, sites);
    // SAFETY: both have x's shape, and the kernel leaves out threads beyond its sites.
    unsafe {
        forward_kernel::launch_unchecked(
            &x.client,
            calculate_cube_count_elemwise(&x.client, sites, dim),
            dim,
            x.clone().into_tensor_arg(),
            y.clone().into_tensor_arg(),
            epsilon as f32,
            centred,
        );
    }
    Some(y)
}

/// The gradient of the input; `None` where the kernel does not apply.
pub(super) fn backward(x: &CubeTensor, g: &CubeTensor, epsilon: f64, centred: bool) -> Option<CubeTensor> {
    let sites = sites(x).filter(|_| g.dtype == DType::F32)?;
    let dx = empty(x, x.shape());
    let dim = CubeDim::new(&x.client, sites);
    // SAFETY: all have x's shape, and the kernel leaves out threads beyond its sites.
    unsafe {
        backward_kernel::launch_unchecked(
            &x.client,
            calculate_cube_count_elemwise(&x.client, sites, dim),
            dim,
            x.clone().into_tensor_arg(),
            g.clone().into_tensor_arg(),
            dx.clone().into_tensor_arg(),
            epsilon as f32,
            centred,
        );
    }
    Some(dx)
}

/// Samples times positions, where they are enough for a thread each.
fn sites(x: &CubeTensor) -> Option<usize> {
    let shape = x.shape();
    let sites = shape[0] * shape[2];
    (x.dtype == DType::F32 && sites >= FEW).then_some(sites)
}

/// Mean, zero where it is not subtracted, and reciprocal deviation from it of the values at a place.
#[cube]
fn moments(x: &Tensor<f32>, at: usize, epsilon: f32, #[comptime] centred: bool) -> (f32, f32) {
    let values = x.shape(1);
    let step = x.stride(1);
    let n = f32::cast_from(values as u32);
    let mut sum = 0.0f32;
    if comptime!(centred) {
        for i in 0..values {
            sum += x[at + i * step];
        }
    }
    let mean = sum / n;
    let mut squares = 0.0f32;
    for i in 0..values {
        let d = x[at + i * step] - mean;
        squares += d * d;
    }
    (mean, 1.0f32 / (squares / n + epsilon).sqrt())
}

#[cube(launch_unchecked)]
fn forward_kernel(x: &Tensor<f32>, y: &mut Tensor<f32>, epsilon: f32, #[comptime] centred: bool) {
    let positions = x.shape(2);
    if ABSOLUTE_POS < x.shape(0) * positions {
        let item = ABSOLUTE_POS / positions;
        let position = ABSOLUTE_POS % positions;
        let from = item * x.stride(0) + position * x.stride(2);
        let to = item * y.stride(0) + position * y.stride(2);
        let step = y.stride(1);
        let (mean, scale) = moments(x, from, epsilon, centred);
        for i in 0..x.shape(1) {
            y[to + i * step] = (x[from + i * x.stride(1)] - mean) * scale;
        }
    }
}

/// `dx = (g − mean(g) − y mean(g y)) / deviation`, without `mean(g)` where the mean is not subtracted.
#[cube(launch_unchecked)]
fn backward_kernel(x: &Tensor<f32>, g: &Tensor<f32>, dx: &mut Tensor<f32>, epsilon: f32, #[comptime] centred: bool) {
    let positions = x.shape(2);
    if ABSOLUTE_POS < x.shape(0) * positions {
        let item = ABSOLUTE_POS / positions;
        let position = ABSOLUTE_POS % positions;
        let from = item * x.stride(0) + position * x.stride(2);
        let by = item * g.stride(0) + position * g.stride(2);
        let to = item * dx.stride(0) + position * dx.stride(2);
        let step = dx.stride(1);
        let values = x.shape(1);
        let n = f32::cast_from(values as u32);
        let (mean, scale) = moments(x, from, epsilon, centred);
        let mut sum = 0.0f32;
        let mut along = 0.0f32;
        for i in 0..values {
            let slope = g[by + i * g.stride(1)];
            if comptime!(centred) {
                sum += slope;
            }
            along += slope * (x[from + i * x.stride(1)] - mean) * scale;
        }
        for i in 0..values {
            let y = (x[from + i * x.stride(1)] - mean) * scale;
            dx[to + i * step] = (g[by + i * g.stride(1)] - sum / n - y * (along / n)) * scale;
        }
    }
}
