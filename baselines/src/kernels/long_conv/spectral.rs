//! Matrix products of spectra, one per frequency, with neighbouring frequencies side by side in vector lanes.

use rayon::prelude::*;
use realfft::num_complex::Complex;

use crate::kernels::simd::{Loop, Real, WIDE, dispatch};

/// Frequencies per block. A block is stored as real parts, then imaginary parts.
pub(super) const BLOCK: usize = 16;
const PAIR: usize = 2 * BLOCK;

/// Rows of spectra `pitch` apart, and the strides in rows of the product's outer and summed index.
type Rows<'a, T> = (&'a [Complex<T>], [usize; 2]);

/// For every frequency, `c[m, n] = Σ_k a[m, k] · b[n, k]`, with b conjugated where `conjugate`. Returns blocks
/// `[frequency / BLOCK, m, n, 2 · BLOCK]`.
pub(super) fn products<T: Real>(
    [m, n, k]: [usize; 3],
    (a, a_strides): Rows<'_, T>,
    (b, b_strides): Rows<'_, T>,
    conjugate: bool,
    pitch: usize,
) -> Vec<T> {
    let mut blocks = vec![T::ZERO; pitch / BLOCK * m * n * PAIR];
    let scratch = || (vec![T::ZERO; m * k * PAIR], vec![T::ZERO; n * k * PAIR]);
    blocks.par_chunks_mut(m * n * PAIR).enumerate().for_each_init(scratch, |(left, right), (block, out)| {
        collect(a, a_strides, [m, k], pitch, block * BLOCK, false, left);
        collect(b, b_strides, [n, k], pitch, block * BLOCK, conjugate, right);
        dispatch(Product { sizes: [m, n, k], left, right, out });
    });
    blocks
}

/// The bins of one row out of `rows`, scaled.
pub(super) fn row_of<T: Real>(blocks: &[T], rows: usize, row: usize, scale: T, bins: &mut [Complex<T>]) {
    for (bins, block) in bins.chunks_mut(BLOCK).zip(blocks.chunks_exact(rows * PAIR)) {
        let (re, im) = block[row * PAIR..][..PAIR].split_at(BLOCK);
        for ((bin, &re), &im) in bins.iter_mut().zip(re).zip(im) {
            *bin = Complex::new(re * scale, im * scale);
        }
    }
}

/// One block of frequencies of all rows, ordered `[outer, summed]`.
fn collect<T: Real>(
    rows: &[Complex<T>],
    [outer_stride, summed_stride]: [usize; 2],
    [outer, summed]: [usize; 2],
    pitch: usize,
    first: usize,
    conjugate: bool,
    out: &mut [T],
) {
    let sign = if conjugate { -T::ONE } else { T::ONE };
    for (at, out) in out.chunks_exact_mut(PAIR).enumerate().take(outer * summed) {
        let row = at / summed * outer_stride + at % summed * summed_stride;
        let (re, im) = out.split_at_mut(BLOCK);
        for ((bin, re), im) in rows[row * pitch + first..][..BLOCK].iter().zip(re).zip(im) {
            *re = bin.re;
            *im = sign * bin.im;
        }
    }
}

struct Product<'a, T> {
    sizes: [usize; 3],
    left: &'a [T],
    right: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Loop for Product<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(mut self) {
        let [m, n, _] = self.sizes;
        // Two by two halve the loads, where there are registers enough.
        let even = |size: usize| if LEVEL == WIDE { size / 2 * 2 } else { 0 };
        for row in (0..even(m)).step_by(2) {
            for column in (0..even(n)).step_by(2) {
                self.tile::<2, 2, LEVEL>(row, column);
            }
            for column in even(n)..n {
                self.tile::<2, 1, LEVEL>(row, column);
            }
        }
        for row in even(m)..m {
            for column in 0..n {
                self.tile::<1, 1, LEVEL>(row, column);
            }
        }
    }
}

impl<T: Real> Product<'_, T> {
    /// `M` by `N` neighbouring products.
    #[inline(always)]
    fn tile<const M: usize, const N: usize, const LEVEL: usize>(&mut self, row: usize, column: usize) {
        let [_, n, k] = self.sizes;
        let mut re = [[[T::ZERO; BLOCK]; N]; M];
        let mut im = [[[T::ZERO; BLOCK]; N]; M];
        let left: [&[[T; PAIR]]; M] = std::array::from_fn(|i| blocks(self.left, row + i, k));
        let right: [&[[T; PAIR]]; N] = std::array::from_fn(|j| blocks(self.right, column + j, k));
        for at in 0..k {
            for i in 0..M {
                let a = &left[i][at];
                for j in 0..N {
                    let b = &right[j][at];
                    for lane in 0..BLOCK {
                        let (ar, ai, br, bi) = (a[lane], a[BLOCK + lane], b[lane], b[BLOCK + lane]);
                        re[i][j][lane] = (-ai).fma::<LEVEL>(bi, ar.fma::<LEVEL>(br, re[i][j][lane]));
                        im[i][j][lane] = ai.fma::<LEVEL>(br, ar.fma::<LEVEL>(bi, im[i][j][lane]));
                    }
                }
            }
        }
        for i in 0..M {
            for j in 0..N {
                let out = &mut self.out[((row + i) * n + column + j) * PAIR..][..PAIR];
                out[..BLOCK].copy_from_slice(&re[i][j]);
                out[BLOCK..].copy_from_slice(&im[i][j]);
            }
        }
    }
}

/// The `k` blocks of one row of a factor.
#[inline(always)]
fn blocks<T>(factor: &[T], row: usize, k: usize) -> &[[T; PAIR]] {
    factor[row * k * PAIR..][..k * PAIR].as_chunks::<PAIR>().0
}
