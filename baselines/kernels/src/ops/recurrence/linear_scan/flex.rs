//! Linear recurrences on the CPU: several rows side by side, so that one need not wait for its own last step, and parallel
//! over groups of rows.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use crate::cpu::buffer::Buffer;
use crate::cpu::simd::level::{Loop, dispatch};
use crate::cpu::simd::real::Real;
use crate::cpu::tensor::{tensor, values};

/// Rows side by side: about as many as multiplications take cycles, times those that start in one.
const ROWS: usize = 8;

/// The states for coefficients and inputs.
pub(super) fn forward<T: Real>(operands: &[FlexTensor; 2]) -> FlexTensor {
    let shape = operands[0].shape();
    let length = shape[2];
    let [a, b] = operands.each_ref().map(values::<T>);
    let mut h = Buffer::new(a.len());
    let group = ROWS * length;
    h.par_chunks_mut(group).zip(a.par_chunks(group)).zip(b.par_chunks(group)).for_each(|((h, a), b)| {
        if h.len() == group {
            dispatch(Forward::<_, ROWS> { a, b, h, length });
            return;
        }
        let rows = h.chunks_mut(length).zip(a.chunks(length)).zip(b.chunks(length));
        rows.for_each(|((h, a), b)| dispatch(Forward::<_, 1> { a, b, h, length }));
    });
    tensor(h, shape)
}

/// The gradients of coefficients and inputs from the coefficients, the states and the gradient of these.
pub(super) fn backward<T: Real>(operands: &[FlexTensor; 3]) -> [FlexTensor; 2] {
    let shape = operands[0].shape();
    let length = shape[2];
    let [a, h, g] = operands.each_ref().map(values::<T>);
    let [mut da, mut db] = [Buffer::new(a.len()), Buffer::new(a.len())];
    let group = ROWS * length;
    let results = da.par_chunks_mut(group).zip(db.par_chunks_mut(group));
    let inputs = a.par_chunks(group).zip(h.par_chunks(group)).zip(g.par_chunks(group));
    results.zip(inputs).for_each(|((da, db), ((a, h), g))| {
        if da.len() == group {
            dispatch(Backward::<_, ROWS> { a, h, g, da, db, length });
            return;
        }
        let results = da.chunks_mut(length).zip(db.chunks_mut(length));
        let inputs = a.chunks(length).zip(h.chunks(length)).zip(g.chunks(length));
        results.zip(inputs).for_each(|((da, db), ((a, h), g))| dispatch(Backward::<_, 1> { a, h, g, da, db, length }));
    });
    [tensor(da, shape.clone()), tensor(db, shape)]
}

/// `N` rows of `length` steps.
struct Forward<'a, T, const N: usize> {
    a: &'a [T],
    b: &'a [T],
    h: &'a mut [T],
    length: usize,
}

impl<T: Real, const N: usize> Loop for Forward<'_, T, N> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let Self { a, b, h, length } = self;
        let (a, b, h) = (&a[..N * length], &b[..N * length], &mut h[..N * length]);
        let mut state = [T::ZERO; N];
        for t in 0..length {
            for (row, state) in state.iter_mut().enumerate() {
                let at = row * length + t;
                *state = a[at].fma::<LEVEL>(*state, b[at]);
                h[at] = *state;
            }
        }
    }
}

/// `N` rows of `length` steps.
struct Backward<'a, T, const N: usize> {
    a: &'a [T],
    h: &'a [T],
    g: &'a [T],
    da: &'a mut [T],
    db: &'a mut [T],
    length: usize,
}

impl<T: Real, const N: usize> Loop for Backward<'_, T, N> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let Self { a, h, g, da, db, length } = self;
        let (a, h, g) = (&a[..N * length], &h[..N * length], &g[..N * length]);
        let (da, db) = (&mut da[..N * length], &mut db[..N * length]);
        // What reaches a state from later ones, and the coefficient of the step after it.
        let (mut later, mut next) = ([T::ZERO; N], [T::ZERO; N]);
        for t in (0..length).rev() {
            for row in 0..N {
                let at = row * length + t;
                let sum = next[row].fma::<LEVEL>(later[row], g[at]);
                // A gradient that dies away would end in subnormal numbers, with which processors compute many times slower.
                let sum = if sum < T::NEGLIGIBLE && -sum < T::NEGLIGIBLE { T::ZERO } else { sum };
                let before = if t == 0 { T::ZERO } else { h[at - 1] };
                da[at] = sum * before;
                db[at] = sum;
                (later[row], next[row]) = (sum, a[at]);
            }
        }
    }
}
