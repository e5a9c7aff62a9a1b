//! Performance profiles: how many runs reach a score.

use super::bootstrap::replicates;
use super::scores::Scores;
use crate::statistics::interval::Level;
use crate::statistics::resampling::{Resampling, percentile_ends};
use crate::statistics::undefined::{Undefined, finite};

/// Per threshold, the share of the runs of all tasks that score above it, from 0 to 1.
///
/// The profile of Agarwal et al. 2021, section 4.2 (google-research/rliable, `rliable/library.py`, `run_score_deviation`): a curve
/// that lies above another belongs to the baseline whose runs are better throughout. A score equal to a threshold is not above
/// it.
///
/// # Errors
/// There are no thresholds, or one is not finite.
pub fn share_above(scores: &Scores, thresholds: &[f64]) -> Result<Vec<f64>, Undefined> {
    if thresholds.is_empty() {
        return Err(Undefined::Empty);
    }
    let runs = scores.tasks().len() * scores.seeds();
    let share = |threshold: f64| scores.pooled().filter(|score| *score > threshold).count() as f64 / runs as f64;
    thresholds.iter().map(|threshold| finite(*threshold).map(share)).collect()
}

/// Per threshold, the ends of the stratified bootstrap interval of [`share_above`] over seeds, each by itself (google-research/rliable,
/// `rliable/library.py`, `create_performance_profile`).
///
/// # Errors
/// As [`share_above`]; or there are fewer than [`FEWEST_SEEDS`](super::FEWEST_SEEDS) seeds, or no task has two different scores.
pub fn share_above_band(
    scores: &Scores,
    thresholds: &[f64],
    level: Level,
    resampling: Resampling,
) -> Result<Vec<(f64, f64)>, Undefined> {
    let (drawn, _) = replicates([scores], resampling, |[drawn]| share_above(drawn, thresholds))?;
    let at = |place: usize| percentile_ends(drawn.iter().map(|shares| shares[place]).collect(), level);
    (0..thresholds.len()).map(|place| at(place).ok_or(Undefined::Empty)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroUsize;

    use proptest::prelude::*;

    use super::super::bootstrap::of_redrawn;
    use super::*;

    #[test]
    fn a_band_is_the_interval_at_every_threshold() {
        let scores = Scores::new(vec![vec![0.1, 0.3, 0.4, 0.9], vec![0.2, 0.5, 0.7, 0.7]]).unwrap();
        let (level, resampling) =
            (Level::PERCENT_95, Resampling { repetitions: NonZeroUsize::new(500).unwrap(), stream: 4 });
        let thresholds = [0.0, 0.25, 0.45, 0.8];
        let band = share_above_band(&scores, &thresholds, level, resampling).unwrap();
        for (threshold, ends) in thresholds.iter().zip(&band) {
            let alone = of_redrawn([&scores], level, resampling, |[s]| Ok(share_above(s, &[*threshold])?[0])).unwrap();
            assert_eq!(*ends, (alone.lower, alone.upper), "{threshold}");
        }
        // All are above the first, and some of them above the next.
        assert_eq!(band[0], (1.0, 1.0));
        assert!(band[1].0 < 0.75 && 0.75 < band[1].1, "{band:?}");
        let few = Scores::new(vec![vec![0.1, 0.2]]).unwrap();
        assert_eq!(
            share_above_band(&few, &thresholds, level, resampling),
            Err(Undefined::TooFew { given: 2, needed: 3 })
        );
    }

    #[test]
    fn a_score_at_the_threshold_is_not_above_it() {
        let scores = Scores::new(vec![vec![0.2, 0.5], vec![0.5, 0.9]]).unwrap();
        assert_eq!(share_above(&scores, &[0.0, 0.2, 0.5, 0.9]), Ok(vec![1.0, 0.75, 0.25, 0.0]));
        assert_eq!(share_above(&scores, &[]), Err(Undefined::Empty));
        assert_eq!(share_above(&scores, &[0.5, f64::NAN]), Err(Undefined::NotFinite));
    }

    proptest! {
        #[test]
        fn a_profile_falls(
            scores in prop::collection::vec(prop::collection::vec(0.0..1.0f64, 3), 1..5),
            mut thresholds in prop::collection::vec(-0.1..1.1f64, 2..20),
        ) {
            thresholds.sort_by(f64::total_cmp);
            let shares = share_above(&Scores::new(scores).unwrap(), &thresholds).unwrap();
            prop_assert!(shares.windows(2).all(|pair| pair[0] >= pair[1]));
            prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        }
    }
}
