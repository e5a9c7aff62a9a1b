//! Runs that begin with given weights.

use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;

use super::support::{Bench, without_metadata};
use super::{GRU, SMALL, failed, gru_alone};

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

/// The last value of a safetensors file becomes `value`.
fn spoil(path: &Path, value: f32) {
    without_metadata(path, &["checksum"]);
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
fn every_seed_begins_with_its_own_run_on_another_task() {
    let bench = Bench::new();
    // The first stage stands last in the file.
    let text = "\
name: stages
seeds: [0, 1, 2]
tasks:
  - {name: adding, label: longer, length: 32, train_samples: 64, validation_samples: 16, test_samples: 16, training: {initial_task: add}}
  - {name: adding, label: add, length: 24, train_samples: 64, validation_samples: 16, test_samples: 16}
baselines: [{name: gru, label: gru, hidden: 12}]
training: {epochs: 2, batch_size: 16, learning_rate: 1.0e-12}
";
    bench.file("stages.yaml", text);
    // Nothing is trained from random weights in its place.
    bench.command(&["run", "stages.yaml", "--only", "task=longer", "--seeds", "1"]).assert().code(1);
    failed(&bench, "runs/stages/longer.gru.s1", "initial-weights-not-trained", &["add.gru.s1", "not there"]);
    bench.command(&["run", "stages.yaml", "--jobs", "2"]).assert().success();
    for seed in 0..3 {
        let [longer, add] =
            ["longer", "add"].map(|task| best_weights(&bench, &format!("runs/stages/{task}.gru.s{seed}")));
        for ((name, a), (other, b)) in longer.iter().zip(&add) {
            assert!(name == other && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6), "{seed}: {name}");
        }
    }
    // The seeds are one row, whose weights were given; the place of the runs decides nothing.
    let table = std::fs::read_to_string(bench.path("runs/stages/report/tables/results.csv")).unwrap();
    assert_eq!(table.lines().filter(|line| line.contains("longer")).count(), 1, "{table}");
    std::fs::rename(bench.path("runs"), bench.path("moved")).unwrap();
    bench.command(&["run", "stages.yaml", "--out", "moved"]).assert().success().stdout(contains("6 done"));

    // Half a run is none to begin with.
    bench.file("half.yaml", text.replace("name: stages", "name: half"));
    bench.command(&["run", "half.yaml", "--only", "task=add", "--set", "training.epochs=1"]).assert().success();
    let status = bench.path("runs/half/add.gru.s0/status.json");
    let text = std::fs::read_to_string(&status).unwrap();
    std::fs::write(&status, text.replace("\"done\"", "\"interrupted\"")).unwrap();
    bench.command(&["run", "half.yaml", "--only", "task=longer", "--seeds", "0"]).assert().code(1);
    failed(&bench, "runs/half/longer.gru.s0", "initial-weights-not-trained", &["add.gru.s0", "interrupted"]);
}
