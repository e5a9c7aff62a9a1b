//! Transforms of a few complex numbers, held in registers, and what they do with those.

use crate::cpu::simd::real::Real;
use crate::cpu::simd::vector::{Lanes, Vector};

/// The lengths that have a [`Butterfly`].
pub(crate) const RADICES: [usize; 10] = [16, 12, 10, 9, 8, 6, 5, 4, 3, 2];

/// Complex numbers of some lanes.
#[derive(Clone, Copy)]
pub(crate) struct Complex<V> {
    pub(crate) re: V,
    pub(crate) im: V,
}

impl<V> Complex<V> {
    #[inline(always)]
    pub(crate) fn load<T>(values: &[Lanes<T>], place: usize, lane: usize) -> Self
    where
        V: Vector<T>,
    {
        Self { re: V::load(&values[2 * place], lane), im: V::load(&values[2 * place + 1], lane) }
    }

    #[inline(always)]
    pub(crate) fn store<T>(self, values: &mut [Lanes<T>], place: usize, lane: usize)
    where
        V: Vector<T>,
    {
        self.re.store(&mut values[2 * place], lane);
        self.im.store(&mut values[2 * place + 1], lane);
    }

    #[inline(always)]
    pub(crate) fn add<T>(self, other: Self) -> Self
    where
        V: Vector<T>,
    {
        Self { re: self.re.add(other.re), im: self.im.add(other.im) }
    }

    #[inline(always)]
    pub(crate) fn sub<T>(self, other: Self) -> Self
    where
        V: Vector<T>,
    {
        Self { re: self.re.sub(other.re), im: self.im.sub(other.im) }
    }

    #[inline(always)]
    pub(crate) fn scaled<T>(self, factor: V) -> Self
    where
        V: Vector<T>,
    {
        Self { re: self.re.mul(factor), im: self.im.mul(factor) }
    }

    /// `self + factor · other`.
    #[inline(always)]
    pub(crate) fn plus<T>(self, factor: V, other: Self) -> Self
    where
        V: Vector<T>,
    {
        Self { re: factor.fma(other.re, self.re), im: factor.fma(other.im, self.im) }
    }

    /// `self − i · other` and `self + i · other`.
    #[inline(always)]
    pub(crate) fn turned<T>(self, other: Self) -> [Self; 2]
    where
        V: Vector<T>,
    {
        [
            Self { re: self.re.add(other.im), im: self.im.sub(other.re) },
            Self { re: self.re.sub(other.im), im: self.im.add(other.re) },
        ]
    }

    #[inline(always)]
    pub(crate) fn times<T>(self, [re, im]: [T; 2]) -> Self
    where
        V: Vector<T>,
    {
        let (re, im) = (V::splat(re), V::splat(im));
        Self { re: im.fnma(self.im, re.mul(self.re)), im: im.fma(self.re, re.mul(self.im)) }
    }
}

/// Transforms of a few numbers.
pub(crate) trait Butterfly<T, const RADIX: usize>: Sized {
    fn butterfly(values: [Complex<Self>; RADIX]) -> [Complex<Self>; RADIX];
}

impl<T: Real, V: Vector<T>> Butterfly<T, 2> for V {
    #[inline(always)]
    fn butterfly([a, b]: [Complex<V>; 2]) -> [Complex<V>; 2] {
        [a.add(b), a.sub(b)]
    }
}

impl<T: Real, V: Vector<T>> Butterfly<T, 3> for V {
    #[inline(always)]
    fn butterfly([a, b, c]: [Complex<V>; 3]) -> [Complex<V>; 3] {
        let (sum, difference) = (b.add(c), b.sub(c));
        let sin = V::splat(T::of(0.75_f64.sqrt()));
        let [second, third] = a.plus(V::splat(T::of(-0.5)), sum).turned(difference.scaled(sin));
        [a.add(sum), second, third]
    }
}

impl<T: Real, V: Vector<T>> Butterfly<T, 4> for V {
    #[inline(always)]
    fn butterfly([a, b, c, d]: [Complex<V>; 4]) -> [Complex<V>; 4] {
        let (even, odd) = (a.add(c), b.add(d));
        let [second, fourth] = a.sub(c).turned(b.sub(d));
        [even.add(odd), second, even.sub(odd), fourth]
    }
}

impl<T: Real, V: Vector<T>> Butterfly<T, 5> for V {
    #[inline(always)]
    fn butterfly([a, b, c, d, e]: [Complex<V>; 5]) -> [Complex<V>; 5] {
        const ANGLE: f64 = 0.4 * std::f64::consts::PI;
        let [cos_1, cos_2] = [V::splat(T::of(ANGLE.cos())), V::splat(T::of((2.0 * ANGLE).cos()))];
        let [sin_1, sin_2] = [V::splat(T::of(ANGLE.sin())), V::splat(T::of((2.0 * ANGLE).sin()))];
        let (outer, inner) = (b.add(e), c.add(d));
        let (outer_rest, inner_rest) = (b.sub(e), c.sub(d));
        let near = a.plus(cos_1, outer).plus(cos_2, inner);
        let far = a.plus(cos_2, outer).plus(cos_1, inner);
        let near_rest = outer_rest.scaled(sin_1).plus(sin_2, inner_rest);
        let far_rest = outer_rest.scaled(sin_2).sub(inner_rest.scaled(sin_1));
        let [second, fifth] = near.turned(near_rest);
        let [third, fourth] = far.turned(far_rest);
        [a.add(outer).add(inner), second, third, fourth, fifth]
    }
}

impl<T: Real, V: Vector<T>> Butterfly<T, 8> for V {
    #[inline(always)]
    fn butterfly([a, b, c, d, e, f, g, h]: [Complex<V>; 8]) -> [Complex<V>; 8] {
        let even = <V as Butterfly<T, 4>>::butterfly([a, c, e, g]);
        let [o0, o1, o2, o3] = <V as Butterfly<T, 4>>::butterfly([b, d, f, h]);
        let half = V::splat(T::of(0.5_f64.sqrt()));
        // Products with the first and the third power of exp(−2πi / 8).
        let o1 = Complex { re: o1.re.add(o1.im).mul(half), im: o1.im.sub(o1.re).mul(half) };
        let o3 = Complex { re: o3.im.sub(o3.re).mul(half), im: V::splat(T::ZERO).sub(o3.re.add(o3.im).mul(half)) };
        let [r2, r6] = even[2].turned(o2);
        [even[0].add(o0), even[1].add(o1), r2, even[3].add(o3), even[0].sub(o0), even[1].sub(o1), r6, even[3].sub(o3)]
    }
}

/// A transform of `N = A · B` numbers, where A and B have no common factor, as those of A and of B numbers: Good and
/// Thomas's arrangement. `steps` are the numbers below N that are 1 modulo A and 0 modulo B, and the reverse.
#[inline(always)]
fn coprime<T: Real, V, const A: usize, const B: usize, const N: usize>(
    values: [Complex<V>; N],
    steps: [usize; 2],
) -> [Complex<V>; N]
where
    V: Vector<T> + Butterfly<T, A> + Butterfly<T, B>,
{
    let mut rows = [[values[0]; B]; A];
    for b in 0..B {
        let mut column = [values[0]; A];
        for a in 0..A {
            column[a] = values[(B * a + A * b) % N];
        }
        let column = <V as Butterfly<T, A>>::butterfly(column);
        for a in 0..A {
            rows[a][b] = column[a];
        }
    }
    let mut out = values;
    for a in 0..A {
        let row = <V as Butterfly<T, B>>::butterfly(rows[a]);
        for b in 0..B {
            out[(steps[0] * a + steps[1] * b) % N] = row[b];
        }
    }
    out
}

/// A transform of `N = A²` numbers as those of A numbers, twice. `twiddles[a − 1][b − 1]` is `exp(−2πi a b / N)`.
#[inline(always)]
fn square<T: Real, V, const A: usize, const N: usize, const REST: usize>(
    values: [Complex<V>; N],
    twiddles: [[[f64; 2]; REST]; REST],
) -> [Complex<V>; N]
where
    V: Vector<T> + Butterfly<T, A>,
{
    let mut rows = [[values[0]; A]; A];
    for b in 0..A {
        let mut column = [values[0]; A];
        for a in 0..A {
            column[a] = values[A * a + b];
        }
        let column = V::butterfly(column);
        for a in 0..A {
            rows[a][b] = column[a];
            if a > 0 && b > 0 {
                let [re, im] = twiddles[a - 1][b - 1];
                rows[a][b] = column[a].times([T::of(re), T::of(im)]);
            }
        }
    }
    let mut out = values;
    for a in 0..A {
        let row = V::butterfly(rows[a]);
        for b in 0..A {
            out[a + A * b] = row[b];
        }
    }
    out
}

impl<T: Real, V: Vector<T>> Butterfly<T, 6> for V {
    #[inline(always)]
    fn butterfly(values: [Complex<V>; 6]) -> [Complex<V>; 6] {
        coprime::<T, V, 2, 3, 6>(values, [3, 4])
    }
}

impl<T: Real, V: Vector<T>> Butterfly<T, 9> for V {
    #[inline(always)]
    fn butterfly(values: [Complex<V>; 9]) -> [Complex<V>; 9] {
        const FIRST: [f64; 2] = [0.766_044_443_118_978, -0.642_787_609_686_539_4];
        const SECOND: [f64; 2] = [0.173_648_177_666_930_36, -0.984_807_753_012_208];
        const FOURTH: [f64; 2] = [-0.939_692_620_785_908_3, -0.342_020_143_325_668_9];
        square::<T, V, 3, 9, 2>(values, [[FIRST, SECOND], [SECOND, FOURTH]])
    }
}

impl<T: Real, V: Vector<T>> Butterfly<T, 10> for V {
    #[inline(always)]
    fn butterfly(values: [Complex<V>; 10]) -> [Complex<V>; 10] {
        coprime::<T, V, 2, 5, 10>(values, [5, 6])
    }
}

impl<T: Real, V: Vector<T>> Butterfly<T, 12> for V {
    #[inline(always)]
    fn butterfly(values: [Complex<V>; 12]) -> [Complex<V>; 12] {
        coprime::<T, V, 3, 4, 12>(values, [4, 9])
    }
}

impl<T: Real, V: Vector<T>> Butterfly<T, 16> for V {
    #[inline(always)]
    fn butterfly(values: [Complex<V>; 16]) -> [Complex<V>; 16] {
        const HALF: f64 = std::f64::consts::FRAC_1_SQRT_2;
        const FIRST: [f64; 2] = [0.923_879_532_511_286_7, -0.382_683_432_365_089_8];
        const SECOND: [f64; 2] = [HALF, -HALF];
        const THIRD: [f64; 2] = [-FIRST[1], -FIRST[0]];
        const FOURTH: [f64; 2] = [0.0, -1.0];
        const SIXTH: [f64; 2] = [-HALF, -HALF];
        const NINTH: [f64; 2] = [-FIRST[0], -FIRST[1]];
        square::<T, V, 4, 16, 3>(values, [[FIRST, SECOND, THIRD], [SECOND, FOURTH, SIXTH], [THIRD, SIXTH, NINTH]])
    }
}
