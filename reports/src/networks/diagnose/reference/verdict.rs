//! Whether two networks have the same scale.

use crate::statistics::geometric_mean;

/// Above this, one layer more multiplies what the layers before it have made of small differences.
const EXPLODED: f64 = 1e6;

/// A measured standard deviation beside a recorded one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Comparison {
    /// Recorded: mean, lowest and highest seed.
    pub(super) reference: [f64; 3],
    /// Measured; infinite where it overflowed.
    pub(super) ours: [f64; 3],
    /// Measured seeds.
    pub(super) seeds: usize,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Within the factor.
    Within,
    /// Beyond it, but the seeds of one reach into those of the other.
    SeedsOverlap,
    /// Beyond it.
    Beyond,
}

impl Verdict {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Within => "yes",
            Self::SeedsOverlap => "no, but seeds overlap",
            Self::Beyond => "no",
        }
    }
}

impl Comparison {
    /// The measured standard deviations `ours`, one per seed, beside the recorded ones; none without seeds.
    pub(super) fn of(reference: [f64; 3], ours: &[f64]) -> Option<Self> {
        // A layer that makes nothing of its inputs has no geometric mean: its scale is zero.
        let mean =
            geometric_mean(ours).unwrap_or(if ours.iter().any(|v| !v.is_finite()) { f64::INFINITY } else { 0.0 });
        let lowest = ours.iter().copied().reduce(f64::min)?;
        let highest = ours.iter().copied().reduce(f64::max)?;
        Some(Self { reference, ours: [mean, lowest, highest], seeds: ours.len() })
    }

    /// Ours over the recorded one; none where one of them overflowed.
    pub(super) fn ratio(&self) -> Option<f64> {
        let ratio = self.ours[0] / self.reference[0];
        ratio.is_finite().then_some(ratio)
    }

    /// The factor within which both count as the same: 1.5, and 10 for what has exploded.
    pub(super) fn factor(&self) -> f64 {
        if self.reference[0] <= EXPLODED { 1.5 } else { 10.0 }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let within = match self.ratio() {
            Some(ratio) => (1.0 / self.factor()..=self.factor()).contains(&ratio),
            None => self.overflow_alike(),
        };
        let [_, low, high] = self.reference;
        if within {
            Verdict::Within
        } else if self.ours[1] <= high && low <= self.ours[2] {
            Verdict::SeedsOverlap
        } else {
            Verdict::Beyond
        }
    }

    /// How far apart both are, as a factor of at least 1; infinite where one of them alone overflowed.
    pub(super) fn distance(&self) -> f64 {
        match self.ratio() {
            Some(ratio) if ratio > 0.0 => ratio.max(1.0 / ratio),
            None if self.overflow_alike() => 1.0,
            _ => f64::INFINITY,
        }
    }

    fn overflow_alike(&self) -> bool {
        !self.reference[0].is_finite() && !self.ours[0].is_finite()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn compared(reference: [f64; 3], ours: &[f64]) -> (f64, Verdict) {
        let found = Comparison::of(reference, ours).unwrap();
        (found.factor(), found.verdict())
    }

    #[test]
    fn the_factor_grows_for_what_has_exploded() {
        assert_eq!(compared([1.0, 0.9, 1.1], &[1.4, 1.6]), (1.5, Verdict::Within));
        assert_eq!(compared([1.0, 0.9, 1.1], &[0.4, 0.8]), (1.5, Verdict::Beyond));
        assert_eq!(compared([1.0, 0.5, 1.1], &[0.4, 0.8]), (1.5, Verdict::SeedsOverlap));
        assert_eq!(compared([1e18, 1e17, 1e19], &[2e17]), (10.0, Verdict::Within));
        assert_eq!(compared([1e18, 9e17, 2e18], &[2e16, 2e17]), (10.0, Verdict::Beyond));
    }

    #[test]
    fn overflow_beside_overflow_is_the_same() {
        assert_eq!(compared([f64::NAN; 3], &[f64::INFINITY, 1e30]), (10.0, Verdict::Within));
        assert_eq!(compared([f64::NAN; 3], &[1e30]), (10.0, Verdict::Beyond));
        assert_eq!(compared([1e30, 1e29, 1e31], &[f64::INFINITY]).1, Verdict::Beyond);
        assert_eq!(Comparison::of([1.0; 3], &[f64::INFINITY]).unwrap().distance(), f64::INFINITY);
        assert_eq!(Comparison::of([f64::NAN; 3], &[f64::INFINITY]).unwrap().distance(), 1.0);
        assert_eq!(compared([1.0, 0.9, 1.1], &[0.0]), (1.5, Verdict::Beyond));
        assert_eq!(Comparison::of([1.0; 3], &[]), None);
    }
}
