//! Successive halving (Jamieson and Talwalkar, Non-stochastic best arm identification and hyperparameter optimization, AISTATS
//! 2016): all trials are trained for a few epochs, the better part of them for more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// After `epochs` epochs the better 1/`factor` of the trials go on, again after `factor` times as many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Halving {
    /// One in so many trials goes on.
    #[schemars(range(min = 2, max = 100))]
    pub factor: u64,
    /// Epochs after which trials are pruned for the first time.
    #[schemars(range(min = 1))]
    pub epochs: u64,
}

impl Halving {
    /// Epochs after which trials are pruned, in trainings of `last` epochs: `epochs` · `factor`ᵏ below `last`.
    pub fn rungs(self, last: u64) -> Vec<u64> {
        let next = |epochs: &u64| epochs.checked_mul(self.factor);
        std::iter::successors(Some(self.epochs), next).take_while(|epochs| *epochs < last).collect()
    }

    /// How many of `trials` go on beyond a rung: one in `factor`, rounded down, and one at least.
    pub fn survivors(self, trials: usize) -> usize {
        (trials / usize::try_from(self.factor).unwrap_or(usize::MAX)).max(1)
    }
}

/// How many trials of one task and baseline are trained how far: pairs of a number of trials and the epoch after which they stand,
/// that of whole trainings last.
pub fn stages(halving: Option<Halving>, trials: usize, rungs: &[u64], last: u64) -> Vec<(usize, u64)> {
    let mut left = trials;
    let mut stages = Vec::new();
    for &rung in rungs {
        stages.push((left, rung));
        left = halving.map_or(left, |halving| halving.survivors(left));
    }
    stages.push((left, last));
    stages
}

/// Epochs that all trials of `stages` take together, as many as are planned at most.
pub fn epochs(stages: &[(usize, u64)]) -> u64 {
    let before = std::iter::once(0).chain(stages.iter().map(|(_, epoch)| *epoch));
    stages.iter().zip(before).map(|((trials, epoch), before)| *trials as u64 * epoch.saturating_sub(before)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_and_budgets() {
        let halving = Halving { factor: 2, epochs: 3 };
        assert_eq!(halving.rungs(12), [3, 6]);
        assert_eq!(halving.rungs(13), [3, 6, 12]);
        assert!(halving.rungs(3).is_empty());
        assert_eq!(Halving { factor: 3, epochs: u64::MAX / 2 }.rungs(u64::MAX), [u64::MAX / 2]);
        assert_eq!([16, 5, 3, 1].map(|trials| halving.survivors(trials)), [8, 2, 1, 1]);

        let of = |halving: Option<Halving>, trials, last| {
            let rungs = halving.map(|halving| halving.rungs(last)).unwrap_or_default();
            let stages = stages(halving, trials, &rungs, last);
            (epochs(&stages), stages)
        };
        // 16 trials of 3 epochs, 8 of 3 more, 4 of 6 more.
        assert_eq!(of(Some(halving), 16, 12), (48 + 24 + 24, vec![(16, 3), (8, 6), (4, 12)]));
        assert_eq!(
            of(Some(Halving { factor: 4, epochs: 1 }), 6, 20),
            (6 + 3 + 12 + 4, vec![(6, 1), (1, 4), (1, 16), (1, 20)])
        );
        assert_eq!(of(None, 16, 12), (192, vec![(16, 12)]));
    }
}
