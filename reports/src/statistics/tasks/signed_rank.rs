//! The Bayesian signed-rank test with a region of practical equivalence.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Exp, Normal};

use crate::statistics::resampling::{Resampling, sorted};
use crate::statistics::undefined::{Undefined, differences, finite, within};

/// Fewest tasks that are compared.
const FEWEST: usize = 3;

/// How probable it is that one of two baselines is better over tasks; the three add up to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Posterior {
    /// That the first is better by more than the region of practical equivalence.
    pub first: f64,
    /// That the difference is practically none.
    pub equivalent: f64,
    /// That the second is better by more than the region.
    pub second: f64,
    /// Number of tasks.
    pub tasks: usize,
    /// Half the width of the region, in the unit of the scores.
    pub rope: f64,
}

/// Compare the scores of two baselines (higher is better, one pair per task) with differences up to `rope` being none.
///
/// The distribution of differences over tasks is a Dirichlet process whose prior is one pseudo-task without a difference, of
/// strength 1/2. Each repetition draws Dirichlet weights of the tasks, adds up those of the pairs of tasks whose mean
/// difference lies above, in and below the region, and goes to the largest sum, equal ones sharing it (Benavoli, Corani,
/// Demšar and Zaffalon 2017, "Time for a Change: a Tutorial for Comparing Multiple Classifiers Through Bayesian Analysis";
/// janezd/baycomp, `baycomp/multiple.py`, `SignedRankTest`). A repetition takes time with the square of the tasks.
///
/// # Errors
/// There are fewer than three tasks or unpaired scores, a score is not finite, or the region is not a width from 0.
pub fn signed_rank(first: &[f64], second: &[f64], rope: f64, resampling: Resampling) -> Result<Posterior, Undefined> {
    let rope = within("region of practical equivalence", rope, [0.0, f64::MAX / 2.0])?;
    let differences = sorted(&differences(first, second, FEWEST)?);
    let pairs = Pairs::of(&differences, rope)?;
    let mut rng = resampling.rng();
    let weights = Weights::new()?;
    let mut wins = [0.0; 3];
    let mut drawn = vec![0.0; differences.len() + 1];
    for _ in 0..resampling.repetitions.get() {
        weights.draw(&mut rng, &mut drawn);
        let sums = pairs.sums(&drawn);
        let most = sums.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let best = sums.iter().filter(|sum| **sum == most).count() as f64;
        for (win, sum) in wins.iter_mut().zip(sums) {
            *win += if sum == most { 1.0 / best } else { 0.0 };
        }
    }
    let [first, equivalent, second] = wins.map(|win| win / resampling.repetitions.get() as f64);
    Ok(Posterior { first, equivalent, second, tasks: differences.len(), rope })
}

/// For every pair of tasks, the pseudo-task first, how much of it lies above, in and below the region.
struct Pairs {
    /// Row by row; the region's edge belongs half to either side of it.
    shares: Vec<[f64; 3]>,
    /// Tasks, the pseudo-task included.
    tasks: usize,
}

impl Pairs {
    fn of(differences: &[f64], rope: f64) -> Result<Self, Undefined> {
        let all: Vec<f64> = std::iter::once(0.0).chain(differences.iter().copied()).collect();
        let mut shares = Vec::with_capacity(all.len() * all.len());
        for a in &all {
            for b in &all {
                let sum = finite(a + b)?;
                let (above, below) = (beyond(sum, 2.0 * rope), beyond(-sum, 2.0 * rope));
                shares.push([above, 1.0 - above - below, below]);
            }
        }
        Ok(Self { shares, tasks: all.len() })
    }

    /// The weight of the pairs above, in and below the region.
    fn sums(&self, weights: &[f64]) -> [f64; 3] {
        let mut sums = [0.0; 3];
        for (row, a) in self.shares.chunks(self.tasks).zip(weights) {
            for (share, b) in row.iter().zip(weights) {
                for (sum, share) in sums.iter_mut().zip(share) {
                    *sum += share * a * b;
                }
            }
        }
        sums
    }
}

/// 1 above the edge, one half on it, 0 below.
fn beyond(value: f64, edge: f64) -> f64 {
    if value > edge {
        1.0
    } else if value == edge {
        0.5
    } else {
        0.0
    }
}

/// Dirichlet weights up to their common factor, which changes no comparison of sums: gamma variates of shape 1/2 (half of a squared
/// standard normal one) for the pseudo-task and 1 (exponential ones) for the others.
struct Weights {
    normal: Normal,
    exponential: Exp,
}

impl Weights {
    fn new() -> Result<Self, Undefined> {
        let exponential = Exp::new(1.0).map_err(|_| Undefined::NotFinite)?;
        Ok(Self { normal: Normal::standard(), exponential })
    }

    fn draw(&self, rng: &mut ChaCha8Rng, weights: &mut [f64]) {
        for (place, weight) in weights.iter_mut().enumerate() {
            // 1 does not come out; at 0 an inverse is infinite, so half a step is kept from it.
            let share = rng.random::<f64>().max(f64::EPSILON / 4.0);
            *weight = match place {
                0 => self.normal.inverse_cdf(share).powi(2) / 2.0,
                _ => self.exponential.inverse_cdf(share),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroUsize;

    use proptest::prelude::*;

    use super::*;

    fn test(first: &[f64], second: &[f64], rope: f64) -> Result<Posterior, Undefined> {
        signed_rank(first, second, rope, Resampling { repetitions: NonZeroUsize::new(1000).unwrap(), stream: 4 })
    }

    #[test]
    fn what_cannot_be_compared_says_why() {
        assert_eq!(test(&[], &[], 0.0), Err(Undefined::Empty));
        assert_eq!(test(&[0.5; 2], &[0.4; 2], 0.0), Err(Undefined::TooFew { given: 2, needed: 3 }));
        assert_eq!(test(&[0.5; 3], &[0.4; 2], 0.0), Err(Undefined::Unpaired { first: 3, second: 2 }));
        assert_eq!(test(&[0.5, f64::NAN, 0.5], &[0.4; 3], 0.0), Err(Undefined::NotFinite));
        assert_eq!(test(&[f64::MAX; 3], &[0.0; 3], 0.0), Err(Undefined::NotFinite));
        for rope in [-0.01, f64::NAN, f64::INFINITY] {
            assert!(matches!(test(&[0.5; 3], &[0.4; 3], rope), Err(Undefined::OutOfRange { .. })));
        }
    }

    #[test]
    fn all_ties_favour_nobody() {
        let found = test(&[0.5; 4], &[0.5; 4], 0.0).unwrap();
        assert_eq!([found.first, found.equivalent, found.second], [0.5, 0.0, 0.5]);
        let found = test(&[0.5; 4], &[0.5; 4], 0.01).unwrap();
        assert_eq!([found.first, found.equivalent, found.second], [0.0, 1.0, 0.0]);
    }

    #[test]
    fn a_clear_case_is_clear() {
        let found = test(&[0.9; 12], &[0.5; 12], 0.01).unwrap();
        assert!(found.first > 0.99, "{found:?}");
        assert_eq!((found.tasks, found.rope), (12, 0.01));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_order_of_tasks_does_not_matter(pairs in prop::collection::vec((0.0..1.0f64, 0.0..1.0f64), 3..8)) {
            let (first, second): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
            let found = test(&first, &second, 0.05).unwrap();
            prop_assert!((found.first + found.equivalent + found.second - 1.0).abs() < 1e-9);
            let back = |values: &[f64]| values.iter().rev().copied().collect::<Vec<_>>();
            prop_assert_eq!(found, test(&back(&first), &back(&second), 0.05).unwrap());
        }
    }
}
