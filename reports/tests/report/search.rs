//! Searches: one row per pair, all trials in tables of their own.

use std::fs;
use std::path::{Path, PathBuf};

use reports::{Field, Formats};
use serde_json::json;
use tempfile::tempdir;
use vocabulary::record::{RangeScale, State, StopReason, TrialRecord};

use super::support::{Fake, cell};
use super::{compare, load, status, table_of, values_of, write};

/// Trial `number` of a search, whose best validation metric is `validation`.
fn trial(task: &str, baseline: &str, number: u64, rate: f64, validation: f64, seed: u64) -> Fake {
    let mut fake = cell(task, baseline, 5_000, seed, validation - 0.001).grid("training.learning_rate", json!(rate));
    fake.record.training["learning_rate"] = json!(rate);
    fake.record.grid.insert("baseline.norm".to_owned(), json!(["batch", "layer"][number as usize % 2]));
    let fields =
        [("training.learning_rate".to_owned(), RangeScale::Log), ("baseline.norm".to_owned(), RangeScale::Choice)];
    fake.record.trial = Some(TrialRecord { number, fields: fields.into(), rungs: vec![4] });
    fake
}

fn pruned(fake: Fake) -> Fake {
    fake.epochs(4).state(State::Skipped, Some(StopReason::Pruned), Some("pruned after epoch 4: place 3 of 4"))
}

/// Four trials of one pair, of which the first would be the best by the test, and a baseline without a search.
fn searched(home: &Path) {
    let first = trial("smnist", "ccnn-4-64", 1, 0.1, 0.90, 0).write(home).join("metrics.jsonl");
    let tested =
        json!({"kind": "final", "epoch": 10, "step": 50, "name": "test_accuracy", "value": 0.999, "wall": 60.0});
    let lines = fs::read_to_string(&first).unwrap();
    fs::write(first, format!("{lines}{tested}\n")).unwrap();
    trial("smnist", "ccnn-4-64", 2, 0.01, 0.95, 0).write(home);
    pruned(trial("smnist", "ccnn-4-64", 3, 0.001, 0.99, 0)).write(home);
    trial("smnist", "ccnn-4-64", 4, 0.0001, 0.2, 0)
        .state(State::Failed, Some(StopReason::Nan), Some("not finite"))
        .write(home);
    cell("smnist", "lstm-64", 7_000, 0, 0.8).write(home);
}

#[test]
fn tables_show_the_best_trial_and_its_section_all() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("made-up");
    searched(&home);
    let out = dir.path().join("out");
    write(std::slice::from_ref(&home), &out, Formats::ALL).unwrap();
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    let results = read("tables/results.csv");
    assert_eq!(results.lines().count(), 3, "{results}");
    assert!(
        results.contains("ccnn-4-64,") && results.contains(",94.8999") && !results.contains("learning_rate"),
        "{results}"
    );
    assert!(results.contains("Searched:"), "{results}");
    // What is not chosen has no value outside its own table.
    for name in ["tables/summary.csv", "tables/cells.csv", "tables/finals.csv", "tables/epochs.csv"] {
        let text = read(name);
        assert!(!text.contains("learning_rate") && !text.contains("99.9") && !text.contains("0.999"), "{name}: {text}");
    }
    let overview = read("tables/search.csv");
    assert!(overview.contains("smnist,ccnn-4-64,4,1,1,"), "{overview}");
    assert!(overview.contains(",2,norm=batch learning_rate=0.01,"), "{overview}");
    let trials = read("tables/search-smnist-ccnn-4-64.csv");
    assert_eq!(
        trials.lines().next().unwrap(),
        "Trial,baseline.norm,training.learning_rate,Epochs,Best validation,State,Reason,remarks"
    );
    assert_eq!(trials.lines().count(), 5);
    assert!(
        trials.contains("3,layer,0.001,4,") && trials.contains("pruned,") && trials.contains("failed,not finite"),
        "{trials}"
    );
    let page = read("report.md");
    assert!(page.contains("| **2** | **batch** | **0.01** |"), "{page}");
    assert!(
        page.contains("the best of 4 trials on validation") && page.contains("- Runs: 5: 3 done, 1 skipped, 1 failed"),
        "{page}"
    );
    let drawn = read("figures/search-smnist.csv");
    assert!(
        drawn.contains("ccnn-4-64: learning_rate") && drawn.contains("ccnn-4-64: norm") && drawn.contains("chosen"),
        "{drawn}"
    );
    assert!(fs::metadata(out.join("figures/search-smnist.svg")).unwrap().len() < 40_000);
    assert!(read("index.html").contains("search-smnist-ccnn-4-64"));
    // The state of every run is still to be seen, and comparisons take the chosen one.
    assert_eq!(status(&home).unwrap().rows.len(), 5);
    let compared = compare(&[home], &"baseline".parse::<Field>().unwrap()).unwrap();
    assert_eq!(compared.rows.len(), 1, "{}", compared.to_text());
    assert!(compared.notes.iter().any(|note| note.contains("best of 4 trials")), "{:?}", compared.notes);
}

#[test]
fn trials_are_judged_by_the_mean_of_their_seeds_and_never_by_the_test() {
    let dir = tempdir().unwrap();
    let home: PathBuf = dir.path().join("made-up");
    for (seed, [first, second]) in [(0, [0.9, 0.85]), (1, [0.7, 0.85])] {
        trial("smnist", "ccnn-4-64", 1, 0.1, first, seed).write(&home);
        trial("smnist", "ccnn-4-64", 2, 0.01, second, seed).write(&home);
    }
    // The last one has not ended: nothing is chosen yet.
    trial("smnist", "lstm-64", 1, 0.1, 0.5, 0).write(&home);
    trial("smnist", "lstm-64", 3, 0.3, 0.6, 0).write(&home);
    trial("smnist", "lstm-64", 3, 0.3, 0.4, 1).state(State::Running, None, None).epochs(5).write(&home);
    // Less is better.
    trial("adding-200", "ccnn-4-64", 1, 0.1, 0.02, 0).write(&home);
    trial("adding-200", "ccnn-4-64", 2, 0.01, 0.01, 0).write(&home);
    trial("adding-200", "ccnn-4-64", 3, 0.03, 0.01, 0).write(&home);
    let runs = load(&[home]).unwrap();
    let pairs = reports::searches(&runs);
    let found: Vec<(&str, Vec<u64>, Option<u64>)> = pairs
        .iter()
        .map(|pair| {
            let numbers = pair.trials.iter().map(|trial| trial.number).collect();
            (pair.task.as_str(), numbers, pair.selected.map(|place| pair.trials[place].number))
        })
        .collect();
    assert_eq!(
        found,
        [("adding-200", vec![1, 2, 3], Some(2)), ("smnist", vec![1, 2], Some(2)), ("smnist", vec![1, 3], None)]
    );
    let (smnist, open) = (&pairs[1], &pairs[2]);
    assert_eq!(
        open.trials.iter().map(|trial| (trial.done, trial.over)).collect::<Vec<_>>(),
        [(true, true), (false, false)]
    );
    assert!((smnist.trials[0].validation.unwrap() - 0.8).abs() < 1e-9);
}

#[test]
fn while_none_has_ended_the_best_so_far_stands_for_the_pair() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("made-up");
    let paused = |fake: Fake| fake.epochs(4).state(State::Interrupted, Some(StopReason::Rung), None);
    paused(trial("smnist", "ccnn-4-64", 1, 0.1, 0.8, 0)).write(&home);
    paused(trial("smnist", "ccnn-4-64", 2, 0.01, 0.9, 0)).write(&home);
    let out = dir.path().join("out");
    write(std::slice::from_ref(&home), &out, Formats::ALL).unwrap();
    let results = table_of(&home, "results");
    assert_eq!((results.len(), results[0]["Test"].as_str()), (1, "interrupted, epoch 4"), "{results:?}");
    assert!(results[0]["Best validation"].starts_with("89.9"), "{results:?}");
    let drawn = values_of(&out, "search-smnist");
    assert!(
        !drawn.is_empty() && drawn.iter().all(|row| row.values().any(|value| value.contains("pruned"))),
        "{drawn:?}"
    );
}
