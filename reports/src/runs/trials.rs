//! The trials of searches, and which of them are chosen.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::Scale;
use vocabulary::record::State;

use super::run::{Run, Runs};
use super::settings::plain;

/// The trials of one task and one baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchedPair {
    /// Experiment name.
    pub experiment: String,
    /// Label of the task.
    pub task: String,
    /// Label of the baseline.
    pub baseline: String,
    /// In the order in which they were drawn.
    pub trials: Vec<Trial>,
    /// Place among `trials` of the best that was trained to its end, once all are over.
    pub selected: Option<usize>,
}

/// One trial: runs that differ in their seed alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its number in the search, from 1.
    pub number: u64,
    /// Places of its runs among all, in order of seed.
    pub runs: Vec<usize>,
    /// The best validation metric so far, the mean over its seeds; `None` where one of them has none.
    pub validation: Option<f64>,
    /// Whether every one of its runs was trained to its end.
    pub done: bool,
    /// Whether nothing is left to be trained: its runs are done, pruned, failed or skipped.
    pub over: bool,
}

impl SearchedPair {
    /// The trial that stands for the pair in tables: the selected one, or while there is none, the best so far among those that go on.
    pub(crate) fn representative(&self, runs: &Runs) -> Option<&Trial> {
        let pruned = |trial: &&Trial| trial.runs.iter().any(|&run| runs.all[run].is_pruned());
        let going_on = || self.trials.iter().filter(|trial| !pruned(trial));
        let first = self.trials.first().and_then(|trial| trial.runs.first());
        let higher = first.is_some_and(|&run| runs.all[run].higher_is_better());
        let chosen = self.selected.and_then(|place| self.trials.get(place));
        chosen.or_else(|| best(going_on(), higher)).or_else(|| going_on().next()).or(self.trials.first())
    }
}

/// The searches among `runs`, in order of experiment, task and baseline.
///
/// Selected is the trial with the best validation metric at its best epoch, the mean over its seeds; of equals the one drawn first.
/// Tests have no part in it.
pub fn searches(runs: &Runs) -> Vec<SearchedPair> {
    type Key<'a> = (&'a str, &'a str, &'a str, Scale);
    let mut pairs: BTreeMap<Key<'_>, BTreeMap<(u64, String), Vec<usize>>> = BTreeMap::new();
    for (place, run) in runs.all.iter().enumerate() {
        let Some(record) = &run.record else { continue };
        let Some(trial) = &record.trial else { continue };
        let key = (run.experiment.as_str(), run.task(), run.baseline(), record.scale);
        // Another search in the same folder has other values under the same numbers.
        let values: Vec<String> =
            record.grid.iter().map(|(field, value)| format!("{field}={}", plain(value))).collect();
        pairs.entry(key).or_default().entry((trial.number, values.join(" "))).or_default().push(place);
    }
    let pair = |((experiment, task, baseline, _), trials): (Key<'_>, BTreeMap<_, Vec<usize>>)| {
        let trials: Vec<Trial> = trials.into_iter().map(|((number, _), of)| trial(runs, number, of)).collect();
        let higher = trials.first().is_some_and(|trial| runs.all[trial.runs[0]].higher_is_better());
        let over = trials.iter().all(|trial| trial.over);
        let best = best(trials.iter().filter(|trial| over && trial.done), higher);
        let selected = best.and_then(|best| trials.iter().position(|trial| trial == best));
        let [experiment, task, baseline] = [experiment, task, baseline].map(str::to_owned);
        SearchedPair { experiment, task, baseline, trials, selected }
    };
    pairs.into_iter().map(pair).collect()
}

fn trial(runs: &Runs, number: u64, mut of: Vec<usize>) -> Trial {
    of.sort_by_key(|&place| runs.all[place].seed());
    let all = |holds: fn(&Run) -> bool| of.iter().all(|&place| holds(&runs.all[place]));
    let values: Option<Vec<f64>> = of.iter().map(|&place| runs.all[place].best_validation()).collect();
    let mean = values.map(|values| values.iter().sum::<f64>() / values.len() as f64);
    Trial {
        number,
        validation: mean.filter(|mean| !mean.is_nan()),
        done: all(|run| run.status.state == State::Done),
        over: all(|run| matches!(run.status.state, State::Done | State::Failed | State::Skipped)),
        runs: of,
    }
}

/// The trial with the best validation metric, of equals the first.
fn best<'a>(trials: impl Iterator<Item = &'a Trial>, higher: bool) -> Option<&'a Trial> {
    let better = |a: f64, b: f64| if higher { a > b } else { a < b };
    trials
        .filter_map(|trial| Some((trial, trial.validation?)))
        .reduce(|first, next| if better(next.1, first.1) { next } else { first })
        .map(|(trial, _)| trial)
}

/// The searches among runs that are shown, and all their trials.
#[derive(Debug, Clone, Default)]
pub(crate) struct Searches {
    /// Pairs with more than one trial; places of runs are those in `runs`.
    pub(crate) pairs: Vec<SearchedPair>,
    /// The runs of the trials, with their final lines and the best of their validation.
    pub(crate) runs: Vec<Run>,
    /// Whether each of them is shown nowhere else.
    hidden: Vec<bool>,
}

impl Searches {
    /// Leave of every searched pair one trial among `runs`: the selected one, or while there is none, the best so far. It stands for
    /// the pair, and so without its values in its name.
    pub(crate) fn take(runs: &mut Runs) -> Self {
        let mut found = Self::default();
        let (mut shown, mut hidden) = (BTreeSet::new(), BTreeSet::new());
        for mut pair in searches(runs).into_iter().filter(|pair| pair.trials.len() > 1) {
            let representative = pair.representative(runs).map(|trial| trial.runs.clone()).unwrap_or_default();
            for trial in &mut pair.trials {
                for place in &mut trial.runs {
                    let set = if representative.contains(place) { &mut shown } else { &mut hidden };
                    set.insert(*place);
                    found.hidden.push(!representative.contains(place));
                    let mut run = runs.all[*place].clone();
                    run.keep_results();
                    found.runs.push(run);
                    *place = found.runs.len() - 1;
                }
            }
            found.pairs.push(pair);
        }
        for place in shown {
            let run = &mut runs.all[place];
            if let Some(record) = &mut run.record {
                let searched = record.trial.as_ref().map(|trial| &trial.fields);
                record.grid.retain(|field, _| searched.is_none_or(|fields| !fields.contains_key(field)));
            }
        }
        let mut place = 0;
        runs.all.retain(|_| {
            place += 1;
            !hidden.contains(&(place - 1))
        });
        found
    }

    /// The runs of trials that are shown nowhere else.
    pub(crate) fn hidden(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().zip(&self.hidden).filter(|(_, hidden)| **hidden).map(|(run, _)| run)
    }

    /// What a reader of a table must know whose rows are of chosen trials; `None` where there are none.
    pub(crate) fn note(&self) -> Option<String> {
        let numbers: BTreeSet<usize> = self.pairs.iter().map(|pair| pair.trials.len()).collect();
        let (fewest, most) = (numbers.first()?, numbers.last()?);
        let number = if fewest == most { most.to_string() } else { format!("{fewest} to {most}") };
        Some(format!(
            "Rows of searched baselines are those of one trial, the best of {number} trials on validation; the others stand under \
             Search alone."
        ))
    }
}
