//! Minimal recurrences on a GPU, in f32: a thread per state of a sample, which walks through time.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl::{self, calculate_cube_count_elemwise, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use super::cell::MinCell;

/// The states; `None` where the kernel does not apply.
pub(super) fn forward(cell: MinCell, x: &CubeTensor) -> Option<CubeTensor> {
    let [x] = contiguous([x])?;
    let (client, shape) = (x.client.clone(), x.shape());
    let states = shape[1] / cell.parts();
    let h = like(&x, Shape::from([shape[0], states, shape[2]]));
    let rows = shape[0] * states;
    let dim = CubeDim::new(&client, rows);
    // SAFETY: x has the rows of every state, and the kernel leaves out threads beyond those of h.
    unsafe {
        forward_kernel::launch_unchecked(
            &client,
            calculate_cube_count_elemwise(&client, rows, dim),
            dim,
            x.into_tensor_arg(),
            h.clone().into_tensor_arg(),
            cell,
        );
    }
    Some(h)
}

/// The gradient of the sums; `None` where the kernel does not apply.
pub(super) fn backward(cell: MinCell, x: &CubeTensor, h: &CubeTensor, g: &CubeTensor) -> Option<CubeTensor> {
    let [x, h, g] = contiguous([x, h, g])?;
    let client = x.client.clone();
    let dx = like(&x, x.shape());
    let rows = h.shape()[0] * h.shape()[1];
    let dim = CubeDim::new(&client, rows);
    // SAFETY: x and dx have the rows of every state, and the kernel leaves out threads beyond those of h and g.
    unsafe {
        backward_kernel::launch_unchecked(
            &client,
            calculate_cube_count_elemwise(&client, rows, dim),
            dim,
            x.into_tensor_arg(),
            h.into_tensor_arg(),
            g.into_tensor_arg(),
            dx.clone().into_tensor_arg(),
            cell,
        );
    }
    Some(dx)
}

/// The operands row-major; `None` where one is not in f32.
fn contiguous<const N: usize>(operands: [&CubeTensor; N]) -> Option<[CubeTensor; N]> {
    let all = operands.iter().all(|operand| operand.dtype == DType::F32);
    all.then(|| operands.map(|operand| into_contiguous(operand.clone())))
}

fn like(x: &CubeTensor, shape: Shape) -> CubeTensor {
    empty_device_contiguous_dtype(x.client.clone(), x.device.clone(), shape, x.dtype)
}

#[cube]
fn sigmoid(x: f32) -> f32 {
    1.0f32 / (1.0f32 + (-x).exp())
}

/// The share of the candidate for the sums of a gate, or of two.
#[cube]
fn share(k: f32, i: f32, #[comptime] cell: MinCell) -> f32 {
    let mut share = 0.0f32;
    if comptime!(cell == MinCell::Gru) {
        share = sigmoid(k);
    }
    if comptime!(cell == MinCell::Lstm) {
        // Both gates times e to the power of the lesser of their distances from one.
        let low_f = select(k < 0.0f32, k, 0.0f32);
        let low_i = select(i < 0.0f32, i, 0.0f32);
        let most = select(low_f < low_i, low_i, low_f);
        let size_f = select(k < 0.0f32, k, -k);
        let size_i = select(i < 0.0f32, i, -i);
        let forget = (low_f - most).exp() / (1.0f32 + size_f.exp());
        let input = (low_i - most).exp() / (1.0f32 + size_i.exp());
        share = input / (forget + input);
    }
    share
}

#[cube]
fn candidate(v: f32) -> f32 {
    select(v < 0.0f32, sigmoid(v), v + 0.5f32)
}

/// All tensors are row-major: x `[batch, parts · states, length]`, h `[batch, states, length]`.
#[cube(launch_unchecked)]
fn forward_kernel(x: &Tensor<f32>, h: &mut Tensor<f32>, #[comptime] cell: MinCell) {
    let states = h.shape(1);
    let length = h.shape(2);
    if ABSOLUTE_POS < h.shape(0) * states {
        let row = ABSOLUTE_POS;
        let part = states * length;
        let of_v = (row / states * x.shape(1) + row % states) * length;
        let of_h = row * length;
        let mut state = 0.0f32;
        for t in 0..length {
            let k = x[of_v + part + t];
            let mut i = 0.0f32;
            if comptime!(cell == MinCell::Lstm) {
                i = x[of_v + 2 * part + t];
            }
            let z = share(k, i, cell);
            state += z * (candidate(x[of_v + t]) - state);
            h[of_h + t] = state;
        }
    }
}

/// The same, with g of the shape of h and dx of that of x.
#[cube(launch_unchecked)]
fn backward_kernel(x: &Tensor<f32>, h: &Tensor<f32>, g: &Tensor<f32>, dx: &mut Tensor<f32>, #[comptime] cell: MinCell) {
    let states = h.shape(1);
    let length = h.shape(2);
    if ABSOLUTE_POS < h.shape(0) * states {
        let row = ABSOLUTE_POS;
        let part = states * length;
        let of_v = (row / states * x.shape(1) + row % states) * length;
        let of_h = row * length;
        // What reaches a state from the one after it.
        let mut later = 0.0f32;
        for step in 0..length {
            let t = length - 1 - step;
            let v = x[of_v + t];
            let k = x[of_v + part + t];
            let mut i = 0.0f32;
            if comptime!(cell == MinCell::Lstm) {
                i = x[of_v + 2 * part + t];
            }
            let z = share(k, i, cell);
            let value = candidate(v);
            let mut before = 0.0f32;
            if t > 0 {
                before = h[of_h + t - 1];
            }
            let sum = g[of_h + t] + later;
            later = (1.0f32 - z) * sum;
            let slope = select(v < 0.0f32, value * (1.0f32 - value), 1.0f32);
            let d = sum * (value - before) * z * (1.0f32 - z);
            dx[of_v + t] = sum * z * slope;
            if comptime!(cell == MinCell::Gru) {
                dx[of_v + part + t] = d;
            }
            if comptime!(cell == MinCell::Lstm) {
                dx[of_v + part + t] = -(d * sigmoid(-k));
                dx[of_v + 2 * part + t] = d * sigmoid(-i);
            }
        }
    }
}
