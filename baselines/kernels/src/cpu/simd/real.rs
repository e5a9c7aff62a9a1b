//! The element types that kernels compute in, f32 and f64, with elementary functions that vectorise.

use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

use burn::tensor::{DType, Element};
use realfft::FftNum;

use super::level::PLAIN;

/// The element types that kernels compute in.
pub(crate) trait Real:
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
}

/// The sum of `lanes`, their number a power of two, as a tree: halves are added as vectors.
#[inline(always)]
pub(crate) fn total<T: Real, const LANES: usize>(lanes: &[T; LANES]) -> f64 {
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

/// eˣ to within 2 ulp on [−87, 88], clamped outside; NaN stays NaN.
#[inline(always)]
pub(crate) fn exp<const LEVEL: usize>(x: f32) -> f32 {
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
