//! Random repetitions that come out the same every time.

use std::num::NonZeroUsize;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::interval::Level;

/// How often to draw, and from which stream.
///
/// The same values, repetitions and stream give the same bytes, in whatever order the values are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// Number of draws; a few thousand at least for the ends of an interval.
    pub repetitions: NonZeroUsize,
    /// Seed of the ChaCha stream.
    pub stream: u64,
}

impl Resampling {
    /// The random numbers.
    pub(super) fn rng(self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.stream)
    }
}

/// Fill `drawn` with values of `from`, drawn with replacement; leaves it alone if there are none.
pub(super) fn draw(rng: &mut ChaCha8Rng, from: &[f64], drawn: &mut [f64]) {
    if from.is_empty() {
        return;
    }
    for slot in drawn {
        *slot = from[rng.random_range(0..from.len())];
    }
}

/// The ends of the percentile interval of `replicates` (Efron 1979), interpolated linearly between two of them as
/// `numpy.percentile` does; none without replicates.
pub(super) fn percentile_ends(mut replicates: Vec<f64>, level: Level) -> Option<(f64, f64)> {
    replicates.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let position = share * (replicates.len().checked_sub(1)?) as f64;
        let (below, above) = (replicates.get(position.floor() as usize)?, replicates.get(position.ceil() as usize)?);
        // Of two equal values the interpolation is that value, to the last bit.
        Some(below + (above - below) * position.fract())
    };
    Some((at(level.tail())?, at(1.0 - level.tail())?))
}

/// `values` in ascending order.
pub(super) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_ends_lie_between_two_replicates() {
        let replicates: Vec<f64> = (0..=1000).rev().map(f64::from).collect();
        let (lower, upper) = percentile_ends(replicates, Level::PERCENT_95).unwrap();
        assert!((lower - 25.0).abs() < 1e-9 && (upper - 975.0).abs() < 1e-9);
        let (lower, upper) = percentile_ends(vec![1.0, 3.0], Level::new(0.5).unwrap()).unwrap();
        assert_eq!((lower, upper), (1.5, 2.5));
        assert_eq!(percentile_ends(Vec::new(), Level::PERCENT_95), None);
    }
}
