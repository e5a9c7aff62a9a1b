//! One number for the scores on several tasks.

use super::scores::Scores;
use crate::statistics::descriptive::{mean, median};
use crate::statistics::resampling::sorted;
use crate::statistics::undefined::{Undefined, finite};

/// How the scores on several tasks become one.
///
/// Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice", section 4.3;
/// google-research/rliable, `rliable/metrics.py`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregate {
    /// Mean over tasks of the means over seeds.
    Mean,
    /// Median over tasks of the means over seeds.
    Median,
    /// Mean of the middle half of all runs: a quarter of them, rounded down, is left out at each end.
    InterquartileMean,
    /// How far the runs fall short of `target` on average; a run above it counts as `target`. Lower is better.
    OptimalityGap {
        /// The score that is good enough, e.g. 1.
        target: f64,
    },
}

impl Aggregate {
    /// The number for `scores`.
    ///
    /// # Errors
    /// The scores, or the target, are so large that their sum is not finite.
    pub fn of(self, scores: &Scores) -> Result<f64, Undefined> {
        let task_means = || scores.tasks().iter().filter_map(|task| mean(task)).collect::<Vec<_>>();
        let value = match self {
            Self::Mean => mean(&task_means()),
            Self::Median => median(&task_means()),
            Self::InterquartileMean => interquartile_mean(scores),
            Self::OptimalityGap { target } => {
                mean(&scores.pooled().map(|score| score.min(target)).collect::<Vec<_>>()).map(|mean| target - mean)
            }
        };
        finite(value.ok_or(Undefined::Empty)?)
    }
}

/// As `scipy.stats.trim_mean` with a proportion of 0.25.
fn interquartile_mean(scores: &Scores) -> Option<f64> {
    let runs = sorted(&scores.pooled().collect::<Vec<_>>());
    let cut = runs.len() / 4;
    mean(&runs[cut..runs.len() - cut])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const ALL: [Aggregate; 4] =
        [Aggregate::Mean, Aggregate::Median, Aggregate::InterquartileMean, Aggregate::OptimalityGap { target: 1.0 }];

    #[test]
    fn one_run_is_its_own_aggregate() {
        let scores = Scores::new(vec![vec![0.25]]).unwrap();
        assert_eq!(ALL.map(|aggregate| aggregate.of(&scores)), [Ok(0.25), Ok(0.25), Ok(0.25), Ok(0.75)]);
    }

    #[test]
    fn an_overflow_is_said() {
        let scores = Scores::new(vec![vec![f64::MAX, f64::MAX, f64::MAX]]).unwrap();
        assert_eq!(Aggregate::Mean.of(&scores), Err(Undefined::NotFinite));
        let nan = Aggregate::OptimalityGap { target: f64::NAN };
        assert_eq!(nan.of(&Scores::new(vec![vec![1.0]]).unwrap()), Err(Undefined::NotFinite));
    }

    proptest! {
        #[test]
        fn outliers_move_the_mean_but_not_the_middle(
            scores in prop::collection::vec(prop::collection::vec(0.0..1.0f64, 4), 2..6)
        ) {
            let before = Scores::new(scores.clone()).unwrap();
            let mut wild = scores;
            let best = wild[0].iter_mut().max_by(|a, b| a.total_cmp(b)).unwrap();
            // The largest score of all, before and after.
            *best = 1.0;
            let high = Scores::new(wild.clone()).unwrap();
            wild[0].iter_mut().filter(|score| **score == 1.0).for_each(|score| *score = 1e6);
            let higher = Scores::new(wild).unwrap();
            let middle = |scores| Aggregate::InterquartileMean.of(scores).unwrap();
            prop_assert_eq!(middle(&high), middle(&higher));
            prop_assert!(middle(&before) <= middle(&high));
            prop_assert!(Aggregate::Mean.of(&high).unwrap() < Aggregate::Mean.of(&higher).unwrap());
        }
    }
}
