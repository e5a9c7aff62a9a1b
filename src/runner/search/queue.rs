//! The runs that wait for their turn, and of a search with halving, those that get another one.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use vocabulary::record::{State, Status, StopReason};

use super::rungs::{Place, Reached, Standing, Verdict, judge};
use super::standing::{of_run, together};
use crate::experiment::search::Halving;
use crate::experiment::{Plan, Run};
use crate::files::{FolderError, Patience, RunFolder, run_folder};
use crate::runner::{Outcome, Part};

/// A run that ends without being ordered.
pub(in crate::runner) struct Passed {
    /// Number of the run in the plan.
    pub(in crate::runner) index: usize,
    pub(in crate::runner) id: String,
    pub(in crate::runner) outcome: Outcome,
}

/// The runs of a plan that wait to be ordered.
pub(in crate::runner) struct Queue<'a> {
    runs: &'a [Run],
    /// Folder of the experiment.
    folder: &'a Path,
    /// Whether what stands in the folders from before counts for nothing.
    fresh: bool,
    waiting: VecDeque<usize>,
    /// Until which epoch each run is ordered.
    until: Vec<Option<u64>>,
    /// The outcome of the last part of each run, where one was ordered in this command.
    last: Vec<Option<Outcome>>,
    begun: Vec<bool>,
    pairs: Vec<Pair>,
    /// The pair that each run is a trial of.
    pair_of: Vec<Option<usize>>,
    closed: bool,
}

/// The trials of a task and a baseline, of which some are pruned.
struct Pair {
    halving: Halving,
    rungs: Vec<u64>,
    /// Runs of every trial, one per seed.
    trials: Vec<Vec<usize>>,
    /// Runs that were ordered and have not ended.
    open: usize,
}

impl<'a> Queue<'a> {
    /// All runs of `plan`, whose folders lie in `folder`; what stands there is discarded if `fresh`.
    pub(in crate::runner) fn new(plan: &'a Plan, folder: &'a Path, fresh: bool) -> Self {
        let runs = plan.runs.as_slice();
        let (mut pairs, mut pair_of) = (Vec::new(), vec![None; runs.len()]);
        let mut places: BTreeMap<(String, String, String), usize> = BTreeMap::new();
        let mut numbers: Vec<BTreeMap<u64, usize>> = Vec::new();
        for (index, run) in runs.iter().enumerate() {
            let halving = plan.search.and_then(|search| search.halving);
            let trial = run.trial.as_ref().map(|trial| &trial.record).filter(|trial| !trial.rungs.is_empty());
            let (Some(halving), Some(trial)) = (halving, trial) else { continue };
            let (task, baseline) = (&run.task, &run.baseline);
            let key = (task.label.clone(), baseline.name.clone(), baseline.label.clone());
            let place = *places.entry(key).or_insert_with(|| {
                pairs.push(Pair { halving, rungs: trial.rungs.clone(), trials: Vec::new(), open: 0 });
                numbers.push(BTreeMap::new());
                pairs.len() - 1
            });
            pair_of[index] = Some(place);
            let trials = &mut pairs[place].trials;
            let number = *numbers[place].entry(trial.number).or_insert_with(|| {
                trials.push(Vec::new());
                trials.len() - 1
            });
            trials[number].push(index);
        }
        Self {
            runs,
            folder,
            fresh,
            waiting: VecDeque::new(),
            until: vec![None; runs.len()],
            last: vec![None; runs.len()],
            begun: vec![false; runs.len()],
            pairs,
            pair_of,
            closed: false,
        }
    }

    /// Everything that can be ordered at first; the trials that were pruned before are passed over.
    pub(in crate::runner) fn begin(&mut self) -> Vec<Passed> {
        let mut passed = Vec::new();
        let mut seen = vec![false; self.pairs.len()];
        for index in 0..self.runs.len() {
            match self.pair_of[index] {
                None => self.waiting.push_back(index),
                Some(pair) if !seen[pair] => {
                    seen[pair] = true;
                    let (further, others) = self.decide(pair);
                    self.waiting.extend(further);
                    passed.extend(others);
                }
                Some(_) => {}
            }
        }
        passed
    }

    /// The next run that `is_ready`, as far as the others that wait decide that, and how far it is trained.
    pub(in crate::runner) fn take(
        &mut self,
        is_ready: impl Fn(usize, &VecDeque<usize>) -> bool,
    ) -> Option<(usize, Part)> {
        let place = self.waiting.iter().position(|&index| is_ready(index, &self.waiting))?;
        let index = self.waiting.remove(place)?;
        let part = Part { until: self.until[index], goes_on: self.begun[index] };
        self.begun[index] = true;
        Some((index, part))
    }

    /// A run was not taken after all.
    pub(in crate::runner) fn put_back(&mut self, index: usize) {
        // Its last part has stood there before, if there was one.
        self.begun[index] = self.last[index].is_some();
        self.waiting.push_front(index);
    }

    /// Whether no run waits.
    pub(in crate::runner) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Nothing more is ordered.
    pub(in crate::runner) fn close(&mut self) {
        self.closed = true;
        self.waiting.clear();
    }

    /// A run, or the part of it that was ordered, is over. Those that go on after a decision come first, so that a pair is finished
    /// before another one is begun; those that do not are passed over.
    pub(in crate::runner) fn ended(&mut self, index: usize, outcome: &Outcome) -> Vec<Passed> {
        self.last[index] = Some(outcome.clone());
        let Some(pair) = self.pair_of[index] else { return Vec::new() };
        self.pairs[pair].open -= 1;
        if self.pairs[pair].open > 0 || self.closed {
            return Vec::new();
        }
        let (further, passed) = self.decide(pair);
        further.into_iter().rev().for_each(|index| self.waiting.push_front(index));
        passed
    }

    /// The runs of a pair that are trained next, and those that are pruned. Nobody is, where it is not known how far one has come.
    fn decide(&mut self, place: usize) -> (Vec<usize>, Vec<Passed>) {
        let pair = &self.pairs[place];
        let all = pair.trials.iter().flatten();
        let unknown = |index: &usize| matches!(self.last[*index], Some(Outcome::Interrupted | Outcome::Locked(_)));
        if all.clone().any(unknown) {
            return (Vec::new(), Vec::new());
        }
        let mut passed = Vec::new();
        let seeds: BTreeMap<usize, Standing> = all.map(|&index| (index, self.standing(index, &mut passed))).collect();
        let trials: Vec<Standing> = pair.trials.iter().map(|trial| together_of(&seeds, trial)).collect();
        let higher =
            pair.trials.iter().flatten().next().is_some_and(|&run| self.runs[run].spec().metric.higher_is_better());
        let verdicts = judge(&trials, pair.halving, &pair.rungs, higher);
        let mut further: Vec<(usize, Option<u64>)> = Vec::new();
        for (trial, verdict) in pair.trials.iter().zip(verdicts) {
            for &index in trial {
                let behind = |until: Option<u64>| match seeds[&index].reached {
                    Reached::Epochs(epochs) => until.is_none_or(|until| epochs < until),
                    _ => false,
                };
                match verdict {
                    Verdict::Train(until) if behind(until) => further.push((index, until)),
                    Verdict::Prune(why) if seeds[&index].reached != Reached::End => {
                        passed.push(self.prune(index, why));
                    }
                    // Whether its results are still there is for the worker to see.
                    _ if seeds[&index].reached == Reached::End && !self.begun[index] => further.push((index, None)),
                    _ => {}
                }
            }
        }
        further.iter().for_each(|(index, until)| self.until[*index] = *until);
        self.pairs[place].open += further.len();
        (further.into_iter().map(|(index, _)| index).collect(), passed)
    }

    /// Where a run stands; one whose folder is damaged has failed.
    fn standing(&self, index: usize, passed: &mut Vec<Passed>) -> Standing {
        let without = |reached| Standing { reached, scores: Vec::new() };
        let (run, last) = (&self.runs[index], &self.last[index]);
        match last {
            Some(Outcome::Skipped) => return without(Reached::Nothing),
            None if self.fresh => return without(Reached::Epochs(0)),
            _ => {}
        }
        let rungs = self.pair_of[index].map_or(&[][..], |pair| &self.pairs[pair].rungs);
        let found = of_run(&self.folder.join(&run.id), run, rungs);
        match (found, last) {
            (Ok(found), Some(Outcome::Failed { .. })) => Standing { reached: Reached::Failure, ..found },
            (Ok(found), _) => found,
            (Err(_), Some(Outcome::Failed { .. })) => without(Reached::Failure),
            (Err(error), _) => {
                let outcome = Outcome::failed(StopReason::Error, error.to_string());
                passed.push(Passed { index, id: run.id.clone(), outcome });
                without(Reached::Failure)
            }
        }
    }

    /// Record that a run does not go on.
    fn prune(&self, index: usize, why: Place) -> Passed {
        let run = &self.runs[index];
        let Place { rung, rank, of, survivors } = why;
        let message = format!("pruned after epoch {rung}: place {rank} of {of} on validation, {survivors} went on");
        let outcome = match record(&self.folder.join(&run.id), &message) {
            Ok(()) => Outcome::Pruned(message),
            Err(error @ FolderError::Locked { .. }) => Outcome::Locked(error.to_string()),
            Err(error) => Outcome::failed(StopReason::Error, error.to_string()),
        };
        Passed { index, id: run.id.clone(), outcome }
    }
}

fn together_of(seeds: &BTreeMap<usize, Standing>, trial: &[usize]) -> Standing {
    let own: Vec<Standing> = trial.iter().filter_map(|index| seeds.get(index).cloned()).collect();
    together(&own)
}

/// Write into the folder of a run that it is pruned, unless it says so already.
fn record(path: &Path, message: &str) -> Result<(), FolderError> {
    let folder = RunFolder::lock(path, std::process::id(), Patience::None)?;
    let mut status = run_folder::read_status(path)?.unwrap_or_else(Status::pending);
    if status.reason == Some(StopReason::Pruned) && status.message.as_deref() == Some(message) {
        return Ok(());
    }
    status.state = State::Skipped;
    status.reason = Some(StopReason::Pruned);
    status.message = Some(message.to_owned());
    status.kind = None;
    status.updated = Some(run_folder::now());
    folder.write_status(&status)?;
    folder.log(message)
}
