//! Runs that cannot be made, and what is said of them.

use predicates::prelude::*;
use predicates::str::contains;

use super::support::Bench;
use super::{CELLS, SMALL, assert_same_results, failed, finished};

#[test]
fn a_changed_run_is_refused_with_the_differences_unless_fresh() {
    let bench = finished();
    let change = ["run", "small.yaml", "--set", "training.learning_rate=0.02"];
    bench.refuses(&change, 2, "run-changed", &["training.learning_rate: 0.01 → 0.02", "--fresh"]);
    bench.command(&change).arg("--fresh").assert().success();
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
