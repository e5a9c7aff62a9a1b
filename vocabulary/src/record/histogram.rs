//! How often values fall into bins of equal width.

use serde::{Deserialize, Serialize};

/// Bins of every [`Histogram`].
const BINS: usize = 32;

/// Counts of values in 32 bins of equal width, from the smallest finite value to the largest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Version of this form; a reader leaves out one that it does not know.
    pub version: u32,
    /// Lower edge of the first bin.
    pub from: f64,
    /// Upper edge of the last bin, greater than `from`.
    pub to: f64,
    /// Values per bin; a bin holds its lower edge, the last one its upper edge too.
    pub counts: Vec<u64>,
    /// Values that are infinite or not a number, in no bin.
    #[serde(default)]
    pub not_finite: u64,
}

impl Histogram {
    /// Version of the form that this program writes and reads.
    pub const VERSION: u32 = 1;

    /// Counts `values`; `None` where none of them is finite. A single value lies in the middle of the bins.
    #[must_use]
    pub fn of(values: &[f32]) -> Option<Self> {
        let finite = || values.iter().map(|&value| f64::from(value)).filter(|value| value.is_finite());
        let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        if low > high {
            return None;
        }
        let (from, to) = if low < high { (low, high) } else { (low - low.abs().max(1.0), low + low.abs().max(1.0)) };
        let mut counts = vec![0; BINS];
        for value in finite() {
            let bin = ((value - from) / (to - from) * BINS as f64) as usize;
            counts[bin.min(BINS - 1)] += 1;
        }
        let not_finite = values.len() as u64 - counts.iter().sum::<u64>();
        Some(Self { version: Self::VERSION, from, to, counts, not_finite })
    }

    /// Whether this program knows the form, and its bins make sense.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.version == Self::VERSION
            && self.from.is_finite()
            && self.to.is_finite()
            && self.from < self.to
            && (1..=4096).contains(&self.counts.len())
    }

    /// Width of a bin.
    #[must_use]
    pub fn width(&self) -> f64 {
        (self.to - self.from) / self.counts.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_finite_value_is_in_one_bin() {
        let values: Vec<f32> = (0..=64).map(|i| i as f32).chain([f32::NAN, f32::INFINITY]).collect();
        let found = Histogram::of(&values).unwrap();
        assert_eq!((found.from, found.to, found.not_finite, found.width()), (0.0, 64.0, 2, 2.0));
        assert_eq!((found.counts.len(), found.counts[0], found.counts[31]), (32, 2, 3));
        assert_eq!(found.counts.iter().sum::<u64>(), 65);
        let extreme = Histogram::of(&[-f32::MAX, f32::MAX, 0.0]).unwrap();
        assert_eq!((extreme.counts[0], extreme.counts[16], extreme.counts[31]), (1, 1, 1));
    }

    #[test]
    fn equal_values_have_bins_around_them() {
        for value in [0.0f32, -3.0, 1e30] {
            let found = Histogram::of(&[value, value]).unwrap();
            assert!(found.is_sound() && found.counts[16] == 2, "{found:?}");
        }
        assert_eq!(Histogram::of(&[f32::NAN]), None);
        assert_eq!(Histogram::of(&[]), None);
    }
}
