//! The scores of baselines on the tasks that all of them have, on one scale.

use std::collections::{BTreeMap, BTreeSet};

use super::contest::{Contest, Contests};
use crate::runs::GroupKey;
use crate::statistics::mean;
use crate::statistics::seeds::Scores;

/// Fewest tasks that are looked at together.
const FEWEST_TASKS: usize = 2;

/// The baselines that have finished on all of some tasks, the best interquartile mean first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScoreMatrix {
    /// Names of the tasks.
    pub(crate) tasks: Vec<String>,
    pub(crate) rows: Vec<ScoreRow>,
    /// Baselines and tasks that are not in it, with the reason, as sentences.
    pub(crate) left_out: Vec<String>,
}

/// One baseline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScoreRow {
    /// Of its first task; what names it is the same on all.
    pub(crate) key: GroupKey,
    pub(crate) label: String,
    /// Of the seeds that it has on every task.
    pub(crate) scores: Scores,
    /// Mean over those seeds per task.
    pub(crate) means: Vec<f64>,
}

/// Of the way from guessing (0) to a perfect answer (1), below 0 where guessing is better.
fn score(contest: &Contest, value: f64) -> Option<f64> {
    let perfect = if contest.metric.higher_is_better() { 1.0 } else { 0.0 };
    let score = (value - contest.chance) / (perfect - contest.chance);
    score.is_finite().then_some(score)
}

/// Per baseline its scores by task (a place among the contests), and by seed.
type ByBaseline<'c> = BTreeMap<String, (&'c GroupKey, BTreeMap<usize, BTreeMap<u64, f64>>)>;

impl ScoreMatrix {
    /// None where no two baselines have two tasks in common.
    ///
    /// Of the sets of tasks that a baseline has, the one that fills the largest matrix is taken, the one of more tasks among equal
    /// ones: nothing is averaged over a task that a baseline lacks.
    pub(crate) fn of(contests: &Contests, several: bool) -> Option<Self> {
        let all = by_baseline(contests, several);
        let sets: BTreeSet<BTreeSet<usize>> = all.values().map(|(_, tasks)| tasks.keys().copied().collect()).collect();
        let complete = |set: &BTreeSet<usize>| {
            all.values().filter(|(_, tasks)| set.iter().all(|task| tasks.contains_key(task))).count()
        };
        let usable = sets.into_iter().filter(|set| set.len() >= FEWEST_TASKS && complete(set) > 1);
        let set = usable.max_by_key(|set| (complete(set) * set.len(), set.len(), std::cmp::Reverse(set.clone())))?;
        let name = |task: &usize| contests.0[*task].task.clone();
        let (mut rows, mut left_out) = (Vec::new(), Vec::new());
        for (label, (key, tasks)) in &all {
            let lacking: Vec<String> = set.iter().filter(|task| !tasks.contains_key(task)).map(name).collect();
            if !lacking.is_empty() {
                left_out.push(format!("{label} is left out: no value on {}.", lacking.join(", ")));
                continue;
            }
            match row(label, key, set.iter().filter_map(|task| tasks.get(task)).collect()) {
                Some(row) => rows.push(row),
                None => left_out.push(format!("{label} is left out: no seed has a value on every task.")),
            }
        }
        let others =
            (0..contests.0.len()).filter(|task| !set.contains(task) && !contests.0[*task].contenders.is_empty());
        let others: Vec<String> = others.map(|task| name(&task)).collect();
        if !others.is_empty() {
            left_out.push(format!(
                "Not among the tasks, since one of these baselines has no value there: {}.",
                others.join(", ")
            ));
        }
        (rows.len() > 1).then(|| Self { tasks: set.iter().map(name).collect(), rows, left_out })
    }
}

fn by_baseline(contests: &Contests, several: bool) -> ByBaseline<'_> {
    let mut all = ByBaseline::new();
    for (task, contest) in contests.0.iter().enumerate() {
        for contender in &contest.contenders {
            let scores: Option<BTreeMap<u64, f64>> =
                contender.seeds.iter().map(|(seed, value)| Some((*seed, score(contest, *value)?))).collect();
            let Some(scores) = scores.filter(|scores| !scores.is_empty()) else { continue };
            let new = || (&contender.key, BTreeMap::new());
            all.entry(contender.key.label(several)).or_insert_with(new).1.insert(task, scores);
        }
    }
    all
}

/// The seeds that all `tasks` have; none where there is no such seed.
fn row(label: &str, key: &GroupKey, tasks: Vec<&BTreeMap<u64, f64>>) -> Option<ScoreRow> {
    let (first, others) = tasks.split_first()?;
    let seeds: Vec<u64> =
        first.keys().copied().filter(|seed| others.iter().all(|task| task.contains_key(seed))).collect();
    let scores: Vec<Vec<f64>> =
        tasks.iter().map(|task| seeds.iter().filter_map(|seed| task.get(seed).copied()).collect()).collect();
    let means = scores.iter().map(|scores| mean(scores)).collect::<Option<Vec<_>>>()?;
    Some(ScoreRow { key: key.clone(), label: label.to_owned(), scores: Scores::new(scores).ok()?, means })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use vocabulary::Metric;

    use super::super::contest::tests::contest;
    use super::*;

    fn matrix(contests: Vec<Contest>) -> Option<ScoreMatrix> {
        ScoreMatrix::of(&Contests::judged(contests), false)
    }

    #[test]
    fn scores_go_from_guessing_to_perfect() {
        let of = |metric, value| score(&contest("t", metric, &[]), value);
        assert_eq!([of(Metric::Accuracy, 0.1), of(Metric::Accuracy, 1.0)], [Some(0.0), Some(1.0)]);
        assert_eq!([of(Metric::MeanSquaredError, 0.1), of(Metric::MeanSquaredError, 0.0)], [Some(0.0), Some(1.0)]);
        assert_eq!(of(Metric::MeanSquaredError, 0.2), Some(-1.0));
        assert_eq!(score(&Contest { chance: 1.0, ..contest("t", Metric::Accuracy, &[]) }, 1.0), None);
    }

    #[test]
    fn no_baseline_is_averaged_over_tasks_that_it_lacks() {
        let values: &[f64] = &[0.5, 0.6];
        let tasks = |names: &[(&str, &[&str])]| -> Vec<Contest> {
            let of = |(task, baselines): &(&str, &[&str])| {
                let contenders: Vec<(&str, &[f64])> = baselines.iter().map(|name| (*name, values)).collect();
                contest(task, Metric::Accuracy, &contenders)
            };
            names.iter().map(of).collect()
        };
        let found =
            matrix(tasks(&[("x", &["a", "b", "c"]), ("y", &["a", "b"]), ("z", &["a", "b", "c"]), ("w", &["d"])]))
                .unwrap();
        // a and b have three tasks: six values; three baselines have two: six as well, over fewer tasks.
        assert_eq!(found.tasks, ["x", "y", "z"]);
        assert_eq!(found.rows.iter().map(|row| row.label.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(
            found.left_out,
            [
                "c is left out: no value on y.",
                "d is left out: no value on x, y, z.",
                "Not among the tasks, since one of these baselines has no value there: w."
            ]
        );
        assert_eq!(matrix(tasks(&[("x", &["a", "b"]), ("y", &["a"])])), None);
    }

    #[test]
    fn seeds_are_those_of_every_task() {
        let mut contests = vec![
            contest("x", Metric::Accuracy, &[("a", &[0.1, 0.2, 0.3]), ("b", &[0.1, 0.2])]),
            contest("y", Metric::Accuracy, &[("a", &[0.1, 0.2]), ("b", &[0.1, 0.2])]),
        ];
        contests[1].contenders[0].seeds[0].0 = 7;
        contests[1].contenders[1].seeds.iter_mut().for_each(|seed| seed.0 += 5);
        assert_eq!(matrix(contests.clone()), None, "b has no seed on both tasks");
        contests[1].contenders[1].seeds[0].0 = 0;
        let found = matrix(contests).unwrap();
        assert_eq!(found.rows.iter().map(|row| row.scores.seeds()).collect::<Vec<_>>(), [1, 1]);
    }
}
