//! What ends a training before its last epoch.

use predicates::str::contains;

use super::support::{Bench, diagnostics, metrics};
use super::{CELLS, GRU, SMALL, gru_alone};

#[test]
fn a_time_limit_ends_a_run_as_done_and_says_so() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("epochs: 6", "epochs: 100000, max_time: 1s"));
    bench.command(&["run", "small.yaml", "--only", "baseline=gru"]).assert().success().stderr(contains("max_time"));
    let status = bench.status(CELLS[1]);
    assert_eq!((status["state"].as_str(), status["reason"].as_str()), (Some("done"), Some("max_time")));
    assert!(metrics(&bench.path(CELLS[1])).iter().any(|line| line["name"] == "test_mean_squared_error"));
}

#[test]
fn a_time_limit_within_the_last_epoch_is_no_end_of_the_training() {
    // So short a time is used up after the first step.
    let (bench, cell) = gru_alone("epochs: 1, max_time: 1ns");
    bench.command(&GRU).assert().success().stderr(contains("1 of 25 steps"));
    let status = bench.status(cell);
    assert_eq!((status["state"].as_str(), status["reason"].as_str()), (Some("done"), Some("max_time")));
    assert_eq!((&status["epoch"], &status["partial_epoch"]["steps"]), (&0.into(), &1.into()));
    let lines = metrics(&bench.path(cell));
    let (epochs, others): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["kind"] == "epoch");
    assert!(epochs.len() > 2 && epochs.iter().all(|line| line["partial"] == true && line["epoch"] == 1));
    // Its seconds hold the validation and the test, as those of a training without a limit do.
    let text = std::fs::read_to_string(bench.path(cell).join("metrics.jsonl")).unwrap();
    let mut read = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let seconds = read.find(|line| line["kind"] == "final" && line["name"] == "seconds").unwrap();
    assert_eq!(status["seconds"].as_f64(), seconds["value"].as_f64());
    assert!(others.iter().all(|line| line.get("partial").is_none()));
    assert!(others.iter().any(|line| line["name"] == "test_mean_squared_error" && line["value"].is_number()));
    let report = std::fs::read_to_string(bench.path("runs/small/report/report.md")).unwrap();
    assert!(report.contains("Stopped by time"), "{report}");
    bench.command(&GRU).assert().success().stderr(contains("already done"));

    // More time goes on from there, to what a training without a limit gives.
    bench.command(&GRU).args(["--set", "training.max_time=1h"]).assert().success();
    let (whole, _) = gru_alone("epochs: 1");
    whole.command(&GRU).assert().success();
    let status = bench.status(cell);
    assert_eq!((&status["reason"], &status["epoch"]), (&serde_json::Value::Null, &1.into()));
    assert!(status.get("partial_epoch").is_none(), "{status}");
    assert_eq!(metrics(&bench.path(cell)), metrics(&whole.path(cell)));
    assert_eq!(diagnostics(&bench.path(cell)), diagnostics(&whole.path(cell)));
}

#[test]
fn a_number_of_steps_within_the_last_epoch_is_told() {
    let (bench, cell) = gru_alone("epochs: 1, max_steps: 7");
    bench.command(&GRU).assert().success();
    let status = bench.status(cell);
    assert_eq!((status["state"].as_str(), status["reason"].as_str()), (Some("done"), Some("max_steps")));
    assert_eq!((&status["epoch"], &status["partial_epoch"]["steps"]), (&0.into(), &7.into()));
    // As many steps as the epochs have are no limit.
    let (bench, cell) = gru_alone("epochs: 1, max_steps: 25");
    bench.command(&GRU).assert().success();
    assert_eq!(bench.status(cell)["reason"], serde_json::Value::Null);
}

/// Killed after an epoch that a limit cut short was judged and before the test: it is judged again.
#[test]
fn a_partial_epoch_that_was_judged_survives_a_kill() {
    let (bench, cell) = gru_alone("epochs: 6, max_steps: 32");
    bench.command(&GRU).assert().success();
    let (before, path) = (metrics(&bench.path(cell)), bench.path(cell).join("status.json"));
    let mut status = bench.status(cell);
    (status["state"], status["reason"]) = ("running".into(), serde_json::Value::Null);
    std::fs::write(&path, status.to_string()).unwrap();
    let journal = bench.path(cell).join("metrics.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    let until_final: Vec<&str> = text.lines().take_while(|line| !line.contains("\"final\"")).collect();
    std::fs::write(&journal, until_final.join("\n") + "\n").unwrap();
    bench.command(&GRU).assert().success();
    assert_eq!(metrics(&bench.path(cell)), before);
    assert_eq!(bench.status(cell)["reason"], "max_steps");
}

#[test]
fn early_stopping_ends_a_run_that_no_longer_improves() {
    let bench = Bench::new();
    let still = SMALL.replace("epochs: 6", "epochs: 500, early_stopping: 2, schedule: constant");
    bench.file("small.yaml", still.replace("learning_rate: 0.01", "learning_rate: 1.0e-12"));
    bench.command(&["run", "small.yaml", "--only", "baseline=gru"]).assert().success();
    let status = bench.status(CELLS[1]);
    assert_eq!((status["state"].as_str(), status["reason"].as_str()), (Some("done"), Some("early_stopping")));
    assert!(status["epoch"].as_u64().unwrap() < 500);
}

#[test]
fn a_number_of_steps_ends_the_training_within_an_epoch() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("log_every: 5", "log_every: 1, max_steps: 32"));
    bench.command(&["run", "small.yaml", "--only", "baseline=gru"]).assert().success();
    let status = bench.status(CELLS[1]);
    assert_eq!((status["state"].as_str(), status["reason"].as_str()), (Some("done"), Some("max_steps")));
    // 25 steps are an epoch.
    assert_eq!(status["epoch"], 1);
    assert_eq!(status["partial_epoch"], serde_json::json!({"steps": 7, "of": 25}));
    let lines = std::fs::read_to_string(bench.path(CELLS[1]).join("metrics.jsonl")).unwrap();
    assert_eq!(lines.matches("\"name\":\"learning_rate\"").count(), 32);
    bench.command(&["run", "small.yaml", "--only", "baseline=gru"]).assert().success().stderr(contains("already done"));
}
