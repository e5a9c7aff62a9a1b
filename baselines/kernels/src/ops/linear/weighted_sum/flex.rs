//! Weighted sums on the CPU: one pass, parallel over rows, sums in lanes.

use std::ops::Range;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;
use rayon::prelude::*;

use crate::cpu::buffer::Buffer;
use crate::cpu::rows::sum;
use crate::cpu::simd::real::Real;
use crate::cpu::tensor::{tensor, values};

pub(super) fn forward<T: Real>(x: FlexTensor, weights: FlexTensor) -> FlexTensor {
    let shape = x.shape();
    let (x, weights) = (values::<T>(&x), values::<T>(&weights));
    let series = spans(weights, shape[2]);
    let rows = x.par_chunks(shape[2]).enumerate();
    let y: Vec<T> = rows
        .map(|(row, x)| {
            let (weights, span) = &series[if series.len() == 1 { 0 } else { row / shape[1] }];
            T::of(sum(&x[span.clone()], T::ZERO, Some((&weights[span.clone()], T::ZERO))))
        })
        .collect();
    tensor(y, [shape[0], shape[1], 1])
}

pub(super) fn backward<T: Real>(weights: FlexTensor, g: FlexTensor) -> FlexTensor {
    let shape = Shape::from([g.shape()[0], g.shape()[1], weights.shape()[2]]);
    let (weights, g) = (values::<T>(&weights), values::<T>(&g));
    let series = spans(weights, shape[2]);
    let mut dx = Buffer::new(shape.num_elements());
    dx.par_chunks_mut(shape[2]).enumerate().for_each(|(row, dx)| {
        let (weights, span) = &series[if series.len() == 1 { 0 } else { row / shape[1] }];
        dx[..span.start].fill(T::ZERO);
        dx[span.end..].fill(T::ZERO);
        dx[span.clone()].iter_mut().zip(&weights[span.clone()]).for_each(|(dx, &weight)| *dx = g[row] * weight);
    });
    tensor(dx, shape)
}

/// Every series of weights, and from where to where it is not zero: positions outside are not even read.
fn spans<T: Real>(weights: &[T], positions: usize) -> Vec<(&[T], Range<usize>)> {
    weights
        .chunks_exact(positions)
        .map(|weights| {
            let first = weights.iter().position(|&weight| weight != T::ZERO).unwrap_or(0);
            let end = weights.iter().rposition(|&weight| weight != T::ZERO).map_or(first, |last| last + 1);
            (weights, first..end)
        })
        .collect()
}
