//! A search from outside: who is promoted, that an interrupted one ends the same, and what stands at its end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::support::{Bench, diagnostics, metrics, wait_until};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

const SEARCH: &str = "\
name: tuned
seeds: [3]
tasks:
  - {name: adding, label: add, length: 32, train_samples: 200, validation_samples: 64, test_samples: 64}
baselines:
  - {name: ccnn, label: ccnn, blocks: 1, hidden: 6, kernel_hidden: 6}
  - {name: gru, label: gru, hidden: 8}
training: {epochs: 5, batch_size: 20, warmup_epochs: 1, log_every: 5}
search:
  seed: 1
  trials: 4
  ranges:
    training.learning_rate: {low: 1.0e-4, high: 0.1, scale: log}
    baseline.omega_0: {low: 1, high: 300, scale: log}
    baseline.dropout: [0, 0.2]
  halving: {factor: 2, epochs: 2}
";

fn finished() -> Bench {
    let bench = Bench::new();
    bench.file("tuned.yaml", SEARCH);
    bench.command(&["run", "tuned.yaml"]).assert().success();
    bench
}

/// The folders of all trials, in order of name.
fn trials(bench: &Bench) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(bench.path("runs/tuned")).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("cell.yaml").is_file());
    folders.sort();
    folders
}

fn status(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("status.json")).unwrap()).unwrap()
}

/// The smallest validation error of the first `epochs` epochs.
fn error(folder: &Path, epochs: u64) -> f64 {
    let lines = metrics(folder);
    let own = lines.iter().filter(|line| line["kind"] == "epoch" && line["split"] == "validation");
    let own = own.filter(|line| line["name"] == "mean_squared_error" && line["epoch"].as_u64().unwrap() <= epochs);
    own.map(|line| line["value"].as_f64().unwrap()).fold(f64::INFINITY, f64::min)
}

/// Rungs after epochs 2 and 4 of 5: of four trials two go on, then one.
fn check_promotions(bench: &Bench) {
    let mut by_pair: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for folder in trials(bench) {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        by_pair.entry(name.split('.').nth(1).unwrap().to_owned()).or_default().push(folder);
    }
    assert_eq!(by_pair.keys().collect::<Vec<_>>(), ["ccnn", "gru"]);
    for mut folders in by_pair.into_values() {
        assert_eq!(folders.len(), 4);
        for (rung, survivors) in [(2, 2), (4, 1)] {
            folders.sort_by(|a, b| error(a, rung).total_cmp(&error(b, rung)));
            for pruned in folders.split_off(survivors) {
                let status = status(&pruned);
                assert_eq!((status["state"].as_str(), status["reason"].as_str()), (Some("skipped"), Some("pruned")));
                assert_eq!(status["epoch"], rung, "{status}");
                let lines = metrics(&pruned);
                assert!(lines.iter().all(|line| line["kind"] != "final" && line["split"] != "test"), "{pruned:?}");
                assert!(!pruned.join("outcomes.parquet").exists());
            }
        }
        assert_eq!((&status(&folders[0])["state"], &status(&folders[0])["epoch"]), (&"done".into(), &5.into()));
        assert!(metrics(&folders[0]).iter().any(|line| line["name"] == "test_mean_squared_error"));
    }
}

fn assert_same(a: &Bench, b: &Bench) {
    let (all, others) = (trials(a), trials(b));
    assert_eq!(all.len(), 8);
    for (one, other) in all.iter().zip(&others) {
        assert_eq!(one.file_name(), other.file_name());
        assert_eq!(metrics(one), metrics(other), "{one:?}");
        assert_eq!(diagnostics(one), diagnostics(other), "{one:?}");
        assert_eq!(status(one)["state"], status(other)["state"]);
    }
    let selected = |bench: &Bench| std::fs::read_to_string(bench.path("runs/tuned/selected.yaml")).unwrap();
    assert_eq!(selected(a), selected(b));
}

#[test]
fn the_better_trials_go_on_and_the_best_is_an_experiment() {
    let bench = finished();
    check_promotions(&bench);

    // A training in parts is the training of one that never paused.
    let chosen: Vec<PathBuf> = trials(&bench).into_iter().filter(|folder| status(folder)["state"] == "done").collect();
    assert_eq!(chosen.len(), 2);
    bench.command(&["run", "runs/tuned/selected.yaml"]).assert().success();
    for folder in &chosen {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let baseline = name.split('.').nth(1).unwrap();
        let whole = bench.path(&format!("runs/tuned-selected/add.{baseline}.s3"));
        assert_eq!(metrics(folder), metrics(&whole), "{name}");
        assert_eq!(diagnostics(folder), diagnostics(&whole), "{name}");
        let record = std::fs::read_to_string(whole.join("cell.yaml")).unwrap();
        assert!(
            record.contains("halving by 2 from 2 epochs, 13 epochs in all, seed 1; best of 4 trials on validation"),
            "{record}"
        );
    }
    // Seeds that chose nothing.
    bench.command(&["run", "runs/tuned/selected.yaml", "--seeds", "4"]).assert().success();
    assert!(bench.has_state("runs/tuned-selected/add.gru.s4", "done"));

    // Again: nothing is left to do, and nothing is decided anew.
    let before: Vec<Value> = trials(&bench).iter().map(|folder| status(folder)).collect();
    bench
        .command(&["run", "tuned.yaml"])
        .assert()
        .success()
        .stderr(contains("already done").and(contains("pruned after epoch 2")));
    assert_eq!(trials(&bench).iter().map(|folder| status(folder)).collect::<Vec<_>>().len(), before.len());
    let attempts = |all: &[Value]| all.iter().map(|status| status["attempts"].as_u64()).collect::<Vec<_>>();
    assert_eq!(attempts(&trials(&bench).iter().map(|f| status(f)).collect::<Vec<_>>()), attempts(&before));
}

#[test]
fn kills_at_any_moment_change_nobody_who_goes_on() {
    let whole = finished();
    let killed = Bench::new();
    killed.file("tuned.yaml", SEARCH);
    for pause in [0, 0, 10, 0, 30, 0, 90, 0] {
        let mut run = killed.process(&["run", "tuned.yaml", "--quiet", "--jobs", "2"]);
        let mut run = run.stdout(Stdio::null()).spawn().unwrap();
        // However long the program takes to start: some trial is in its middle, unless all are done.
        let is_running = |folder: &PathBuf| {
            let text = std::fs::read(folder.join("status.json")).unwrap_or_default();
            serde_json::from_slice::<Value>(&text).is_ok_and(|status| status["state"] == "running")
        };
        let any = || killed.path("runs/tuned").is_dir() && trials(&killed).iter().any(is_running);
        wait_until("a trial is trained", || any() || run.try_wait().unwrap().is_some());
        std::thread::sleep(Duration::from_millis(pause));
        let _ = run.kill();
        run.wait().unwrap();
    }
    killed.command(&["run", "tuned.yaml"]).assert().success();
    check_promotions(&killed);
    assert_same(&whole, &killed);
    let attempts = |bench: &Bench| trials(bench).iter().map(|f| status(f)["attempts"].as_u64().unwrap()).sum::<u64>();
    assert!(attempts(&killed) > attempts(&whole), "no attempt was interrupted");
}

#[test]
fn a_deadline_leaves_a_search_that_goes_on() {
    let whole = finished();
    let bench = Bench::new();
    bench.file("tuned.yaml", SEARCH);
    bench.command(&["run", "tuned.yaml", "--max-time", "1ms"]).assert().code(130);
    assert!(!bench.path("runs/tuned/selected.yaml").exists());
    bench.command(&["run", "tuned.yaml", "--only", "baseline=gru"]).assert().success();
    let selected = std::fs::read_to_string(bench.path("runs/tuned/selected.yaml")).unwrap();
    assert!(selected.contains("gru") && !selected.contains("ccnn"), "{selected}");
    bench.command(&["run", "tuned.yaml"]).assert().success();
    assert_same(&whole, &bench);
    // Afresh, in parts of which only the first discards anything.
    bench.command(&["run", "tuned.yaml", "--fresh"]).assert().success();
    assert_same(&whole, &bench);
}

#[test]
fn the_budget_is_said_before_and_the_search_reported_after() {
    let bench = Bench::new();
    bench.file("tuned.yaml", SEARCH);
    let dry = bench.json(&["run", "tuned.yaml", "--dry-run", "--no-time"]);
    let pairs = dry["search"]["pairs"].as_array().unwrap();
    assert_eq!((pairs.len(), &dry["search"]["equal"], &dry["search"]["method"]), (2, &true.into(), &"sobol".into()));
    for (pair, dimensions) in pairs.iter().zip([3, 2]) {
        assert_eq!(
            (&pair["dimensions"], &pair["trials"], &pair["epochs"]),
            (&dimensions.into(), &4.into(), &13.into())
        );
    }
    let text = bench.command(&["run", "tuned.yaml", "--dry-run", "--no-time"]).assert().success();
    text.stdout(contains("4 to epoch 2, 2 to epoch 4, 1 to epoch 5").and(contains("13 epochs for every pair")));
    // 13 of the 20 epochs that all trials would take, 10 steps each, for two pairs.
    bench.command(&["run", "tuned.yaml", "--dry-run", "--no-time"]).assert().stdout(contains("260 optimiser steps"));

    let ran = bench.json(&["run", "tuned.yaml"]);
    let outcomes: Vec<&str> =
        ran["cells"].as_array().unwrap().iter().map(|cell| cell["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "pruned").count(), 6, "{outcomes:?}");
    assert_eq!((&ran["selected"]["pairs"], &ran["selected"]["seeds"][0]), (&2.into(), &3.into()));
    bench
        .command(&["run", "tuned.yaml"])
        .assert()
        .success()
        .stdout(contains("bench run runs/tuned/selected.yaml --seeds 4,5,6").and(contains("6 pruned")));

    // One row per pair, and no test value of anything else.
    let table =
        |name: &str| std::fs::read_to_string(bench.path(&format!("runs/tuned/report/tables/{name}.csv"))).unwrap();
    let results = table("results");
    assert_eq!(results.lines().count(), 1 + 2, "{results}");
    assert!(table("summary").lines().count() == 3 && table("search").lines().count() == 3);
    assert_eq!(table("search-add-ccnn").lines().count(), 1 + 4);
    let finals = table("finals");
    assert_eq!(finals.lines().filter(|line| line.contains(",test_mean_squared_error,")).count(), 2, "{finals}");
    let page = std::fs::read_to_string(bench.path("runs/tuned/report/report.md")).unwrap();
    assert!(page.contains("best of 4 trials on validation") && page.contains("## Search: ccnn on add"), "{page}");
    let drawn = std::fs::read_to_string(bench.path("runs/tuned/report/figures/search-add.csv")).unwrap();
    assert!(drawn.contains("ccnn: omega_0") && drawn.contains("gru: learning_rate"), "{drawn}");
    bench.command(&["status", "runs/tuned"]).assert().success().stdout(contains("pruned after epoch 2"));
}

#[test]
fn a_trial_alone_is_refused_where_its_end_depends_on_others() {
    let bench = Bench::new();
    bench.file("tuned.yaml", SEARCH);
    let dry = bench.json(&["run", "tuned.yaml", "--dry-run", "--no-time"]);
    let id = dry["cells"][0]["id"].as_str().unwrap();
    bench.refuses(&["run", "tuned.yaml", "--cell", id], 2, "usage", &["halving", id]);
    bench.file("whole.yaml", SEARCH.replace("  halving: {factor: 2, epochs: 2}\n", ""));
    bench.command(&["run", "whole.yaml", "--cell", id]).assert().success();
    assert!(bench.has_state(&format!("runs/tuned/{id}"), "done"));
}
