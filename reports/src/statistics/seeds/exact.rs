//! What an exact test over seeds says, and how small a p value its design can reach.

use std::num::NonZeroUsize;

use crate::statistics::resampling::Resampling;

/// Most assignments that are counted one by one; beyond, they are drawn.
pub const EXACT_UP_TO: u64 = 1_000_000;

/// What would speak against "both are alike".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alternative {
    /// The first has higher values.
    Greater,
    /// The first has lower values.
    Less,
    /// They differ, either way: twice the smaller of the other two, and at most 1.
    TwoSided,
}

/// The assignments that a p value is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignments {
    /// All of them, and how many: the p value is exact.
    Every(u64),
    /// So many random ones, since there are more than [`EXACT_UP_TO`]: the p value is (hits + 1) / (draws + 1), which is never 0
    /// (Phipson and Smyth 2010).
    Drawn(NonZeroUsize),
}

/// A permutation test over seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeedTest {
    /// Mean of the first minus mean of the second, in the unit of the values.
    pub difference: f64,
    /// Share of the assignments that differ at least as much, were both alike: from `smallest` to 1.
    pub p: f64,
    /// The smallest p value that so many seeds can give, whatever their values: 1/20 one-sided and 1/10 two-sided for three seeds
    /// a side.
    pub smallest: f64,
    /// What would speak against "both are alike".
    pub alternative: Alternative,
    /// What the p value is a share of.
    pub assignments: Assignments,
}

/// How many assignments differ as the given one does, or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Those where the first is higher by at least as much as given.
    pub at_least: u64,
    /// Those where it is higher by at most as much as given.
    pub at_most: u64,
    /// All of them.
    pub all: u64,
}

impl Tally {
    /// Count an assignment whose statistic exceeds that of the given one by `excess`. Rounding errors up to `tolerance` are
    /// no difference.
    pub(super) fn count(&mut self, excess: f64, tolerance: f64) {
        self.at_least += u64::from(excess >= -tolerance);
        self.at_most += u64::from(excess <= tolerance);
        self.all += 1;
    }

    /// The tally with the two sides exchanged.
    pub(super) fn reversed(self) -> Self {
        Self { at_least: self.at_most, at_most: self.at_least, all: self.all }
    }

    /// The result of counting all `assignments` (of `possible` ones).
    pub(super) fn test(
        self,
        difference: f64,
        alternative: Alternative,
        assignments: Assignments,
        possible: f64,
    ) -> SeedTest {
        let (extra, least) = match assignments {
            Assignments::Every(_) => (0, 1.0 / possible),
            Assignments::Drawn(draws) => (1, (1.0 / possible).max(1.0 / (draws.get() as f64 + 1.0))),
        };
        let share = |hits: u64| (hits + extra) as f64 / (self.all + extra) as f64;
        let (greater, less) = (share(self.at_least), share(self.at_most));
        let (p, smallest) = match alternative {
            Alternative::Greater => (greater, least),
            Alternative::Less => (less, least),
            Alternative::TwoSided => ((2.0 * greater.min(less)).min(1.0), (2.0 * least).min(1.0)),
        };
        SeedTest { difference, p, smallest, alternative, assignments }
    }
}

/// Whether all of `possible` assignments are counted, given that at most `bound` are.
pub(super) fn countable(possible: f64, bound: u64) -> bool {
    possible <= bound as f64
}

/// The assignments that were drawn.
pub(super) fn drawn(resampling: Resampling) -> Assignments {
    Assignments::Drawn(resampling.repetitions)
}

/// How far two sums of `values` may lie apart by rounding alone.
pub(super) fn rounding(values: &[f64]) -> f64 {
    64.0 * f64::EPSILON * values.iter().map(|value| value.abs()).sum::<f64>()
}
