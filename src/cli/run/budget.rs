//! What a search may spend on every pair of task and baseline, and what came of it.

use std::collections::BTreeMap;

use reports::format::duration;
use reports::text_table;
use serde::Serialize;

use super::line::Line;
use crate::experiment::search::{Search, epochs, stages};
use crate::experiment::{Plan, Run};
use crate::runner::Selected;

/// The budget of a search.
#[derive(Debug, Clone, Serialize)]
pub struct Budget {
    /// How points are drawn: `sobol` or `random`.
    method: &'static str,
    /// Seed of the points.
    seed: u64,
    /// Whether every pair with a range takes as many epochs as every other.
    equal: bool,
    pairs: Vec<PairBudget>,
}

/// The budget of a task and a baseline.
#[derive(Debug, Clone, Serialize)]
struct PairBudget {
    task: String,
    baseline: String,
    /// Ranges that apply.
    dimensions: usize,
    trials: usize,
    /// Seeds of every trial.
    seeds: usize,
    /// How many trials are trained to the end of which epoch.
    stages: Vec<Stage>,
    /// Epochs of all trials and seeds together, early stopping and limits aside.
    epochs: u64,
    /// Estimated seconds of the same.
    seconds: Option<f64>,
    /// The share of the epochs that all trials would take without halving.
    #[serde(skip)]
    share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Stage {
    trials: usize,
    epoch: u64,
}

/// The trials of a pair, and the lines of the dry run of the same runs.
type Trials<'a> = Vec<(&'a Run, &'a Line)>;

impl Budget {
    /// That of `plan`, whose runs are described by `lines`; `None` without a search.
    pub(super) fn of(plan: &Plan, lines: &[Line]) -> Option<Self> {
        let search = plan.search?;
        let mut of_pair: BTreeMap<[usize; 2], Trials<'_>> = BTreeMap::new();
        for (run, line) in plan.runs.iter().zip(lines).filter(|(run, _)| run.not_applicable.is_none()) {
            if let Some(trial) = &run.trial {
                of_pair.entry(trial.entries).or_default().push((run, line));
            }
        }
        let pairs: Vec<PairBudget> = of_pair.values().map(|runs| pair(&search, runs)).collect();
        let mut spent = pairs.iter().filter(|pair| pair.dimensions > 0).map(|pair| pair.epochs);
        let first = spent.next();
        let equal = spent.all(|epochs| Some(epochs) == first);
        Some(Self { method: search.method.into(), seed: search.seed, equal, pairs })
    }

    /// The part of the steps and seconds of `line`, a whole training, that a trial of its pair takes on average.
    pub(super) fn share(&self, line: &Line) -> f64 {
        let own = self.pairs.iter().find(|pair| pair.task == line.task && pair.baseline == line.baseline);
        own.map_or(1.0, |pair| pair.share)
    }

    /// As a table with a sentence below.
    pub(super) fn text(&self) -> String {
        let rows = self.pairs.iter().map(|pair| {
            let stage = |stage: &Stage| format!("{} to epoch {}", stage.trials, stage.epoch);
            let seeds = if pair.seeds == 1 { String::new() } else { format!(" × {} seeds", pair.seeds) };
            vec![
                pair.task.clone(),
                pair.baseline.clone(),
                pair.dimensions.to_string(),
                format!("{}{seeds}", pair.stages.iter().map(stage).collect::<Vec<_>>().join(", ")),
                pair.epochs.to_string(),
                pair.seconds.map_or_else(|| "—".to_owned(), duration),
            ]
        });
        let rows: Vec<Vec<String>> = rows.collect();
        let table = text_table("task | baseline | ranges# | trials | epochs# | time#", &rows);
        format!("search: {} points, seed {}\n{table}\n{}", self.method, self.seed, self.sentence())
    }

    /// Whether the comparison is fair.
    fn sentence(&self) -> String {
        let searched: Vec<&PairBudget> = self.pairs.iter().filter(|pair| pair.dimensions > 0).collect();
        let fixed: Vec<String> = self.pairs.iter().filter(|p| p.dimensions == 0).map(|p| p.baseline.clone()).collect();
        let mut text = match searched.first() {
            None => "no range applies to any pair: one run each".to_owned(),
            Some(first) if self.equal => format!("budget: {} epochs for every pair that is searched", first.epochs),
            Some(_) => {
                "the budgets differ: pairs have other `training.epochs`, or ranges with few values; a comparison of \
                        their best trials favours those that spend more"
                    .to_owned()
            }
        };
        if !fixed.is_empty() && !searched.is_empty() {
            let mut fixed = fixed;
            fixed.dedup();
            text.push_str(&format!("; no range applies to {}: one run each, as it is", fixed.join(", ")));
        }
        text
    }
}

fn pair(search: &Search, runs: &Trials<'_>) -> PairBudget {
    let trial_of = |run: &Run| run.trial.as_ref().map(|trial| trial.record.clone());
    let numbers: std::collections::BTreeSet<u64> =
        runs.iter().filter_map(|(run, _)| Some(trial_of(run)?.number)).collect();
    let trials = numbers.len();
    let seeds = runs.len() / trials.max(1);
    let first = runs.first().and_then(|(run, _)| Some((*run, trial_of(run)?)));
    let (last, rungs, dimensions) = first.as_ref().map_or((0, Vec::new(), 0), |(run, trial)| {
        (u64::from(run.training.epochs), trial.rungs.clone(), trial.fields.len())
    });
    let stages = stages(search.halving, trials, &rungs, last);
    let planned = epochs(&stages);
    let share = planned as f64 / (trials as u64 * last).max(1) as f64;
    let seconds: Option<f64> = runs.iter().map(|(_, line)| line.seconds).sum();
    PairBudget {
        task: runs.first().map(|(run, _)| run.task.label.clone()).unwrap_or_default(),
        baseline: runs.first().map(|(run, _)| run.baseline.label.clone()).unwrap_or_default(),
        dimensions,
        trials,
        seeds,
        epochs: planned * seeds as u64,
        seconds: seconds.map(|seconds| seconds * share),
        stages: stages.into_iter().map(|(trials, epoch)| Stage { trials, epoch }).collect(),
        share,
    }
}

/// Where the chosen trials stand, and how they are run with other seeds.
pub(super) fn chosen(selected: &Selected) -> String {
    let Selected { path, pairs, missing, seeds } = selected;
    let file = path.display();
    let next = seeds.last().map_or(0, |last| last.saturating_add(1));
    let others: Vec<String> = (0..3).map(|more| next.saturating_add(more).to_string()).collect();
    let s = if *pairs == 1 { "" } else { "s" };
    let left_out = match missing.as_slice() {
        [] => String::new(),
        missing => format!("; without one: {}", missing.join(", ")),
    };
    format!(
        "best trials of {pairs} pair{s} of task and baseline: {file}{left_out}\nits seeds chose them; for others:  bench run {file} \
         --seeds {}",
        others.join(",")
    )
}
