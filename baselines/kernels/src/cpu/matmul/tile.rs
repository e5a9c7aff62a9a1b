//! Tiles of products: sums that stay in registers, which the vectoriser does not manage by itself.
#![allow(unsafe_code)]

use crate::cpu::simd::level::{FUSED, PLAIN, WIDE};
use crate::cpu::simd::real::Real;
use crate::cpu::simd::vector::LANES;

/// Real parts, then imaginary parts.
pub(crate) const PAIR: usize = 2 * LANES;

/// Columns of a matrix that kernels multiply with at a time.
pub(crate) const PANEL: usize = 32;

/// Rows in a slice: element `s` of row `i` lies at `i · row + s · step`.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) row: usize,
    pub(crate) step: usize,
}

/// Places in a series of pairs that move on together.
#[derive(Clone, Copy)]
pub(crate) struct Walk<'a, T, const N: usize> {
    pub(crate) pairs: &'a [[T; PAIR]],
    pub(crate) places: [usize; N],
    pub(crate) stride: usize,
}

/// Element types with tiles for every instruction set.
pub(crate) trait Tiles: Real {
    /// Complex products summed over `k` steps, `LANES` at a time: `out[i][j] = Σ_s left[i + s] · right[j + s]` for `M`
    /// places on the left and `N` on the right, which move on by a stride in every step. A pair is real parts, then
    /// imaginary parts.
    #[inline(always)]
    fn complex_tile<const M: usize, const N: usize, const LEVEL: usize>(
        left: Walk<'_, Self, M>,
        right: Walk<'_, Self, N>,
        k: usize,
    ) -> [[[Self; PAIR]; N]; M] {
        plain_complex_tile::<Self, M, N, LEVEL>(left, right, k)
    }

    /// `out[i][j] = Σ left[i · row + s · step] · right[s · right_step + j]` for `M` rows and `PANEL` columns, over `steps`
    /// steps `s` of every segment `[left, right]`, which says where both begin.
    #[inline(always)]
    fn tile<const M: usize, const LEVEL: usize>(
        left: Strided<'_, Self>,
        right: &[Self],
        right_step: usize,
        segments: &[[usize; 2]],
        steps: usize,
    ) -> [[Self; PANEL]; M] {
        plain_tile::<Self, M, LEVEL>(left, right, right_step, segments, steps)
    }
}

impl Tiles for f32 {
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn complex_tile<const M: usize, const N: usize, const LEVEL: usize>(
        left: Walk<'_, Self, M>,
        right: Walk<'_, Self, N>,
        k: usize,
    ) -> [[[Self; PAIR]; N]; M] {
        match LEVEL {
            // SAFETY: `dispatch` runs this level only where the processor has AVX-512.
            WIDE => unsafe { x86::complex_tile_512(left, right, k) },
            // SAFETY: `dispatch` runs this level only where the processor has AVX2 and FMA.
            FUSED => unsafe { x86::complex_tile_256(left, right, k) },
            _ => plain_complex_tile::<Self, M, N, LEVEL>(left, right, k),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn tile<const M: usize, const LEVEL: usize>(
        left: Strided<'_, Self>,
        right: &[Self],
        right_step: usize,
        segments: &[[usize; 2]],
        steps: usize,
    ) -> [[Self; PANEL]; M] {
        if LEVEL == PLAIN || steps == 0 {
            return plain_tile::<Self, M, LEVEL>(left, right, right_step, segments, steps);
        }
        let (far_left, far_right) = ((M - 1) * left.row + (steps - 1) * left.step, (steps - 1) * right_step + PANEL);
        for [first, second] in segments {
            assert!(first + far_left < left.values.len(), "a segment at {first} leaves the left factor");
            assert!(second + far_right <= right.len(), "a segment at {second} leaves the right factor");
        }
        // SAFETY: `dispatch` runs a level only where the processor has its instructions, and every place that the
        // segments reach lies inside the factors, as asserted.
        unsafe {
            match LEVEL {
                WIDE => x86::tile_512::<M>(left, right, right_step, segments, steps),
                _ => x86::tile_256::<M>(left, right, right_step, segments, steps),
            }
        }
    }
}

impl Tiles for f64 {}

/// [`Tiles::complex_tile`] without instructions of its own.
#[inline(always)]
fn plain_complex_tile<T: Tiles, const M: usize, const N: usize, const LEVEL: usize>(
    left: Walk<'_, T, M>,
    right: Walk<'_, T, N>,
    k: usize,
) -> [[[T; PAIR]; N]; M] {
    let mut out = [[[T::ZERO; PAIR]; N]; M];
    for step in 0..k {
        for (i, out) in out.iter_mut().enumerate() {
            let a = &left.pairs[left.places[i] + step * left.stride];
            for (j, out) in out.iter_mut().enumerate() {
                let b = &right.pairs[right.places[j] + step * right.stride];
                for lane in 0..LANES {
                    let (ar, ai, br, bi) = (a[lane], a[LANES + lane], b[lane], b[LANES + lane]);
                    out[lane] = (-ai).fma::<LEVEL>(bi, ar.fma::<LEVEL>(br, out[lane]));
                    out[LANES + lane] = ai.fma::<LEVEL>(br, ar.fma::<LEVEL>(bi, out[LANES + lane]));
                }
            }
        }
    }
    out
}

/// [`Tiles::tile`] without instructions of its own.
#[inline(always)]
fn plain_tile<T: Tiles, const M: usize, const LEVEL: usize>(
    left: Strided<'_, T>,
    right: &[T],
    right_step: usize,
    segments: &[[usize; 2]],
    steps: usize,
) -> [[T; PANEL]; M] {
    let mut out = [[T::ZERO; PANEL]; M];
    for (i, out) in out.iter_mut().enumerate() {
        for &[first, second] in segments {
            for step in 0..steps {
                let factor = left.values[first + i * left.row + step * left.step];
                let right = &right[second + step * right_step..][..PANEL];
                for lane in 0..PANEL {
                    out[lane] = factor.fma::<LEVEL>(right[lane], out[lane]);
                }
            }
        }
    }
    out
}

/// Tiles whose sums have to stay in registers, which the vectoriser does not manage by itself. (A closure would be compiled
/// for the oldest processor, so there are loops instead.)
#[cfg(target_arch = "x86_64")]
#[allow(clippy::needless_range_loop)]
mod x86 {
    use std::arch::x86_64::*;

    use super::{LANES, PAIR, PANEL, Strided, Walk};

    macro_rules! complex_tile {
        ($name:ident, $features:literal, $vector:ty, $lanes:literal, $zero:ident, $load:ident, $fma:ident, $fnma:ident, $store:ident) => {
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) fn $name<const M: usize, const N: usize>(
                left: Walk<'_, f32, M>,
                right: Walk<'_, f32, N>,
                k: usize,
            ) -> [[[f32; PAIR]; N]; M] {
                const VECTORS: usize = LANES / $lanes;
                let zero = $zero();
                let (mut re, mut im) = ([[[zero; VECTORS]; N]; M], [[[zero; VECTORS]; N]; M]);
                for step in 0..k {
                    let (mut br, mut bi) = ([[zero; VECTORS]; N], [[zero; VECTORS]; N]);
                    for j in 0..N {
                        let pair = &right.pairs[right.places[j] + step * right.stride];
                        for v in 0..VECTORS {
                            // SAFETY: both loads lie inside the pair.
                            unsafe {
                                br[j][v] = $load(pair.as_ptr().add(v * $lanes));
                                bi[j][v] = $load(pair.as_ptr().add(LANES + v * $lanes));
                            }
                        }
                    }
                    for i in 0..M {
                        let pair = &left.pairs[left.places[i] + step * left.stride];
                        for v in 0..VECTORS {
                            // SAFETY: both loads lie inside the pair.
                            let (ar, ai) = unsafe {
                                ($load(pair.as_ptr().add(v * $lanes)), $load(pair.as_ptr().add(LANES + v * $lanes)))
                            };
                            for j in 0..N {
                                re[i][j][v] = $fnma(ai, bi[j][v], $fma(ar, br[j][v], re[i][j][v]));
                                im[i][j][v] = $fma(ai, br[j][v], $fma(ar, bi[j][v], im[i][j][v]));
                            }
                        }
                    }
                }
                let mut out = [[[0.0; PAIR]; N]; M];
                for i in 0..M {
                    for j in 0..N {
                        for v in 0..VECTORS {
                            // SAFETY: both stores lie inside the pair.
                            unsafe {
                                $store(out[i][j].as_mut_ptr().add(v * $lanes), re[i][j][v]);
                                $store(out[i][j].as_mut_ptr().add(LANES + v * $lanes), im[i][j][v]);
                            }
                        }
                    }
                }
                out
            }
        };
    }

    complex_tile!(
        complex_tile_512,
        "avx512f",
        __m512,
        16,
        _mm512_setzero_ps,
        _mm512_loadu_ps,
        _mm512_fmadd_ps,
        _mm512_fnmadd_ps,
        _mm512_storeu_ps
    );
    complex_tile!(
        complex_tile_256,
        "avx2,fma",
        __m256,
        8,
        _mm256_setzero_ps,
        _mm256_loadu_ps,
        _mm256_fmadd_ps,
        _mm256_fnmadd_ps,
        _mm256_storeu_ps
    );

    macro_rules! tile {
        ($name:ident, $features:literal, $lanes:literal, $zero:ident, $load:ident, $broadcast:ident, $fma:ident, $store:ident) => {
            /// # Safety
            /// Every place that the segments reach lies inside its factor: see [`super::Tiles::tile`].
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) unsafe fn $name<const M: usize>(
                left: Strided<'_, f32>,
                right: &[f32],
                right_step: usize,
                segments: &[[usize; 2]],
                steps: usize,
            ) -> [[f32; PANEL]; M] {
                const VECTORS: usize = PANEL / $lanes;
                let (rows, columns) = (left.values.as_ptr(), right.as_ptr());
                let mut sums = [[$zero(); VECTORS]; M];
                for &[first, second] in segments {
                    for step in 0..steps {
                        let mut b = [$zero(); VECTORS];
                        for v in 0..VECTORS {
                            // SAFETY: inside the factor, as the caller vouches.
                            b[v] = unsafe { $load(columns.add(second + step * right_step + v * $lanes)) };
                        }
                        for i in 0..M {
                            // SAFETY: as above.
                            let a = $broadcast(unsafe { *rows.add(first + i * left.row + step * left.step) });
                            for v in 0..VECTORS {
                                sums[i][v] = $fma(a, b[v], sums[i][v]);
                            }
                        }
                    }
                }
                let mut out = [[0.0; PANEL]; M];
                for i in 0..M {
                    for v in 0..VECTORS {
                        // SAFETY: the store lies inside a row of the result.
                        unsafe { $store(out[i].as_mut_ptr().add(v * $lanes), sums[i][v]) };
                    }
                }
                out
            }
        };
    }

    tile!(
        tile_512,
        "avx512f",
        16,
        _mm512_setzero_ps,
        _mm512_loadu_ps,
        _mm512_set1_ps,
        _mm512_fmadd_ps,
        _mm512_storeu_ps
    );
    tile!(
        tile_256,
        "avx2,fma",
        8,
        _mm256_setzero_ps,
        _mm256_loadu_ps,
        _mm256_set1_ps,
        _mm256_fmadd_ps,
        _mm256_storeu_ps
    );
}
