//! One sample at a glance.

use super::descriptive::{mean, median, std};

/// Description of one sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Number of values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation, dividing by n − 1; none for a single value.
    pub std: Option<f64>,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Middle value.
    pub median: f64,
}

impl Summary {
    /// Describe `values`; none if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        Some(Self {
            n: values.len(),
            mean: mean(values)?,
            std: std(values),
            min: values.iter().copied().reduce(f64::min)?,
            max: values.iter().copied().reduce(f64::max)?,
            median: median(values)?,
        })
    }

    /// From the smallest to the largest value; none for a single value.
    pub fn range(&self) -> Option<(f64, f64)> {
        (self.n > 1).then_some((self.min, self.max))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_values() {
        let s = Summary::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!((s.n, s.mean, s.min, s.max, s.median), (8, 5.0, 2.0, 9.0, 4.5));
        assert!((s.std.unwrap() - (32.0f64 / 7.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn small_samples_promise_nothing() {
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[0.5]).unwrap().std, None);
        assert_eq!(Summary::of(&[0.5]).unwrap().range(), None);
    }

    fn close(a: f64, b: f64, scale: f64) -> bool {
        (a - b).abs() <= 1e-9 * (1.0 + scale)
    }

    proptest! {
        #[test]
        fn order_does_not_matter(mut values in prop::collection::vec(-1e3..1e3f64, 1..20)) {
            let before = Summary::of(&values).unwrap();
            values.reverse();
            let after = Summary::of(&values).unwrap();
            prop_assert!(close(before.mean, after.mean, 1e3));
            prop_assert_eq!((before.n, before.min, before.max, before.median), (after.n, after.min, after.max, after.median));
        }

        #[test]
        fn bounds_hold(values in prop::collection::vec(-1e3..1e3f64, 2..20)) {
            let s = Summary::of(&values).unwrap();
            prop_assert!(s.min <= s.mean + 1e-9 && s.mean <= s.max + 1e-9);
            prop_assert!(s.min <= s.median && s.median <= s.max);
            // At most range / 2 · √(n / (n − 1)), which is below the range for n ≥ 2.
            prop_assert!(s.std.unwrap() <= s.max - s.min + 1e-9);
        }

        #[test]
        fn shifting_moves_the_mean_and_keeps_the_deviation(
            values in prop::collection::vec(-1e3..1e3f64, 2..20), shift in -1e3..1e3f64, factor in 0.1..10.0f64
        ) {
            let s = Summary::of(&values).unwrap();
            let moved: Vec<f64> = values.iter().map(|v| v * factor + shift).collect();
            let t = Summary::of(&moved).unwrap();
            prop_assert!(close(t.mean, s.mean * factor + shift, 1e4));
            prop_assert!(close(t.std.unwrap(), s.std.unwrap() * factor, 1e4));
        }
    }
}
