//! `bench run` from outside: it trains, resumes to the same numbers after a kill, extends, refuses, and reports.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use predicates::prelude::*;
use predicates::str::contains;
use support::{Bench, diagnostics, metrics, wait_until};

/// Two small runs: one convolutional with dropout and batch statistics, one recurrent with clipping.
const SMALL: &str = "\
name: small
seeds: [3]
tasks:
  - {name: adding, label: add, length: 48, train_samples: 400, validation_samples: 64, test_samples: 64}
baselines:
  - {name: ccnn, label: ccnn, blocks: 1, hidden: 8, kernel_hidden: 8, omega_0: 50, dropout: 0.2}
  - {name: gru, label: gru, hidden: 12, training: {grad_clip: 0.5}}
training: {epochs: 6, batch_size: 16, learning_rate: 0.01, warmup_epochs: 1, log_every: 5}
";
const CELLS: [&str; 2] = ["runs/small/add.ccnn.s3", "runs/small/add.gru.s3"];

fn finished() -> Bench {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL);
    bench.command(&["run", "small.yaml"]).assert().success();
    bench
}

/// The last attempt at the run failed with an error of this kind, whose message names every one of `offenders`.
fn failed(bench: &Bench, cell: &str, kind: &str, offenders: &[&str]) {
    let status = bench.status(cell);
    assert_eq!(status["kind"], kind, "{status}");
    let message = status["message"].as_str().unwrap();
    assert!(offenders.iter().all(|offender| message.contains(offender)), "{message}");
}

fn assert_same_results(a: &Bench, b: &Bench) {
    for cell in CELLS {
        assert_eq!(metrics(&a.path(cell)), metrics(&b.path(cell)), "{cell}");
        assert_eq!(diagnostics(&a.path(cell)), diagnostics(&b.path(cell)), "{cell}");
    }
}

#[test]
fn the_smoke_recipe_trains_every_run_and_names_its_report() {
    let bench = Bench::new();
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/smoke.yaml");
    let recipe = recipe.to_str().unwrap();
    bench
        .command(&["run", recipe])
        .assert()
        .success()
        .stdout(contains("runs/smoke/report/index.html").and(contains("failed").not()));
    let page = std::fs::read_to_string(bench.path("runs/smoke/report/index.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("listops-tiny"));
    for file in ["experiment.yaml", "report/report.md"] {
        assert!(bench.path("runs/smoke").join(file).is_file(), "{file}");
    }
    for figure in
        ["initialisation-activations", "initialisation-kernels", "training-logits-std", "training-logits-max-abs"]
    {
        let figure = bench.path(&format!("runs/smoke/report/figures/{figure}.csv"));
        assert!(std::fs::read_to_string(&figure).unwrap().contains("ccnn"), "{figure:?}");
    }
    // Where a sample has one label, what became of each of them is kept, and networks are compared on the same samples.
    assert!(bench.path("runs/smoke/listops-tiny.gru.s0/outcomes.parquet").is_file());
    // What a network has most wrong can be read, and how long and deep its expressions are is drawn.
    let worst = std::fs::read_to_string(bench.path("runs/smoke/listops-tiny.gru.s0/worst.json")).unwrap();
    assert!(worst.contains("\"texts\":[\"["), "{worst}");
    let drawn = std::fs::read_to_string(bench.path("runs/smoke/report/figures/accuracy-by-attribute.csv")).unwrap();
    assert!(drawn.contains("depth, operators") && drawn.contains("length, tokens"), "{drawn}");
    assert!(!bench.path("runs/smoke/adding-tiny.gru.s0/outcomes.parquet").exists());
    let samples = std::fs::read_to_string(bench.path("runs/smoke/report/tables/samples.csv")).unwrap();
    assert!(samples.lines().filter(|line| line.starts_with("listops-tiny,")).count() > 9, "{samples}");
    let cell = bench.path("runs/smoke/adding-tiny.ccnn.s0");
    for file in [
        "cell.yaml",
        "status.json",
        "metrics.jsonl",
        "diagnostics.jsonl",
        "diagnostics.parquet",
        "log.txt",
        "checkpoints/last.safetensors",
        "checkpoints/best.safetensors",
    ] {
        assert!(cell.join(file).is_file(), "{file}");
    }
    // Again: nothing is left to do.
    bench.command(&["run", recipe]).assert().success().stderr(contains("already done"));
    assert_eq!(bench.status("runs/smoke/adding-tiny.ccnn.s0")["attempts"], 1);
}

#[test]
fn ten_kills_at_any_moment_do_not_change_a_single_value() {
    let begun = Instant::now();
    let whole = finished();
    let time = begun.elapsed();
    let killed = Bench::new();
    killed.file("small.yaml", SMALL);
    for kill in 0..10u32 {
        let mut run = killed.process(&["run", "small.yaml", "--quiet"]).stdout(Stdio::null()).spawn().unwrap();
        // Moments spread over the run without a pattern, the first ones within the start of the program.
        std::thread::sleep(time.mul_f64(f64::from((kill * 7 + 1) % 10) / 10.0));
        run.kill().unwrap();
        run.wait().unwrap();
    }
    killed.command(&["run", "small.yaml"]).assert().success();
    assert_same_results(&whole, &killed);
    let attempts = CELLS.map(|cell| killed.status(cell)["attempts"].as_u64().unwrap());
    assert!(attempts.iter().sum::<u64>() > 2, "no attempt was interrupted: {attempts:?}");
}

#[test]
fn an_interrupt_saves_a_checkpoint_and_ends_with_130() {
    let whole = finished();
    let bench = Bench::new();
    bench.file("small.yaml", SMALL);
    // A deadline takes the same way as a signal.
    bench.command(&["run", "small.yaml", "--max-time", "1ms"]).assert().code(130);
    bench.command(&["run", "small.yaml"]).assert().success();
    assert_same_results(&whole, &bench);
}

#[test]
fn a_damaged_status_is_named_and_results_are_kept() {
    let whole = finished();
    let bench = Bench::new();
    bench.file("small.yaml", SMALL);
    bench.command(&["run", "small.yaml"]).assert().success();
    std::fs::write(bench.path(CELLS[0]).join("status.json"), "{\"schema\": 1, \"sta").unwrap();
    let run = bench.command(&["run", "small.yaml"]).assert().success();
    let said = [&run.get_output().stdout[..], &run.get_output().stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("status counts as new") && said.contains("status.json"), "{said}");
    assert_eq!(bench.status(CELLS[0])["state"], "done");
    assert_same_results(&whole, &bench);
}

#[cfg(unix)]
#[test]
fn a_termination_signal_leaves_a_resumable_run() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("epochs: 6", "epochs: 4000"));
    let mut run = bench.process(&["run", "small.yaml", "--quiet"]).stdout(Stdio::null()).spawn().unwrap();
    // Before it trains there is nothing to save.
    let last = bench.path(CELLS[0]).join("checkpoints/last.safetensors");
    wait_until("the cell trains", || bench.has_state(CELLS[0], "running") && last.is_file());
    let killed = std::process::Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert_eq!(bench.status(CELLS[0])["state"], "interrupted");
    assert!(bench.path(CELLS[0]).join("checkpoints/last.safetensors").is_file());
}

#[test]
fn results_do_not_depend_on_the_number_of_threads_or_on_child_processes() {
    let whole = finished();
    for arguments in [["--threads", "1"], ["--threads", "2"], ["--jobs", "2"]] {
        let bench = Bench::new();
        bench.file("small.yaml", SMALL);
        bench.command(&["run", "small.yaml"]).args(arguments).assert().success();
        assert_same_results(&whole, &bench);
    }
}

#[test]
fn a_finished_run_is_extended_by_epochs_and_seeds_without_retraining() {
    let bench = finished();
    let before = metrics(&bench.path(CELLS[1]));
    let epochs =
        |lines: &[serde_json::Value]| lines.iter().filter(|line| line["kind"] == "epoch").cloned().collect::<Vec<_>>();
    bench
        .command(&["run", "small.yaml", "--seeds", "3,4"])
        .assert()
        .success()
        .stderr(contains("add.gru.s3: already done"));
    assert_eq!(bench.status(CELLS[1])["attempts"], 1);
    assert_eq!(bench.status("runs/small/add.gru.s4")["state"], "done");
    bench.command(&["run", "small.yaml", "--set", "training.epochs=8"]).assert().success();
    let after = metrics(&bench.path(CELLS[1]));
    let (old, new) = (epochs(&before), epochs(&after));
    assert_eq!(new[..old.len()], old[..]);
    assert_eq!(new.len(), old.len() / 6 * 8);
    assert_eq!(after.iter().filter(|line| line["name"] == "test_loss").count(), 1);
}

/// Neither the metrics nor the weights depend on who reads the samples, and the number of threads may change on the way.
#[test]
fn any_number_of_workers_gives_the_same_results() {
    let reference = finished();
    let checkpoint = |bench: &Bench, cell: &str| {
        let bytes = std::fs::read(bench.path(cell).join("checkpoints/last.safetensors")).unwrap();
        // The header holds times.
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[8 + header..].to_vec()
    };
    for workers in ["training.workers=0", "training.workers=2"] {
        let bench = Bench::new();
        bench.file("small.yaml", SMALL);
        bench.command(&["run", "small.yaml", "--set", workers]).assert().success();
        assert_same_results(&reference, &bench);
        for cell in CELLS {
            assert!(checkpoint(&reference, cell) == checkpoint(&bench, cell), "{cell} with {workers}");
        }
    }
    let log = std::fs::read_to_string(reference.path(CELLS[0]).join("log.txt")).unwrap();
    assert!(log.contains("s for samples"), "{log}");
    reference
        .command(&["run", "small.yaml", "--set", "training.workers=3"])
        .assert()
        .success()
        .stderr(contains("already done"));
    let many = ["run", "small.yaml", "--set", "training.workers=65"];
    reference.refuses(&many, 2, "experiment-bad-setting", &["`workers`", "65"]);
}

#[test]
fn a_run_that_does_not_learn_says_so_in_log_and_status() {
    let bench = Bench::new();
    let text = "\
name: stuck
seeds: [1]
tasks: [{name: copy, label: cp, symbols: 2, delay: 4, train_samples: 1000, validation_samples: 8, test_samples: 8}]
baselines: [{name: rnn, label: rnn, hidden: 256}]
training: {epochs: 1, batch_size: 1, learning_rate: 1.0e-12, schedule: constant}
";
    bench.file("stuck.yaml", text);
    bench.command(&["run", "stuck.yaml"]).assert().success();
    let status = bench.status("runs/stuck/cp.rnn.s1");
    assert_eq!(status["state"], "done");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("within 1 % of ln(") && message.contains("after 1000 steps"), "{message}");
    let log = std::fs::read_to_string(bench.path("runs/stuck/cp.rnn.s1/log.txt")).unwrap();
    assert!(log.contains(message), "{log}");
    bench.command(&["status", "runs/stuck"]).assert().success().stdout(contains("as by guessing"));
}

#[test]
fn a_changed_run_is_refused_with_the_differences_unless_fresh() {
    let bench = finished();
    let change = ["run", "small.yaml", "--set", "training.learning_rate=0.02"];
    bench.refuses(&change, 2, "run-changed", &["training.learning_rate: 0.01 → 0.02", "--fresh"]);
    bench.command(&change).arg("--fresh").assert().success();
}

/// The weights of the best epoch of a run.
fn best_weights(bench: &Bench, cell: &str) -> Vec<(String, Vec<f32>)> {
    let file = std::fs::read(bench.path(cell).join("checkpoints/best.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    let values = |data: &[u8]| data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let mut weights: Vec<_> = tensors.iter().map(|(name, view)| (name.to_owned(), values(view.data()))).collect();
    weights.sort_by(|a: &(String, _), b| a.0.cmp(&b.0));
    weights
}

#[test]
fn a_run_begins_with_the_weights_of_another() {
    const FIRST: &str = "runs/chain/add.gru.s0";
    const SECOND: &str = "runs/chain/longer.gru.s0";
    let bench = Bench::new();
    let text = "\
name: chain
tasks:
  - {name: adding, label: add, length: 24, train_samples: 64, validation_samples: 16, test_samples: 16}
  - {name: adding, label: longer, length: 32, train_samples: 64, validation_samples: 16, test_samples: 16}
baselines: [{name: gru, label: gru, hidden: 12}]
training: {epochs: 2, batch_size: 16, learning_rate: 0.01}
cells:
  - when: {task: longer}
    training: {learning_rate: 1.0e-12, initial_weights: runs/chain/add.gru.s0/checkpoints/best.safetensors}
";
    bench.file("chain.yaml", text);
    // Without the other run there are no weights.
    bench.command(&["run", "chain.yaml", "--only", "task=longer"]).assert().code(1);
    failed(&bench, SECOND, "weights-io", &["training.initial_weights", "checkpoints/best.safetensors"]);
    bench.command(&["run", "chain.yaml"]).assert().success();
    let (first, second) = (best_weights(&bench, FIRST), best_weights(&bench, SECOND));
    assert_eq!(first.len(), second.len());
    for ((name, a), (other, b)) in first.iter().zip(&second) {
        assert!(name == other && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6), "{name}");
    }
    let report = std::fs::read_to_string(bench.path("runs/chain/report/report.md")).unwrap();
    assert!(report.contains("training began with those of `training.initial_weights`"), "{report}");

    // A run that has begun goes on without the file, but not with another one.
    let (file, away) = (bench.path(FIRST).join("checkpoints/best.safetensors"), bench.path("away.safetensors"));
    std::fs::rename(&file, &away).unwrap();
    let on = ["run", "chain.yaml", "--only", "task=longer", "--set", "training.epochs=3"];
    bench.command(&on).assert().success();
    assert_eq!(bench.status(SECOND)["epoch"], 3);
    std::fs::copy(bench.path(SECOND).join("checkpoints/best.safetensors"), &file).unwrap();
    bench.refuses(&on, 2, "run-changed", &["initial_weights:", "--fresh"]);

    // Weights of another network are named tensor by tensor.
    bench
        .command(&["run", "chain.yaml", "--only", "task=longer", "--fresh", "--set", "baseline.hidden=8"])
        .assert()
        .code(1);
    failed(&bench, SECOND, "weights-mismatch", &["gru", "--set baseline.hidden=12"]);
}

#[test]
fn a_run_that_another_process_trains_is_refused_and_other_runs_go_on() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("epochs: 6", "epochs: 4000"));
    let first = ["run", "small.yaml", "--quiet", "--cell", "add.ccnn.s3"];
    let mut holder = bench.process(&first).stdout(Stdio::null()).spawn().unwrap();
    let lock = bench.path(CELLS[0]).join("status.json");
    let begun = Instant::now();
    while !lock.exists() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    bench.command(&first).assert().code(1).stdout(contains("locked").and(contains(holder.id().to_string())));
    bench.command(&["run", "small.yaml", "--cell", "add.gru.s3", "--set", "training.epochs=1"]).assert().success();
    holder.kill().unwrap();
    holder.wait().unwrap();
}

#[test]
fn a_loss_that_is_not_finite_fails_its_run_alone() {
    let bench = Bench::new();
    let wild = SMALL.replace("training: {grad_clip: 0.5}", "training: {learning_rate: 1.0e+30}");
    bench.file("small.yaml", wild.replace("log_every: 5", "log_every: 5, schedule: constant"));
    bench.command(&["run", "small.yaml"]).assert().code(1).stdout(contains("1 done").and(contains("1 failed")));
    let status = bench.status(CELLS[1]);
    assert_eq!((status["state"].as_str(), status["reason"].as_str()), (Some("failed"), Some("nan")));
    failed(&bench, CELLS[1], "train-not-finite", &["learning_rate"]);
}

#[test]
fn a_time_limit_ends_a_run_as_done_and_says_so() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("epochs: 6", "epochs: 100000, max_time: 1s"));
    bench.command(&["run", "small.yaml", "--only", "baseline=gru"]).assert().success().stderr(contains("max_time"));
    let status = bench.status(CELLS[1]);
    assert_eq!((status["state"].as_str(), status["reason"].as_str()), (Some("done"), Some("max_time")));
    assert!(metrics(&bench.path(CELLS[1])).iter().any(|line| line["name"] == "test_mean_squared_error"));
}

/// Only the GRU of [`SMALL`], with these settings.
fn gru_alone(settings: &str) -> (Bench, &'static str) {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("epochs: 6", settings));
    (bench, CELLS[1])
}

const GRU: [&str; 4] = ["run", "small.yaml", "--only", "baseline=gru"];

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
fn lost_lines_of_the_metrics_are_noticed_and_named() {
    let (bench, cell) = gru_alone("epochs: 2");
    bench.command(&GRU).assert().success();
    for name in ["metrics.jsonl", "diagnostics.jsonl"] {
        let path = bench.path(cell).join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        std::fs::write(&path, lines[..2].join("\n") + "\n").unwrap();
        bench
            .command(&GRU)
            .args(["--set", "training.epochs=3"])
            .assert()
            .code(1)
            .stdout(contains(name).and(contains("--fresh")));
        assert_eq!(bench.status(cell)["kind"], "journal-lost");
        std::fs::write(&path, text).unwrap();
    }
    bench.command(&GRU).args(["--set", "training.epochs=3"]).assert().success();
}

#[test]
fn the_penalty_is_recorded_beside_the_loss_of_the_task() {
    let penalised = |weight: &str| {
        let bench = Bench::new();
        let lstm = format!("{{name: lstm, label: gru, hidden: 12, orthonormality: {weight}}}");
        let text = SMALL.replace("{name: gru, label: gru, hidden: 12, training: {grad_clip: 0.5}}", &lstm);
        bench.file("small.yaml", text.replace("epochs: 6", "epochs: 2").replace("log_every: 5", "log_every: 1"));
        bench
    };
    let values = |bench: &Bench, kind: &str, name: &str| {
        let lines = metrics(&bench.path(CELLS[1])).into_iter();
        let of = lines.filter(|line| line["kind"] == kind && line["name"] == name && line["split"] == "train");
        of.map(|line| line["value"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    let (with, without) = (penalised("1.0"), penalised("0"));
    for bench in [&with, &without] {
        bench.command(&GRU).assert().success();
    }
    let penalty = values(&with, "step", "penalty");
    assert_eq!(penalty.len(), 50);
    assert!(penalty[49] < 0.5 * penalty[0], "{penalty:?}");
    // An epoch has the mean over its steps.
    let epochs = values(&with, "epoch", "penalty");
    let mean = penalty[..25].iter().sum::<f64>() / 25.0;
    assert!(epochs.len() == 2 && (epochs[0] - mean).abs() < 1e-9 * mean, "{epochs:?}");
    // The first loss is that of the same weights, so that no penalty is in it.
    assert_eq!(values(&with, "step", "loss")[0], values(&without, "step", "loss")[0]);
    assert!(values(&without, "step", "penalty").is_empty() && values(&without, "epoch", "penalty").is_empty());
    assert!(with.path("runs/small/report/figures/penalty-add.svg").is_file());
    assert!(!without.path("runs/small/report/figures/penalty-add.svg").exists());
    // What it judges is seen at the beginning and after every epoch, weighted or not.
    for (bench, weighted) in [(&with, true), (&without, false)] {
        let lines = diagnostics(&bench.path(CELLS[1]));
        let judged = lines.iter().filter(|line| line["quantity"] == "orthonormality");
        let at = |step: u64| judged.clone().filter(move |line| line["step"] == step);
        let sum = |step| at(step).map(|line| line["value"].as_f64().unwrap()).sum::<f64>();
        assert!(at(0).count() == 4 && [25, 50].iter().all(|step| at(*step).count() == 4), "{lines:?}");
        assert!((sum(0) / penalty[0] - 1.0).abs() < 1e-4, "{} {}", sum(0), penalty[0]);
        assert_eq!(sum(50) < 0.5 * sum(0), weighted);
    }
    // A penalty that overflows is called so.
    let wild = penalised("1.0e+38");
    wild.command(&GRU).assert().code(1);
    assert_eq!(wild.status(CELLS[1])["reason"], "nan");
    failed(&wild, CELLS[1], "train-not-finite", &["penalty"]);
}

/// One command from the file to a page with the scale at initialisation; it is measured once.
#[test]
fn an_experiment_may_measure_its_networks_before_it_trains_them() {
    let bench = Bench::new();
    let diagnose = "diagnose: {seeds: 2, vary: [initialisation, depth]}\n";
    bench.file(
        "small.yaml",
        format!("{SMALL}{diagnose}").replace("epochs: 6, ", "epochs: 1, ").replace("warmup_epochs: 1, ", ""),
    );
    bench.command(&["run", "small.yaml"]).assert().success().stderr(contains("at initialisation: ccnn on add"));
    let table = std::fs::read_to_string(bench.path("runs/small/report/tables/diagnostics.csv")).unwrap();
    // Three initialisations, one and two blocks, either mode; one and two layers of the GRU.
    assert_eq!(table.lines().filter(|line| line.starts_with("add,ccnn,")).count(), 12, "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with("add,gru,")).count(), 4, "{table}");
    for figure in ["logits-std", "activation-variance"] {
        assert!(bench.path(&format!("runs/small/report/figures/{figure}.svg")).is_file(), "{figure}");
    }
    bench.command(&["run", "small.yaml"]).assert().success().stderr(contains("at initialisation").not());
    bench
        .file("small.yaml", std::fs::read_to_string(bench.path("small.yaml")).unwrap().replace("seeds: 2", "seeds: 1"));
    bench.command(&["run", "small.yaml"]).assert().success().stderr(contains("at initialisation"));
    // What is damaged is named and costs no other part.
    std::fs::write(bench.path("runs/small/diagnose/measured.json"), "{").unwrap();
    bench.command(&["report", "runs/small"]).assert().success();
    let report = std::fs::read_to_string(bench.path("runs/small/report/report.md")).unwrap();
    assert!(report.contains("measured.json") && report.contains("gru"), "{report}");
    bench.file("bad.yaml", format!("{SMALL}{}", diagnose.replace("depth", "width")));
    bench.refuses(&["run", "bad.yaml"], 2, "experiment-unknown-name", &["width"]);
    bench.file("bad.yaml", format!("{SMALL}{}", diagnose.replace("seeds: 2", "seeds: 0")));
    bench.refuses(&["run", "bad.yaml"], 2, "experiment-bad-setting", &["seeds"]);
}

/// Early steps are looked at in powers of two, and later ones at the end of every epoch.
#[test]
fn networks_are_looked_at_most_in_the_first_steps() {
    let bench = finished();
    let lines = diagnostics(&bench.path(CELLS[1]));
    let scale = lines.iter().filter(|line| line["quantity"] == "logits.variance");
    let steps: Vec<u64> = scale.map(|line| line["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [0, 1, 2, 4, 8, 16, 25, 50, 75, 100, 125, 150]);
}

/// What layers make of their kernels and gradients is recorded with every look, and logits are counted three times.
#[test]
fn layers_and_logits_are_recorded_over_training() {
    let bench = finished();
    let lines = diagnostics(&bench.path(CELLS[0]));
    let of = |quantity: &'static str| lines.iter().filter(move |line| line["quantity"] == quantity);
    let steps = |quantity| {
        let mut steps: Vec<u64> = of(quantity).map(|line| line["step"].as_u64().unwrap()).collect();
        steps.dedup();
        steps
    };
    let looks = [0, 1, 2, 4, 8, 16, 25, 50, 75, 100, 125, 150];
    for quantity in ["mask.width", "kernel.taps", "kernel.above_nyquist", "kernel.target_variance"] {
        assert_eq!(steps(quantity), looks, "{quantity}");
        let layers: Vec<&str> = of(quantity).take(2).map(|line| line["layer"].as_str().unwrap()).collect();
        assert_eq!(layers, ["conv1", "blocks.0.conv1"], "{quantity}");
    }
    // Before the first step there is no gradient.
    assert_eq!(steps("gradient.norm"), looks[1..]);
    let layers: Vec<&str> = of("gradient.norm").take(8).map(|line| line["layer"].as_str().unwrap()).collect();
    let expected =
        ["conv1", "norm1", "blocks.0.conv1", "blocks.0.norm1", "blocks.0.linear1", "out_norm", "head", "conv1"];
    assert_eq!(layers, expected);
    // Together, the layers have the norm that the log has.
    let logged = metrics(&bench.path(CELLS[0]));
    let logged = logged.iter().find(|line| line["name"] == "gradient_norm" && line["step"] == 25).unwrap();
    let squares =
        of("gradient.norm").filter(|line| line["step"] == 25).map(|line| line["value"].as_f64().unwrap().powi(2));
    let norm = squares.sum::<f64>().sqrt();
    assert!((norm / logged["value"].as_f64().unwrap() - 1.0).abs() < 1e-6, "{norm} {logged}");

    let counted: Vec<u64> = of("logits.histogram").map(|line| line["step"].as_u64().unwrap()).collect();
    assert_eq!(counted, [0, 25, 150]);
    for line in of("logits.histogram") {
        let histogram = &line["histogram"];
        let counts = histogram["counts"].as_array().unwrap();
        let total: u64 = counts.iter().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!((counts.len(), total, &histogram["version"]), (32, 16, &1.into()), "{line}");
        let largest = of("logits.max_abs").find(|other| other["step"] == line["step"]).unwrap();
        let ends = ["from", "to"].map(|end| histogram[end].as_f64().unwrap().abs());
        assert_eq!(ends[0].max(ends[1]), largest["value"].as_f64().unwrap());
    }
    for figure in ["logit-histograms", "training-gradients", "training-mask-width", "layers-above-nyquist"] {
        assert!(bench.path(&format!("runs/small/report/figures/{figure}.svg")).is_file(), "{figure}");
    }
}

/// The memory of a run is its own, whatever ran before it in the same process.
#[cfg(target_os = "linux")]
#[test]
fn the_memory_of_a_run_does_not_depend_on_those_before_it() {
    let bench = Bench::new();
    let task = |label: &str, length: usize| {
        format!(
            "  - {{name: adding, label: {label}, length: {length}, train_samples: 32, validation_samples: 8, test_samples: 8}}\n"
        )
    };
    const LENGTHS: [(&str, usize); 5] =
        [("first", 64), ("small", 64), ("large", 4096), ("again", 64), ("large-again", 4096)];
    let tasks = LENGTHS.map(|(label, length)| task(label, length)).concat();
    let text = format!(
        "name: memory\nseeds: [0]\ntasks:\n{tasks}baselines: [{{name: ccnn, label: ccnn, blocks: 2, hidden: 32, \
         kernel_hidden: 16}}]\ntraining: {{epochs: 1, batch_size: 8}}\n"
    );
    bench.file("memory.yaml", text);
    bench.command(&["run", "memory.yaml"]).assert().success();
    let peak = |label: &str| {
        let path = bench.path(&format!("runs/memory/{label}.ccnn.s0/metrics.jsonl"));
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line["name"] == "peak_memory_bytes").find_map(|line| line["value"].as_f64()).unwrap()
    };
    let peaks = LENGTHS.map(|(label, _)| peak(label));
    // What the program itself uses for the first time, its own code among it, counts for the first run.
    let once = 16e6;
    let same = |peaks: [f64; 5]| {
        let [first, small, large, again, large_again] = peaks;
        assert!((-once..2.0 * once).contains(&(first - small)), "{peaks:?}");
        assert!(large > small + 2.0 * once, "{peaks:?}");
        assert!((again - small).abs() < once && (large_again / large - 1.0).abs() < 0.4, "{peaks:?}");
    };
    same(peaks);
    // So it is for steps that are only timed.
    let speed = bench.json(&["speed", "memory.yaml", "--steps", "2"]);
    let above = |index: usize| {
        let cell = &speed["cells"][index];
        cell["peak_memory_bytes"].as_f64().unwrap() - cell["base_memory_bytes"].as_f64().unwrap()
    };
    same([0, 1, 2, 3, 4].map(above));
    // And a dry run foresees it, but for the samples.
    let planned = bench.json(&["run", "memory.yaml", "--dry-run"]);
    for (index, found) in peaks.into_iter().enumerate() {
        let wanted = planned["cells"][index]["memory_bytes"].as_f64().unwrap();
        assert!((0.6..1.8).contains(&(wanted / found)), "{index}: {wanted} foreseen, {found} found");
    }
}

#[test]
fn a_dry_run_says_what_its_times_are_and_where_time_ends_a_run() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("epochs: 6", "epochs: 100000, max_time: 10s"));
    let plan = bench.json(&["run", "small.yaml", "--dry-run"]);
    for cell in plan["cells"].as_array().unwrap() {
        let reached = cell["epochs_within_limit"].as_f64().unwrap();
        assert!(reached > 0.0 && reached < 100_000.0, "{cell}");
        let evaluated = cell["evaluation_seconds"].as_f64().unwrap();
        assert!(evaluated > 0.0 && evaluated < cell["seconds"].as_f64().unwrap(), "{cell}");
        assert!(cell["seconds_by_clock"].as_f64().unwrap() > 0.0);
    }
    let text = bench.command(&["run", "small.yaml", "--dry-run"]).assert().success();
    let text = String::from_utf8_lossy(&text.get_output().stdout).into_owned();
    assert!(text.contains("max_time ends it in epoch") && text.contains("CPU time"), "{text}");
}

#[test]
fn steps_that_accumulate_gradients_are_timed_as_a_whole() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("batch_size: 16", "batch_size: 4, accumulate_grad_steps: 3"));
    let speed = bench.json(&["speed", "small.yaml", "--steps", "2", "--data-from", "task"]);
    for cell in speed["cells"].as_array().unwrap() {
        assert_eq!((cell["samples"].as_u64(), cell["passes"].as_u64()), (Some(12), Some(3)), "{cell}");
    }
}

/// The last value of a safetensors file becomes `value`.
fn spoil(path: &Path, value: f32) {
    let mut bytes = std::fs::read(path).unwrap();
    let end = bytes.len() - 4;
    bytes[end..].copy_from_slice(&value.to_le_bytes());
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn weights_that_are_not_numbers_are_named_and_not_blamed_on_the_learning_rate() {
    let (bench, cell) = gru_alone("epochs: 1");
    bench.command(&GRU).assert().success();
    let best = bench.path(cell).join("checkpoints/best.safetensors");
    spoil(&best, f32::NAN);
    let text = SMALL.replace("epochs: 6", &format!("epochs: 1, initial_weights: {}", best.display()));
    bench.file("other.yaml", text.replace("name: small", "name: other"));
    let run = ["run", "other.yaml", "--only", "baseline=gru"];
    bench.refuses(&run, 2, "weights-value", &["best.safetensors", "NaN"]);
    bench.command(&run).assert().code(2).stderr(contains("learning_rate").not());
    // Nor does a training go on from such.
    spoil(&bench.path(cell).join("checkpoints/last.safetensors"), f32::NAN);
    bench.command(&GRU).args(["--set", "training.epochs=2"]).assert().code(1).stdout(contains("last.safetensors"));
    assert_eq!(bench.status(cell)["kind"], "checkpoint-invalid");
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
fn missing_data_stop_the_command_or_skip_the_run() {
    let bench = Bench::new();
    let text = "name: digits\nmissing: error\ntasks: [smnist]\nbaselines: [{name: rnn, label: rnn, hidden: 4}]\n";
    bench.file("digits.yaml", text);
    bench.refuses(&["run", "digits.yaml"], 2, "run-missing-data", &["`bench data fetch mnist`"]);
    assert_eq!(bench.names(), ["digits.yaml"]);
    bench.file("digits.yaml", text.replace("missing: error", "missing: skip"));
    bench.command(&["run", "digits.yaml"]).assert().success().stdout(contains("1 skipped"));
    assert_eq!(bench.status("runs/digits/smnist.rnn.s0")["reason"], "missing_data");
}

#[test]
fn a_pair_that_does_not_fit_is_not_applicable() {
    let bench = Bench::new();
    let text = "\
name: image
tasks:
  - {name: pathfinder, label: pf, resolution: 32, difficulty: easy, form: 2d, train_samples: 32, validation_samples: 8, test_samples: 8}
baselines: [{name: rnn, label: rnn, hidden: 4}]
training: {epochs: 1}
";
    bench.file("image.yaml", text);
    bench.command(&["run", "image.yaml"]).assert().success().stdout(contains("1 skipped"));
    assert_eq!(bench.status("runs/image/pf.rnn.s0")["reason"], "not_applicable");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_device_that_is_not_there_ends_with_3_and_writes_nothing() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL);
    let cuda = ["run", "small.yaml", "--device", "cuda"];
    bench.refuses(&cuda, 3, "device-not-compiled", &["`cuda:0`", "--features cuda"]);
    assert_eq!(bench.names(), ["small.yaml"]);
}

#[test]
fn an_output_folder_that_cannot_be_written_is_named() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL);
    bench.file("runs", "a file where the folder should be");
    bench.refuses(&["run", "small.yaml"], 1, "folder-io", &["runs/small"]);
}

/// A file system of 60 kB holds the records and the first checkpoints of one run, then it is full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_fails_runs_with_a_message_and_they_resume() {
    let whole = finished();
    let bench = Bench::new();
    bench.file("small.yaml", SMALL);
    let runs = bench.path("runs");
    std::fs::create_dir(&runs).unwrap();
    let mount = |options: &str| {
        let mut command = std::process::Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&runs).output().is_ok_and(|out| out.status.success())
    };
    if !mount("size=60k") {
        eprintln!("SKIPPED: a small file system cannot be mounted here, so the full disk is not tested");
        return;
    }
    let full = bench.command(&["run", "small.yaml", "--json"]).output().unwrap();
    let grown = mount("remount,size=50m");
    let resumed = bench.command(&["run", "small.yaml"]).output().unwrap();
    let same = std::panic::catch_unwind(|| assert_same_results(&whole, &bench));
    let unmounted = std::process::Command::new("umount").arg(&runs).status().unwrap();
    assert!(grown && unmounted.success());
    assert_eq!(full.status.code(), Some(1), "{}", String::from_utf8_lossy(&full.stderr));
    let said: serde_json::Value = serde_json::from_slice(&full.stdout).unwrap();
    let failed = said["cells"].as_array().unwrap().iter().filter(|run| run["outcome"] == "failed").collect::<Vec<_>>();
    assert!(!failed.is_empty() && failed.iter().all(|run| run["reason"] == "disk_full"), "{said}");
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    assert!(same.is_ok());
}

/// A scale is another run beside that of the recipe, with a budget of its own, and both stand in one report.
#[test]
fn a_smoke_scale_takes_five_steps_beside_the_recipe_itself() {
    let bench = Bench::new();
    bench.file("small.yaml", format!("source: made up\n{SMALL}"));
    bench.command(&["run", "small.yaml", "--only", "baseline=gru"]).assert().success();
    bench
        .command(&["run", "small.yaml", "--only", "baseline=gru", "--set", "scale=smoke"])
        .assert()
        .success()
        .stdout(contains("Scale smoke: 5 steps"));
    let status = bench.status("runs/small/add.gru.smoke.s3");
    assert_eq!((status["state"].as_str(), status["epoch"].as_u64()), (Some("done"), Some(1)));
    let read = |file: &str| std::fs::read_to_string(bench.path(file)).unwrap();
    let cell = read("runs/small/add.gru.smoke.s3/cell.yaml");
    assert!(
        cell.contains("scale: smoke") && cell.contains("train_samples: 20") && cell.contains("- made up"),
        "{cell}"
    );
    assert!(read("runs/small/experiment.yaml").contains("scale: smoke"));
    let lines = read("runs/small/add.gru.smoke.s3/metrics.jsonl");
    assert_eq!(lines.matches("\"name\":\"learning_rate\"").count(), 5, "{lines}");
    assert_eq!(bench.status(CELLS[1])["epoch"], 6);
    let report = read("runs/small/report/report.md");
    assert!(report.contains("| gru |") && report.contains("| gru scale=smoke |"), "{report}");
    // Nothing is left to do at either scale.
    let again = ["run", "small.yaml", "--only", "baseline=gru", "--set", "scale=smoke"];
    bench.command(&again).assert().success().stderr(contains("already done"));
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

/// The sizes of a text of one's own are known before anything runs: scales cut it, and the record says so.
#[test]
fn a_text_of_ones_own_has_its_sizes_in_the_plan_and_in_the_record() {
    let bench = Bench::new();
    let text: String = (0..30_000u32).map(|i| char::from(b'a' + (i * i / 7 % 26) as u8)).collect();
    bench.file("own.txt", text);
    let experiment = "\
name: own
tasks:
  - {name: char-lm, label: own, file: own.txt, length: 32}
baselines:
  - {name: rnn, label: rnn, hidden: 4}
training: {epochs: 4, batch_size: 8, warmup_epochs: 1}
";
    bench.file("own.yaml", experiment);
    // 27 000 characters are 844 windows of 32; a batch that is not full is left out.
    let plan = bench.json(&["run", "own.yaml", "--dry-run", "--no-time"]);
    assert_eq!(plan["cells"][0]["steps_per_epoch"], 105);
    bench.command(&["run", "own.yaml", "--set", "scale=smoke", "--device", "cpu", "--quiet"]).assert().success();
    let record = std::fs::read_to_string(bench.path("runs/own/own.rnn.smoke.s0/cell.yaml")).unwrap();
    let record: serde_json::Value = serde_yaml::from_str(&record).unwrap();
    assert_eq!(record["task"]["splits"], serde_json::json!([20, 32, 32]));
    let notes = record["task"]["notes"].to_string();
    assert!(notes.contains("20 of 844 train, 32 of 47 validation, 32 of 47 test samples"), "{notes}");
    // A quarter of the steps, as in the recipe.
    assert_eq!(record["training"]["warmup_steps"], 1);
    // The report says so, too.
    let report = std::fs::read_to_string(bench.path("runs/own/report/report.md")).unwrap();
    assert!(report.contains("20 of 844 train"), "{report}");
    let absent = experiment.replace("own.txt", "absent.txt");
    bench.file("absent.yaml", absent);
    bench.refuses(&["run", "absent.yaml"], 2, "run-missing-data", &["absent.txt"]);
}
