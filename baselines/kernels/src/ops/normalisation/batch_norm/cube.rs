//! Batch normalisation on a GPU, in f32: a cube per channel, whose sums are added up in a fixed order.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use crate::gpu::{cube_sum, empty, has_cubes_of};

/// Threads of a cube; a power of two within the limits of every device.
const THREADS: usize = 128;
/// Most cubes along one axis, on every device.
const CUBES: usize = 65_535;

/// Normalised input, mean and biased variance; `None` where the kernel does not apply.
pub(super) fn forward(
    x: &CubeTensor,
    gamma: &CubeTensor,
    beta: &CubeTensor,
    epsilon: f64,
) -> Option<(CubeTensor, CubeTensor, CubeTensor)> {
    applies(&[x, gamma, beta])?;
    let channels = x.shape()[1];
    let y = empty(x, x.shape());
    let [mean, variance] = [(); 2].map(|()| empty(x, [channels]));
    // SAFETY: positions and channels are checked against the tensors' shapes.
    unsafe {
        forward_kernel::launch_unchecked(
            &x.client,
            CubeCount::Static(channels.min(CUBES) as u32, 1, 1),
            CubeDim::new_1d(THREADS as u32),
            x.clone().into_tensor_arg(),
            gamma.clone().into_tensor_arg(),
            beta.clone().into_tensor_arg(),
            y.clone().into_tensor_arg(),
            mean.clone().into_tensor_arg(),
            variance.clone().into_tensor_arg(),
            epsilon as f32,
        );
    }
    Some((y, mean, variance))
}

/// Gradients of input, scale and offset; `None` where the kernel does not apply.
pub(super) fn backward(
    x: &CubeTensor,
    gamma: &CubeTensor,
    mean: &CubeTensor,
    variance: &CubeTensor,
    g: &CubeTensor,
    epsilon: f64,
) -> Option<[CubeTensor; 3]> {
    applies(&[x, gamma, mean, variance, g])?;
    let channels = x.shape()[1];
    let dx = empty(x, x.shape());
    let [d_gamma, d_beta] = [(); 2].map(|()| empty(x, [channels]));
    // SAFETY: positions and channels are checked against the tensors' shapes.
    unsafe {
        backward_kernel::launch_unchecked(
            &x.client,
            CubeCount::Static(channels.min(CUBES) as u32, 1, 1),
            CubeDim::new_1d(THREADS as u32),
            x.clone().into_tensor_arg(),
            gamma.clone().into_tensor_arg(),
            mean.clone().into_tensor_arg(),
            variance.clone().into_tensor_arg(),
            g.clone().into_tensor_arg(),
            dx.clone().into_tensor_arg(),
            d_gamma.clone().into_tensor_arg(),
            d_beta.clone().into_tensor_arg(),
            epsilon as f32,
        );
    }
    Some([dx, d_gamma, d_beta])
}

/// Whether all operands are in f32 and a cube of this size exists.
fn applies(operands: &[&CubeTensor]) -> Option<()> {
    (has_cubes_of(operands[0], THREADS) && operands.iter().all(|operand| operand.dtype == DType::F32)).then_some(())
}

/// The place of the `i`-th value of `channel`.
#[cube]
fn place(x: &Tensor<f32>, channel: usize, i: usize) -> usize {
    let positions = x.shape(2);
    i / positions * x.stride(0) + channel * x.stride(1) + i % positions * x.stride(2)
}

#[cube(launch_unchecked)]
fn forward_kernel(
    x: &Tensor<f32>,
    gamma: &Tensor<f32>,
    beta: &Tensor<f32>,
    y: &mut Tensor<f32>,
    means: &mut Tensor<f32>,
    variances: &mut Tensor<f32>,
    epsilon: f32,
) {
    let mut sums = Shared::<[f32]>::new_slice(THREADS);
    let values = x.shape(0) * x.shape(2);
    let n = f32::cast_from(values as u32);
    let positions = x.shape(2);
    let (s0, s1, s2) = (y.stride(0), y.stride(1), y.stride(2));
    let mut channel = CUBE_POS_X as usize;
    while channel < x.shape(1) {
        let mut sum = 0.0f32;
        let mut i = UNIT_POS as usize;
        while i < values {
            sum += x[place(x, channel, i)];
            i += THREADS;
        }
        let mean = cube_sum(sum, &mut sums, THREADS) / n;
        let mut squares = 0.0f32;
        let mut i = UNIT_POS as usize;
        while i < values {
            let d = x[place(x, channel, i)] - mean;
            squares += d * d;
            i += THREADS;
        }
        let variance = cube_sum(squares, &mut sums, THREADS) / n;
        let scale = gamma[channel * gamma.stride(0)] / (variance + epsilon).sqrt();
        let shift = beta[channel * beta.stride(0)];
        let mut i = UNIT_POS as usize;
        while i < values {
            let to = i / positions * s0 + channel * s1 + i % positions * s2;
            y[to] = (x[place(x, channel, i)] - mean) * scale + shift;
            i += THREADS;
        }
        if UNIT_POS == 0u32 {
            means[channel] = mean;
            variances[channel] = variance;
        }
        channel += CUBE_COUNT_X as usize;
    }
}

#[cube(launch_unchecked)]
fn backward_kernel(
    x: &Tensor<f32>,
    gamma: &Tensor<f32>,
    means: &Tensor<f32>,
    variances: &Tensor<f32>,
    g: &Tensor<f32>,
    dx: &mut Tensor<f32>,
    d_gamma: &mut Tensor<f32>,
    d_beta: &mut Tensor<f32>,
    epsilon: f32,
) {
    let mut sums = Shared::<[f32]>::new_slice(THREADS);
    let values = x.shape(0) * x.shape(2);
    let n = f32::cast_from(values as u32);
    let positions = x.shape(2);
    let (s0, s1, s2) = (dx.stride(0), dx.stride(1), dx.stride(2));
    let mut channel = CUBE_POS_X as usize;
    while channel < x.shape(1) {
        let mean = means[channel * means.stride(0)];
        let inverse = 1.0f32 / (variances[channel * variances.stride(0)] + epsilon).sqrt();
        let mut sum = 0.0f32;
        let mut along = 0.0f32;
        let mut i = UNIT_POS as usize;
        while i < values {
            let slope = g[place(g, channel, i)];
            sum += slope;
            along += slope * (x[place(x, channel, i)] - mean) * inverse;
            i += THREADS;
        }
        let by_beta = cube_sum(sum, &mut sums, THREADS);
        let by_gamma = cube_sum(along, &mut sums, THREADS);
        let scale = gamma[channel * gamma.stride(0)] * inverse;
        let mut i = UNIT_POS as usize;
        while i < values {
            let to = i / positions * s0 + channel * s1 + i % positions * s2;
            let normal = (x[place(x, channel, i)] - mean) * inverse;
            dx[to] = (g[place(g, channel, i)] - by_beta / n - normal * (by_gamma / n)) * scale;
            i += THREADS;
        }
        if UNIT_POS == 0u32 {
            d_gamma[channel] = by_gamma;
            d_beta[channel] = by_beta;
        }
        channel += CUBE_COUNT_X as usize;
    }
}
