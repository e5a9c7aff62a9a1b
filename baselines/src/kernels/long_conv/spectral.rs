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
        // Two rows at once halve the loads of the right factor, where there are registers enough.
        let pairs = if LEVEL == WIDE { n / 2 * 2 } else { 0 };
        for row in 0..m {
            for column in (0..pairs).step_by(2) {
                self.tile::<2, LEVEL>(row, column);
            }
            for column in pairs..n {
                self.tile::<1, LEVEL>(row, column);
            }
        }
    }
}

impl<T: Real> Product<'_, T> {
    /// `N` neighbouring products of one row.
    #[inline(always)]
    fn tile<const N: usize, const LEVEL: usize>(&mut self, row: usize, column: usize) {
        let [_, n, k] = self.sizes;
        let mut re = [[T::ZERO; BLOCK]; N];
        let mut im = [[T::ZERO; BLOCK]; N];
        let (left, _) = self.left[row * k * PAIR..][..k * PAIR].as_chunks::<PAIR>();
        let right: [&[[T; PAIR]]; N] =
            std::array::from_fn(|i| self.right[(column + i) * k * PAIR..][..k * PAIR].as_chunks::<PAIR>().0);
        for (at, a) in left.iter().enumerate() {
            for i in 0..N {
                let b = &right[i][at];
                for lane in 0..BLOCK {
                    let (ar, ai, br, bi) = (a[lane], a[BLOCK + lane], b[lane], b[BLOCK + lane]);
                    re[i][lane] = (-ai).fma::<LEVEL>(bi, ar.fma::<LEVEL>(br, re[i][lane]));
                    im[i][lane] = ai.fma::<LEVEL>(br, ar.fma::<LEVEL>(bi, im[i][lane]));
                }
            }
        }
        for i in 0..N {
            let out = &mut self.out[(row * n + column + i) * PAIR..][..PAIR];
            out[..BLOCK].copy_from_slice(&re[i]);
            out[BLOCK..].copy_from_slice(&im[i]);
        }
    }
}
