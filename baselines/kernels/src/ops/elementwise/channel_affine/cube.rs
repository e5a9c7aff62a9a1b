//! Factors and offsets per channel on a GPU, in f32: one launch each way. Sums are in a fixed order.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use crate::gpu::{cube_sum, empty, has_cubes_of, per_element, row_major, suits};

/// Threads of a cube that adds up a channel; a power of two within the limits of every device.
const THREADS: usize = 128;
/// Most cubes along one axis, on every device.
const CUBES: usize = 65_535;

/// `x · scale + shift`; `None` where the kernel does not apply.
pub(super) fn forward([x, scale, shift]: [&CubeTensor; 3]) -> Option<CubeTensor> {
    let [scale, shift] = row_major([scale, shift])?;
    suits(x).then(|| launch(x.clone(), scale, shift, true))
}

/// `x + shift`; `None` where the kernel does not apply.
pub(in crate::ops) fn shifted(x: &CubeTensor, shift: &CubeTensor) -> Option<CubeTensor> {
    let [shift] = row_major([shift])?;
    suits(x).then(|| launch(x.clone(), shift.clone(), shift, false))
}

/// For an input that lies as it likes: products of matrices do not always come without gaps.
fn launch(x: CubeTensor, scale: CubeTensor, shift: CubeTensor, scaled: bool) -> CubeTensor {
    let shape = x.shape();
    let y = empty(&x, shape.clone());
    let (count, dim, n) = per_element(&y);
    // SAFETY: x and y have n elements, those of x by its strides, factors and offsets one per channel, and the kernel leaves out threads
    // beyond n.
    unsafe {
        forward_kernel::launch_unchecked(
            &y.client.clone(),
            count,
            dim,
            x.into_tensor_arg(),
            scale.into_tensor_arg(),
            shift.into_tensor_arg(),
            y.clone().into_tensor_arg(),
            shape[1] as u32,
            shape[2] as u32,
            n,
            scaled,
        );
    }
    y
}

/// The gradients of input, scale and shift; `None` where the kernel does not apply.
pub(super) fn backward(x: &CubeTensor, scale: &CubeTensor, g: &CubeTensor) -> Option<[CubeTensor; 3]> {
    let [x, scale, g] = row_major([x, scale, g])?;
    if !has_cubes_of(&x, THREADS) {
        return None;
    }
    let shape = x.shape();
    let dx = empty(&x, shape.clone());
    let [d_scale, d_shift] = [(); 2].map(|()| empty(&x, [shape[1]]));
    // SAFETY: channels and positions are checked against the shapes.
    unsafe {
        backward_kernel::launch_unchecked(
            &dx.client.clone(),
            CubeCount::Static(shape[1].min(CUBES) as u32, 1, 1),
            CubeDim::new_1d(THREADS as u32),
            x.into_tensor_arg(),
            scale.into_tensor_arg(),
            g.into_tensor_arg(),
            dx.clone().into_tensor_arg(),
            d_scale.clone().into_tensor_arg(),
            d_shift.clone().into_tensor_arg(),
        );
    }
    Some([dx, d_scale, d_shift])
}

/// Sums of `g` `[batch, channels, positions]` over samples and positions; `None` where the kernel does not apply.
pub(in crate::ops) fn sums(g: &CubeTensor) -> Option<CubeTensor> {
    let [g] = row_major([g])?;
    if !has_cubes_of(&g, THREADS) {
        return None;
    }
    let channels = g.shape()[1];
    let sums = empty(&g, [channels]);
    // SAFETY: channels and positions are checked against the shapes.
    unsafe {
        sums_kernel::launch_unchecked(
            &sums.client.clone(),
            CubeCount::Static(channels.min(CUBES) as u32, 1, 1),
            CubeDim::new_1d(THREADS as u32),
            g.into_tensor_arg(),
            sums.clone().into_tensor_arg(),
        );
    }
    Some(sums)
}

#[cube(launch_unchecked)]
fn forward_kernel(
    x: &Tensor<f32>,
    scale: &Tensor<f32>,
    shift: &Tensor<f32>,
    y: &mut Tensor<f32>,
    channels: u32,
    positions: u32,
    n: u32,
    #[comptime] scaled: bool,
) {
    if ABSOLUTE_POS < n as usize {
        let row = ABSOLUTE_POS / positions as usize;
        let channel = row % channels as usize;
        let item = row / channels as usize;
        let position = ABSOLUTE_POS % positions as usize;
        let mut value = x[item * x.stride(0) + channel * x.stride(1) + position * x.stride(2)];
        if comptime!(scaled) {
            value *= scale[channel];
        }
        y[ABSOLUTE_POS] = value + shift[channel];
    }
}

/// The place of the `i`-th value of `channel` of row-major features.
#[cube]
fn place(x: &Tensor<f32>, channel: usize, i: usize) -> usize {
    let positions = x.shape(2);
    (i / positions * x.shape(1) + channel) * positions + i % positions
}

#[cube(launch_unchecked)]
fn backward_kernel(
    x: &Tensor<f32>,
    scale: &Tensor<f32>,
    g: &Tensor<f32>,
    dx: &mut Tensor<f32>,
    d_scale: &mut Tensor<f32>,
    d_shift: &mut Tensor<f32>,
) {
    let mut sums = Shared::<[f32]>::new_slice(THREADS);
    let values = x.shape(0) * x.shape(2);
    let mut channel = CUBE_POS_X as usize;
    while channel < x.shape(1) {
        let factor = scale[channel];
        let mut along = 0.0f32;
        let mut sum = 0.0f32;
        let mut i = UNIT_POS as usize;
        while i < values {
            let at = place(x, channel, i);
            let slope = g[at];
            along += slope * x[at];
            sum += slope;
            dx[at] = slope * factor;
            i += THREADS;
        }
        let along = cube_sum(along, &mut sums, THREADS);
        let sum = cube_sum(sum, &mut sums, THREADS);
        if UNIT_POS == 0u32 {
            d_scale[channel] = along;
            d_shift[channel] = sum;
        }
        channel += CUBE_COUNT_X as usize;
    }
}

#[cube(launch_unchecked)]
fn sums_kernel(g: &Tensor<f32>, of_channels: &mut Tensor<f32>) {
    let mut sums = Shared::<[f32]>::new_slice(THREADS);
    let values = g.shape(0) * g.shape(2);
    let mut channel = CUBE_POS_X as usize;
    while channel < g.shape(1) {
        let mut sum = 0.0f32;
        let mut i = UNIT_POS as usize;
        while i < values {
            sum += g[place(g, channel, i)];
            i += THREADS;
        }
        let sum = cube_sum(sum, &mut sums, THREADS);
        if UNIT_POS == 0u32 {
            of_channels[channel] = sum;
        }
        channel += CUBE_COUNT_X as usize;
    }
}
