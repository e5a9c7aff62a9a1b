//! Vectors of numbers, for loops whose registers and shuffles the vectoriser does not find by itself.
//!
//! Those of `macerator` 0.5 and `pulp` 0.22 compute as fast (0.98 to 1.01 of the time, with AVX2 and AVX-512), but neither has
//! an interleave in a fixed order: through arrays, a transposition takes 1.00 of the time with `macerator`, by grace of the
//! optimiser, and 4.7 (AVX2) to 8.0 of it with `pulp`. `macerator` chooses the instruction set itself, apart from [`Loop`].
#![allow(unsafe_code)]

use std::marker::PhantomData;

use super::level::{FUSED, Loop, dispatch};
use super::real::Real;

/// Lanes that kernels work on at a time.
pub(crate) const LANES: usize = 16;
/// Numbers of sixteen series at one place.
pub(crate) type Lanes<T> = [T; LANES];

/// Some numbers in a register. Only [`Vectors::vectorised`] chooses one, so that its instructions are those of the processor;
/// methods are inlined into the loop that is compiled for those.
pub(crate) trait Vector<T>: Copy {
    /// How many; divides [`LANES`].
    const WIDTH: usize;

    /// Those from `at` on.
    fn load(from: &[T; LANES], at: usize) -> Self;

    /// Store them from `at` on.
    fn store(self, to: &mut [T; LANES], at: usize);

    fn splat(value: T) -> Self;

    fn add(self, other: Self) -> Self;

    fn sub(self, other: Self) -> Self;

    fn mul(self, other: Self) -> Self;

    /// `self · a + b`.
    fn fma(self, a: Self, b: Self) -> Self;

    /// `b − self · a`.
    fn fnma(self, a: Self, b: Self) -> Self;

    /// The first halves of both, in turns, and the second halves.
    fn zip(self, other: Self) -> [Self; 2];
}

/// A loop over vectors. `run` must be `#[inline(always)]`, as that of [`Loop`](super::level::Loop).
pub(crate) trait Vectorised<T> {
    fn run<V: Vector<T>>(self);
}

/// Element types with vectors for every instruction set.
pub(crate) trait Vectors: Real {
    /// Runs `body` with the widest vectors of this level.
    #[inline(always)]
    fn vectorised<const LEVEL: usize>(body: impl Vectorised<Self>) {
        body.run::<Four<Self, LEVEL>>();
    }
}

impl Vectors for f32 {
    #[inline(always)]
    fn vectorised<const LEVEL: usize>(body: impl Vectorised<Self>) {
        single::<LEVEL>(body);
    }
}

impl Vectors for f64 {}

/// Runs `body` with the widest vectors of this processor.
pub(crate) fn vectorise<T: Vectors>(body: impl Vectorised<T>) {
    dispatch(OfLevel(body, PhantomData));
}

struct OfLevel<B, T>(B, PhantomData<T>);

impl<T: Vectors, B: Vectorised<T>> Loop for OfLevel<B, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        T::vectorised::<LEVEL>(self.0);
    }
}

/// Sixteen rows of sixteen numbers, turned around, as far as `out` reaches: `out[step · j][i] = rows[i][j]`.
#[inline(always)]
pub(crate) fn transpose<T: Real, V: Vector<T>>(rows: [&[T; LANES]; LANES], out: &mut [[T; LANES]], step: usize) {
    for top in (0..LANES).step_by(V::WIDTH) {
        for left in (0..LANES).step_by(V::WIDTH) {
            let mut block = [V::splat(T::ZERO); LANES];
            for (block, row) in block.iter_mut().zip(&rows[top..top + V::WIDTH]) {
                *block = V::load(row, left);
            }
            // Each round moves one bit of the column's number to the row's.
            let mut round = 1;
            while round < V::WIDTH {
                let before = block;
                for i in 0..V::WIDTH / 2 {
                    [block[2 * i], block[2 * i + 1]] = before[i].zip(before[i + V::WIDTH / 2]);
                }
                round *= 2;
            }
            for (i, block) in block.iter().enumerate().take(V::WIDTH) {
                if let Some(out) = out.get_mut(step * (left + i)) {
                    block.store(out, top);
                }
            }
        }
    }
}

/// Four numbers, for any processor.
#[derive(Clone, Copy)]
pub(crate) struct Four<T, const LEVEL: usize>([T; 4]);

impl<T: Real, const LEVEL: usize> Vector<T> for Four<T, LEVEL> {
    const WIDTH: usize = 4;

    #[inline(always)]
    fn load(from: &[T; LANES], at: usize) -> Self {
        Self([from[at], from[at + 1], from[at + 2], from[at + 3]])
    }

    #[inline(always)]
    fn store(self, to: &mut [T; LANES], at: usize) {
        to[at..at + 4].copy_from_slice(&self.0);
    }

    #[inline(always)]
    fn splat(value: T) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    fn add(self, Self(b): Self) -> Self {
        let Self(a) = self;
        Self([a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]])
    }

    #[inline(always)]
    fn sub(self, Self(b): Self) -> Self {
        let Self(a) = self;
        Self([a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]])
    }

    #[inline(always)]
    fn mul(self, Self(b): Self) -> Self {
        let Self(a) = self;
        Self([a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]])
    }

    #[inline(always)]
    fn fma(self, Self(a): Self, Self(b): Self) -> Self {
        let mut out = self.0;
        for i in 0..4 {
            out[i] = out[i].fma::<LEVEL>(a[i], b[i]);
        }
        Self(out)
    }

    #[inline(always)]
    fn fnma(self, Self(a): Self, Self(b): Self) -> Self {
        let mut out = self.0;
        for i in 0..4 {
            out[i] = (-out[i]).fma::<LEVEL>(a[i], b[i]);
        }
        Self(out)
    }

    #[inline(always)]
    fn zip(self, Self(b): Self) -> [Self; 2] {
        let Self(a) = self;
        [Self([a[0], b[0], a[1], b[1]]), Self([a[2], b[2], a[3], b[3]])]
    }
}

/// Runs `body` with the vectors of f32 of this level.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn single<const LEVEL: usize>(body: impl Vectorised<f32>) {
    match LEVEL {
        super::level::WIDE => body.run::<x86::Sixteen>(),
        FUSED => body.run::<x86::Eight>(),
        _ => body.run::<Four<f32, LEVEL>>(),
    }
}

/// Runs `body` with the vectors of f32 of this level.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn single<const LEVEL: usize>(body: impl Vectorised<f32>) {
    const { assert!(LEVEL <= FUSED) };
    body.run::<Four<f32, LEVEL>>();
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{LANES, Vector};

    /// Sixteen numbers, for AVX-512.
    #[derive(Clone, Copy)]
    pub(crate) struct Sixteen(__m512);

    /// Eight numbers, for AVX2.
    #[derive(Clone, Copy)]
    pub(crate) struct Eight(__m256);

    macro_rules! arithmetic {
        ($width:literal, $load:ident, $store:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $fma:ident, $fnma:ident) => {
            const WIDTH: usize = $width;

            #[inline(always)]
            fn load(from: &[f32; LANES], at: usize) -> Self {
                let from = &from[at..at + $width];
                // SAFETY: the slice has as many elements as the vector; the vector is chosen where the processor has it.
                Self(unsafe { $load(from.as_ptr()) })
            }

            #[inline(always)]
            fn store(self, to: &mut [f32; LANES], at: usize) {
                let to = &mut to[at..at + $width];
                // SAFETY: as for `load`.
                unsafe { $store(to.as_mut_ptr(), self.0) }
            }

            #[inline(always)]
            fn splat(value: f32) -> Self {
                // SAFETY: the vector is chosen where the processor has it.
                Self(unsafe { $splat(value) })
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $add(self.0, other.0) })
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $sub(self.0, other.0) })
            }

            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $mul(self.0, other.0) })
            }

            #[inline(always)]
            fn fma(self, a: Self, b: Self) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $fma(self.0, a.0, b.0) })
            }

            #[inline(always)]
            fn fnma(self, a: Self, b: Self) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $fnma(self.0, a.0, b.0) })
            }
        };
    }

    impl Vector<f32> for Sixteen {
        arithmetic!(
            16,
            _mm512_loadu_ps,
            _mm512_storeu_ps,
            _mm512_set1_ps,
            _mm512_add_ps,
            _mm512_sub_ps,
            _mm512_mul_ps,
            _mm512_fmadd_ps,
            _mm512_fnmadd_ps
        );

        #[inline(always)]
        fn zip(self, other: Self) -> [Self; 2] {
            // SAFETY: as for `splat`.
            unsafe {
                // Places of the other vector count from 16 on.
                let first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
                let second = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
                [
                    Self(_mm512_permutex2var_ps(self.0, first, other.0)),
                    Self(_mm512_permutex2var_ps(self.0, second, other.0)),
                ]
            }
        }
    }

    impl Vector<f32> for Eight {
        arithmetic!(
            8,
            _mm256_loadu_ps,
            _mm256_storeu_ps,
            _mm256_set1_ps,
            _mm256_add_ps,
            _mm256_sub_ps,
            _mm256_mul_ps,
            _mm256_fmadd_ps,
            _mm256_fnmadd_ps
        );

        #[inline(always)]
        fn zip(self, other: Self) -> [Self; 2] {
            // SAFETY: as for `splat`.
            unsafe {
                // Within each half of the registers; the halves are put in order afterwards.
                let low = _mm256_unpacklo_ps(self.0, other.0);
                let high = _mm256_unpackhi_ps(self.0, other.0);
                [Self(_mm256_permute2f128_ps::<0x20>(low, high)), Self(_mm256_permute2f128_ps::<0x31>(low, high))]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::simd::level::PLAIN;

    struct Transpose<'a, T> {
        rows: &'a [[T; LANES]; LANES],
        out: &'a mut [[T; LANES]],
    }

    impl<T: Real> Vectorised<T> for Transpose<'_, T> {
        #[inline(always)]
        fn run<V: Vector<T>>(self) {
            transpose::<T, V>(std::array::from_fn(|i| &self.rows[i]), self.out, 1);
        }
    }

    fn check<T: Real>(run: impl Fn(Transpose<'_, T>)) {
        let rows: [[T; LANES]; LANES] = std::array::from_fn(|i| std::array::from_fn(|j| T::of((100 * i + j) as f64)));
        let mut out = [[T::ZERO; LANES]; LANES];
        run(Transpose { rows: &rows, out: &mut out });
        for (i, j) in (0..LANES).flat_map(|i| (0..LANES).map(move |j| (i, j))) {
            assert_eq!(out[j][i].double(), (100 * i + j) as f64);
        }
    }

    #[test]
    fn blocks_are_turned_around_by_every_vector() {
        check::<f32>(|transpose| vectorise(transpose));
        check::<f64>(|transpose| vectorise(transpose));
        check::<f32>(|transpose| Vectorised::run::<Four<f32, PLAIN>>(transpose));
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            #[target_feature(enable = "avx2,fma")]
            fn eight(transpose: Transpose<'_, f32>) {
                Vectorised::run::<x86::Eight>(transpose);
            }
            // SAFETY: the processor has both.
            check::<f32>(|transpose| unsafe { eight(transpose) });
        }
    }
}
