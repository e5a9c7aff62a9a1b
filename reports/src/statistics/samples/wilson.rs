//! The interval of an accuracy from the number of test samples.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::statistics::interval::{Interval, Level, TestSamples};
use crate::statistics::undefined::{Undefined, within};

/// Wilson's interval of an accuracy (0 to 1) on so many test samples.
///
/// Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference"; without continuity correction, as
/// `scipy.stats.binomtest(…).proportion_ci(method="wilson")`. Unlike ± z · √(p (1 − p) / n) it keeps within 0 and 1 and has a width
/// where all samples are right. It supposes that samples are independent, and says nothing about other seeds.
///
/// # Errors
/// There are no samples, or the accuracy is not from 0 to 1.
pub fn wilson_interval(accuracy: f64, samples: usize, level: Level) -> Result<Interval<TestSamples>, Undefined> {
    if samples == 0 {
        return Err(Undefined::Empty);
    }
    let p = within("accuracy", accuracy, [0.0, 1.0])?;
    let n = samples as f64;
    let squared = Normal::standard().inverse_cdf(1.0 - level.tail()).powi(2);
    let centre = (p + squared / (2.0 * n)) / (1.0 + squared / n);
    let half = (squared * (p * (1.0 - p) / n + squared / (4.0 * n * n))).sqrt() / (1.0 + squared / n);
    // The interval holds the accuracy; rounding must not take it out again.
    let (lower, upper) = ((centre - half).clamp(0.0, p), (centre + half).clamp(p, 1.0));
    Ok(Interval { estimate: p, lower, upper, level, over: TestSamples(samples) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_right_is_not_all_sure() {
        let found = wilson_interval(1.0, 100, Level::PERCENT_95).unwrap();
        assert_eq!((found.upper, found.over), (1.0, TestSamples(100)));
        assert!((found.lower - 0.963).abs() < 1e-3);
        assert_eq!(wilson_interval(0.0, 1, Level::PERCENT_95).unwrap().lower, 0.0);
    }

    #[test]
    fn what_is_no_accuracy_is_said() {
        assert_eq!(wilson_interval(0.5, 0, Level::PERCENT_95), Err(Undefined::Empty));
        for accuracy in [-0.1, 98.5, f64::NAN] {
            let found = wilson_interval(accuracy, 10, Level::PERCENT_95);
            assert!(matches!(found, Err(Undefined::OutOfRange { name: "accuracy", .. })), "{accuracy}");
        }
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_accuracy_and_mirrors(correct in 0..=200usize, more in 0..100usize) {
            let samples = correct + more + 1;
            let of = |right: usize| wilson_interval(right as f64 / samples as f64, samples, Level::PERCENT_95).unwrap();
            let (there, back) = (of(correct), of(samples - correct));
            prop_assert!(0.0 <= there.lower && there.lower <= there.estimate);
            prop_assert!(there.estimate <= there.upper && there.upper <= 1.0 && there.lower < there.upper);
            prop_assert!((there.lower + back.upper - 1.0).abs() < 1e-12);
            let larger = wilson_interval(there.estimate, 4 * samples, Level::PERCENT_95).unwrap();
            prop_assert!(larger.upper - larger.lower < there.upper - there.lower);
        }
    }
}
