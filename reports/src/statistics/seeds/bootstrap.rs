//! Intervals over seeds by drawing seeds anew within every task.

use super::aggregate::Aggregate;
use super::scores::Scores;
use super::student::FEWEST_SEEDS;
use crate::statistics::interval::{Interval, Level, SeedsWithinTasks};
use crate::statistics::resampling::{Resampling, draw, percentile_ends};
use crate::statistics::undefined::{Undefined, all_equal};

/// Stratified bootstrap interval of `aggregate` over seeds.
///
/// Each repetition draws as many seeds as there are, with replacement, within every task by itself; the ends are percentiles
/// of the repetitions (Agarwal et al. 2021, section 4.1; google-research/rliable, `rliable/library.py`,
/// `StratifiedBootstrap`). With three to five seeds such an interval is known to be somewhat too narrow, and it may leave
/// out its own estimate.
///
/// # Errors
/// There are fewer than [`FEWEST_SEEDS`] seeds, no task has two different scores, or a sum is not finite.
pub fn bootstrap_interval(
    scores: &Scores,
    aggregate: Aggregate,
    level: Level,
    resampling: Resampling,
) -> Result<Interval<SeedsWithinTasks>, Undefined> {
    of_redrawn([scores], level, resampling, |[drawn]| aggregate.of(drawn))
}

/// The percentile interval of a statistic of one or more baselines on the same tasks, whose seeds are drawn independently.
pub(super) fn of_redrawn<const N: usize>(
    scores: [&Scores; N],
    level: Level,
    resampling: Resampling,
    statistic: impl Fn([&Scores; N]) -> Result<f64, Undefined>,
) -> Result<Interval<SeedsWithinTasks>, Undefined> {
    let estimate = statistic(scores)?;
    let (replicates, over) = replicates(scores, resampling, statistic)?;
    let (lower, upper) = percentile_ends(replicates, level).ok_or(Undefined::Empty)?;
    Ok(Interval { estimate, lower, upper, level, over })
}

/// A statistic of one or more baselines on the same tasks in every repetition, and what was drawn from.
pub(super) fn replicates<const N: usize, T>(
    scores: [&Scores; N],
    resampling: Resampling,
    statistic: impl Fn([&Scores; N]) -> Result<T, Undefined>,
) -> Result<(Vec<T>, SeedsWithinTasks), Undefined> {
    let seeds = scores.iter().map(|scores| scores.seeds()).min().unwrap_or(0);
    if seeds < FEWEST_SEEDS {
        return Err(Undefined::TooFew { given: seeds, needed: FEWEST_SEEDS });
    }
    if scores.iter().flat_map(|scores| scores.tasks()).all(|task| all_equal(task)) {
        return Err(Undefined::NoSpread);
    }
    let mut rng = resampling.rng();
    let mut drawn = scores.map(Clone::clone);
    let mut replicates = Vec::with_capacity(resampling.repetitions.get());
    for _ in 0..resampling.repetitions.get() {
        for (from, into) in scores.iter().zip(&mut drawn) {
            from.redraw(into, |from, into| draw(&mut rng, from, into));
        }
        replicates.push(statistic(drawn.each_ref())?);
    }
    let tasks = scores.first().map_or(0, |scores| scores.tasks().len());
    Ok((replicates, SeedsWithinTasks { tasks, seeds }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroUsize;

    use proptest::prelude::*;

    use super::*;

    fn thousand(stream: u64) -> Resampling {
        Resampling { repetitions: NonZeroUsize::new(1000).unwrap(), stream }
    }

    fn interval(tasks: Vec<Vec<f64>>, aggregate: Aggregate, stream: u64) -> Interval<SeedsWithinTasks> {
        bootstrap_interval(&Scores::new(tasks).unwrap(), aggregate, Level::PERCENT_95, thousand(stream)).unwrap()
    }

    #[test]
    fn a_few_seeds_or_equal_ones_have_no_interval() {
        let of =
            |tasks| bootstrap_interval(&Scores::new(tasks).unwrap(), Aggregate::Mean, Level::PERCENT_95, thousand(1));
        assert_eq!(of(vec![vec![0.1, 0.2]]), Err(Undefined::TooFew { given: 2, needed: 3 }));
        // Tasks that differ from each other, but not within.
        assert_eq!(of(vec![vec![0.1; 3], vec![0.7; 3]]), Err(Undefined::NoSpread));
        assert_eq!(of(vec![vec![0.1; 3], vec![0.7, 0.7, 0.8]]).map(|i| i.over.tasks), Ok(2));
        assert_eq!(of(vec![vec![f64::MAX, f64::MAX, 0.0]]), Err(Undefined::NotFinite));
    }

    #[test]
    fn the_stream_decides() {
        let tasks = vec![vec![0.1, 0.27, 0.35, 0.41, 0.52], vec![0.6, 0.71, 0.75, 0.86, 0.99]];
        let of = |stream| interval(tasks.clone(), Aggregate::InterquartileMean, stream);
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn seeds_are_drawn_within_their_task() {
        // Drawn from both tasks, the mean would range over more than the spread within them.
        let found = interval(vec![vec![0.0, 0.01, 0.02], vec![1.0, 1.01, 1.02]], Aggregate::Mean, 3);
        assert!(0.5 <= found.lower && found.upper <= 0.52);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn order_does_not_matter_and_shifts_carry_over(
            scores in prop::collection::vec(prop::collection::vec(0.0..1.0f64, 5), 1..4), shift in -5.0..5.0f64
        ) {
            let moved: Vec<Vec<f64>> =
                scores.iter().map(|task| task.iter().rev().map(|score| score + shift).collect()).collect();
            let reversed: Vec<Vec<f64>> =
                scores.iter().map(|task| task.iter().rev().copied().collect()).collect();
            for aggregate in [Aggregate::Mean, Aggregate::Median, Aggregate::InterquartileMean] {
                let before = interval(scores.clone(), aggregate, 5);
                prop_assert_eq!(before, interval(reversed.clone(), aggregate, 5));
                prop_assert!(before.lower <= before.upper);
                let after = interval(moved.clone(), aggregate, 5);
                prop_assert!((before.lower + shift - after.lower).abs() < 1e-9);
                prop_assert!((before.upper + shift - after.upper).abs() < 1e-9);
            }
        }
    }
}
