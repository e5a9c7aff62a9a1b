//! Elementary curves in f32 that vectorise.

use crate::kernels::simd::{Real, exp};

/// x Φ(x)
#[inline(always)]
pub(in crate::kernels) fn gelu<const LEVEL: usize>(x: f32) -> f32 {
    x * distribution::<LEVEL>(x, bell::<LEVEL>(x))
}

/// Φ(x) + x φ(x)
#[inline(always)]
pub(in crate::kernels) fn gelu_slope<const LEVEL: usize>(x: f32) -> f32 {
    const DENSITY_AT_ZERO: f32 = 0.398_942_3;
    let e = bell::<LEVEL>(x);
    (x * DENSITY_AT_ZERO).fma::<LEVEL>(e, distribution::<LEVEL>(x, e))
}

/// exp(−x²/2), and zero where it is below 1e-25 (|x| > 10.7): what follows from such values would be subnormal numbers, with
/// which processors compute many times slower.
#[inline(always)]
fn bell<const LEVEL: usize>(x: f32) -> f32 {
    let e = exp::<LEVEL>(-0.5 * x * x);
    if e < 1e-25 { 0.0 } else { e }
}

/// Φ(x), given `e` = exp(−x²/2), to within a few ulp of the smaller tail.
///
/// Φ(−a) = ½ erfc(z) with z = a/√2, and erfc(z) exp(z²) / t is a polynomial in t = 1 / (1 + z/2) but for a relative
/// 5e-8 on 0 ≤ z ≤ 9.6 (Chebyshev interpolation); beyond, `e` is zero.
#[inline(always)]
fn distribution<const LEVEL: usize>(x: f32, e: f32) -> f32 {
    const HALF_OVER_ROOT_TWO: f32 = 0.353_553_4;
    let t = 1.0 / x.abs().fma::<LEVEL>(HALF_OVER_ROOT_TWO, 1.0);
    let p = (-0.059_420_563_f32).fma::<LEVEL>(t, 0.286_372_7);
    let p = p.fma::<LEVEL>(t, -0.491_068_36);
    let p = p.fma::<LEVEL>(t, 0.282_620_95);
    let p = p.fma::<LEVEL>(t, -0.029_815_113);
    let p = p.fma::<LEVEL>(t, 0.204_039_4);
    let p = p.fma::<LEVEL>(t, 0.242_766_9);
    let p = p.fma::<LEVEL>(t, 0.282_420_07);
    let p = p.fma::<LEVEL>(t, 0.282_084);
    let tail = 0.5 * e * t * p;
    if x < 0.0 { tail } else { 1.0 - tail }
}
