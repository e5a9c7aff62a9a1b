//! The difference of two means over seeds, of baselines that scatter by different amounts.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::student::FEWEST_SEEDS;
use crate::statistics::descriptive::{mean, std};
use crate::statistics::interval::{Interval, Level, Seeds};
use crate::statistics::undefined::{Undefined, all_equal, check, finite};

/// The difference of two means over seeds, first − second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanDifference {
    /// The difference with its interval, over the seeds of the side that has fewer.
    pub interval: Interval<Seeds>,
    /// How probable a difference at least as large would be, either way, were both means alike.
    pub p: f64,
}

/// Welch's t-test of two baselines with seeds of their own, two-sided, and the interval of the difference of their means.
///
/// Welch 1947, "The generalization of Student's problem when several different population variances are involved"; as
/// `scipy.stats.ttest_ind(equal_var=False)`. It supposes that the values of either side scatter normally, and makes no use of the
/// seeds that the two may share. Unlike a permutation test it has no floor, and pays for that with the supposition.
///
/// # Errors
/// One has fewer than [`FEWEST_SEEDS`] seeds or equal values alone, or a value or a sum is not finite.
pub fn mean_difference(first: &[f64], second: &[f64], level: Level) -> Result<MeanDifference, Undefined> {
    for side in [first, second] {
        check(side, FEWEST_SEEDS)?;
        if all_equal(side) {
            return Err(Undefined::NoSpread);
        }
    }
    let moments = |side: &[f64]| {
        let n = side.len() as f64;
        let (Some(centre), Some(deviation)) = (mean(side), std(side)) else { return Err(Undefined::Empty) };
        Ok((centre, deviation * deviation / n, n - 1.0))
    };
    let ((high, a, free_a), (low, b, free_b)) = (moments(first)?, moments(second)?);
    let (difference, error) = (finite(high - low)?, finite((a + b).sqrt())?);
    // Spreads whose squares underflow are none.
    let freedom = finite((a + b).powi(2) / (a * a / free_a + b * b / free_b)).map_err(|_| Undefined::NoSpread)?;
    let t = StudentsT::new(0.0, 1.0, freedom).map_err(|_| Undefined::NotFinite)?;
    let half = finite(t.inverse_cdf(1.0 - level.tail()) * error)?;
    let p = finite(2.0 * t.cdf(-(difference / error).abs()))?.min(1.0);
    let (lower, upper) = (finite(difference - half)?, finite(difference + half)?);
    let over = Seeds(first.len().min(second.len()));
    Ok(MeanDifference { interval: Interval { estimate: difference, lower, upper, level, over }, p })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn test(first: &[f64], second: &[f64]) -> Result<MeanDifference, Undefined> {
        mean_difference(first, second, Level::PERCENT_95)
    }

    #[test]
    fn a_few_seeds_or_equal_ones_are_not_tested() {
        assert_eq!(test(&[], &[0.5; 3]), Err(Undefined::Empty));
        assert_eq!(test(&[0.5, 0.6], &[0.1, 0.2, 0.3]), Err(Undefined::TooFew { given: 2, needed: 3 }));
        assert_eq!(test(&[0.1, 0.2, 0.3], &[0.5; 3]), Err(Undefined::NoSpread));
        assert_eq!(test(&[0.1, 0.2, 0.3], &[0.5, f64::NAN, 0.6]), Err(Undefined::NotFinite));
        assert_eq!(test(&[1e-200, 2e-200, 3e-200], &[0.0, 1e-200, 2e-200]), Err(Undefined::NoSpread));
    }

    proptest! {
        #[test]
        fn p_and_interval_agree_and_the_sides_mirror(
            first in prop::collection::vec(-1e3..1e3f64, 3..9), second in prop::collection::vec(-1e3..1e3f64, 3..9)
        ) {
            let (there, back) = (test(&first, &second).unwrap(), test(&second, &first).unwrap());
            prop_assert!((there.p - back.p).abs() < 1e-12 && (0.0..=1.0).contains(&there.p));
            prop_assert!((there.interval.lower + back.interval.upper).abs() < 1e-7);
            let holds_zero = there.interval.lower <= 0.0 && there.interval.upper >= 0.0;
            prop_assert!((there.p - 0.05).abs() < 1e-9 || holds_zero == (there.p > 0.05));
        }
    }
}
