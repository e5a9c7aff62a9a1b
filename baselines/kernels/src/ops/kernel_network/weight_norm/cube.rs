//! Weights of given lengths on a GPU, in f32: a thread per row.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use crate::gpu::{empty, per_element, row_major};

/// The weights; `None` where the kernel does not apply.
pub(super) fn forward(inputs: [&CubeTensor; 2]) -> Option<CubeTensor> {
    let [directions, lengths] = row_major(inputs)?;
    let weight = empty(&directions, directions.shape());
    let (count, dim, rows) = per_element(&lengths);
    // SAFETY: a length per row, and the kernel leaves out threads beyond them.
    unsafe {
        forward_kernel::launch_unchecked(
            &weight.client.clone(),
            count,
            dim,
            directions.into_tensor_arg(),
            lengths.into_tensor_arg(),
            weight.clone().into_tensor_arg(),
            rows,
        );
    }
    Some(weight)
}

/// The gradients of directions and lengths; `None` where the kernel does not apply.
pub(super) fn backward(saved: [&CubeTensor; 2], g: &CubeTensor) -> Option<[CubeTensor; 2]> {
    let [directions, lengths] = row_major(saved)?;
    let [g] = row_major([g])?;
    let gradients = [&directions, &lengths].map(|input| empty(input, input.shape()));
    let [d_directions, d_lengths] = gradients.clone();
    let (count, dim, rows) = per_element(&lengths);
    // SAFETY: a length per row, and the kernel leaves out threads beyond them.
    unsafe {
        backward_kernel::launch_unchecked(
            &g.client.clone(),
            count,
            dim,
            directions.into_tensor_arg(),
            lengths.into_tensor_arg(),
            g.into_tensor_arg(),
            d_directions.into_tensor_arg(),
            d_lengths.into_tensor_arg(),
            rows,
        );
    }
    Some(gradients)
}

/// 1 / ‖v‖ of the row that begins at `first`.
#[cube]
fn inverse_norm(directions: &Tensor<f32>, first: usize) -> f32 {
    let mut square = 0.0f32;
    for i in 0..directions.shape(1) {
        let value = directions[first + i];
        square += value * value;
    }
    1.0f32 / square.sqrt()
}

#[cube(launch_unchecked)]
fn forward_kernel(directions: &Tensor<f32>, lengths: &Tensor<f32>, weight: &mut Tensor<f32>, rows: u32) {
    if ABSOLUTE_POS < rows as usize {
        let inputs = directions.shape(1);
        let first = ABSOLUTE_POS * inputs;
        let scale = lengths[ABSOLUTE_POS] * inverse_norm(directions, first);
        for i in 0..inputs {
            weight[first + i] = directions[first + i] * scale;
        }
    }
}

#[cube(launch_unchecked)]
fn backward_kernel(
    directions: &Tensor<f32>,
    lengths: &Tensor<f32>,
    g: &Tensor<f32>,
    d_directions: &mut Tensor<f32>,
    d_lengths: &mut Tensor<f32>,
    rows: u32,
) {
    if ABSOLUTE_POS < rows as usize {
        let inputs = directions.shape(1);
        let first = ABSOLUTE_POS * inputs;
        let inverse = inverse_norm(directions, first);
        let mut along = 0.0f32;
        for i in 0..inputs {
            along += g[first + i] * directions[first + i] * inverse;
        }
        let scale = lengths[ABSOLUTE_POS] * inverse;
        for i in 0..inputs {
            d_directions[first + i] = (g[first + i] - directions[first + i] * inverse * along) * scale;
        }
        d_lengths[ABSOLUTE_POS] = along;
    }
}
