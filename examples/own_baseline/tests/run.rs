//! The program of this example: its task and baseline stand where the standard ones do.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use assert_cmd::Command;

fn program(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_own-baseline"));
    command.current_dir(folder).args(arguments).env("BENCH_DATA", folder.join("data")).env_remove("BENCH_CACHE");
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

#[test]
fn an_own_baseline_and_an_own_task_stand_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/experiment.yaml");
    assert!(program(folder, &["list", "baselines"]).contains("\nmixer "));
    assert!(program(folder, &["list", "tasks"]).contains("\nmajority "));
    let schema = program(folder, &["schema"]);
    assert!(schema.contains("\"majority\"") && schema.contains("\"mixer\""));
    program(folder, &["run", file, "-q"]);
    program(folder, &["report", "runs/own"]);
    let report = std::fs::read_to_string(folder.join("runs/own/report/report.md")).unwrap();
    let row = report.lines().find(|line| line.starts_with("| mixer-2-16 |")).unwrap();
    assert!(row.contains('±') || row.chars().any(|c| c.is_ascii_digit()), "{row}");
    let checkpoint = "runs/own/majority101.mixer-2-16.s0/checkpoints/best.safetensors";
    assert!(program(folder, &["eval", checkpoint, "-q"]).contains("accuracy"));
    assert!(program(folder, &["diagnose", file, "--seeds", "1"]).contains("measurements"));
    assert!(program(folder, &["speed", file, "--steps", "1", "--warmup", "0", "-q"]).contains("mixer-2-16"));
    assert!(program(folder, &["data", "show", "majority", "--count", "2", "-q"]).contains("majority101"));
}
