//! Passes over the rows of `[batch, channels, positions]`, in parallel and in a fixed order: sums in f64, linear maps.

use rayon::prelude::*;

use super::buffer::Buffer;
use super::simd::level::{Loop, dispatch};
use super::simd::real::{Real, total};

/// `factor · x + offset`, where `of(channel)` gives factor and offset of a channel.
pub(crate) fn map_rows<T: Real>(
    x: &[T],
    [channels, length]: [usize; 2],
    of: impl Fn(usize) -> (T, T) + Sync + Send,
) -> Buffer<T> {
    let mut y = Buffer::new(x.len());
    y.par_chunks_mut(length).zip(x.par_chunks(length)).enumerate().for_each(|(row, (y, x))| {
        let (factor, offset) = of(row % channels);
        map_row(y, x, factor, offset);
    });
    y
}

/// `y = factor · x + offset`
pub(crate) fn map_row<T: Real>(y: &mut [T], x: &[T], factor: T, offset: T) {
    dispatch(Map { y, x, factor, offset });
}

/// For every channel, the sum of `of(channel, row)` over its rows, in their order.
pub(crate) fn over_rows(
    channels: usize,
    rows: usize,
    of: impl Fn(usize, usize) -> f64 + Sync + Send,
) -> impl Iterator<Item = f64> {
    let parts: Vec<f64> = (0..rows).into_par_iter().map(|row| of(row % channels, row)).collect();
    let sum = move |channel: usize| parts.iter().skip(channel).step_by(channels).sum();
    (0..channels).map(sum)
}

/// `Σ (a − shift)`, or `Σ (a − shift) · (b − centre)` with `other = (b, centre)`.
pub(crate) fn sum<T: Real>(a: &[T], shift: T, other: Option<(&[T], T)>) -> f64 {
    let mut total = 0.0;
    dispatch(Sum { a, shift, other, total: &mut total });
    total
}

struct Sum<'a, T> {
    a: &'a [T],
    shift: T,
    other: Option<(&'a [T], T)>,
    total: &'a mut f64,
}

impl<T: Real> Loop for Sum<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        const LANES: usize = 32;
        let Self { a, shift, other, total: sum } = self;
        let mut lanes = [T::ZERO; LANES];
        let (blocks, rest) = a.as_chunks::<LANES>();
        match other {
            None => {
                for block in blocks {
                    for lane in 0..LANES {
                        lanes[lane] += block[lane] - shift;
                    }
                }
                // What is filled up counts as zero.
                let block = filled::<T, LANES>(rest, shift);
                for lane in 0..LANES {
                    lanes[lane] += block[lane] - shift;
                }
            }
            Some((b, centre)) => {
                let (others, others_rest) = b.as_chunks::<LANES>();
                for (block, other) in blocks.iter().zip(others) {
                    for lane in 0..LANES {
                        lanes[lane] = (block[lane] - shift).fma::<LEVEL>(other[lane] - centre, lanes[lane]);
                    }
                }
                let (block, other) = (filled::<T, LANES>(rest, shift), filled::<T, LANES>(others_rest, centre));
                for lane in 0..LANES {
                    lanes[lane] = (block[lane] - shift).fma::<LEVEL>(other[lane] - centre, lanes[lane]);
                }
            }
        }
        *sum = total(&lanes);
    }
}

/// `values`, and `filler` after them.
#[inline(always)]
fn filled<T: Real, const LANES: usize>(values: &[T], filler: T) -> [T; LANES] {
    let mut block = [filler; LANES];
    block[..values.len()].copy_from_slice(values);
    block
}

/// `y = factor · x + offset`
struct Map<'a, T> {
    y: &'a mut [T],
    x: &'a [T],
    factor: T,
    offset: T,
}

impl<T: Real> Loop for Map<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let (y, x) = (self.y, self.x);
        for i in 0..y.len().min(x.len()) {
            y[i] = self.factor.fma::<LEVEL>(x[i], self.offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Real>(n: usize, tolerance: f64) {
        let wave = |phase: f64| (0..n).map(|i| T::of((i as f64 * 0.7 + phase).sin() + 0.5)).collect::<Vec<_>>();
        let (a, b) = (wave(0.0), wave(2.0));
        let (shift, centre) = (T::of(0.25), T::of(-0.125));
        let plain: f64 = a.iter().map(|a| a.double() - 0.25).sum();
        let products: f64 = a.iter().zip(&b).map(|(a, b)| (a.double() - 0.25) * (b.double() + 0.125)).sum();
        for (found, expected) in [(sum(&a, shift, None), plain), (sum(&a, shift, Some((&b, centre))), products)] {
            assert!((found - expected).abs() < tolerance * n.max(1) as f64, "{n}: {found} instead of {expected}");
        }
    }

    #[test]
    fn sums_take_every_element_once() {
        for n in [0, 1, 15, 31, 32, 33, 63, 64, 784, 1_023] {
            check::<f32>(n, 1e-6);
            check::<f64>(n, 1e-14);
        }
    }
}
