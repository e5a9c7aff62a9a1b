//! Pointwise maps on the CPU: one matrix product per item, parallel over items, and over stretches of positions where there
//! are few items.
#![allow(unsafe_code)]

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use crate::cpu::buffer::Buffer;
use crate::cpu::matmul::{Matrix, matmul, matmul_shared};
use crate::cpu::rows::{over_rows, sum};
use crate::cpu::shared::Shared;
use crate::cpu::simd::real::Real;
use crate::cpu::tensor::{tensor, values};

/// Tasks that work is split into at most.
const TASKS: usize = 16;
/// Positions per product: few enough that the output stays in the cache between its bias and the product.
const POSITIONS: usize = 1024;
/// Positions that are not split further.
const LEAST: usize = 128;

pub(in crate::ops) fn forward<T: Real>(operands: [FlexTensor; 3]) -> FlexTensor {
    let [x_shape, weight_shape] = [0, 1].map(|operand: usize| operands[operand].shape());
    let [x, weight, bias] = operands.each_ref().map(values::<T>);
    let (batch, positions) = (x_shape[0], x_shape[2]);
    let (outputs, inputs) = (weight_shape[0], weight_shape[1]);
    let y = apply([batch, outputs, inputs, positions], Matrix::rows(weight, inputs), x, Some(bias));
    tensor(y, [batch, outputs, positions])
}

pub(in crate::ops) fn backward<T: Real>(operands: [FlexTensor; 3], wanted: [bool; 3]) -> [Option<FlexTensor>; 3] {
    let [x_shape, weight_shape] = [0, 1].map(|operand: usize| operands[operand].shape());
    let [x, weight, g] = operands.each_ref().map(values::<T>);
    let (batch, positions) = (x_shape[0], x_shape[2]);
    let (outputs, inputs) = (weight_shape[0], weight_shape[1]);
    let dx = wanted[0].then(|| {
        let transposed = Matrix::rows(weight, inputs).transposed();
        tensor(apply([batch, inputs, outputs, positions], transposed, g, None), x_shape)
    });
    let d_weight = wanted[1].then(|| tensor(outer([batch, outputs, inputs, positions], g, x), weight_shape));
    let d_bias = wanted[2].then(|| {
        let of_row = |_, row: usize| sum(&g[row * positions..][..positions], T::ZERO, None);
        tensor(over_rows(outputs, batch * outputs, of_row).map(T::of).collect::<Vec<T>>(), [outputs])
    });
    [dx, d_weight, d_bias]
}

/// `matrix` `[out, in]` times every item of `x` `[batch, in, positions]`, plus `bias`: `[batch, out, positions]`.
fn apply<T: Real>(
    [batch, outputs, inputs, positions]: [usize; 4],
    matrix: Matrix<'_, T>,
    x: &[T],
    bias: Option<&[T]>,
) -> Buffer<T> {
    // Few items are split into stretches of positions: a task then packs each factor once.
    let stretch = (positions * batch).div_ceil(TASKS).next_multiple_of(LEAST).clamp(LEAST, POSITIONS);
    let stretches = positions.div_ceil(stretch);
    let mut y = Buffer::new(batch * outputs * positions);
    let out = Shared::new(&mut y);
    (0..batch * stretches).into_par_iter().for_each(|task| {
        let (item, start) = (task / stretches, task % stretches * stretch);
        let n = stretch.min(positions - start);
        let first = item * outputs * positions + start;
        if let Some(bias) = bias {
            for (row, &bias) in bias.iter().enumerate() {
                // SAFETY: these positions of this item belong to this task alone.
                unsafe { out.slice(first + row * positions, n) }.fill(bias);
            }
        }
        let x = Matrix::rows(&x[item * inputs * positions + start..], positions);
        // SAFETY: as above; the slices that were filled are gone.
        unsafe { matmul_shared([outputs, n, inputs], matrix, x, out, [first, positions], bias.is_some()) };
    });
    y
}

/// The sum over items of `g` `[out, positions]` times the transpose of `x` `[in, positions]`: `[out, in]`. Every task
/// sums up consecutive stretches of positions, and their sums are added in order.
fn outer<T: Real>([batch, outputs, inputs, positions]: [usize; 4], g: &[T], x: &[T]) -> Vec<T> {
    let stretches = positions.div_ceil(POSITIONS);
    let pieces = batch * stretches;
    let per_task = pieces.div_ceil(TASKS);
    let parts: Vec<Vec<T>> = (0..pieces.div_ceil(per_task))
        .into_par_iter()
        .map(|task| {
            let mut part = vec![T::ZERO; outputs * inputs];
            let (mut left, mut right) = (Vec::new(), Vec::new());
            for piece in task * per_task..pieces.min((task + 1) * per_task) {
                let (item, start) = (piece / stretches, piece % stretches * POSITIONS);
                let n = POSITIONS.min(positions - start);
                let g = spread(&g[item * outputs * positions..], positions, start, [outputs, n], &mut left);
                let x = spread(&x[item * inputs * positions..], positions, start, [inputs, n], &mut right);
                matmul([outputs, inputs, n], g, x.transposed(), &mut part, inputs, true);
            }
            part
        })
        .collect();
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_else(|| vec![T::ZERO; outputs * inputs]);
    for part in parts {
        total.iter_mut().zip(&part).for_each(|(total, &part)| *total += part);
    }
    total
}

/// Columns `start..start + n` of `values`, `rows` rows of `positions`. Rows that lie a multiple of 1 KiB apart evict each
/// other from the cache when a product walks down a column; such are copied into `buffer` a little further apart.
fn spread<'a, T: Real>(
    values: &'a [T],
    positions: usize,
    start: usize,
    [rows, n]: [usize; 2],
    buffer: &'a mut Vec<T>,
) -> Matrix<'a, T> {
    const LINE: usize = 16;
    if !(positions * size_of::<T>()).is_multiple_of(1024) || rows < LINE {
        return Matrix::rows(&values[start..], positions);
    }
    let pitch = n.next_multiple_of(LINE) + LINE;
    buffer.clear();
    buffer.reserve_exact(rows * pitch);
    for row in 0..rows {
        buffer.extend_from_slice(&values[row * positions + start..][..n]);
        buffer.resize((row + 1) * pitch, T::ZERO);
    }
    Matrix::rows(buffer, pitch)
}
