//! `bench run` from outside: it trains, resumes to the same numbers after a kill, extends, refuses, and reports.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod controls;
mod evaluations;
mod initial_weights;
mod journals;
mod limits;
mod plans;
mod refusals;
mod resume;
mod search;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;
use support::{Bench, diagnostics, metrics};

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

/// Only the GRU of [`SMALL`], with these settings.
fn gru_alone(settings: &str) -> (Bench, &'static str) {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("epochs: 6", settings));
    (bench, CELLS[1])
}

const GRU: [&str; 4] = ["run", "small.yaml", "--only", "baseline=gru"];

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
    let reach = bench.path("runs/smoke/report/figures/accuracy-against-receptive-field.csv");
    let reach = std::fs::read_to_string(&reach).unwrap();
    assert!(
        reach.contains("listops-tiny,ccnn,filled dots") && reach.contains("\"ccnn, masks\",hollow dots"),
        "{reach}"
    );
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
fn results_do_not_depend_on_the_number_of_threads_or_on_child_processes() {
    let whole = finished();
    for arguments in [["--threads", "1"], ["--threads", "2"], ["--jobs", "2"]] {
        let bench = Bench::new();
        bench.file("small.yaml", SMALL);
        bench.command(&["run", "small.yaml"]).args(arguments).assert().success();
        assert_same_results(&whole, &bench);
    }
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
