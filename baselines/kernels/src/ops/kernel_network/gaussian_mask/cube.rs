//! Masks on a GPU, in f32: one launch forward, two backward. Sums are in a fixed order.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::{GaussianMask, MaskRule};
use crate::gpu::{cube_sum, empty, has_cubes_of, row_major};

/// Threads of a cube; a power of two within the limits of every device.
const THREADS: usize = 128;

/// The masked values; `None` where the kernel does not apply.
pub(super) fn forward(operation: &GaussianMask, inputs: &[CubeTensor; 3]) -> Option<CubeTensor> {
    let [values, positions, parameters] = prepared(inputs.each_ref())?;
    let masked = empty(&values, values.shape());
    let Attributes { mean, epsilon, learnt, scale, kept: [first, end] } = operation.into();
    let points = values.shape()[1];
    // SAFETY: all have as many points as positions, and the kernel leaves out threads beyond them.
    unsafe {
        forward_kernel::launch_unchecked(
            &values.client.clone(),
            CubeCount::Static(points.div_ceil(THREADS) as u32, 1, 1),
            CubeDim::new_1d(THREADS as u32),
            values.into_tensor_arg(),
            positions.into_tensor_arg(),
            parameters.into_tensor_arg(),
            masked.clone().into_tensor_arg(),
            mean,
            epsilon,
            scale,
            first,
            end,
            learnt,
        );
    }
    Some(masked)
}

/// The gradients of values and parameters; `None` where the kernels do not apply.
pub(super) fn backward(operation: &GaussianMask, saved: [&CubeTensor; 3], g: &CubeTensor) -> Option<[CubeTensor; 2]> {
    let [values, positions, parameters] = prepared(saved)?;
    let [g] = prepared([g])?;
    let points = values.shape()[1];
    let d_values = empty(&values, values.shape());
    let log = empty(&values, [points]);
    let d_parameters = empty(&parameters, parameters.shape());
    let Attributes { mean, epsilon, learnt, scale, kept: [first, end] } = operation.into();
    let client = values.client.clone();
    // SAFETY: all have as many points as positions, and the kernel leaves out threads beyond them.
    unsafe {
        values_kernel::launch_unchecked(
            &client,
            CubeCount::Static(points.div_ceil(THREADS) as u32, 1, 1),
            CubeDim::new_1d(THREADS as u32),
            values.into_tensor_arg(),
            positions.clone().into_tensor_arg(),
            parameters.clone().into_tensor_arg(),
            g.into_tensor_arg(),
            d_values.clone().into_tensor_arg(),
            log.clone().into_tensor_arg(),
            mean,
            epsilon,
            scale,
            first,
            end,
            learnt,
        );
    }
    let axes = positions.shape()[0];
    // SAFETY: a cube per axis, and every index is below the number of points, or that of parameters of its axis.
    unsafe {
        parameters_kernel::launch_unchecked(
            &client,
            CubeCount::Static(axes as u32, 1, 1),
            CubeDim::new_1d(THREADS as u32),
            positions.into_tensor_arg(),
            parameters.into_tensor_arg(),
            log.into_tensor_arg(),
            d_parameters.clone().into_tensor_arg(),
            mean,
            epsilon,
            learnt,
        );
    }
    Some([d_values, d_parameters])
}

/// The numbers of an operation as kernels take them.
struct Attributes {
    mean: f32,
    epsilon: f32,
    learnt: bool,
    scale: f32,
    kept: [u32; 2],
}

impl From<&GaussianMask> for Attributes {
    fn from(operation: &GaussianMask) -> Self {
        let (mean, epsilon) = match operation.rule {
            MaskRule::Centred { mean, epsilon } => (mean as f32, epsilon as f32),
            MaskRule::Learnt => (0.0, 0.0),
        };
        let learnt = operation.rule == MaskRule::Learnt;
        let kept = [operation.kept.start as u32, operation.kept.end as u32];
        Self { mean, epsilon, learnt, scale: operation.scale as f32, kept }
    }
}

/// The operands row-major; `None` where the kernels do not apply.
fn prepared<const N: usize>(operands: [&CubeTensor; N]) -> Option<[CubeTensor; N]> {
    operands.iter().all(|operand| has_cubes_of(operand, THREADS)).then(|| row_major(operands))?
}

/// x − m and w² + ε of an axis at a point, and w.
#[cube]
fn axis(
    positions: &Tensor<f32>,
    parameters: &Tensor<f32>,
    axis: usize,
    point: usize,
    mean: f32,
    epsilon: f32,
    #[comptime] learnt: bool,
) -> (f32, f32, f32) {
    let x = positions[axis * positions.shape(1) + point];
    if comptime!(learnt) {
        let width = parameters[axis * 2usize + 1usize];
        (x - parameters[axis * 2usize], width * width, width)
    } else {
        let width = parameters[axis];
        (x - mean, width * width + epsilon, width)
    }
}

/// Mask times scale at a point; zero where it is not kept.
#[cube]
fn mask(
    positions: &Tensor<f32>,
    parameters: &Tensor<f32>,
    point: usize,
    mean: f32,
    epsilon: f32,
    scale: f32,
    first: u32,
    end: u32,
    #[comptime] learnt: bool,
) -> f32 {
    let mut exponent = 0.0f32;
    for d in 0..positions.shape(0) {
        let (distance, square, _width) = axis(positions, parameters, d, point, mean, epsilon, learnt);
        exponent += -0.5f32 * (1.0f32 / square) * (distance * distance);
    }
    let value = exponent.exp() * scale;
    let kept = point >= first as usize && point < end as usize;
    select(kept, value, 0.0f32)
}

/// A thread per point, so that neighbours read neighbours.
#[cube(launch_unchecked)]
fn forward_kernel(
    values: &Tensor<f32>,
    positions: &Tensor<f32>,
    parameters: &Tensor<f32>,
    masked: &mut Tensor<f32>,
    mean: f32,
    epsilon: f32,
    scale: f32,
    first: u32,
    end: u32,
    #[comptime] learnt: bool,
) {
    let points = values.shape(1);
    let point = ABSOLUTE_POS_X as usize;
    if point < points {
        let mask = mask(positions, parameters, point, mean, epsilon, scale, first, end, learnt);
        for kernel in 0..values.shape(0) {
            let at = kernel * points + point;
            masked[at] = values[at] * mask;
        }
    }
}

/// The gradient of the values, and, per point, what reaches the exponent.
#[cube(launch_unchecked)]
fn values_kernel(
    values: &Tensor<f32>,
    positions: &Tensor<f32>,
    parameters: &Tensor<f32>,
    g: &Tensor<f32>,
    d_values: &mut Tensor<f32>,
    log: &mut Tensor<f32>,
    mean: f32,
    epsilon: f32,
    scale: f32,
    first: u32,
    end: u32,
    #[comptime] learnt: bool,
) {
    let points = values.shape(1);
    let point = ABSOLUTE_POS_X as usize;
    if point < points {
        let mask = mask(positions, parameters, point, mean, epsilon, scale, first, end, learnt);
        let mut sum = 0.0f32;
        for kernel in 0..values.shape(0) {
            let at = kernel * points + point;
            let slope = g[at] * mask;
            d_values[at] = slope;
            sum += slope * values[at];
        }
        log[point] = sum;
    }
}

/// A cube per axis.
#[cube(launch_unchecked)]
fn parameters_kernel(
    positions: &Tensor<f32>,
    parameters: &Tensor<f32>,
    log: &Tensor<f32>,
    d_parameters: &mut Tensor<f32>,
    mean: f32,
    epsilon: f32,
    #[comptime] learnt: bool,
) {
    let mut sums = Shared::<[f32]>::new_slice(THREADS);
    let d = CUBE_POS_X as usize;
    let unit = UNIT_POS as usize;
    let mut by_mean = 0.0f32;
    let mut by_width = 0.0f32;
    let mut point = unit;
    while point < positions.shape(1) {
        let (distance, square, width) = axis(positions, parameters, d, point, mean, epsilon, learnt);
        let along = log[point] * distance / square;
        by_mean += along;
        by_width += along * distance / square * width;
        point += THREADS;
    }
    let by_mean = cube_sum(by_mean, &mut sums, THREADS);
    let by_width = cube_sum(by_width, &mut sums, THREADS);
    if unit == 0usize {
        if comptime!(learnt) {
            d_parameters[d * 2usize] = by_mean;
            d_parameters[d * 2usize + 1usize] = by_width;
        } else {
            d_parameters[d] = by_width;
        }
    }
}
