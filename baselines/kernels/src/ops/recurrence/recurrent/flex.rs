//! Recurrent layers on the CPU.
//!
//! The batch is split into groups of a fixed number of rows. Each group runs through time on one thread with no barrier
//! between steps: a matrix product per step, gates in one vectorised loop. Inputs and outputs are turned to time-major
//! layout block by block, where the products over many steps (input projection, weight gradients) are done at once.

mod gates;
mod size;
mod turn;

use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use rayon::prelude::*;

use gates::{Backward, Forward};
use size::Size;
use turn::{gather, scatter};

use super::cell::{Operands, RnnCell};
use crate::cpu::buffer::Buffer;
use crate::cpu::element::Element;
use crate::cpu::matmul::packed::Packed;
use crate::cpu::matmul::{Matrix, matmul};
use crate::cpu::simd::level::{Loop, dispatch, prefetch};
use crate::cpu::simd::real::Real;
use crate::cpu::tensor::{tensor, values};

/// Batch rows per task.
const ROWS: usize = 16;
/// Steps per block.
const STEPS: usize = 32;

/// Parameters as the forward pass reads them.
struct Weights<T> {
    /// `[in, gates]`
    input: Vec<T>,
    /// `[hidden, gates]`
    recurrent: Packed<T>,
    /// Added to the projected input: `[gates]`
    bias: Vec<T>,
    /// Added to the recurrent product of the GRU's `n`: `[hidden]`
    inner_bias: Vec<T>,
}

impl<T: Element> Weights<T> {
    fn new(size: Size, w_ih: &[T], w_hh: &[T], b_ih: &[T], b_hh: &[T]) -> Self {
        let mut bias: Vec<T> = b_ih.iter().zip(b_hh).map(|(&a, &b)| a + b).collect();
        let mut inner_bias = vec![T::ZERO; size.hidden];
        if size.cell == RnnCell::Gru {
            bias[2 * size.hidden..].copy_from_slice(&b_ih[2 * size.hidden..]);
            inner_bias.copy_from_slice(&b_hh[2 * size.hidden..]);
        }
        let recurrent = Packed::new(Matrix::rows(w_hh, size.hidden).transposed(), [size.hidden, size.gates]);
        Self { input: transposed(w_ih, size.input), recurrent, bias, inner_bias }
    }
}

fn transposed<T: Real>(w: &[T], columns: usize) -> Vec<T> {
    let rows = w.len() / columns;
    (0..w.len()).map(|i| w[(i % rows) * columns + i / rows]).collect()
}

/// Hidden states, and where `keep` the activations of every step.
pub(super) fn forward<T: Element>(cell: RnnCell, operands: Operands<Flex>, keep: bool) -> [FlexTensor; 2] {
    let size = Size::new(cell, &operands[0], &operands[2]);
    let batch = operands[0].shape()[0];
    let [x, w_ih, w_hh, b_ih, b_hh] = operands.each_ref().map(values::<T>);
    let weights = Weights::new(size, w_ih, w_hh, b_ih, b_hh);
    let mut y = Buffer::new(batch * size.hidden * size.length);
    let mut kept = Buffer::new(if keep { batch * size.length * size.kept } else { 0 });
    let groups = batch.div_ceil(ROWS);
    groups_mut(&mut kept, ROWS * size.length * size.kept, groups)
        .into_par_iter()
        .zip(y.par_chunks_mut(ROWS * size.hidden * size.length))
        .zip(x.par_chunks(ROWS * size.input * size.length))
        .for_each(|((kept, y), x)| forward_group(size, &weights, x, y, kept));
    let shape = [kept.len()];
    [tensor(y, [batch, size.hidden, size.length]), tensor(kept, shape)]
}

/// `values` in pieces of `length`; empty pieces where there are no values.
fn groups_mut<T>(values: &mut [T], length: usize, groups: usize) -> Vec<&mut [T]> {
    if values.is_empty() {
        return (0..groups).map(|_| Default::default()).collect();
    }
    values.chunks_mut(length).collect()
}

fn forward_group<T: Element>(size: Size, weights: &Weights<T>, x: &[T], y: &mut [T], kept: &mut [T]) {
    let Size { input, length, hidden, gates, .. } = size;
    let rows = x.len() / (input * length);
    let zeros = |n: usize| vec![T::ZERO; n];
    let mut inputs = zeros(STEPS * rows * input);
    let mut projected = zeros(STEPS * rows * gates);
    let mut recurrent = zeros(if size.cell == RnnCell::Gru { rows * gates } else { 0 });
    let mut states = zeros(STEPS * rows * hidden);
    let (mut state, mut memory) = (zeros(rows * hidden), zeros(rows * hidden));
    let mut unkept = zeros(if kept.is_empty() { rows * size.kept } else { 0 });
    for start in (0..length).step_by(STEPS) {
        let steps = STEPS.min(length - start);
        gather(x, &mut inputs, [rows, input, length], start, steps);
        for row in projected.chunks_exact_mut(gates) {
            row.copy_from_slice(&weights.bias);
        }
        let input_weights = Matrix::rows(&weights.input, gates);
        let sizes = [steps * rows, gates, input];
        matmul(sizes, Matrix::rows(&inputs, input), input_weights, &mut projected, gates, true);
        for step in 0..steps {
            let projected = &mut projected[step * rows * gates..][..rows * gates];
            let kept = match unkept.is_empty() {
                true => &mut kept[(start + step) * rows * size.kept..][..rows * size.kept],
                false => &mut unkept[..],
            };
            // What the gates are written to arrives during the product.
            prefetch(kept);
            match size.cell {
                // Its reset gate multiplies the recurrent part of a sum.
                RnnCell::Gru => weights.recurrent.multiply(&state, &mut recurrent, false),
                _ => weights.recurrent.multiply(&state, projected, true),
            }
            dispatch(Forward {
                size,
                projected,
                recurrent: &recurrent,
                inner_bias: &weights.inner_bias,
                state: &mut state,
                memory: &mut memory,
                kept,
            });
            states[step * rows * hidden..][..rows * hidden].copy_from_slice(&state);
        }
        scatter(&states, y, [rows, hidden, length], start, steps);
    }
}

/// The gradients of the operands, that of the input where `wanted`.
pub(super) fn backward<T: Element>(
    cell: RnnCell,
    operands: Operands<Flex>,
    [y, kept, g]: [FlexTensor; 3],
    [want_input, ..]: [bool; 5],
) -> [Option<FlexTensor>; 5] {
    let size = Size::new(cell, &operands[0], &operands[2]);
    let batch = operands[0].shape()[0];
    let [x, w_ih, w_hh, _, _] = operands.each_ref().map(values::<T>);
    let (y, g, kept) = (values::<T>(&y), values::<T>(&g), values::<T>(&kept));
    let mut dx = Buffer::new(if want_input { x.len() } else { 0 });
    let groups = batch.div_ceil(ROWS);
    let Size { input, length, hidden, gates, .. } = size;
    let recurrent = Packed::new(Matrix::rows(w_hh, hidden), [gates, hidden]);
    let parts: Vec<[Vec<T>; 4]> = groups_mut(&mut dx, ROWS * input * length, groups)
        .into_par_iter()
        .enumerate()
        .map(|(group, dx)| {
            let first = group * ROWS;
            let rows = ROWS.min(batch - first);
            let part = |values: &'_ [T], width: usize| first * width..(first * width + rows * width).min(values.len());
            let group = Group {
                rows,
                x: &x[part(x, input * length)],
                y: &y[part(y, hidden * length)],
                g: &g[part(g, hidden * length)],
                kept: &kept[part(kept, size.kept * length)],
            };
            backward_group(size, w_ih, &recurrent, &group, dx)
        })
        .collect();
    // One after the other, so that the sums do not depend on who finished first.
    let [w_ih, w_hh, b_ih, b_hh] = std::array::from_fn(|i| {
        let mut sum = parts[0][i].clone();
        for part in &parts[1..] {
            sum.iter_mut().zip(&part[i]).for_each(|(sum, &value)| *sum += value);
        }
        sum
    });
    [
        want_input.then(|| tensor(dx, [batch, input, length])),
        Some(tensor(w_ih, [gates, input])),
        Some(tensor(w_hh, [gates, hidden])),
        Some(tensor(b_ih, [gates])),
        Some(tensor(b_hh, [gates])),
    ]
}

/// What a group of rows contributes to the backward pass.
struct Group<'a, T> {
    rows: usize,
    x: &'a [T],
    y: &'a [T],
    g: &'a [T],
    kept: &'a [T],
}

/// Fills `dx` unless it is empty; returns the group's share of the gradients of the four parameters.
///
/// The sums over a block stay in this function: in one of their own, the backward pass of an RNN takes 1.06 to 1.1 times as long.
fn backward_group<T: Element>(
    size: Size,
    w_ih: &[T],
    recurrent: &Packed<T>,
    group: &Group<'_, T>,
    dx: &mut [T],
) -> [Vec<T>; 4] {
    let Size { cell, input, length, hidden, gates, .. } = size;
    let rows = group.rows;
    let width = rows * size.kept;
    let zeros = |n: usize| vec![T::ZERO; n];
    let (mut d_w_ih, mut d_w_hh) = (zeros(gates * input), zeros(gates * hidden));
    let (mut d_b_ih, mut d_b_hh) = (zeros(gates), zeros(gates));
    let (mut inputs, mut grads) = (zeros(STEPS * rows * input), zeros(STEPS * rows * hidden));
    // One state more than steps: the one before the block.
    let mut states = zeros((STEPS + 1) * rows * hidden);
    let mut from_x = zeros(STEPS * rows * gates);
    let mut from_h = zeros(if cell == RnnCell::Gru { STEPS * rows * gates } else { 0 });
    let (mut d_state, mut d_memory) = (zeros(rows * hidden), zeros(rows * hidden));
    for start in (0..length).step_by(STEPS).rev() {
        let steps = STEPS.min(length - start);
        gather(group.g, &mut grads, [rows, hidden, length], start, steps);
        let zero = |values: &[T]| values.iter().all(|&value| value == T::ZERO);
        if zero(&d_state) && zero(&d_memory) && zero(&grads[..steps * rows * hidden]) {
            // No gradient reaches these steps: it has vanished, and none enters here.
            if !dx.is_empty() {
                inputs.fill(T::ZERO);
                scatter(&inputs, dx, [rows, input, length], start, steps);
            }
            continue;
        }
        gather(group.x, &mut inputs, [rows, input, length], start, steps);
        gather_states(group.y, &mut states, [rows, hidden, length], start, steps);
        for step in (0..steps).rev() {
            let at = |width: usize| step * rows * width..(step + 1) * rows * width;
            let now = (start + step) * width;
            dispatch(Backward {
                size,
                g: &grads[at(hidden)],
                kept: &group.kept[now..now + width],
                memory_before: match cell {
                    RnnCell::Lstm if now > 0 => &group.kept[now - width..now],
                    _ => &[],
                },
                state_before: &states[at(hidden)],
                state: &states[rows * hidden..][at(hidden)],
                d_state: &mut d_state,
                d_memory: &mut d_memory,
                from_x: &mut from_x[at(gates)],
                from_h: if from_h.is_empty() { &mut [] } else { &mut from_h[at(gates)] },
            });
            if start + step > 0 {
                // The step after the next: the memory of that one is already read by the next.
                prefetch(&group.kept[now.saturating_sub(2 * width)..now.saturating_sub(width)]);
                let d = if from_h.is_empty() { &from_x } else { &from_h };
                // The GRU leaves what reaches the earlier state without the weights.
                recurrent.multiply(&d[at(gates)], &mut d_state, cell == RnnCell::Gru);
            }
        }
        let n = steps * rows;
        let from_h = if from_h.is_empty() { &from_x } else { &from_h };
        let transposed = |d| Matrix::rows(d, gates).transposed();
        let states = Matrix::rows(&states, hidden);
        matmul([gates, hidden, n], transposed(from_h), states, &mut d_w_hh, hidden, true);
        matmul([gates, input, n], transposed(&from_x), Matrix::rows(&inputs, input), &mut d_w_ih, input, true);
        dispatch(Columns { values: &from_x[..n * gates], sums: &mut d_b_ih });
        if cell == RnnCell::Gru {
            dispatch(Columns { values: &from_h[..n * gates], sums: &mut d_b_hh });
        }
        if !dx.is_empty() {
            let sizes = [n, input, gates];
            matmul(sizes, Matrix::rows(&from_x, gates), Matrix::rows(w_ih, input), &mut inputs, input, false);
            scatter(&inputs, dx, [rows, input, length], start, steps);
        }
    }
    if cell != RnnCell::Gru {
        d_b_hh.clone_from(&d_b_ih);
    }
    [d_w_ih, d_w_hh, d_b_ih, d_b_hh]
}

/// Adds the sums of the columns of `values` to `sums`.
struct Columns<'a, T> {
    values: &'a [T],
    sums: &'a mut [T],
}

impl<T: Real> Loop for Columns<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let sums = self.sums;
        for row in self.values.chunks_exact(sums.len()) {
            for column in 0..sums.len() {
                sums[column] += row[column];
            }
        }
    }
}

/// Copies `steps` states from `start` of `from`, and the one before them, which is zero at the beginning, as [`gather`] does.
fn gather_states<T: Element>(from: &[T], to: &mut [T], sizes: [usize; 3], start: usize, steps: usize) {
    let (before, inside) = to.split_at_mut(sizes[0] * sizes[1]);
    gather(from, inside, sizes, start, steps);
    match start {
        0 => before.fill(T::ZERO),
        _ => gather(from, before, sizes, start - 1, 1),
    }
}
