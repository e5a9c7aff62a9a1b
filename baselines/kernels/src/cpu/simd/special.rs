//! Elementary functions in f32 that vectorise: GELU, sine and cosine.

use super::real::{Real, exp};

/// x Φ(x)
#[inline(always)]
pub(crate) fn gelu<const LEVEL: usize>(x: f32) -> f32 {
    x * distribution::<LEVEL>(x, bell::<LEVEL>(x))
}

/// Φ(x) + x φ(x)
#[inline(always)]
pub(crate) fn gelu_slope<const LEVEL: usize>(x: f32) -> f32 {
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

/// sin x and cos x to within 1e-7 for |x| below a million; larger arguments lose as many digits as they exceed it by.
#[inline(always)]
pub(crate) fn sine_and_cosine<const LEVEL: usize>(x: f32) -> (f32, f32) {
    use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};
    // Adding 1.5 · 2⁵² rounds to an integer and leaves it in the low bits: no conversion stops the vectoriser. In double
    // precision the remainder of a quarter turn is exact enough without splitting π.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let x = f64::from(x);
    let shifted = x * FRAC_2_PI + ROUND;
    let r = (x - (shifted - ROUND) * FRAC_PI_2) as f32;
    let quarter = shifted.to_bits() as u32;
    // Taylor polynomials on |r| ≤ π/4, to the last bit in single precision.
    let z = r * r;
    let s = 2.755_731_9e-6_f32.fma::<LEVEL>(z, -1.984_127e-4);
    let s = s.fma::<LEVEL>(z, 8.333_333e-3);
    let s = s.fma::<LEVEL>(z, -1.666_666_7e-1);
    let s = (s * z).fma::<LEVEL>(r, r);
    let c = (-2.755_732e-7_f32).fma::<LEVEL>(z, 2.480_158_7e-5);
    let c = c.fma::<LEVEL>(z, -1.388_888_9e-3);
    let c = c.fma::<LEVEL>(z, 4.166_666_6e-2);
    let c = c.fma::<LEVEL>(z, -0.5);
    let c = c.fma::<LEVEL>(z, 1.0);
    let swap = quarter & 1 != 0;
    let (sine, cosine) = (if swap { c } else { s }, if swap { s } else { c });
    let sign = |value: f32, negative: u32| f32::from_bits(value.to_bits() ^ (negative << 31));
    (sign(sine, (quarter >> 1) & 1), sign(cosine, ((quarter.wrapping_add(1)) >> 1) & 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::simd::level::PLAIN;

    #[test]
    fn sines_and_cosines_are_exact_to_single_precision() {
        let mut x = -1.0e6_f32;
        while x < 1.0e6 {
            let (sine, cosine) = sine_and_cosine::<PLAIN>(x);
            let exact = f64::from(x).sin_cos();
            assert!((f64::from(sine) - exact.0).abs() < 1.2e-7, "sin {x}: {sine} instead of {}", exact.0);
            assert!((f64::from(cosine) - exact.1).abs() < 1.2e-7, "cos {x}: {cosine} instead of {}", exact.1);
            x += 17.318_73;
        }
        assert!(sine_and_cosine::<PLAIN>(f32::NAN).0.is_nan() && sine_and_cosine::<PLAIN>(f32::INFINITY).1.is_nan());
    }
}
