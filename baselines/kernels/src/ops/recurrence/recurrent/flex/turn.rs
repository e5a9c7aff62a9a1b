//! From series to steps and back: `[rows, features, length]` to `[steps, rows, features]`.

use crate::cpu::simd::level::prefetch;
use crate::cpu::simd::real::Real;
use crate::cpu::simd::vector::{LANES, Vector, Vectorised, Vectors, transpose, vectorise};

/// Copies `steps` steps from `start` of `from` `[rows, features, length]` to `to` `[steps, rows, features]`.
pub(super) fn gather<T: Vectors>(from: &[T], to: &mut [T], sizes: [usize; 3], start: usize, steps: usize) {
    vectorise(Gather { from, to, turn: Turn::new(sizes, start, steps) });
}

/// The inverse of [`gather`].
pub(super) fn scatter<T: Vectors>(from: &[T], to: &mut [T], sizes: [usize; 3], start: usize, steps: usize) {
    vectorise(Scatter { from, to, turn: Turn::new(sizes, start, steps) });
}

/// Which steps of which series are turned around. Sixteen steps of sixteen series go through registers: one by one, this took
/// up to two fifths of the time of an RNN.
#[derive(Clone, Copy)]
struct Turn {
    /// How many series.
    width: usize,
    /// Length of each.
    length: usize,
    start: usize,
    steps: usize,
}

impl Turn {
    fn new([rows, features, length]: [usize; 3], start: usize, steps: usize) -> Self {
        Self { width: rows * features, length, start, steps }
    }

    /// Steps of the series from `first` on that come in blocks of sixteen.
    fn in_blocks(self, first: usize) -> usize {
        if self.width - first < LANES { 0 } else { self.steps - self.steps % LANES }
    }

    /// Has the steps of the sixteen series after those from `first` on arrive from `series` meanwhile: a processor sees no
    /// pattern in places as far apart as series are long.
    #[inline(always)]
    fn prefetch<T>(self, series: &[T], first: usize) {
        for next in (first + LANES..self.width).take(LANES) {
            prefetch(&series[self.place(next, 0)..][..self.steps]);
        }
    }

    /// Where `step` of a series stands among all series.
    #[inline(always)]
    fn place(self, series: usize, step: usize) -> usize {
        series * self.length + self.start + step
    }
}

struct Gather<'a, T> {
    from: &'a [T],
    to: &'a mut [T],
    turn: Turn,
}

impl<T: Real> Vectorised<T> for Gather<'_, T> {
    #[inline(always)]
    fn run<V: Vector<T>>(self) {
        let Self { from, to, turn } = self;
        let zero = [T::ZERO; LANES];
        for first in (0..turn.width).step_by(LANES) {
            turn.prefetch(from, first);
            let in_blocks = turn.in_blocks(first);
            for step in (0..in_blocks).step_by(LANES) {
                let mut rows = [&zero; LANES];
                for (i, row) in rows.iter_mut().enumerate() {
                    *row = from[turn.place(first + i, step)..].first_chunk().unwrap_or(&zero);
                }
                let mut block = [zero; LANES];
                transpose::<T, V>(rows, &mut block, 1);
                for (i, block) in block.iter().enumerate() {
                    to[(step + i) * turn.width + first..][..LANES].copy_from_slice(block);
                }
            }
            let n = LANES.min(turn.width - first);
            for step in in_blocks..turn.steps {
                let place = &mut to[step * turn.width + first..][..n];
                for (i, value) in place.iter_mut().enumerate() {
                    *value = from[turn.place(first + i, step)];
                }
            }
        }
    }
}

struct Scatter<'a, T> {
    from: &'a [T],
    to: &'a mut [T],
    turn: Turn,
}

impl<T: Real> Vectorised<T> for Scatter<'_, T> {
    #[inline(always)]
    fn run<V: Vector<T>>(self) {
        let Self { from, to, turn } = self;
        let zero = [T::ZERO; LANES];
        for first in (0..turn.width).step_by(LANES) {
            turn.prefetch(to, first);
            let in_blocks = turn.in_blocks(first);
            for step in (0..in_blocks).step_by(LANES) {
                let mut rows = [&zero; LANES];
                for (i, row) in rows.iter_mut().enumerate() {
                    *row = from[(step + i) * turn.width + first..].first_chunk().unwrap_or(&zero);
                }
                let mut block = [zero; LANES];
                transpose::<T, V>(rows, &mut block, 1);
                for (i, block) in block.iter().enumerate() {
                    to[turn.place(first + i, step)..][..LANES].copy_from_slice(block);
                }
            }
            let n = LANES.min(turn.width - first);
            for step in in_blocks..turn.steps {
                let place = &from[step * turn.width + first..][..n];
                for (i, &value) in place.iter().enumerate() {
                    to[turn.place(first + i, step)] = value;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Vectors>() {
        // Whole blocks, parts of them, and none.
        for ([rows, features, length], start, steps) in
            [([16, 3, 70], 32, 32), ([3, 7, 40], 8, 32), ([2, 8, 53], 32, 21), ([1, 5, 9], 4, 1)]
        {
            let width = rows * features;
            let from: Vec<T> = (0..width * length).map(|i| T::of(i as f64)).collect();
            let mut turned = vec![T::ZERO; steps * width];
            gather(&from, &mut turned, [rows, features, length], start, steps);
            for (step, series) in (0..steps).flat_map(|step| (0..width).map(move |series| (step, series))) {
                let expected = from[series * length + start + step].double();
                assert_eq!(turned[step * width + series].double(), expected, "{width} {length} {step} {series}");
            }
            let mut back = vec![T::of(-1.0); from.len()];
            scatter(&turned, &mut back, [rows, features, length], start, steps);
            for (i, (back, from)) in back.iter().zip(&from).enumerate() {
                let inside = (start..start + steps).contains(&(i % length));
                assert_eq!(back.double(), if inside { from.double() } else { -1.0 }, "{width} {length} {i}");
            }
        }
    }

    #[test]
    fn series_become_steps_and_series_again() {
        check::<f32>();
        check::<f64>();
    }
}
