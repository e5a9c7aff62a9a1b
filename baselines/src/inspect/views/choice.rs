//! A few of many.

/// At most `most` of the numbers from 0 to `count`, at even distances, the first and the last among them.
pub(crate) fn evenly(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    (0..most).map(|i| (i * (count - 1) + (most - 1) / 2) / (most - 1).max(1)).collect()
}

/// Numbers of the state matrices of a layer whose eigenvalues are shown, of `count`.
pub(crate) fn shown_matrices(count: usize) -> Vec<usize> {
    /// Enough to see how they differ.
    const MATRICES: usize = 6;
    evenly(count, MATRICES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_even_and_reach_both_ends() {
        assert_eq!(evenly(3, 4), [0, 1, 2]);
        assert_eq!(evenly(10, 4), [0, 3, 6, 9]);
        assert_eq!(evenly(900, 3), [0, 450, 899]);
        assert_eq!(evenly(0, 4), [0usize; 0]);
        assert_eq!(evenly(5, 1), [0]);
    }
}
