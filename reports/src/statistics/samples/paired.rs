//! The interval of the difference of two networks on the same test samples.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution};

use crate::statistics::descriptive::mean;
use crate::statistics::interval::{Interval, Level, TestSamples};
use crate::statistics::resampling::{Resampling, draw, percentile_ends, sorted};
use crate::statistics::undefined::{Undefined, all_equal, differences, finite};

/// Most different values whose counts are drawn instead of the values themselves.
const FEW_VALUES: usize = 8;
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
    let values = distinct(&differences);
    // Right and wrong make three differences: how often each is drawn takes three numbers, not one per sample.
    let few = values.len() <= FEW_VALUES;
    let mut drawn = differences.clone();
    let mut replicates = Vec::with_capacity(resampling.repetitions.get());
    for _ in 0..resampling.repetitions.get() {
        let replicate = if few {
            mean_of_counts(&mut rng, &values)?
        } else {
            draw(&mut rng, &differences, &mut drawn);
            mean(&drawn).ok_or(Undefined::Empty)?
        };
        replicates.push(finite(replicate)?);
    }
    let (lower, upper) = percentile_ends(replicates, level).ok_or(Undefined::Empty)?;
    Ok(Interval { estimate, lower, upper, level, over: TestSamples(differences.len()) })
}

/// The different values of `sorted` in order, and how often each stands there.
fn distinct(sorted: &[f64]) -> Vec<(f64, u64)> {
    let groups = sorted.chunk_by(|a, b| a == b);
    groups.filter_map(|group| Some((*group.first()?, group.len() as u64))).collect()
}

/// The mean of as many values as there are, drawn with replacement: the counts of a multinomial draw, each a binomial one of what
/// the values before it have left over.
fn mean_of_counts(rng: &mut ChaCha8Rng, values: &[(f64, u64)]) -> Result<f64, Undefined> {
    let samples: u64 = values.iter().map(|(_, count)| count).sum();
    let (mut to_draw, mut left, mut sum) = (samples, samples, 0.0);
    for (value, count) in values {
        let share = *count as f64 / left as f64;
        let drawn = Binomial::new(to_draw, share).map_err(|_| Undefined::NotFinite)?.sample(rng);
        sum += value * drawn as f64;
        (to_draw, left) = (to_draw - drawn, left - count);
    }
    Ok(sum / samples as f64)
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

    /// Counts and values drawn one by one scatter alike: around the mean, by its standard error.
    #[test]
    fn counts_are_drawn_as_values_are() {
        let sorted: Vec<f64> = [vec![-1.0; 60], vec![0.0; 800], vec![1.0; 140]].concat();
        let values = distinct(&sorted);
        assert_eq!(values, [(-1.0, 60), (0.0, 800), (1.0, 140)]);
        let resampling = Resampling { repetitions: NonZeroUsize::new(1).unwrap(), stream: 3 };
        let mut rng = resampling.rng();
        let means: Vec<f64> = (0..4000).map(|_| mean_of_counts(&mut rng, &values).unwrap()).collect();
        let centre = mean(&means).unwrap();
        let spread = crate::statistics::std(&means).unwrap();
        // The variance of one difference is 0.2 − 0.08²; four standard errors of 4000 draws.
        let error = (0.1936_f64 / 1000.0).sqrt();
        assert!((centre - 0.08).abs() < 4.0 * error / 4000_f64.sqrt(), "{centre}");
        assert!((spread / error - 1.0).abs() < 4.0 / 8000_f64.sqrt(), "{spread}");
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
