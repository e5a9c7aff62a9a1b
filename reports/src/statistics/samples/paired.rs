//! The interval of the difference of two networks on the same test samples.

use crate::statistics::descriptive::mean;
use crate::statistics::interval::{Interval, Level, TestSamples};
use crate::statistics::resampling::{Resampling, draw, percentile_ends, sorted};
use crate::statistics::undefined::{Undefined, all_equal, differences, finite};

/// Fewest test samples of which an interval is made.
const FEWEST: usize = 3;

/// Paired bootstrap interval of the mean difference, first − second, of per-sample outcomes.
///
/// Outcomes are 0 and 1 for wrong and right, or any value per test sample, both networks' in the same order. Each repetition
/// draws as many samples as there are, with replacement, and both outcomes of each (Efron and Tibshirani 1993, "An Introduction
/// to the Bootstrap"; as `scipy.stats.bootstrap(paired=True, method="percentile")`). It says nothing about other seeds.
///
/// # Errors
/// There are fewer than three samples or unpaired ones, a value or a sum is not finite, or all differences are equal.
pub fn paired_bootstrap(
    first: &[f64],
    second: &[f64],
    level: Level,
    resampling: Resampling,
) -> Result<Interval<TestSamples>, Undefined> {
    let differences = sorted(&differences(first, second, FEWEST)?);
    let estimate = finite(mean(&differences).ok_or(Undefined::Empty)?)?;
    if all_equal(&differences) {
        return Err(Undefined::NoSpread);
    }
    let mut rng = resampling.rng();
    let mut drawn = differences.clone();
    let mut replicates = Vec::with_capacity(resampling.repetitions.get());
    for _ in 0..resampling.repetitions.get() {
        draw(&mut rng, &differences, &mut drawn);
        replicates.push(finite(mean(&drawn).ok_or(Undefined::Empty)?)?);
    }
    let (lower, upper) = percentile_ends(replicates, level).ok_or(Undefined::Empty)?;
    Ok(Interval { estimate, lower, upper, level, over: TestSamples(differences.len()) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroUsize;

    use proptest::prelude::*;

    use super::*;

    fn interval(first: &[f64], second: &[f64]) -> Result<Interval<TestSamples>, Undefined> {
        let resampling = Resampling { repetitions: NonZeroUsize::new(500).unwrap(), stream: 2 };
        paired_bootstrap(first, second, Level::PERCENT_95, resampling)
    }

    #[test]
    fn what_has_no_interval_says_why() {
        assert_eq!(interval(&[], &[]), Err(Undefined::Empty));
        assert_eq!(interval(&[1.0, 0.0], &[0.0, 1.0]), Err(Undefined::TooFew { given: 2, needed: 3 }));
        assert_eq!(interval(&[1.0], &[]), Err(Undefined::Unpaired { first: 1, second: 0 }));
        assert_eq!(interval(&[1.0; 5], &[0.0; 5]), Err(Undefined::NoSpread));
        assert_eq!(interval(&[1.0, f64::NAN, 1.0], &[0.0; 3]), Err(Undefined::NotFinite));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_order_of_samples_does_not_matter(pairs in prop::collection::vec((0..2u8, 0..2u8), 5..60)) {
            let side = |of: fn(&(u8, u8)) -> u8| pairs.iter().map(|pair| f64::from(of(pair))).collect::<Vec<_>>();
            let (mut first, mut second) = (side(|pair| pair.0), side(|pair| pair.1));
            let before = interval(&first, &second);
            first.reverse();
            second.reverse();
            prop_assert_eq!(before, interval(&first, &second));
            if let Ok(found) = before {
                prop_assert!(-1.0 <= found.lower && found.lower <= found.upper && found.upper <= 1.0);
            }
        }
    }
}
