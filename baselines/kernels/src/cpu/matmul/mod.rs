//! Strided matrix products on one thread, for kernels that split their work themselves.
#![allow(unsafe_code)]

pub(crate) mod packed;
pub(crate) mod tile;

use crate::cpu::shared::Shared;
use crate::cpu::simd::real::Real;

/// A matrix in a slice: element (i, j) lies at `i · row + j · column`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) row: usize,
    pub(crate) column: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Rows one after the other, `row` apart.
    pub(crate) fn rows(values: &'a [T], row: usize) -> Self {
        Self { values, row, column: 1 }
    }

    pub(crate) fn transposed(self) -> Self {
        Self { row: self.column, column: self.row, ..self }
    }
}

/// `out = a · b`, or `out += a · b` where `add`, for `a` `[m, k]`, `b` `[k, n]` and `out` `[m, n]` with rows `out_row`
/// apart. The result depends on the sizes and the processor only, never on the number of threads.
pub(crate) fn matmul<T: Real>(
    sizes: [usize; 3],
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    out: &mut [T],
    out_row: usize,
    add: bool,
) {
    // SAFETY: `out` is borrowed exclusively.
    unsafe { matmul_shared(sizes, a, b, Shared::new(out), [0, out_row], add) }
}

/// The same into a slice that other threads write to as well, from `first` on.
///
/// # Safety
/// Nobody else may refer to the elements of `out` that are written, which are those of the rows of the product only.
pub(crate) unsafe fn matmul_shared<T: Real>(
    [m, n, k]: [usize; 3],
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    out: Shared<'_, T>,
    [first, out_row]: [usize; 2],
    add: bool,
) {
    if m == 0 || n == 0 {
        return;
    }
    let last = |rows: usize, columns: usize, row: usize, column: usize| (rows - 1) * row + (columns - 1) * column;
    assert!(n <= out_row || m == 1, "rows of the product overlap");
    assert!(first + last(m, n, out_row, 1) < out.len(), "product of {m} by {n} does not fit its slice");
    assert!(k == 0 || last(m, k, a.row, a.column) < a.values.len(), "left factor of {m} by {k} exceeds its slice");
    assert!(k == 0 || last(k, n, b.row, b.column) < b.values.len(), "right factor of {k} by {n} exceeds its slice");
    // SAFETY: every element of the three matrices lies inside its slice, as asserted above (offsets grow with both
    // indices, strides being unsigned), elements of `out` are distinct, and the caller vouches that nobody else refers to
    // them.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.at(first),
            1,
            out_row as isize,
            add,
            a.values.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.values.as_ptr(),
            b.column as isize,
            b.row as isize,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
