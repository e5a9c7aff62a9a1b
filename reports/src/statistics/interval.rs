//! An interval, and what it is an interval over.
//!
//! Another seed and another test set are two sources of error: an interval over one says nothing about the other. The
//! type says which it is, so that none is taken for another.

use super::undefined::{Undefined, within};

/// Share of repetitions in which an interval is to hold the true value.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Level(f64);

impl Level {
    /// 95 %.
    pub const PERCENT_95: Self = Self(0.95);

    /// Make a level of a share from 0.5 to 0.999.
    ///
    /// # Errors
    /// The share is outside of that range.
    pub fn new(share: f64) -> Result<Self, Undefined> {
        within("level", share, [0.5, 0.999]).map(Self)
    }

    /// The share, e.g. 0.95.
    pub fn share(self) -> f64 {
        self.0
    }

    /// Probability on either side of the interval, e.g. 0.025.
    pub(super) fn tail(self) -> f64 {
        (1.0 - self.0) / 2.0
    }
}

/// An interval over other seeds of one task: training may end elsewhere, the test set stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds(pub usize);

/// An interval over other seeds of every task: the tasks and their test sets stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedsWithinTasks {
    /// Number of tasks.
    pub tasks: usize,
    /// Seeds of each task.
    pub seeds: usize,
}

/// An interval over other test samples: the trained network stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestSamples(pub usize);

/// An estimate and its interval over [`Seeds`], [`SeedsWithinTasks`] or [`TestSamples`], in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval<Over> {
    /// The statistic of the values themselves.
    pub estimate: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// How sure it is.
    pub level: Level,
    /// What would differ in a repetition, and how many of it there were.
    pub over: Over,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_large_share() {
        assert_eq!(Level::new(0.95), Ok(Level::PERCENT_95));
        assert!((Level::PERCENT_95.tail() - 0.025).abs() < 1e-15);
        for share in [0.0, 0.49, 1.0, 95.0, f64::NAN] {
            assert!(matches!(Level::new(share), Err(Undefined::OutOfRange { name: "level", .. })), "{share}");
        }
    }
}
