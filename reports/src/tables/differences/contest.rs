//! The contest on every task, and which of its baselines are separated from the best over seeds.
//!
//! One rule for the whole report: what is bold, what the sentences at its top say, and the table of comparisons with the best.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use rayon::prelude::*;
use vocabulary::Metric;

use super::comparable::compared_as;
use crate::runs::{ByGroup, GroupKey, SeedGroup, metric_columns};
use crate::statistics::seeds::{
    Alternative, FEWEST_SEEDS, MeanDifference, SeedTest, mean_difference, permutation_test,
};
use crate::statistics::{Level, Resampling, Undefined, holm, mean};
use crate::tables::remarks::has_no_value;

/// Corrected p values up to this one separate.
pub(crate) const ALPHA: f64 = 0.05;

/// Draws of the exact test beyond the seeds that it counts out.
const RESAMPLING: Resampling = Resampling { repetitions: NonZeroUsize::new(100_000).unwrap(), stream: 0 };

/// What is bold, as captions say it.
pub(crate) const BOLD: &str = "Bold is the best mean among the rows of a task with the same scale, samples and protocol, and \
     every mean that is not separated from it: two means are separated where Welch's t-test over seeds, two-sided, has a p of at most \
     0.05 after Holm's correction for all comparisons with a best mean in this report. Fewer than three seeds make no interval \
     and no test: such a row is never bold, and where it is the best, or leaves the best alone, none is.";

/// One baseline on one task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contender {
    pub(crate) key: GroupKey,
    /// Test values by seed, in order of seed.
    pub(crate) seeds: Vec<(u64, f64)>,
}

/// A baseline against the best one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    /// Mean of the best minus mean of the other; or why there is none.
    pub(crate) means: Result<MeanDifference, Undefined>,
    /// Its p value, corrected for all comparisons of the report.
    pub(crate) corrected: Option<f64>,
    /// The exact test of the same, where there are enough seeds.
    pub(crate) exact: Option<SeedTest>,
}

/// The baselines that may be compared on one task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contest {
    pub(crate) task: String,
    pub(crate) metric: Metric,
    /// What guessing reaches.
    pub(crate) chance: f64,
    /// The best mean first.
    pub(crate) contenders: Vec<Contender>,
    /// Of all but the first, with the first.
    pub(crate) comparisons: Vec<Comparison>,
}

/// The contests of a report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contests(pub(crate) Vec<Contest>);

impl Contender {
    pub(crate) fn values(&self) -> Vec<f64> {
        self.seeds.iter().map(|(_, value)| *value).collect()
    }

    pub(crate) fn mean(&self) -> f64 {
        mean(&self.values()).unwrap_or(f64::NAN)
    }

    /// Whether there are seeds enough for an interval.
    pub(crate) fn has_seeds(&self) -> bool {
        self.seeds.len() >= FEWEST_SEEDS
    }
}

impl Comparison {
    fn of(best: &Contender, other: &Contender) -> Self {
        let (first, second) = (best.values(), other.values());
        let enough = best.has_seeds() && other.has_seeds();
        let exact = || permutation_test(&first, &second, Alternative::TwoSided, RESAMPLING).ok();
        Self {
            means: mean_difference(&first, &second, Level::PERCENT_95),
            corrected: None,
            exact: enough.then(exact).flatten(),
        }
    }

    /// Whether the other is separated from the best.
    pub(crate) fn separates(&self) -> bool {
        self.corrected.is_some_and(|p| p <= ALPHA)
    }
}

impl Contest {
    /// A contest that is not judged yet.
    pub(crate) fn new(task: &str, metric: Metric, chance: f64, contenders: Vec<Contender>) -> Self {
        Self { task: task.to_owned(), metric, chance, contenders, comparisons: Vec::new() }
    }

    fn judge(&mut self) {
        let sign = if self.metric.higher_is_better() { 1.0 } else { -1.0 };
        self.contenders.retain(|contender| contender.mean().is_finite());
        self.contenders.sort_by(|a, b| (sign * b.mean()).total_cmp(&(sign * a.mean())));
        let [best, others @ ..] = self.contenders.as_slice() else { return };
        self.comparisons = others.iter().map(|other| Comparison::of(best, other)).collect();
    }

    /// Every other baseline with its comparison, the second best first.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&Contender, &Comparison)> {
        self.contenders.iter().skip(1).zip(&self.comparisons)
    }

    /// Whether the best, and another one, have seeds enough for a claim.
    pub(crate) fn has_claim(&self) -> bool {
        self.contenders.first().is_some_and(Contender::has_seeds) && self.others().any(|(other, _)| other.has_seeds())
    }
}

impl Contests {
    /// The contests of `groups`: per task, metric, scale, samples and protocol one.
    pub(crate) fn of(groups: &[SeedGroup<'_>], values: &ByGroup) -> Self {
        let mut contests = Vec::new();
        for (task, members) in metric_columns(groups) {
            let mut alike = BTreeMap::new();
            for group in members.iter().filter(|group| !has_no_value(group)) {
                let (Some(record), Some(found)) = (group.record(), values.get(&group.key)) else { continue };
                let contender = Contender { key: group.key.clone(), seeds: found.0.clone() };
                let new = || (group.metric(), record.task.chance, Vec::new());
                alike.entry(compared_as(record, &members)).or_insert_with(new).2.push(contender);
            }
            let of_task = alike.into_values();
            contests.extend(of_task.map(|(metric, chance, all)| Contest::new(task, metric, chance, all)));
        }
        Self::judged(contests)
    }

    /// `contests` with their comparisons, whose p values are corrected together.
    pub(crate) fn judged(mut contests: Vec<Contest>) -> Self {
        contests.par_iter_mut().for_each(Contest::judge);
        let mut tested: Vec<&mut Comparison> = contests
            .iter_mut()
            .flat_map(|contest| &mut contest.comparisons)
            .filter(|comparison| comparison.means.is_ok())
            .collect();
        let p_values: Vec<f64> = tested.iter().filter_map(|one| Some(one.means.as_ref().ok()?.p)).collect();
        for (comparison, p) in tested.iter_mut().zip(holm(&p_values).unwrap_or_default()) {
            comparison.corrected = Some(p);
        }
        Self(contests)
    }

    /// What is bold.
    pub(crate) fn leaders(&self) -> BTreeSet<&GroupKey> {
        let mut leaders = BTreeSet::new();
        for contest in self.0.iter().filter(|contest| contest.has_claim()) {
            leaders.extend(contest.contenders.first().map(|best| &best.key));
            let level = contest.others().filter(|(other, comparison)| other.has_seeds() && !comparison.separates());
            leaders.extend(level.map(|(other, _)| &other.key));
        }
        leaders
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A contest of baselines by name.
    pub(crate) fn contest(task: &str, metric: Metric, contenders: &[(&str, &[f64])]) -> Contest {
        let key = |name: &str| GroupKey {
            experiment: String::new(),
            task: task.to_owned(),
            baseline: name.to_owned(),
            grid: String::new(),
        };
        let contender = |(name, values): &(&str, &[f64])| Contender {
            key: key(name),
            seeds: values.iter().enumerate().map(|(seed, value)| (seed as u64, *value)).collect(),
        };
        Contest::new(task, metric, 0.1, contenders.iter().map(contender).collect())
    }

    fn bold(contests: Vec<Contest>) -> Vec<String> {
        Contests::judged(contests).leaders().into_iter().map(|key| format!("{} {}", key.task, key.baseline)).collect()
    }

    const LOW: &[f64] = &[0.10, 0.11, 0.12];
    const NEAR: &[f64] = &[0.88, 0.92, 0.89];
    const HIGH: &[f64] = &[0.90, 0.91, 0.93];

    #[test]
    fn the_best_and_what_is_not_separated_from_it_is_bold() {
        let all = [("low", LOW), ("high", HIGH), ("near", NEAR)];
        assert_eq!(bold(vec![contest("t", Metric::Accuracy, &all)]), ["t high", "t near"]);
        assert_eq!(bold(vec![contest("t", Metric::MeanSquaredError, &all)]), ["t low"]);
    }

    #[test]
    fn rows_of_few_seeds_are_never_bold_and_make_no_claim() {
        let few: &[f64] = &[0.99, 0.98];
        for all in
            [[("few", few), ("high", HIGH)], [("high", HIGH), ("few", &[0.1, 0.2])], [("high", HIGH), ("one", &[0.5])]]
        {
            assert_eq!(bold(vec![contest("t", Metric::Accuracy, &all)]), [""; 0], "{all:?}");
        }
        let third = [("high", HIGH), ("few", &[0.90, 0.91][..]), ("low", LOW)];
        assert_eq!(bold(vec![contest("t", Metric::Accuracy, &third)]), ["t high"]);
    }

    #[test]
    fn seeds_that_agree_say_nothing_of_others() {
        let all: [(&str, &[f64]); 2] = [("high", HIGH), ("equal", &[0.1; 3])];
        assert_eq!(bold(vec![contest("t", Metric::Accuracy, &all)]), ["t equal", "t high"]);
    }

    /// What one task separates, many tasks may not: p values are corrected over the whole report.
    #[test]
    fn more_comparisons_need_a_wider_gap() {
        let pair: [(&str, &[f64]); 2] = [("a", &[0.60, 0.62, 0.64]), ("b", &[0.55, 0.57, 0.59])];
        let of = |count: usize| {
            let contests = (0..count).map(|task| contest(&format!("t{task}"), Metric::Accuracy, &pair)).collect();
            bold(contests).len()
        };
        assert_eq!((of(1), of(2)), (1, 4));
    }

    #[test]
    fn the_exact_test_has_its_floor() {
        let contests = Contests::judged(vec![contest("t", Metric::Accuracy, &[("low", LOW), ("high", HIGH)])]);
        let exact = contests.0[0].comparisons[0].exact.map(|test| (test.p, test.smallest));
        assert_eq!(exact, Some((0.1, 0.1)));
    }
}
