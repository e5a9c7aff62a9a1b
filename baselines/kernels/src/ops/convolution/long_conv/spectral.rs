//! Matrix products of spectra, one per frequency, with neighbouring frequencies side by side in vector lanes.
#![allow(unsafe_code)]

use std::ops::Range;

use rayon::prelude::*;

use crate::cpu::batched_fft::{BatchedFft, Layout};
use crate::cpu::buffer::Buffer;
use crate::cpu::element::Element;
use crate::cpu::matmul::tile::{PAIR, Walk};
use crate::cpu::shared::Shared;
use crate::cpu::simd::level::{Loop, PLAIN, WIDE, dispatch};
use crate::cpu::simd::vector::LANES;

/// Frequencies per block. A block is stored as real parts, then imaginary parts.
const BLOCK: usize = LANES;

/// Spectra of many series, in the order in which products read them: blocks of neighbouring frequencies, and within a
/// block all series, `[frequency / BLOCK, series, 2 · BLOCK]`. Lanes beyond the last frequency are zero.
pub(crate) struct Spectra<T> {
    values: Buffer<T>,
    series: usize,
}

/// One factor of a product: its spectra, the series at which it begins, and how many series lie between neighbours of the
/// product's outer and summed index.
pub(crate) type Factor<'a, T> = (&'a Spectra<T>, usize, [usize; 2]);

impl<T: Element> Spectra<T> {
    /// Spectra of series `row(0)` to `row(series − 1)` that lie in `n` samples as `layout` tells; conjugated where asked for.
    pub(crate) fn of<'a>(
        n: usize,
        series: usize,
        conjugate: bool,
        layout: Layout,
        row: impl Fn(usize) -> &'a [T] + Sync + Send,
    ) -> Self
    where
        T: 'a,
    {
        let mut values = Buffer::new((n / 2 + 1).div_ceil(BLOCK) * series * PAIR);
        let shared = Shared::new(&mut values);
        groups(series).for_each_init(
            || BatchedFft::new(n),
            |fft, group| {
                fft.load(std::array::from_fn(|lane| (lane < group.len()).then(|| row(group.start + lane))), layout);
                fft.forward(conjugate);
                // SAFETY: places (block, series) of this group belong to this task alone, and every group is visited once.
                fft.take(|block| unsafe { shared.slice((block * series + group.start) * PAIR, group.len() * PAIR) });
            },
        );
        Self { values, series }
    }

    /// The series of `n` samples behind the spectra, conjugated where asked for; what `layout` tells of series i is written
    /// to the `length` places of `out` from `to(i)` times `length` on.
    pub(crate) fn series(
        &self,
        n: usize,
        conjugate: bool,
        layout: Layout,
        (out, length): (Shared<'_, T>, usize),
        to: impl Fn(usize) -> usize + Sync + Send,
    ) {
        let scale = T::ONE / T::of(n as f64);
        groups(self.series).for_each_init(
            || BatchedFft::new(n),
            |fft, group| {
                fft.give(|block| &self.values[(block * self.series + group.start) * PAIR..][..group.len() * PAIR]);
                fft.inverse(scale, conjugate);
                // SAFETY: `to` is one to one.
                let row = |series| unsafe { out.slice(to(series) * length, length) };
                fft.store(std::array::from_fn(|lane| (lane < group.len()).then(|| row(group.start + lane))), layout);
            },
        );
    }

    /// For every frequency, `c[m, n] = Σ_k a[m, k] · b[n, k]`; the series of the result are ordered `[m, n]`.
    pub(crate) fn products([m, n, k]: [usize; 3], a: Factor<'_, T>, b: Factor<'_, T>) -> Self {
        let blocks = a.0.values.len() / (a.0.series * PAIR);
        let mut values = Buffer::new(blocks * m * n * PAIR);
        values.par_chunks_mut(m * n * PAIR).enumerate().for_each(|(block, out)| {
            let [left, right] =
                [a, b].map(|(spectra, first, strides)| Side { pairs: &spectra.block(block)[first..], strides });
            dispatch(Product { sizes: [m, n, k], left, right, out });
        });
        Self { values, series: m * n }
    }

    fn block(&self, block: usize) -> &[[T; PAIR]] {
        self.values[block * self.series * PAIR..][..self.series * PAIR].as_chunks::<PAIR>().0
    }
}

/// Neighbouring series that are transformed together.
fn groups(series: usize) -> impl IndexedParallelIterator<Item = Range<usize>> {
    let group = move |group: usize| group * LANES..(group * LANES + LANES).min(series);
    (0..series.div_ceil(LANES)).into_par_iter().map(group)
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

impl<T: Element> Loop for Product<'_, T> {
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

impl<T: Element> Product<'_, T> {
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
