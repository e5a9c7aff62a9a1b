//! Weighted sums on the CPU: one pass, parallel over rows, sums in lanes.

use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{DType, Shape};
use rayon::prelude::*;

use super::{WeightedSumGrad, WeightedSumOps};
use crate::kernels::cpu::{finish, prepare, tensor, values};
use crate::kernels::profile;
use crate::kernels::room::Room;
use crate::kernels::rows::sum;
use crate::kernels::simd::Real;

impl WeightedSumOps for Flex {
    fn sum_positions(x: FlexTensor, weights: FlexTensor) -> FlexTensor {
        let _scope = profile::scope("weighted sum");
        let dtype = x.dtype();
        let y = match dtype {
            DType::F64 => forward::<f64>(prepare(x), prepare(weights)),
            _ => forward::<f32>(prepare(x), prepare(weights)),
        };
        finish(y, dtype)
    }
}

impl WeightedSumGrad for Flex {
    fn sum_positions_backward(weights: FlexTensor, g: FlexTensor, shape: Shape) -> FlexTensor {
        let _scope = profile::scope("weighted sum backward");
        let dtype = g.dtype();
        let dx = match dtype {
            DType::F64 => backward::<f64>(prepare(weights), prepare(g), shape),
            _ => backward::<f32>(prepare(weights), prepare(g), shape),
        };
        finish(dx, dtype)
    }
}

fn forward<T: Real>(x: FlexTensor, weights: FlexTensor) -> FlexTensor {
    let shape = x.shape();
    let (x, weights) = (values::<T>(&x), values::<T>(&weights));
    let of = |row: usize| &weights[weights_at(row, &shape, weights.len())..][..shape[2]];
    let rows = x.par_chunks(shape[2]).enumerate();
    let y: Vec<T> = rows.map(|(row, x)| T::of(sum(x, T::ZERO, Some((of(row), T::ZERO))))).collect();
    tensor(y, [shape[0], shape[1], 1])
}

fn backward<T: Real>(weights: FlexTensor, g: FlexTensor, shape: Shape) -> FlexTensor {
    let (weights, g) = (values::<T>(&weights), values::<T>(&g));
    let mut dx = Room::new(shape.num_elements());
    dx.par_chunks_mut(shape[2]).enumerate().for_each(|(row, dx)| {
        let weights = &weights[weights_at(row, &shape, weights.len())..];
        dx.iter_mut().zip(weights).for_each(|(dx, &weight)| *dx = g[row] * weight);
    });
    tensor(dx, shape)
}

/// Where the weights of a row begin: every sample has its own, or all have the same.
fn weights_at(row: usize, shape: &Shape, weights: usize) -> usize {
    if weights == shape[2] { 0 } else { row / shape[1] * shape[2] }
}
