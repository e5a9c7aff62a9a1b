//! How likely a run of one baseline beats a run of another.

use super::bootstrap::of_redrawn;
use super::scores::Scores;
use crate::statistics::interval::{Interval, Level, SeedsWithinTasks};
use crate::statistics::resampling::Resampling;
use crate::statistics::undefined::Undefined;

/// Probability that a run of `first` scores higher than a run of `second`, averaged over tasks.
///
/// Per task it is the share of all pairs in which the first is higher, ties counting half: the Mann–Whitney statistic
/// divided by n · m (Agarwal et al. 2021, section 4.3; google-research/rliable, `rliable/metrics.py`). From 0 to 1; it does not
/// say by how much. The number of seeds may differ.
///
/// # Errors
/// The two are not about equally many tasks.
pub fn probability_of_improvement(first: &Scores, second: &Scores) -> Result<f64, Undefined> {
    let (tasks, others) = (first.tasks(), second.tasks());
    if tasks.len() != others.len() {
        return Err(Undefined::Unpaired { first: tasks.len(), second: others.len() });
    }
    let sum: f64 = tasks.iter().zip(others).map(|(a, b)| share_of_wins(a, b)).sum();
    Ok(sum / tasks.len() as f64)
}

/// Its stratified bootstrap interval over seeds, those of both baselines drawn independently.
///
/// # Errors
/// One has fewer than three seeds, none has two different scores on a task, or they are not about equally many tasks.
pub fn improvement_interval(
    first: &Scores,
    second: &Scores,
    level: Level,
    resampling: Resampling,
) -> Result<Interval<SeedsWithinTasks>, Undefined> {
    of_redrawn([first, second], level, resampling, |[first, second]| probability_of_improvement(first, second))
}

fn share_of_wins(first: &[f64], second: &[f64]) -> f64 {
    let mut halves = 0_u64;
    for a in first {
        for b in second {
            halves += match a.total_cmp(b) {
                _ if a == b => 1,
                std::cmp::Ordering::Greater => 2,
                _ => 0,
            };
        }
    }
    halves as f64 / (2 * first.len() * second.len()) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ties_count_half() {
        let scores = |tasks: &[&[f64]]| Scores::new(tasks.iter().map(|task| task.to_vec()).collect()).unwrap();
        assert_eq!(probability_of_improvement(&scores(&[&[0.5, 0.5]]), &scores(&[&[0.5]])), Ok(0.5));
        assert_eq!(probability_of_improvement(&scores(&[&[0.0]]), &scores(&[&[-0.0]])), Ok(0.5));
        assert_eq!(probability_of_improvement(&scores(&[&[1.0], &[0.0]]), &scores(&[&[0.0], &[0.0]])), Ok(0.75));
        let one_task = scores(&[&[1.0]]);
        let unpaired = probability_of_improvement(&one_task, &scores(&[&[1.0], &[1.0]]));
        assert_eq!(unpaired, Err(Undefined::Unpaired { first: 1, second: 2 }));
    }

    proptest! {
        #[test]
        fn both_ways_make_one(
            first in prop::collection::vec(prop::collection::vec(0..6u8, 3), 4),
            second in prop::collection::vec(prop::collection::vec(0..6u8, 5), 4),
        ) {
            let scores = |tasks: &[Vec<u8>]| {
                Scores::new(tasks.iter().map(|t| t.iter().map(|v| f64::from(*v)).collect()).collect()).unwrap()
            };
            let (first, second) = (scores(&first), scores(&second));
            let there = probability_of_improvement(&first, &second).unwrap();
            let back = probability_of_improvement(&second, &first).unwrap();
            prop_assert!((0.0..=1.0).contains(&there) && (there + back - 1.0).abs() < 1e-12);
        }
    }
}
