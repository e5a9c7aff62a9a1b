//! Run folders of earlier builds: they are reported, evaluated and trained further.
//!
//! The folder `tests/fixtures/kept/runs` was written by the build of commit 489c763, by `bench run kept.yaml --device cpu`
//! there: runs that are done, one that was interrupted, and pairs that do not fit.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};

use predicates::str::contains;
use serde_json::Value;
use support::{Bench, metrics};

const DONE: [&str; 3] = ["add.gru.s0", "add.ccnn.s0", "cp.gru.s0"];
const INTERRUPTED: &str = "cp.ccnn.s0";

/// A copy of the folder.
fn kept() -> Bench {
    let bench = Bench::new();
    copy(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kept"), bench.folder.path());
    bench
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() { copy(&from, &to) } else { _ = std::fs::copy(&from, &to).unwrap() }
    }
}

fn cell(name: &str) -> PathBuf {
    Path::new("runs/kept").join(name)
}

fn value(lines: &[Value], name: &str) -> f64 {
    lines.iter().rev().find(|line| line["name"] == name).unwrap()["value"].as_f64().unwrap()
}

#[test]
fn the_report_shows_every_state() {
    let bench = kept();
    bench.command(&["report", "runs/kept", "--out", "report"]).assert().success();
    let report = std::fs::read_to_string(bench.path("report/report.md")).unwrap();
    for words in ["gru", "ccnn", "n/a", "interrupted"] {
        assert!(report.contains(words), "{words}: {report}");
    }
    let accuracy = value(&metrics(&bench.path("runs/kept").join("cp.gru.s0")), "test_accuracy");
    assert!(report.contains(&format!("{:.2}", 100.0 * accuracy)), "{accuracy}: {report}");
}

#[test]
fn checkpoints_reach_the_recorded_metrics() {
    let bench = kept();
    for (name, metric) in DONE.into_iter().zip(["mean_squared_error", "mean_squared_error", "accuracy"]) {
        let best = cell(name).join("checkpoints/best.safetensors");
        let found = bench.json(&["eval", best.to_str().unwrap(), "--device", "cpu"])["value"].as_f64().unwrap();
        let recorded = value(&metrics(&bench.path("runs/kept").join(name)), &format!("test_{metric}"));
        assert!((found - recorded).abs() <= 1e-5 * recorded.abs(), "{name}: {found}, {recorded}");
    }
}

#[test]
fn cells_go_on_as_if_never_left() {
    let (bench, whole) = (kept(), Bench::new());
    bench
        .command(&["run", "kept.yaml", "--device", "cpu", "--only", "task=add"])
        .assert()
        .success()
        .stderr(contains("already done"));
    whole.file("kept.yaml", std::fs::read(bench.path("kept.yaml")).unwrap());
    // The interrupted run goes on from the middle, those that are done from their end.
    let interrupted = bench.status("runs/kept/cp.ccnn.s0")["epoch"].as_u64().unwrap();
    for (name, only, epochs) in
        [(INTERRUPTED, "task=cp,baseline=ccnn", interrupted + 2), ("add.gru.s0", "task=add,baseline=gru", 4)]
    {
        let epochs = format!("training.epochs={epochs}");
        for bench in [&bench, &whole] {
            let arguments = ["run", "kept.yaml", "--device", "cpu", "--only", only, "--set", &epochs];
            bench.command(&arguments).assert().success();
        }
        let of = |bench: &Bench| metrics(&bench.path("runs/kept").join(name));
        let (recorded, resumed, whole) = (of(&kept()), of(&bench), of(&whole));
        // Bits are those of a kind of processor: one with other instructions than that of the folder rounds otherwise, and
        // Adam makes much of gradients that are zero but for rounding.
        if resumed.iter().filter(|line| recorded.contains(line)).all(|line| whole.contains(line)) {
            assert_eq!(resumed, whole, "{name}");
        } else {
            assert!(alike(&resumed, &whole), "{name}: {resumed:?}, {whole:?}");
        }
    }
}

/// Whether the lines are of the same things, with values within two percent.
fn alike(some: &[Value], others: &[Value]) -> bool {
    let about = |line: &Value| ["kind", "epoch", "step", "split", "name"].map(|field| line[field].clone());
    let close = |a: &Value, b: &Value| match (a["value"].as_f64(), b["value"].as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= 0.02 * b.abs(),
        (a, b) => a == b,
    };
    some.len() == others.len() && some.iter().zip(others).all(|(a, b)| about(a) == about(b) && close(a, b))
}
