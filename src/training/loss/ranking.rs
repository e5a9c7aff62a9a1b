//! The area under the receiver operating characteristic, from the logits of all samples.

use serde::{Deserialize, Serialize};

/// Logits by true label. The area depends on all of them together, so they are kept: 4 bytes per sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ranking {
    /// Of samples of the second class.
    positive: Vec<f32>,
    /// Of the others.
    negative: Vec<f32>,
}

impl Ranking {
    /// Add a sample.
    pub(crate) fn push(&mut self, logit: f32, positive: bool) {
        if positive { self.positive.push(logit) } else { self.negative.push(logit) }
    }

    /// Add the samples of another batch.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.positive.extend_from_slice(&other.positive);
        self.negative.extend_from_slice(&other.negative);
    }

    /// Whether there is no sample.
    pub(crate) fn is_empty(&self) -> bool {
        self.positive.is_empty() && self.negative.is_empty()
    }

    /// Share of the pairs of a positive and a negative sample in which the positive one has the larger logit, where equal
    /// logits count one half (the statistic of Mann and Whitney). Whole numbers are summed, so that the order of samples
    /// does not matter. Not a number where a class has no sample or a logit is not a number.
    pub(crate) fn area(&self) -> f64 {
        if self.positive.iter().chain(&self.negative).any(|logit| logit.is_nan()) {
            return f64::NAN;
        }
        let mut negative = self.negative.clone();
        negative.sort_unstable_by(f32::total_cmp);
        let halves = |logit: &f32| {
            let below = negative.partition_point(|other| other < logit);
            let not_above = negative.partition_point(|other| other <= logit);
            (below + not_above) as u128
        };
        let won: u128 = self.positive.iter().map(halves).sum();
        let pairs = self.positive.len() as u128 * negative.len() as u128;
        if pairs == 0 { f64::NAN } else { won as f64 / (2 * pairs) as f64 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranking(samples: &[(f32, bool)]) -> Ranking {
        let mut ranking = Ranking::default();
        samples.iter().for_each(|&(logit, positive)| ranking.push(logit, positive));
        ranking
    }

    #[test]
    fn areas_are_those_counted_by_hand() {
        let area = |samples: &[(f32, bool)]| ranking(samples).area();
        assert_eq!(area(&[(2.0, true), (1.0, false), (-1.0, false)]), 1.0);
        assert_eq!(area(&[(-2.0, true), (1.0, false), (-1.0, false)]), 0.0);
        // Wins against 0, ties with 1, loses against 3; and wins against 0 and 1, loses against 3.
        assert_eq!(area(&[(1.0, true), (2.0, true), (0.0, false), (1.0, false), (3.0, false)]), 3.5 / 6.0);
        assert_eq!(area(&[(0.0, true), (-0.0, false)]), 0.5);
        assert_eq!(area(&[(f32::INFINITY, true), (f32::NEG_INFINITY, false)]), 1.0);
        assert!(area(&[(1.0, true)]).is_nan() && area(&[]).is_nan());
        assert!(area(&[(f32::NAN, true), (1.0, false)]).is_nan());
    }

    proptest! {
        /// Against the definition, pair by pair, in any order and cut into batches anywhere.
        #[test]
        fn the_area_is_the_share_of_pairs_won(
            samples in proptest::collection::vec(((-4i8..4).prop_map(f32::from), any::<bool>()), 2..40),
            cut in 0usize..40,
        ) {
            let side = |wanted: bool| samples.iter().filter(move |s| s.1 == wanted).map(|s| s.0).collect::<Vec<_>>();
            let (positive, negative) = (side(true), side(false));
            prop_assume!(!positive.is_empty() && !negative.is_empty());
            let mut won = 0.0;
            for p in &positive {
                won += negative.iter().map(|n| if p > n { 1.0 } else if p == n { 0.5 } else { 0.0 }).sum::<f64>();
            }
            let wanted = won / (positive.len() * negative.len()) as f64;
            let (first, second) = samples.split_at(cut.min(samples.len()));
            let mut joined = ranking(second);
            joined.extend(&ranking(first));
            prop_assert!((joined.area() - wanted).abs() < 1e-12);
            prop_assert_eq!(joined.area(), ranking(&samples).area());
        }
    }
}
