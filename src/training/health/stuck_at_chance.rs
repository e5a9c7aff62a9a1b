//! Notices a run whose loss stays at chance.

use datasets::OutputSpec;
use serde::{Deserialize, Serialize};

use crate::training::Score;

/// Optimiser steps whose mean loss is judged together.
pub(crate) const STEPS: u64 = 1000;
/// Largest distance from the loss at chance, relative to it.
const CLOSE: f64 = 0.01;

/// Sums of the training loss since the last judgement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StuckAtChance {
    loss: f64,
    targets: u64,
}

impl StuckAtChance {
    /// Add the score of a batch.
    pub(crate) fn add(&mut self, score: &Score) {
        self.loss += score.loss;
        self.targets += score.targets;
    }

    /// Judge what was added, and begin anew: a warning where its mean loss lies within one percent of the logarithm of the
    /// number of classes after `step` steps.
    pub(crate) fn judge(&mut self, target: &OutputSpec, step: u64) -> Option<String> {
        let Self { loss, targets } = std::mem::take(self);
        let (classes, guessing) = guessing(target)?;
        let mean = loss / targets.max(1) as f64;
        (targets > 0 && (mean - guessing).abs() <= CLOSE * guessing).then(|| {
            format!(
                "warning: the training loss of the last {STEPS} steps is {mean:.4}, within 1 % of ln({classes}) = \
                 {guessing:.4}, as by guessing, after {step} steps; if it stays there, lower training.learning_rate, \
                 lengthen training.warmup_epochs, or look at the samples with `bench data show`"
            )
        })
    }
}

/// Number of classes, and the loss of a guess among them; `None` for regression.
fn guessing(target: &OutputSpec) -> Option<(usize, f64)> {
    let classes = match target {
        OutputSpec::Classes(n) | OutputSpec::PerStep(n) | OutputSpec::Pair(n) => *n,
        OutputSpec::Binary => 2,
        OutputSpec::Regression(_) => return None,
    };
    (classes > 1).then(|| (classes, (classes as f64).ln()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(mean: f64, target: &OutputSpec) -> Option<String> {
        let mut check = StuckAtChance::default();
        check.add(&Score { loss: mean * 40.0, targets: 40, ..Score::default() });
        check.add(&Score { loss: mean * 60.0, targets: 60, ..Score::default() });
        let warning = check.judge(target, 3000);
        assert_eq!(check, StuckAtChance::default());
        warning
    }

    #[test]
    fn only_a_loss_at_the_level_of_guessing_is_reported() {
        let warning = judged(0.694, &OutputSpec::Binary).unwrap_or_default();
        assert!(warning.contains("0.6940, within 1 % of ln(2)") && warning.contains("after 3000 steps"), "{warning}");
        assert!(judged(2.32, &OutputSpec::Classes(10)).is_some() && judged(2.29, &OutputSpec::Pair(10)).is_some());
        assert_eq!(judged(0.66, &OutputSpec::Binary), None);
        assert_eq!(judged(2.2, &OutputSpec::Classes(10)), None);
        assert_eq!(judged(0.694, &OutputSpec::Regression(2)), None);
        assert_eq!(StuckAtChance::default().judge(&OutputSpec::Binary, 1000), None);
    }
}
