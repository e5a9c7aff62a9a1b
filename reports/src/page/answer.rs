//! What the numbers say, in up to three sentences.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use vocabulary::{Metric, Scale};

use crate::error::ReportError;
use crate::format::{metric, told_apart, unit};
use crate::runs::{ByGroup, Frames, Runs, SeedGroup, groups, metric_columns};
use crate::statistics::seeds::{FEWEST_SEEDS, t_interval};
use crate::statistics::{Interval, Level, Seeds, mean};
use crate::tables::{compared_as, has_no_value, scales};

/// Most tasks, or baselines, that a sentence names.
const MOST_NAMED: usize = 4;

/// What the sentences mean by "separated".
const SEPARATED: &str = "Separated are two baselines whose intervals over seeds do not overlap: Student's, at a level that holds \
     for all baselines of a task together in 95 % of cases (Bonferroni). That says what other seeds would change, not what \
     another test set would.";

/// The sentences, and how to read them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    pub(crate) sentences: Vec<String>,
    /// Empty where there is nothing to read.
    pub(crate) reading: String,
}

/// One baseline on one task.
#[derive(Debug, Clone, PartialEq)]
struct Contender {
    name: String,
    values: Vec<f64>,
}

/// The baselines that may be compared on one task.
#[derive(Debug, Clone, PartialEq)]
struct Contest {
    task: String,
    metric: Metric,
    contenders: Vec<Contender>,
}

/// What a contest says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// The best mean is separated from all others.
    Separated { best: String, clause: String },
    /// It is not, from those that the clause names.
    Open { clause: String },
    /// Two baselines with enough seeds are not there, or the best is none of them.
    TooFewSeeds,
    /// Nothing to compare.
    Alone,
}

/// What the test values of `runs` say; nothing where no run has finished.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn answer(runs: &Runs, frames: &Frames) -> Result<Answer, ReportError> {
    let values = frames.test_values(runs)?;
    let mut answer = Answer::to(&contests(&groups(runs), &values, runs.has_several_experiments()));
    if !answer.sentences.is_empty() {
        let caveats = scales(runs).into_iter().filter_map(Scale::caveat).map(str::to_owned);
        let reading = [answer.reading].into_iter().chain(caveats).filter(|text| !text.is_empty());
        answer.reading = reading.collect::<Vec<_>>().join(" ");
    }
    Ok(answer)
}

fn contests(groups: &[SeedGroup<'_>], values: &ByGroup, several: bool) -> Vec<Contest> {
    let labels: BTreeSet<String> = groups.iter().map(|group| group.key.label(several)).collect();
    let names = told_apart(labels.iter().map(String::as_str));
    let mut contests = Vec::new();
    for (task, members) in metric_columns(groups) {
        let mut alike = BTreeMap::new();
        for group in members.iter().filter(|group| !has_no_value(group)) {
            let (Some(record), Some(found)) = (group.record(), values.get(&group.key)) else { continue };
            let contender = Contender {
                name: names[group.key.label(several).as_str()].clone(),
                values: found.0.iter().map(|(_, value)| *value).collect(),
            };
            alike.entry(compared_as(record, &members)).or_insert((group.metric(), Vec::new())).1.push(contender);
        }
        let of_task =
            alike.into_values().map(|(metric, contenders)| Contest { task: task.to_owned(), metric, contenders });
        contests.extend(of_task);
    }
    contests
}

impl Contest {
    /// The interval of a contender at a level that holds for all `together`; none where its seeds agree.
    fn interval(contender: &Contender, together: usize) -> Option<Interval<Seeds>> {
        let missed = (1.0 - Level::PERCENT_95.share()) / together as f64;
        t_interval(&contender.values, Level::new(1.0 - missed).ok()?).ok()
    }

    fn verdict(&self) -> Verdict {
        let sign = if self.metric.higher_is_better() { 1.0 } else { -1.0 };
        let score = |contender: &Contender| sign * mean(&contender.values).unwrap_or(f64::NAN);
        let mut ranked: Vec<&Contender> = self.contenders.iter().filter(|of| score(of).is_finite()).collect();
        ranked.sort_by(|a, b| score(b).total_cmp(&score(a)));
        let best_has_seeds = ranked.first().is_some_and(|best| best.values.len() >= FEWEST_SEEDS);
        if ranked.len() < 2 {
            return Verdict::Alone;
        }
        ranked.retain(|contender| contender.values.len() >= FEWEST_SEEDS);
        let [best, others @ ..] = ranked.as_slice() else { return Verdict::TooFewSeeds };
        let [second, ..] = others else { return Verdict::TooFewSeeds };
        if !best_has_seeds {
            return Verdict::TooFewSeeds;
        }
        let interval = |contender: &Contender| Self::interval(contender, ranked.len());
        let apart = |other: &&&Contender| {
            let (Some(a), Some(b)) = (interval(best), interval(other)) else { return false };
            a.lower > b.upper || b.lower > a.upper
        };
        let open: Vec<&str> = others.iter().filter(|other| !apart(other)).map(|other| other.name.as_str()).collect();
        let shown = |of: &Contender| {
            let value = format!("{}{}", metric(mean(&of.values).unwrap_or(f64::NAN), self.metric), unit(self.metric));
            value.replace(' ', "\u{a0}")
        };
        if open.is_empty() {
            let clause = format!("{} ({} against {} of {})", self.task, shown(best), shown(second), second.name);
            return Verdict::Separated { best: best.name.clone(), clause };
        }
        let clause = format!("{} ({} at {} not from {})", self.task, best.name, shown(best), listed(&open));
        Verdict::Open { clause }
    }
}

/// `items` in words, at most [`MOST_NAMED`] of them by name.
fn listed<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<T> = items.into_iter().collect();
    let named: Vec<&str> = items.iter().take(MOST_NAMED).map(AsRef::as_ref).collect();
    match (named.as_slice(), items.len() - named.len()) {
        ([rest @ .., last], 0) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        (_, 0) => named.concat(),
        (_, more) => format!("{} and {more} more", named.join(", ")),
    }
}

impl Answer {
    fn to(contests: &[Contest]) -> Self {
        let (mut separated, mut open, mut few, mut alone) =
            (BTreeMap::new(), Vec::new(), BTreeSet::new(), BTreeSet::new());
        for contest in contests {
            match contest.verdict() {
                Verdict::Separated { best, clause } => separated.entry(best).or_insert_with(Vec::new).push(clause),
                Verdict::Open { clause } => open.push(clause),
                Verdict::TooFewSeeds => few.extend([contest.task.as_str()]),
                Verdict::Alone if !contest.contenders.is_empty() => alone.extend([contest.task.as_str()]),
                Verdict::Alone => {}
            }
        }
        let mut sentences = Vec::new();
        if !separated.is_empty() {
            let clauses: Vec<String> =
                separated.iter().map(|(best, tasks)| format!("{best} on {}", listed(tasks))).collect();
            sentences.push(format!(
                "Best, and separated from every other baseline with at least {FEWEST_SEEDS} finished seeds: {}.",
                clauses.join("; ")
            ));
        }
        if !open.is_empty() {
            sentences.push(format!("The best is not separated from all others on {}.", listed(&open)));
        }
        let mut silent = Vec::new();
        if !few.is_empty() {
            let tasks = listed(&few);
            silent.push(format!(
                "on {tasks}, where the best or all others have fewer than {FEWEST_SEEDS} finished seeds"
            ));
        }
        if !alone.is_empty() {
            silent.push(format!("on {}, where only one baseline has finished", listed(&alone)));
        }
        if !silent.is_empty() {
            sentences.push(format!("No claim is made {}.", silent.join("; nor ")));
        }
        let reading = if separated.is_empty() && open.is_empty() { "" } else { SEPARATED };
        Self { sentences, reading: reading.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contest(task: &str, metric: Metric, contenders: &[(&str, &[f64])]) -> Contest {
        let contenders =
            contenders.iter().map(|(name, values)| Contender { name: (*name).to_owned(), values: values.to_vec() });
        Contest { task: task.to_owned(), metric, contenders: contenders.collect() }
    }

    #[test]
    fn a_clear_best_is_separated_in_either_direction() {
        let of =
            |metric| contest("t", metric, &[("low", &[0.10, 0.11, 0.12]), ("high", &[0.90, 0.91, 0.92])]).verdict();
        let best = |verdict| match verdict {
            Verdict::Separated { best, .. } => best,
            other => format!("{other:?}"),
        };
        assert_eq!(best(of(Metric::Accuracy)), "high");
        assert_eq!(best(of(Metric::MeanSquaredError)), "low");
    }

    #[test]
    fn what_overlaps_or_has_no_spread_is_open() {
        let near = contest("t", Metric::Accuracy, &[("a", &[0.90, 0.91, 0.92]), ("b", &[0.91, 0.92, 0.93])]);
        assert_eq!(near.verdict(), Verdict::Open { clause: "t (b at 92.00\u{a0}% not from a)".to_owned() });
        let equal = contest("t", Metric::Accuracy, &[("a", &[0.1; 3]), ("b", &[0.91, 0.92, 0.93])]);
        assert!(matches!(equal.verdict(), Verdict::Open { .. }));
    }

    #[test]
    fn nothing_is_claimed_with_fewer_than_three_seeds() {
        let both = contest("t", Metric::Accuracy, &[("a", &[0.1, 0.11]), ("b", &[0.9, 0.91])]);
        assert_eq!(both.verdict(), Verdict::TooFewSeeds);
        // The best has too few, whatever the others have.
        let best =
            contest("t", Metric::Accuracy, &[("a", &[0.1, 0.11, 0.12]), ("b", &[0.2, 0.21, 0.22]), ("c", &[0.9])]);
        assert_eq!(best.verdict(), Verdict::TooFewSeeds);
        let alone = contest("u", Metric::Accuracy, &[("a", &[0.1, 0.2, 0.3])]);
        assert_eq!(
            Answer::to(&[both, alone]).sentences,
            [
                "No claim is made on t, where the best or all others have fewer than 3 finished seeds; nor on u, where only one \
              baseline has finished."
            ]
        );
    }

    #[test]
    fn more_baselines_need_a_wider_gap() {
        let (a, b): ([f64; 3], [f64; 3]) = ([0.50, 0.51, 0.52], [0.60, 0.61, 0.62]);
        let c: [f64; 3] = [0.10, 0.11, 0.12];
        let two = contest("t", Metric::Accuracy, &[("a", &a), ("b", &b)]);
        assert!(matches!(two.verdict(), Verdict::Separated { .. }));
        let three = contest("t", Metric::Accuracy, &[("a", &a), ("b", &b), ("c", &c), ("d", &c), ("e", &c)]);
        assert!(matches!(three.verdict(), Verdict::Open { .. }), "{three:?}");
    }

    #[test]
    fn the_sentences_are_three_at_most() {
        let clear = contest("c", Metric::Accuracy, &[("a", &[0.10, 0.11, 0.12]), ("b", &[0.90, 0.91, 0.92])]);
        let open = contest("o", Metric::Accuracy, &[("a", &[0.1, 0.2, 0.3]), ("b", &[0.1, 0.2, 0.35])]);
        let few = contest("f", Metric::Accuracy, &[("a", &[0.1]), ("b", &[0.9])]);
        let said = Answer::to(&[clear, open, few]);
        assert_eq!((said.sentences.len(), said.reading.as_str()), (3, SEPARATED));
        assert_eq!(
            said.sentences[0],
            "Best, and separated from every other baseline with at least 3 finished seeds: b on c (91.00\u{a0}% against 11.00\u{a0}% of a)."
        );
    }
}
