//! Minimal recurrences on the CPU: logistic functions over a block of steps in vector lanes, then the recurrence through the
//! block, parallel over rows.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use super::cell::MinCell;
use crate::cpu::buffer::Buffer;
use crate::cpu::simd::level::{Loop, dispatch};
use crate::cpu::simd::real::Real;
use crate::cpu::tensor::{tensor, values};

/// Steps whose intermediate values stay in the cache.
const BLOCK: usize = 256;

/// The states for the sums `x`.
pub(super) fn forward<T: Real>(cell: MinCell, x: &FlexTensor) -> FlexTensor {
    let shape = x.shape();
    let (states, length) = (shape[1] / cell.parts(), shape[2]);
    let x = values::<T>(x);
    let mut h = Buffer::new(shape[0] * states * length);
    h.par_chunks_mut(length).enumerate().for_each(|(row, h)| {
        dispatch(Forward { sums: Row::of(cell, x, [row, states, length]), h });
    });
    tensor(h, [shape[0], states, length])
}

/// The gradient of the sums from these, the states and the gradient of the states.
pub(super) fn backward<T: Real>(cell: MinCell, operands: &[FlexTensor; 3]) -> FlexTensor {
    let shape = operands[0].shape();
    let (states, length) = (shape[1] / cell.parts(), shape[2]);
    let [x, h, g] = operands.each_ref().map(values::<T>);
    let mut dx = Buffer::new(x.len());
    let rows: Vec<Gradients<'_, T>> =
        dx.chunks_mut(shape[1] * length).flat_map(|dx| of_rows(dx, [states, length])).collect();
    rows.into_par_iter().zip(h.par_chunks(length)).zip(g.par_chunks(length)).enumerate().for_each(
        |(row, ((gradients, h), g))| {
            dispatch(Backward { sums: Row::of(cell, x, [row, states, length]), h, g, gradients });
        },
    );
    tensor(dx, shape)
}

/// The sums of one state: of the candidate, and of minGRU's gate, or of minLSTM's two.
#[derive(Clone, Copy)]
struct Row<'a, T> {
    v: &'a [T],
    k: &'a [T],
    i: Option<&'a [T]>,
}

impl<'a, T: Real> Row<'a, T> {
    fn of(cell: MinCell, x: &'a [T], [row, states, length]: [usize; 3]) -> Self {
        let (sample, state) = (row / states, row % states);
        let part = |part: usize| &x[((sample * cell.parts() + part) * states + state) * length..][..length];
        Self { v: part(0), k: part(1), i: (cell == MinCell::Lstm).then(|| part(2)) }
    }

    /// Factors of the old state, those of the candidates, and the candidates of the `n` steps from `first` on.
    #[inline(always)]
    fn evaluate<const LEVEL: usize>(&self, [first, n]: [usize; 2], values: &mut [[T; BLOCK]; 3]) {
        let [old, new, candidate] = values;
        for (candidate, &v) in candidate[..n].iter_mut().zip(&self.v[first..first + n]) {
            let s = v.sigmoid::<LEVEL>();
            *candidate = if v < T::ZERO { s } else { v + T::of(0.5) };
        }
        let shares = old[..n].iter_mut().zip(&mut new[..n]).zip(&self.k[first..first + n]);
        let Some(i) = self.i else {
            for ((old, new), &k) in shares {
                *new = k.sigmoid::<LEVEL>();
                *old = (-k).sigmoid::<LEVEL>();
            }
            return;
        };
        for (((old, new), &f), &i) in shares.zip(&i[first..first + n]) {
            // Both gates times e to the power of the lesser of their distances from one: neither has to be far below.
            let (low_f, low_i) = (below(f), below(i));
            let most = if low_f < low_i { low_i } else { low_f };
            let gate = |low: T, x: T| (low - most).exp::<LEVEL>() / (T::ONE + (-size(x)).exp::<LEVEL>());
            let (f, i) = (gate(low_f, f), gate(low_i, i));
            *old = f / (f + i);
            *new = i / (f + i);
        }
    }
}

/// min(x, 0)
#[inline(always)]
fn below<T: Real>(x: T) -> T {
    if x < T::ZERO { x } else { T::ZERO }
}

/// |x|
#[inline(always)]
fn size<T: Real>(x: T) -> T {
    if x < T::ZERO { -x } else { x }
}

/// `x`, or zero where it would end in subnormal numbers, with which processors compute many times slower.
#[inline(always)]
fn settled<T: Real>(x: T) -> T {
    if size(x) < T::NEGLIGIBLE { T::ZERO } else { x }
}

struct Forward<'a, T> {
    sums: Row<'a, T>,
    h: &'a mut [T],
}

impl<T: Real> Loop for Forward<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let mut values = [[T::ZERO; BLOCK]; 3];
        let mut state = T::ZERO;
        for (block, h) in self.h.chunks_mut(BLOCK).enumerate() {
            self.sums.evaluate::<LEVEL>([block * BLOCK, h.len()], &mut values);
            let [old, new, candidate] = &values;
            for (at, h) in h.iter_mut().enumerate() {
                state = old[at].fma::<LEVEL>(state, new[at] * candidate[at]);
                *h = state;
            }
        }
    }
}

/// The gradients of a [`Row`]; the last is empty for minGRU.
struct Gradients<'a, T> {
    v: &'a mut [T],
    k: &'a mut [T],
    i: &'a mut [T],
}

/// The gradients of all rows of a sample, `[parts, states, length]`.
fn of_rows<T>(dx: &mut [T], [states, length]: [usize; 2]) -> Vec<Gradients<'_, T>> {
    let (v, rest) = dx.split_at_mut(states * length);
    let (k, i) = rest.split_at_mut(states * length);
    let mut thirds = i.chunks_mut(length);
    let pairs = v.chunks_mut(length).zip(k.chunks_mut(length));
    pairs.map(|(v, k)| Gradients { v, k, i: thirds.next().unwrap_or_default() }).collect()
}

struct Backward<'a, T> {
    sums: Row<'a, T>,
    h: &'a [T],
    g: &'a [T],
    gradients: Gradients<'a, T>,
}

impl<T: Real> Loop for Backward<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let Self { sums, h, g, gradients: Gradients { v, k, i } } = self;
        let length = h.len();
        let mut values = [[T::ZERO; BLOCK]; 3];
        // What reaches a state from the one after it.
        let mut later = T::ZERO;
        for first in (0..length).step_by(BLOCK).rev() {
            let n = BLOCK.min(length - first);
            let block = first..first + n;
            sums.evaluate::<LEVEL>([first, n], &mut values);
            let [old, new, candidate] = &values;
            for at in (0..n).rev() {
                let t = first + at;
                let sum = settled(g[t] + later);
                later = old[at] * sum;
                let before = if t == 0 { T::ZERO } else { h[t - 1] };
                v[t] = sum * new[at];
                k[t] = settled(sum * (candidate[at] - before) * (new[at] * old[at]));
            }
            // Below zero the candidate is its own logistic function.
            let slopes = sums.v[block.clone()].iter().zip(&candidate[..n]);
            for (d, (&v, &s)) in v[block.clone()].iter_mut().zip(slopes) {
                *d = if v < T::ZERO { settled(*d * (s * (T::ONE - s))) } else { *d };
            }
            let Some(of_i) = sums.i else { continue };
            // k has the gradient of log σ(i) − log σ(f).
            let gates = sums.k[block.clone()].iter().zip(&of_i[block.clone()]);
            for ((d_f, d_i), (&f, &i)) in k[block.clone()].iter_mut().zip(&mut i[block]).zip(gates) {
                let d = *d_f;
                *d_i = d * (-i).sigmoid::<LEVEL>();
                *d_f = -(d * (-f).sigmoid::<LEVEL>());
            }
        }
    }
}
