//! Products of a few rows with one matrix that stays the same: packed once, streamed every time.
//!
//! General matrix products pack the larger factor anew in every call, which costs as much as the product itself where the
//! other factor has few rows, as in one step of a recurrence.

use super::Matrix;
use super::tile::{PANEL, Strided, Tiles};
use crate::cpu::simd::level::{Loop, PLAIN, WIDE, dispatch};

/// A matrix `[k, n]` in panels of neighbouring columns, `[n / PANEL, k, PANEL]`; zeros beyond the last column.
pub(crate) struct Packed<T> {
    panels: Vec<T>,
    k: usize,
    n: usize,
}

impl<T: Tiles> Packed<T> {
    /// Packs `matrix` `[k, n]`.
    pub(crate) fn new(matrix: Matrix<'_, T>, [k, n]: [usize; 2]) -> Self {
        let mut panels = vec![T::ZERO; k * n.div_ceil(PANEL) * PANEL];
        for (at, row) in panels.chunks_exact_mut(PANEL).enumerate() {
            let (first, i) = (at / k * PANEL, at % k);
            for (lane, value) in row.iter_mut().enumerate().take(n - first) {
                *value = matrix.values[i * matrix.row + (first + lane) * matrix.column];
            }
        }
        Self { panels, k, n }
    }

    /// `out = rows · matrix`, or `out += rows · matrix` where `add`, for `rows` `[m, k]` and `out` `[m, n]` without gaps.
    pub(crate) fn multiply(&self, rows: &[T], out: &mut [T], add: bool) {
        dispatch(Multiply { packed: self, rows, out, add });
    }
}

struct Multiply<'a, T> {
    packed: &'a Packed<T>,
    rows: &'a [T],
    out: &'a mut [T],
    add: bool,
}

impl<T: Tiles> Loop for Multiply<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(mut self) {
        let Packed { panels, k, n } = self.packed;
        let m = self.rows.len() / k;
        for (index, panel) in panels.chunks_exact(k * PANEL).enumerate() {
            let first = index * PANEL;
            let width = n - first;
            let whole = width >= PANEL;
            let mut row = 0;
            // As many rows at a time as registers hold sums of.
            if LEVEL == WIDE {
                while row + 8 <= m {
                    self.tile::<8, LEVEL>(panel, [row, first], whole);
                    row += 8;
                }
            }
            if LEVEL != PLAIN {
                while row + 2 <= m {
                    self.tile::<2, LEVEL>(panel, [row, first], whole);
                    row += 2;
                }
            }
            while row < m {
                self.tile::<1, LEVEL>(panel, [row, first], whole);
                row += 1;
            }
        }
    }
}

impl<T: Tiles> Multiply<'_, T> {
    /// `M` rows from `row` times the panel whose first column is `first`; `whole` where the matrix has all of its columns.
    #[inline(always)]
    fn tile<const M: usize, const LEVEL: usize>(&mut self, panel: &[T], [row, first]: [usize; 2], whole: bool) {
        let Packed { k, n, .. } = *self.packed;
        let left = Strided { values: &self.rows[row * k..], row: k, step: 1 };
        let sums = T::tile::<M, LEVEL>(left, panel, PANEL, &[[0, 0]], k);
        for (i, sums) in sums.iter().enumerate() {
            let out = &mut self.out[(row + i) * n + first..];
            // A fixed number of columns spares a call per row.
            match out.first_chunk_mut::<PANEL>() {
                Some(out) if whole => put(out, sums, self.add),
                _ => {
                    let width = PANEL.min(n - first);
                    put(&mut out[..width], &sums[..width], self.add);
                }
            }
        }
    }
}

/// `out = sums` or `out += sums`
#[inline(always)]
fn put<T: Tiles>(out: &mut [T], sums: &[T], add: bool) {
    for lane in 0..out.len().min(sums.len()) {
        out[lane] = if add { out[lane] + sums[lane] } else { sums[lane] };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Tiles>([m, k, n]: [usize; 3], tolerance: f64) {
        let wave = |i: usize| T::of((i as f64 * 0.7).sin());
        let rows: Vec<T> = (0..m * k).map(wave).collect();
        let matrix: Vec<T> = (0..k * n).map(|i| wave(i + 5)).collect();
        let transposed: Vec<T> = (0..k * n).map(|i| matrix[i % k * n + i / k]).collect();
        for packed in [
            Packed::new(Matrix::rows(&matrix, n), [k, n]),
            Packed::new(Matrix::rows(&transposed, k).transposed(), [k, n]),
        ] {
            let mut out = vec![T::ONE; m * n];
            packed.multiply(&rows, &mut out, true);
            for (at, &found) in out.iter().enumerate() {
                let sum: f64 = (0..k).map(|i| rows[at / n * k + i].double() * matrix[i * n + at % n].double()).sum();
                assert!((found.double() - 1.0 - sum).abs() < tolerance, "{m} {k} {n} at {at}: {found} and {sum}");
            }
            let added = out.clone();
            packed.multiply(&rows, &mut out, false);
            for (&found, &added) in out.iter().zip(&added) {
                assert!((found.double() + 1.0 - added.double()).abs() < tolerance);
            }
        }
    }

    #[test]
    fn products_are_those_of_plain_sums() {
        for sizes in [[1, 1, 1], [3, 5, 7], [8, 16, 32], [13, 33, 70], [16, 128, 512]] {
            check::<f32>(sizes, 1e-4);
            check::<f64>(sizes, 1e-12);
        }
    }
}
