//! Loops compiled once per instruction set and chosen at run time, and the elementary functions that vectorise in them.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use burn::tensor::{DType, Element};
use realfft::FftNum;

use super::lane_fft::Transforms;
use super::vector::{self, Four, Vectorised};

/// No fused multiply-add.
pub(super) const PLAIN: usize = 0;
/// Fused multiply-add and 16 or more registers of at least 128 bits.
pub(super) const FUSED: usize = 1;
/// AVX-512: 32 registers of 512 bits.
pub(super) const WIDE: usize = 2;

/// A loop without calls, to be compiled for several instruction sets. `run` must be `#[inline(always)]`, or it is
/// compiled for the oldest processor only.
pub(super) trait Loop {
    fn run<const LEVEL: usize>(self);
}

/// Run `body` with the widest instructions of this processor.
pub(super) fn dispatch(body: impl Loop) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
        fn wide(body: impl Loop) {
            body.run::<WIDE>();
        }
        #[target_feature(enable = "avx2,fma")]
        fn fused(body: impl Loop) {
            body.run::<FUSED>();
        }
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        if avx2
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the processor has every feature that the function is compiled for.
            unsafe { wide(body) }
        } else if avx2 {
            // SAFETY: as above.
            unsafe { fused(body) }
        } else {
            body.run::<PLAIN>();
        }
    }
    #[cfg(target_arch = "aarch64")]
    body.run::<FUSED>();
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    body.run::<PLAIN>();
}

/// Let `values` come to the cache while other work goes on; a hint, where the processor takes one.
pub(super) fn prefetch<T: Real>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(64 / size_of::<T>()) {
        // SAFETY: a prefetch reads nothing that the program could see, and the address is that of a value.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// The element types that kernels compute in.
pub(super) trait Real:
    FftNum
    + Element
    + bytemuck::Pod
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + MulAssign
{
    const ZERO: Self;
    const ONE: Self;
    const TYPE: DType;
    /// Gradients of smaller magnitude count as zero: products with weights stay clear of subnormal numbers.
    const NEGLIGIBLE: Self;

    fn of(value: f64) -> Self;

    fn double(self) -> f64;

    fn sqrt(self) -> Self;

    /// `self · a + b`, in one rounding where the instruction set has it.
    fn fma<const LEVEL: usize>(self, a: Self, b: Self) -> Self;

    fn exp<const LEVEL: usize>(self) -> Self;

    fn tanh<const LEVEL: usize>(self) -> Self;

    fn sigmoid<const LEVEL: usize>(self) -> Self;

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

    /// Run `body` with the widest vectors of this level.
    #[inline(always)]
    fn vectorised<const LEVEL: usize>(body: impl Vectorised<Self>) {
        body.run::<Four<Self, LEVEL>>();
    }

    /// The transforms of many series of length `n`, planned once per process.
    fn lane_fft(n: usize) -> Arc<Transforms<Self>>;
}

/// Lanes that kernels on pairs work on at a time.
pub(super) const LANES: usize = 16;
/// Real parts, then imaginary parts.
pub(super) const PAIR: usize = 2 * LANES;

/// Columns of a matrix that kernels multiply with at a time.
pub(super) const PANEL: usize = 32;

/// Rows in a slice: element `s` of row `i` lies at `i · row + s · step`.
#[derive(Clone, Copy)]
pub(super) struct Strided<'a, T> {
    pub(super) values: &'a [T],
    pub(super) row: usize,
    pub(super) step: usize,
}

/// Places in a series of pairs that move on together.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a, T, const N: usize> {
    pub(super) pairs: &'a [[T; PAIR]],
    pub(super) places: [usize; N],
    pub(super) stride: usize,
}

macro_rules! plans {
    ($plan:ty, $n:expr, $make:expr) => {{
        static PLANS: OnceLock<Mutex<HashMap<usize, Arc<$plan>>>> = OnceLock::new();
        let mut plans = PLANS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(plans.entry($n).or_insert_with(|| Arc::new($make)))
    }};
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const TYPE: DType = DType::F32;
    const NEGLIGIBLE: Self = 1e-28;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value as Self
    }

    #[inline(always)]
    fn double(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }

    #[inline(always)]
    fn fma<const LEVEL: usize>(self, a: Self, b: Self) -> Self {
        if LEVEL == PLAIN { self * a + b } else { f32::mul_add(self, a, b) }
    }

    #[inline(always)]
    fn exp<const LEVEL: usize>(self) -> Self {
        exp::<LEVEL>(self)
    }

    #[inline(always)]
    fn tanh<const LEVEL: usize>(self) -> Self {
        // An odd polynomial around zero, where the other formula cancels.
        let z = self * self;
        let p = (-5.704_988_7e-3).fma::<LEVEL>(z, 2.063_909e-2);
        let p = p.fma::<LEVEL>(z, -5.373_971_6e-2);
        let p = p.fma::<LEVEL>(z, 1.333_144_2e-1);
        let p = p.fma::<LEVEL>(z, -3.333_328e-1);
        let near = (p * z).fma::<LEVEL>(self, self);
        let far = 1.0 - 2.0 / (1.0 + exp::<LEVEL>(2.0 * self));
        if self.abs() < 0.625 { near } else { far }
    }

    #[inline(always)]
    fn sigmoid<const LEVEL: usize>(self) -> Self {
        1.0 / (1.0 + exp::<LEVEL>(-self))
    }

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

    #[inline(always)]
    fn vectorised<const LEVEL: usize>(body: impl Vectorised<Self>) {
        vector::single::<LEVEL>(body);
    }

    fn lane_fft(n: usize) -> Arc<Transforms<Self>> {
        plans!(Transforms<f32>, n, Transforms::new(n))
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const TYPE: DType = DType::F64;
    const NEGLIGIBLE: Self = 1e-250;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn double(self) -> f64 {
        self
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }

    #[inline(always)]
    fn fma<const LEVEL: usize>(self, a: Self, b: Self) -> Self {
        if LEVEL == PLAIN { self * a + b } else { f64::mul_add(self, a, b) }
    }

    #[inline(always)]
    fn exp<const LEVEL: usize>(self) -> Self {
        f64::exp(self)
    }

    #[inline(always)]
    fn tanh<const LEVEL: usize>(self) -> Self {
        f64::tanh(self)
    }

    #[inline(always)]
    fn sigmoid<const LEVEL: usize>(self) -> Self {
        1.0 / (1.0 + (-self).exp())
    }

    fn lane_fft(n: usize) -> Arc<Transforms<Self>> {
        plans!(Transforms<f64>, n, Transforms::new(n))
    }
}

/// The sum of `lanes`, their number a power of two, as a tree: halves are added as vectors.
#[inline(always)]
pub(super) fn total<T: Real, const LANES: usize>(lanes: &[T; LANES]) -> f64 {
    const { assert!(LANES.is_power_of_two()) };
    // A loop: what `array::map` calls is not compiled for the instruction set of its caller.
    let mut sums = [0.0; LANES];
    for lane in 0..LANES {
        sums[lane] = lanes[lane].double();
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}

/// [`Real::complex_tile`] without instructions of its own.
#[inline(always)]
fn plain_complex_tile<T: Real, const M: usize, const N: usize, const LEVEL: usize>(
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

/// [`Real::tile`] without instructions of its own.
#[inline(always)]
fn plain_tile<T: Real, const M: usize, const LEVEL: usize>(
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
            pub(super) fn $name<const M: usize, const N: usize>(
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
            /// Every place that the segments reach lies inside its factor: see [`super::Real::tile`].
            #[target_feature(enable = $features)]
            #[inline]
            pub(super) unsafe fn $name<const M: usize>(
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

/// eˣ to within 2 ulp on [−87, 88], clamped outside; NaN stays NaN.
#[inline(always)]
pub(super) fn exp<const LEVEL: usize>(x: f32) -> f32 {
    // Adding 1.5 · 2²³ rounds to an integer and leaves it in the low bits: no conversion stops the vectoriser.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.fma::<LEVEL>(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, the first with few bits.
    let r = (-n).fma::<LEVEL>(0.693_359_4, x);
    let r = n.fma::<LEVEL>(2.121_944_4e-4, r);
    let p = 1.987_569_1e-4_f32.fma::<LEVEL>(r, 1.398_199_9e-3);
    let p = p.fma::<LEVEL>(r, 8.333_452e-3);
    let p = p.fma::<LEVEL>(r, 4.166_579_6e-2);
    let p = p.fma::<LEVEL>(r, 1.666_666_5e-1);
    let p = p.fma::<LEVEL>(r, 0.5);
    let p = p.fma::<LEVEL>(r * r, r + 1.0);
    p * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}
