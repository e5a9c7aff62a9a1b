//! Normalisation on a GPU, in f32: a thread per sample and position, so that neighbours read neighbours; a cube where these are few.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::cubecl::{self, calculate_cube_count_elemwise, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use crate::gpu::{cube_sum, empty, has_cubes_of};

/// Sites (samples times positions) below which a thread each leaves most of a GPU idle.
const FEW: usize = 1024;
/// Threads of a cube for a site; a power of two within the limits of every device.
const THREADS: usize = 256;

/// The output; `None` where the kernels do not apply.
pub(super) fn forward(x: &CubeTensor, epsilon: f64, centred: bool) -> Option<CubeTensor> {
    let sites = sites(x)?;
    let y = empty(x, x.shape());
    let (x, out, epsilon) = (x.clone(), y.clone().into_tensor_arg(), epsilon as f32);
    let client = x.client.clone();
    let dim = CubeDim::new(&client, sites);
    // SAFETY: both have x's shape, and the kernels leave out threads or cubes beyond its sites.
    unsafe {
        if sites >= FEW {
            let count = calculate_cube_count_elemwise(&client, sites, dim);
            forward_kernel::launch_unchecked(&client, count, dim, x.into_tensor_arg(), out, epsilon, centred);
        } else {
            let (count, dim) = cubes(sites);
            wide_forward_kernel::launch_unchecked(&client, count, dim, x.into_tensor_arg(), out, epsilon, centred);
        }
    }
    Some(y)
}

/// The gradient of the input; `None` where the kernels do not apply.
pub(super) fn backward(x: &CubeTensor, g: &CubeTensor, epsilon: f64, centred: bool) -> Option<CubeTensor> {
    let sites = sites(x).filter(|_| g.dtype == DType::F32)?;
    let dx = empty(x, x.shape());
    let (out, epsilon) = (dx.clone().into_tensor_arg(), epsilon as f32);
    let client = x.client.clone();
    let dim = CubeDim::new(&client, sites);
    let [x, g] = [x, g].map(|operand| operand.clone().into_tensor_arg());
    // SAFETY: all have x's shape, and the kernels leave out threads or cubes beyond its sites.
    unsafe {
        if sites >= FEW {
            let count = calculate_cube_count_elemwise(&client, sites, dim);
            backward_kernel::launch_unchecked(&client, count, dim, x, g, out, epsilon, centred);
        } else {
            let (count, dim) = cubes(sites);
            wide_backward_kernel::launch_unchecked(&client, count, dim, x, g, out, epsilon, centred);
        }
    }
    Some(dx)
}

/// Samples times positions, where a kernel applies.
fn sites(x: &CubeTensor) -> Option<usize> {
    let shape = x.shape();
    let sites = shape[0] * shape[2];
    (x.dtype == DType::F32 && (sites >= FEW || has_cubes_of(x, THREADS))).then_some(sites)
}

/// A cube per site.
fn cubes(sites: usize) -> (CubeCount, CubeDim) {
    (CubeCount::Static(sites as u32, 1, 1), CubeDim::new_1d(THREADS as u32))
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

/// Mean, zero where it is not subtracted, and reciprocal deviation from it of the values at a place, by all threads of a cube.
#[cube]
fn wide_moments(
    x: &Tensor<f32>,
    at: usize,
    epsilon: f32,
    sums: &mut Shared<[f32]>,
    #[comptime] centred: bool,
) -> (f32, f32) {
    let values = x.shape(1);
    let step = x.stride(1);
    let n = f32::cast_from(values as u32);
    let mut sum = 0.0f32;
    if comptime!(centred) {
        let mut i = UNIT_POS as usize;
        while i < values {
            sum += x[at + i * step];
            i += THREADS;
        }
    }
    let mean = cube_sum(sum, sums, THREADS) / n;
    let mut squares = 0.0f32;
    let mut i = UNIT_POS as usize;
    while i < values {
        let d = x[at + i * step] - mean;
        squares += d * d;
        i += THREADS;
    }
    let square = cube_sum(squares, sums, THREADS) / n;
    (mean, 1.0f32 / (square + epsilon).sqrt())
}

#[cube(launch_unchecked)]
fn wide_forward_kernel(x: &Tensor<f32>, y: &mut Tensor<f32>, epsilon: f32, #[comptime] centred: bool) {
    let mut sums = Shared::<[f32]>::new_slice(THREADS);
    let positions = x.shape(2);
    let item = CUBE_POS_X as usize / positions;
    let position = CUBE_POS_X as usize % positions;
    let from = item * x.stride(0) + position * x.stride(2);
    let to = item * y.stride(0) + position * y.stride(2);
    let step = y.stride(1);
    let (mean, scale) = wide_moments(x, from, epsilon, &mut sums, centred);
    let mut i = UNIT_POS as usize;
    while i < x.shape(1) {
        y[to + i * step] = (x[from + i * x.stride(1)] - mean) * scale;
        i += THREADS;
    }
}

/// As [`backward_kernel`].
#[cube(launch_unchecked)]
fn wide_backward_kernel(
    x: &Tensor<f32>,
    g: &Tensor<f32>,
    dx: &mut Tensor<f32>,
    epsilon: f32,
    #[comptime] centred: bool,
) {
    let mut sums = Shared::<[f32]>::new_slice(THREADS);
    let positions = x.shape(2);
    let item = CUBE_POS_X as usize / positions;
    let position = CUBE_POS_X as usize % positions;
    let from = item * x.stride(0) + position * x.stride(2);
    let by = item * g.stride(0) + position * g.stride(2);
    let to = item * dx.stride(0) + position * dx.stride(2);
    let step = dx.stride(1);
    let values = x.shape(1);
    let n = f32::cast_from(values as u32);
    let (mean, scale) = wide_moments(x, from, epsilon, &mut sums, centred);
    let mut sum = 0.0f32;
    let mut along = 0.0f32;
    let mut i = UNIT_POS as usize;
    while i < values {
        let slope = g[by + i * g.stride(1)];
        if comptime!(centred) {
            sum += slope;
        }
        along += slope * (x[from + i * x.stride(1)] - mean) * scale;
        i += THREADS;
    }
    let sum = cube_sum(sum, &mut sums, THREADS);
    let along = cube_sum(along, &mut sums, THREADS);
    let mut i = UNIT_POS as usize;
    while i < values {
        let y = (x[from + i * x.stride(1)] - mean) * scale;
        dx[to + i * step] = (g[by + i * g.stride(1)] - sum / n - y * (along / n)) * scale;
        i += THREADS;
    }
}
