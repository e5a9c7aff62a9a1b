//! Trials as runs, and the queue of a search whose folders stand at some point.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use serde_json::json;
use vocabulary::record::{State, Status, StopReason};

use super::{Passed, Queue};
use crate::experiment::{Overrides, Plan, load_text};
use crate::files::run_folder;
use crate::registry::Registry;
use crate::runner::{Outcome, identity};

const FILE: &str = "\
name: x
tasks: [{name: adding, label: add, length: 16, train_samples: 64, validation_samples: 8, test_samples: 8}]
baselines: [{name: gru, label: gru, hidden: 3}]
training: {epochs: 4, schedule: constant}
";
const SEARCH: &str = "\
search:
  trials: 4
  ranges: {training.learning_rate: {low: 0.001, high: 0.1, scale: log}}
  halving: {factor: 2, epochs: 2}
";

fn planned(text: &str) -> Plan {
    let registry = Registry::standard();
    load_text("x", text.to_owned(), &Overrides::default(), &registry).unwrap_or_else(|error| panic!("{error}"))
}

/// A trial is the run of a grid with its values: it keeps its folder and its hash.
#[test]
fn a_trial_is_an_ordinary_run() {
    let searched = planned(&format!("{FILE}{SEARCH}"));
    let rates: Vec<String> = searched.runs.iter().map(|run| run.grid["training.learning_rate"].to_string()).collect();
    let grid = planned(&format!("{FILE}grid: {{training.learning_rate: [{}]}}\n", rates.join(", ")));
    let of = |run| identity::record(run, "x", "cpu", None).unwrap();
    assert_eq!(searched.runs.len(), 4);
    for trial in &searched.runs {
        let same = of(grid.runs.iter().find(|run| run.id == trial.id).unwrap());
        let trial = of(trial);
        assert_eq!((&same.hash, &same.grid), (&trial.hash, &trial.grid));
        assert!(same.trial.is_none() && trial.trial.is_some_and(|trial| trial.rungs == [2]));
    }
}

/// What a run has trained: a checkpoint's header, its metrics and its status.
fn trained(folder: &Path, epochs: &[f64], state: State) {
    let lines = epochs.iter().zip(1..).map(|(value, epoch)| {
        let line = json!({"kind": "epoch", "epoch": epoch, "step": 4 * epoch, "split": "validation",
                          "name": "mean_squared_error", "value": value, "wall": 1.0});
        format!("{line}\n")
    });
    let text: String = lines.collect();
    std::fs::create_dir_all(folder.join("checkpoints")).unwrap();
    // A kill may have left more lines than the checkpoint knows of.
    let more = format!("{text}{}", text.lines().last().map_or(String::new(), |line| format!("{line}\n")));
    std::fs::write(folder.join("metrics.jsonl"), more).unwrap();
    let progress =
        json!({"epoch": epochs.len(), "step_in_epoch": 0, "step": 4 * epochs.len(), "metrics_bytes": text.len()});
    let header = json!({"__metadata__": {"progress": progress.to_string()}}).to_string();
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    std::fs::write(folder.join("checkpoints/last.safetensors"), file).unwrap();
    let status = Status { state, epoch: epochs.len() as u64, ..Status::pending() };
    std::fs::write(folder.join("status.json"), serde_json::to_string(&status).unwrap()).unwrap();
}

/// Everything that can be taken now: the trial and until which epoch it is trained.
fn taken(queue: &mut Queue<'_>) -> Vec<(usize, Option<u64>, bool)> {
    std::iter::from_fn(|| queue.take(|_, _| true)).map(|(index, part)| (index, part.until, part.goes_on)).collect()
}

fn pruned(passed: &[Passed]) -> Vec<usize> {
    passed.iter().filter(|p| matches!(p.outcome, Outcome::Pruned(_))).map(|p| p.index).collect()
}

#[test]
fn a_search_goes_on_from_what_stands_in_its_folders() {
    let plan = planned(&format!("{FILE}{SEARCH}"));
    let home = tempfile::tempdir().unwrap();
    let folder = |trial: usize| home.path().join(&plan.runs[trial].id);
    for trial in 0..4 {
        run_folder::enlist(&folder(trial), &identity::record(&plan.runs[trial], "x", "cpu", None).unwrap()).unwrap();
    }
    let mut queue = Queue::new(&plan, home.path(), false);
    assert!(queue.begin().is_empty());
    assert_eq!(taken(&mut queue), [0, 1, 2, 3].map(|trial| (trial, Some(2), false)));

    // Three have reached the rung when everything is killed, one of them without having said so.
    for (trial, epochs, state) in [
        (0, &[0.5, 0.4][..], State::Interrupted),
        (1, &[0.2, 0.9], State::Running),
        (3, &[0.3, 0.3], State::Interrupted),
    ] {
        trained(&folder(trial), epochs, state);
    }
    let mut queue = Queue::new(&plan, home.path(), false);
    assert!(queue.begin().is_empty());
    assert_eq!(taken(&mut queue), [(2, Some(2), false)]);
    // The fourth one is worse: a smaller error is better, that of the best epoch counts.
    trained(&folder(2), &[0.6, 0.5], State::Interrupted);
    assert_eq!(pruned(&queue.ended(2, &Outcome::Paused)), [0, 2]);
    assert_eq!(taken(&mut queue), [(1, None, false), (3, None, false)]);
    let status = run_folder::read_status(&folder(2)).unwrap().unwrap();
    assert_eq!((status.state, status.reason, status.epoch), (State::Skipped, Some(StopReason::Pruned), 2));
    assert_eq!(status.message.as_deref(), Some("pruned after epoch 2: place 4 of 4 on validation, 2 went on"));

    // Killed again while the two are on their way: the same two go on, and what they did meanwhile changes nothing.
    trained(&folder(1), &[0.2, 0.9, 0.9], State::Running);
    let mut queue = Queue::new(&plan, home.path(), false);
    assert_eq!(pruned(&queue.begin()), [0, 2]);
    assert_eq!(taken(&mut queue), [(1, None, false), (3, None, false)]);
    trained(&folder(1), &[0.2, 0.9, 0.9, 0.9], State::Done);
    assert!(queue.ended(1, &Outcome::Done).is_empty() && queue.ended(3, &Outcome::Interrupted).is_empty());
    assert!(taken(&mut queue).is_empty());

    // More trials: the new ones come to the rung first, then some that were pruned may go on after all.
    let more = planned(&format!("{FILE}{}", SEARCH.replace("trials: 4", "trials: 8")));
    let mut further = Queue::new(&more, home.path(), false);
    assert!(further.begin().is_empty());
    assert_eq!(
        taken(&mut further),
        [(1, None, false), (4, Some(2), false), (5, Some(2), false), (6, Some(2), false), (7, Some(2), false)]
    );
    let mut passed = further.ended(1, &Outcome::Done);
    for (trial, error) in [(4, 0.9), (5, 0.8), (6, 0.1), (7, 0.9)] {
        trained(&home.path().join(&more.runs[trial].id), &[error, error], State::Interrupted);
        passed.extend(further.ended(trial, &Outcome::Paused));
    }
    assert_eq!(pruned(&passed), [2, 4, 5, 7]);
    assert_eq!(taken(&mut further), [(0, None, false), (3, None, false), (6, None, true)]);

    // A fresh start minds nothing of that, and goes on with what it has begun itself.
    let mut queue = Queue::new(&plan, home.path(), true);
    assert!(queue.begin().is_empty());
    assert_eq!(taken(&mut queue), [0, 1, 2, 3].map(|trial| (trial, Some(2), false)));
    let mut passed = Vec::new();
    for (trial, error) in [(0, 0.9), (1, 0.8), (2, 0.1), (3, 0.2)] {
        trained(&folder(trial), &[error, error], State::Interrupted);
        passed.extend(queue.ended(trial, &Outcome::Paused));
    }
    assert_eq!(pruned(&passed), [0, 1]);
    assert_eq!(taken(&mut queue), [(2, None, true), (3, None, true)]);
}

#[test]
fn nobody_is_pruned_where_one_was_interrupted_and_who_failed_comes_last() {
    let plan = planned(&format!("{FILE}{SEARCH}"));
    let start = |home: &Path, outcome: &Outcome| {
        let folder = |trial: usize| home.join(&plan.runs[trial].id);
        let mut queue = Queue::new(&plan, home, false);
        queue.begin();
        taken(&mut queue);
        let mut passed = Vec::new();
        for trial in 0..4 {
            trained(&folder(trial), if trial == 1 { &[0.01] } else { &[0.1, 0.3] }, State::Interrupted);
            passed.extend(queue.ended(trial, if trial == 1 { outcome } else { &Outcome::Paused }));
        }
        (pruned(&passed), taken(&mut queue).into_iter().map(|(trial, ..)| trial).collect::<Vec<_>>())
    };
    for outcome in [Outcome::Interrupted, Outcome::Locked("by another".into())] {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(start(home.path(), &outcome), (vec![], vec![]));
    }
    let home = tempfile::tempdir().unwrap();
    let folder = |trial: usize| home.path().join(&plan.runs[trial].id);
    // It had the smallest error before it broke.
    let (pruned, further) = start(home.path(), &Outcome::failed(StopReason::Nan, "the loss is not finite"));
    assert_eq!((pruned, further), (vec![3], vec![0, 2]));
    // Metrics that have lost an epoch are no ground for a decision.
    let text = std::fs::read_to_string(folder(0).join("metrics.jsonl")).unwrap();
    std::fs::write(folder(0).join("metrics.jsonl"), text.lines().next().unwrap()).unwrap();
    trained(&folder(1), &[0.01, 0.01], State::Interrupted);
    let mut queue = Queue::new(&plan, home.path(), false);
    let passed = queue.begin();
    let failed =
        |p: &&Passed| matches!(&p.outcome, Outcome::Failed { message, .. } if message.contains("metrics.jsonl"));
    assert_eq!(passed.iter().filter(failed).map(|p| p.index).collect::<Vec<_>>(), [0]);
}
