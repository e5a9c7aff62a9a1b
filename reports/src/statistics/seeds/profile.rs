//! Performance profiles: how many runs reach a score.

use super::scores::Scores;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

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
