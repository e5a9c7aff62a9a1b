//! Matrix products of spectra, one per frequency, with neighbouring frequencies side by side in vector lanes.
#![allow(unsafe_code)]

use rayon::prelude::*;
use realfft::num_complex::Complex;

use crate::kernels::room::Room;
use crate::kernels::shared::Shared;
use crate::kernels::simd::{LANES, Loop, PAIR, PLAIN, Real, WIDE, Walk, dispatch};

/// Frequencies per block. A block is stored as real parts, then imaginary parts.
const BLOCK: usize = LANES;

/// Spectra of many series, in the order in which products read them: blocks of neighbouring frequencies, and within a
/// block all series, `[frequency / BLOCK, series, 2 · BLOCK]`. Lanes beyond the last frequency are zero.
pub(super) struct Spectra<T> {
    values: Room<T>,
    series: usize,
}

/// One factor of a product: its spectra, the series at which it begins, and how many series lie between neighbours of the
/// product's outer and summed index.
pub(super) type Factor<'a, T> = (&'a Spectra<T>, usize, [usize; 2]);

impl<T: Real> Spectra<T> {
    /// Spectra of `bins` frequencies, where `transform(scratch, i)` leaves that of series `i` in what it returns;
    /// conjugated where asked for.
    pub(super) fn of<S>(
        series: usize,
        bins: usize,
        conjugate: bool,
        scratch: impl Fn() -> S + Sync + Send,
        transform: impl for<'s> Fn(&'s mut S, usize) -> &'s [Complex<T>] + Sync + Send,
    ) -> Self {
        let mut values = Room::new(bins.div_ceil(BLOCK) * series * PAIR);
        let sign = if conjugate { -T::ONE } else { T::ONE };
        let shared = Shared::new(&mut values);
        (0..series).into_par_iter().for_each_init(scratch, |scratch, row| {
            for (block, bins) in transform(scratch, row).chunks(BLOCK).enumerate() {
                // SAFETY: place (block, row) belongs to this row alone, and every row is visited once.
                let pair = unsafe { shared.slice((block * series + row) * PAIR, PAIR) };
                let (re, im) = pair.split_at_mut(BLOCK);
                re[bins.len()..].fill(T::ZERO);
                im[bins.len()..].fill(T::ZERO);
                for ((bin, re), im) in bins.iter().zip(re).zip(im) {
                    *re = bin.re;
                    *im = sign * bin.im;
                }
            }
        });
        Self { values, series }
    }

    /// For every frequency, `c[m, n] = Σ_k a[m, k] · b[n, k]`; the series of the result are ordered `[m, n]`.
    pub(super) fn products([m, n, k]: [usize; 3], a: Factor<'_, T>, b: Factor<'_, T>) -> Self {
        let blocks = a.0.values.len() / (a.0.series * PAIR);
        let mut values = Room::new(blocks * m * n * PAIR);
        values.par_chunks_mut(m * n * PAIR).enumerate().for_each(|(block, out)| {
            let [left, right] =
                [a, b].map(|(spectra, first, strides)| Side { pairs: &spectra.block(block)[first..], strides });
            dispatch(Product { sizes: [m, n, k], left, right, out });
        });
        Self { values, series: m * n }
    }

    /// Number of series.
    pub(super) fn series(&self) -> usize {
        self.series
    }

    fn block(&self, block: usize) -> &[[T; PAIR]] {
        self.values[block * self.series * PAIR..][..self.series * PAIR].as_chunks::<PAIR>().0
    }

    /// The frequencies of series `row`, scaled and conjugated where asked for, into `bins`.
    pub(super) fn read(&self, row: usize, scale: T, conjugate: bool, bins: &mut [Complex<T>]) {
        let im_scale = if conjugate { -scale } else { scale };
        for (block, bins) in bins.chunks_mut(BLOCK).enumerate() {
            let (re, im) = self.block(block)[row].split_at(BLOCK);
            for ((bin, &re), &im) in bins.iter_mut().zip(re).zip(im) {
                *bin = Complex::new(re * scale, im * im_scale);
            }
        }
    }
}

/// One block of a factor.
#[derive(Clone, Copy)]
struct Side<'a, T> {
    pairs: &'a [[T; PAIR]],
    strides: [usize; 2],
}

struct Product<'a, T> {
    sizes: [usize; 3],
    left: Side<'a, T>,
    right: Side<'a, T>,
    out: &'a mut [T],
}

impl<T: Real> Loop for Product<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(mut self) {
        let [m, n, _] = self.sizes;
        let mut row = 0;
        // As many sums as registers hold: the more, the fewer loads.
        if LEVEL == WIDE {
            while row + 4 <= m {
                for column in (0..n / 2 * 2).step_by(2) {
                    self.tile::<4, 2, LEVEL>(row, column);
                }
                for column in n / 2 * 2..n {
                    self.tile::<4, 1, LEVEL>(row, column);
                }
                row += 4;
            }
        }
        if LEVEL != PLAIN {
            while row + 2 <= m {
                for column in 0..n {
                    self.tile::<2, 1, LEVEL>(row, column);
                }
                row += 2;
            }
        }
        while row < m {
            for column in 0..n {
                self.tile::<1, 1, LEVEL>(row, column);
            }
            row += 1;
        }
    }
}

impl<T: Real> Product<'_, T> {
    /// `M` by `N` neighbouring products.
    #[inline(always)]
    fn tile<const M: usize, const N: usize, const LEVEL: usize>(&mut self, row: usize, column: usize) {
        let [_, n, k] = self.sizes;
        let tile = T::complex_tile::<M, N, LEVEL>(self.left.walk(row), self.right.walk(column), k);
        for (i, tile) in tile.iter().enumerate() {
            for (j, pair) in tile.iter().enumerate() {
                self.out[((row + i) * n + column + j) * PAIR..][..PAIR].copy_from_slice(pair);
            }
        }
    }
}

impl<'a, T> Side<'a, T> {
    /// The way along the summed index from `N` neighbours of the outer one, from `first` on.
    #[inline(always)]
    fn walk<const N: usize>(self, first: usize) -> Walk<'a, T, N> {
        let [outer, summed] = self.strides;
        let mut places = [0; N];
        for (i, place) in places.iter_mut().enumerate() {
            *place = (first + i) * outer;
        }
        Walk { pairs: self.pairs, places, stride: summed }
    }
}
