//! What the numbers say, in up to three sentences.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use vocabulary::Scale;

use crate::format::{metric, told_apart, unit};
use crate::runs::Runs;
use crate::statistics::seeds::FEWEST_SEEDS;
use crate::tables::{
    Contests,
    contest::{Contender, Contest},
    scales,
};

/// Most tasks, or baselines, that a sentence names.
const MOST_NAMED: usize = 4;

/// What the sentences mean by "separated".
const SEPARATED: &str = "Separated from the best are baselines whose means over seeds differ from its own by Welch's t-test at 5 %, two-sided, \
     after Holm's correction for all such comparisons of this report: what is bold in the tables is not separated. That says what \
     other seeds would change, not what another test set would.";

/// The sentences, and how to read them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    pub(crate) sentences: Vec<String>,
    /// Empty where there is nothing to read.
    pub(crate) reading: String,
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
pub(crate) fn answer(runs: &Runs, contests: &Contests) -> Answer {
    let mut answer = Answer::to(contests, runs.has_several_experiments());
    if !answer.sentences.is_empty() {
        let caveats = scales(runs).into_iter().filter_map(Scale::caveat).map(str::to_owned);
        let reading = [answer.reading].into_iter().chain(caveats).filter(|text| !text.is_empty());
        answer.reading = reading.collect::<Vec<_>>().join(" ");
    }
    answer
}

/// What `contest` says of its baselines, each under its `name`.
fn verdict(contest: &Contest, name: &dyn Fn(&Contender) -> String) -> Verdict {
    let [best, _, ..] = contest.contenders.as_slice() else { return Verdict::Alone };
    if !contest.has_claim() {
        return Verdict::TooFewSeeds;
    }
    let tested: Vec<_> = contest.others().filter(|(other, _)| other.has_seeds()).collect();
    let open: Vec<String> =
        tested.iter().filter(|(_, comparison)| !comparison.separates()).map(|(other, _)| name(other)).collect();
    let shown = |of: &Contender| {
        format!("{}{}", metric(of.mean(), contest.metric), unit(contest.metric)).replace(' ', "\u{a0}")
    };
    match (open.as_slice(), tested.first()) {
        ([], Some((second, _))) => Verdict::Separated {
            best: name(best),
            clause: format!("{} ({} against {} of {})", contest.task, shown(best), shown(second), name(second)),
        },
        ([], None) => Verdict::TooFewSeeds,
        (open, _) => Verdict::Open {
            clause: format!("{} ({} at {} not from {})", contest.task, name(best), shown(best), listed(open)),
        },
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
    fn to(contests: &Contests, several: bool) -> Self {
        let all = || contests.0.iter().flat_map(|contest| &contest.contenders);
        let labels: BTreeSet<String> = all().map(|contender| contender.key.label(several)).collect();
        let names = told_apart(labels.iter().map(String::as_str));
        let name = |contender: &Contender| {
            let label = contender.key.label(several);
            names.get(label.as_str()).cloned().unwrap_or(label)
        };
        let (mut separated, mut open, mut few, mut alone) =
            (BTreeMap::new(), Vec::new(), BTreeSet::new(), BTreeSet::new());
        for contest in &contests.0 {
            match verdict(contest, &name) {
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
    use vocabulary::Metric;

    use super::*;
    use crate::tables::contest::tests::contest;

    /// What one contest, alone in its report, says.
    fn of(contest: Contest) -> Verdict {
        let judged = Contests::judged(vec![contest]);
        verdict(&judged.0[0], &|contender| contender.key.baseline.clone())
    }

    #[test]
    fn a_clear_best_is_separated_in_either_direction() {
        let of = |metric| of(contest("t", metric, &[("low", &[0.10, 0.11, 0.12]), ("high", &[0.90, 0.91, 0.92])]));
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
        assert_eq!(of(near), Verdict::Open { clause: "t (b at 92.00\u{a0}% not from a)".to_owned() });
        let equal = contest("t", Metric::Accuracy, &[("a", &[0.1; 3]), ("b", &[0.91, 0.92, 0.93])]);
        assert!(matches!(of(equal), Verdict::Open { .. }));
    }

    #[test]
    fn nothing_is_claimed_with_fewer_than_three_seeds() {
        let both = contest("t", Metric::Accuracy, &[("a", &[0.1, 0.11]), ("b", &[0.9, 0.91])]);
        assert_eq!(of(both.clone()), Verdict::TooFewSeeds);
        // The best has too few, whatever the others have.
        let best =
            contest("t", Metric::Accuracy, &[("a", &[0.1, 0.11, 0.12]), ("b", &[0.2, 0.21, 0.22]), ("c", &[0.9])]);
        assert_eq!(of(best), Verdict::TooFewSeeds);
        let alone = contest("u", Metric::Accuracy, &[("a", &[0.1, 0.2, 0.3])]);
        assert_eq!(
            Answer::to(&Contests::judged(vec![both, alone]), false).sentences,
            [
                "No claim is made on t, where the best or all others have fewer than 3 finished seeds; nor on u, where only one \
              baseline has finished."
            ]
        );
    }

    #[test]
    fn the_sentences_are_three_at_most() {
        let clear = contest("c", Metric::Accuracy, &[("a", &[0.10, 0.11, 0.12]), ("b", &[0.90, 0.91, 0.92])]);
        let open = contest("o", Metric::Accuracy, &[("a", &[0.1, 0.2, 0.3]), ("b", &[0.1, 0.2, 0.35])]);
        let few = contest("f", Metric::Accuracy, &[("a", &[0.1]), ("b", &[0.9])]);
        let said = Answer::to(&Contests::judged(vec![clear, open, few]), false);
        assert_eq!((said.sentences.len(), said.reading.as_str()), (3, SEPARATED));
        assert_eq!(
            said.sentences[0],
            "Best, and separated from every other baseline with at least 3 finished seeds: b on c (91.00\u{a0}% against 11.00\u{a0}% of a)."
        );
    }
}
